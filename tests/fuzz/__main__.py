"""Fuzz one parser with atheris: `python -m tests.fuzz NAME SECONDS`.

A process of its own: atheris instruments what it imports, and ends the process. Exit status 0 when nothing was found;
what made it fail is written to the current folder.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ledger"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name, seconds = sys.argv[1:]
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(target.seeds):
            Path(folder, str(number)).write_bytes(seed)
        options = [f"-max_total_time={int(seconds)}", "-max_len=8192", "-rss_limit_mb=1024", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, folder], target.check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
