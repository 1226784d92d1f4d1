"""The wallet's TypeScript, built as the project builds it, and asked in node."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from django.conf import settings

SOURCE = settings.BASE_DIR / "frontend"
BUILT = settings.BASE_DIR / "static" / "wallet"


def installed() -> Path:
    """A folder with the source as it is and the packages of its lock file: they are fetched once."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    folder = settings.BASE_DIR / ".cache" / f"frontend-{hashlib.sha256(lock).hexdigest()[:12]}" / "frontend"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # files of tests run side by side
        for each in SOURCE.iterdir():
            if each.name != "node_modules":
                _copy(each, folder / each.name)
        _copy(settings.BASE_DIR / "static" / "verify", folder.parent / "static" / "verify")
        if not (folder / "done").exists():
            run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            (folder / "done").touch()
    return folder


def run(folder: Path, *command: str, said: str | None = None) -> str:
    """What a program writes. Raises AssertionError with its complaint."""
    done = subprocess.run(command, cwd=folder, input=said, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.stdout


class Asked:
    """The core in node: `answer([{call, ...}])` gives a result for each job, bytes as bytes."""

    def __init__(self, folder: Path, entry: str, out: Path) -> None:
        run(folder, "node", "build.mjs", str(out), entry)
        self._program = out / Path(entry).with_suffix(".mjs").name

    def answer(self, jobs: list[dict]) -> list:
        return json.loads(
            run(self._program.parent, "node", self._program.name, said=json.dumps(jobs, default=bytes.hex))
        )

    def one(self, call: str, **words: object) -> object:
        [answer] = self.answer([{"call": call, **words}])
        return answer


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
