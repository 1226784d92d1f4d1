"""Check the types of the SDK as its wheel has it, for Python 3.10: only there stand its own modules beside those of the server."""
# ruff: noqa: INP001 - a program, run by its path

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

HERE = Path(__file__).parent


def main() -> int:
    """Return mypy's exit status."""
    with TemporaryDirectory() as name:
        build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", name]
        subprocess.run([sys.executable, "-m", *build, str(HERE)], check=True)  # noqa: S603 - ourselves
        (wheel,) = Path(name).glob("*.whl")
        with ZipFile(wheel) as archive:
            archive.extractall(name)
        cache = HERE.parent / ".mypy_cache" / "sdk"
        check = ["mypy", "--config-file", str(HERE / "mypy.ini"), "--cache-dir", str(cache), "-p", "consonant"]
        return subprocess.run([sys.executable, "-m", *check], cwd=name, check=False).returncode  # noqa: S603 - the same


if __name__ == "__main__":
    sys.exit(main())
