"""`make studio`: starts the voice studio and its guard beside the running service, in the foreground; Ctrl-C stops both.

At the first start it registers the studio as an app and this machine as its host, as an operator would; what it is given then lies in
`var/studio`, for this account alone.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from deploy.child import die_with_parent
from deploy.demo_parties import Service, Unexpected

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = PROJECT / ".venv-studio" / "bin" / "python"
SECRETS = {"client_id", "client_secret", "agent_token"}


def manage(*arguments: str) -> dict[str, str]:
    """Run a command of the service; return what it prints as NAME=value."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unexpected(f"`manage.py {arguments[0]}` failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def register(folder: Path) -> None:
    """Register the app and the host, once; keep what they sign in with."""
    if all((folder / name).is_file() for name in SECRETS):
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = manage("create_app", "Voice Studio", "--tenant", "studio", "--purpose", "voice-cloning")
    host = manage("create_host", "studio", "--app", app["client_id"], "--profile", "other", "--calls-out")
    found = {**app, "agent_token": host["CONSONANT_AGENT_TOKEN"]}
    for name in SECRETS:
        file = folder / name
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(found[name] + "\n")


def programs(service: Service, folder: Path, port: int) -> tuple[list[list[str]], dict[str, str]]:
    """Return the command lines of the studio and of its guard, and the environment of both."""
    residue = os.environ.get("STUDIO_RESIDUE") or "PT4M"
    temporary = os.environ.get("GRADIO_TEMP_DIR") or str(folder / "temporary")
    quiet = ("CONSONANT_", "DATABASE_", "CELERY_", "DJANGO_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(quiet)} | {
        "CONSONANT_URL": service.url,
        "CONSONANT_STATE": str(folder / "state"),
        "CONSONANT_CLIENT_ID_FILE": str(folder / "client_id"),
        "CONSONANT_CLIENT_SECRET_FILE": str(folder / "client_secret"),
        "CONSONANT_AGENT_TOKEN_FILE": str(folder / "agent_token"),
        "GRADIO_TEMP_DIR": temporary,
        "NO_PROXY": "127.0.0.1,localhost",
    }
    guard = ["-m", "consonant", "guard", "--watch", f"{temporary}/clips", "--watch", f"{temporary}={residue}"]
    # The studio is what runs by this Python; its ports are looked at.
    guard += ["--app-dir", str(PYTHON.parents[1]), "--port-allowed", str(port)]
    commands = [
        [str(PYTHON), "-m", "examples.voice_studio", "--port", str(port)],
        [str(PYTHON), *guard],
    ]
    return commands, environment


def run(var: Path, port: int) -> int:
    """Start both and stay until one ends or somebody stops it; return the exit status."""
    folder = var / "studio"
    service = Service.of(var)
    register(folder)
    commands, environment = programs(service, folder, port)
    os.umask(0o077)
    Path(environment["GRADIO_TEMP_DIR"], "clips").mkdir(parents=True, exist_ok=True)
    me = os.getpid()

    def tie() -> None:
        die_with_parent(parent=me, death_signal=signal.SIGTERM)

    running = [
        subprocess.Popen(command, cwd=PROJECT, env=environment, preexec_fn=tie)  # noqa: PLW1509 - no thread runs here
        for command in commands
    ]
    try:
        while all(each.poll() is None for each in running):
            time.sleep(0.2)
        return next(each.returncode for each in running if each.poll() is not None)
    finally:
        for each in running:
            each.terminate()
        for each in running:
            each.wait(timeout=15)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run; return the exit status."""
    signal.signal(signal.SIGTERM, _stop)
    var = Path(os.environ.get("CONSONANT_VAR") or PROJECT / "var").absolute()
    try:
        return run(var, int(os.environ.get("STUDIO_PORT") or "7860"))
    except Unexpected as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
