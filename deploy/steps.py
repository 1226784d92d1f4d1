"""The steps between the database's start and the service's: each runs to its end, once a start, and can be repeated."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from deploy.child import Program
from deploy.embedded import start
from deploy.errors import ProgramFailed
from deploy.place import Say

STEPS = {
    "migrate": ("Preparing the database", ["migrate", "--noinput", "--verbosity=0", "--stopped"]),
    "collectstatic": ("Collecting static files", ["collectstatic", "--noinput", "--verbosity=0"]),
    "prepare_demo": ("Preparing the demo accounts", ["prepare_demo"]),
}


def compile_messages(locale: Path) -> None:
    """Compile each catalogue that has changed; whole or not at all."""
    for source in locale.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if target.is_file() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as text, tempfile.NamedTemporaryFile(dir=source.parent, delete=False) as compiled:
            write_mo(compiled, read_po(text, locale=source.parent.parent.name, domain=source.stem))
        Path(compiled.name).chmod(0o644)
        Path(compiled.name).replace(target)


def programs(project: Path) -> dict[str, Program]:
    """Say how the steps run."""
    return {name: manage(project, *arguments) for name, (_, arguments) in STEPS.items()}


def manage(project: Path, *arguments: str) -> Program:
    """Say how one of manage.py's commands runs."""
    return python(project, "manage.py", *arguments)


def python(project: Path, *arguments: str) -> Program:
    """Say how a Python program of this project runs: here, as this account, in UTF-8."""
    argv = [sys.executable, *arguments]
    return Program(
        argv=argv, cwd=str(project), env={"PYTHONUTF8": "1"}, inherit=True, account=None, death_signal="SIGTERM"
    )


def carry_out(*, listing: Path, log: Path, environment: dict[str, str], say: Say) -> None:
    """Run the steps in order; raise at the first that fails, with the end of what it said."""
    for name, (sentence, _) in STEPS.items():
        say(sentence)
        before = log.stat().st_size if log.exists() else 0
        process = start(name, listing=listing, log=log, environment=environment)
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
        if code != 0:
            with log.open("rb") as output:
                output.seek(before, os.SEEK_SET)
                lines = output.read().decode(errors="replace").splitlines()[-20:]
            raise ProgramFailed(f"`manage.py {name}` failed. The end of {log}:", lines)
