"""What is measured in JavaScript, built in a scratch folder: the wallet's own source, and others' packages with their circuit.

Nothing is written beside the source. A scratch folder that is kept is used again: packages are fetched, and the circuit's keys made, once.
"""

import shutil
import subprocess
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

THEIRS: Final = Path(__file__).parent / "theirs"
_INSTALL: Final = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
_SECONDS: Final = 3_600


class LeftOut(Exception):
    """A part cannot be measured on this machine; the message says what is missing."""


@contextmanager
def scratch(kept: str) -> "Iterator[Path]":
    """Give the folder of that name, which stays, or without a name a temporary one, which goes. Raises ValueError inside the repository."""
    if kept:
        folder = Path(kept).resolve()
        inside = folder.is_relative_to(settings.BASE_DIR) and not folder.is_relative_to(settings.BASE_DIR / ".cache")
        if inside:
            raise ValueError("the scratch folder lies in the repository")
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with TemporaryDirectory(prefix="consonant-bench-zkp-") as made:
        yield Path(made)


def build_ours(folder: Path) -> None:
    """Build `frontend/test/bench.ts`, with the wallet that it measures, into `ours`: for a browser, and for node. Raises LeftOut."""
    source = settings.BASE_DIR / "frontend"
    _need(source / "package-lock.json")
    for kept, name in ((source, "frontend"), (settings.BASE_DIR / "static" / "verify", "static/verify")):
        shutil.copytree(kept, folder / name, ignore=shutil.ignore_patterns("node_modules"), dirs_exist_ok=True)
    _install(folder / "frontend")
    for entry in ("test/bench.ts", "test/benchNode.ts"):
        _run(folder / "frontend", "node", "build.mjs", str(folder / "ours"), entry)


def build_theirs(folder: Path, depth: int) -> int:
    """Install the others' packages, and make the keys of a circuit for trees of this depth; return its constraints. Raises LeftOut."""
    _need(THEIRS / "package-lock.json")
    there = folder / "theirs"
    shutil.copytree(THEIRS, there, ignore=shutil.ignore_patterns("node_modules"), dirs_exist_ok=True)
    _install(there)
    bundled = ("--bundle", "--format=esm", "--platform=browser", "--external:node:*", "--outfile=bundle.mjs")
    _run(there, "node_modules/.bin/esbuild", "theirs.mjs", *bundled, "--log-level=warning")
    name = sha256(b"".join((there / each).read_bytes() for each in ("member.circom", "setup.mjs", "package-lock.json")))
    mark = there / f"made-{depth}-{name.hexdigest()[:12]}"
    if not mark.exists():
        for old in there.glob("made-*"):
            old.unlink()
        mark.write_text(_run(there, "node", "setup.mjs", str(depth)))
    return int(mark.read_text())


def _need(path: Path) -> None:
    if not path.exists():
        raise LeftOut(f"{path.name} is not here")


def _install(folder: Path) -> None:
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise LeftOut(f"{program} is not here")
    done = folder / f"installed-{sha256((folder / 'package-lock.json').read_bytes()).hexdigest()[:12]}"
    if done.exists():
        return
    try:
        _run(folder, *_INSTALL)
    except RuntimeError as error:
        raise LeftOut(f"npm has not fetched the packages: {str(error).strip()[-200:]}") from None
    done.touch()


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(  # noqa: S603 - programs named here
        command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stdout[-1_000:]}{done.stderr[-1_000:]}")
    return done.stdout
