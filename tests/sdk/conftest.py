"""The SDK's wheel, built and installed where nothing else is but what it declares to need: no Django, no server's module."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

PROJECT = Path(__file__).parent.parent.parent
NEEDED = ["cryptography", "jwt", "cffi", "_cffi_backend", "pycparser", "tqdm", "c2pa", "tinytag"]
START = """
import sys
sys.path.insert(0, {target!r})
def refuse(event, _):
    if event.startswith("socket."):
        raise RuntimeError(f"no network here: {{event}}")
sys.addaudithook(refuse)
if __name__ == "__main__":
    from consonant.cli import main
    sys.exit(main())
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", *command, str(PROJECT / "sdk")], check=True)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="session")
def target(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("target")
    command = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder), str(wheel)]
    subprocess.run([sys.executable, "-m", *command], check=True)
    for name in NEEDED:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin:
            path = Path(found.origin)
            path = path.parent if found.submodule_search_locations else path
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def consonant(target):
    """Run `consonant` alone with its needs; return its exit status and its lines."""
    script = target / "start.py"  # A file, for the processes that it spawns read it again.
    script.write_text(START.format(target=str(target)))

    def run(*words, given: bytes = b""):
        # -I and -S: no PYTHONPATH, no site-packages, no folder of the caller.
        command = [sys.executable, "-I", "-S", str(script), *map(str, words)]
        done = subprocess.run(command, input=given, capture_output=True, check=False, cwd=target)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        run.said = done.stderr.decode()
        return done.returncode, done.stdout.decode().splitlines()

    return run


@pytest.fixture(scope="session")
def files_of(wheel):
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def parsed(lines):
    return [(finding["level"], finding["what"], finding["index"]) for finding in map(json.loads, lines)]
