"""The processes that a benchmark runs beside itself."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import connection

ENVIRONMENT = {"DJANGO_SETTINGS_MODULE": "config.settings"}


@contextlib.contextmanager
def command(*words: str) -> Iterator[int]:
    """Run a command of `manage.py` while the block runs; yields its process id. Its end is an ordinary one."""
    process = subprocess.Popen(  # noqa: S603 - this program
        [sys.executable, "-m", "django", *words], env={**os.environ, **ENVIRONMENT}
    )
    try:
        yield process.pid
        if process.poll() is not None:
            raise RuntimeError(f"{words[0]} has ended with {process.returncode}")
    finally:
        process.terminate()
        process.wait(timeout=30)


class Clients:
    """Clients that all do the same job at the same time."""

    def __init__(self, module: str, count: int) -> None:
        self._processes = [
            subprocess.Popen(  # noqa: S603 - this program
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **ENVIRONMENT},
            )
            for _ in range(count)
        ]
        for process in self._processes:
            self._read(process)

    def do(self, **job: Any) -> list[dict[str, Any]]:
        """Have all do the job; return their answers."""
        for process in self._processes:
            if process.stdin:
                process.stdin.write(json.dumps(job) + "\n")
                process.stdin.flush()
        return [json.loads(self._read(process)) for process in self._processes]

    def close(self) -> None:
        """Let them end."""
        for process in self._processes:
            process.communicate(timeout=30)

    def _read(self, process: subprocess.Popen[str]) -> str:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError("a client has ended")
        return line


def rate(answers: list[dict[str, Any]]) -> float:
    """Return how many a second all clients did together."""
    return float(sum(answer["count"] / answer["seconds"] for answer in answers))


def resident_bytes(pid: int) -> int:
    """Return the memory that a process has now."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the process has ended")


def family_bytes(pid: int) -> int:
    """Return the memory that a process and all that it started have now; what has ended has none."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return resident_bytes(pid) + sum(family_bytes(int(child)) for child in children)
    except (OSError, RuntimeError):
        return 0


def one(statement: str, *values: Any) -> Any:
    """Return the one value that a statement gives."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        (value,) = cursor.fetchone()
    return value
