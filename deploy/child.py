"""Turns itself into one program that cannot outlive the process that started it.

`python child.py NAME` reads NAME's row of the file named by CONSONANT_PROGRAMS, then, in this order:

1. takes the row's account, where it names one (only root can): groups, group, user;
2. asks the kernel for a signal at the death of its parent (PR_SET_PDEATHSIG). A change of account clears that wish, so it
   comes second. A parent that died before the wish is found by comparing its process id with CONSONANT_PARENT;
3. becomes the program (exec). No Python runs after the account has changed but these few lines, for the interpreter may
   live in a folder which that account cannot reach.

The process id survives exec, so the program's own children find it in CONSONANT_PARENT: a chain of any length dies from its
top. The kernel watches the *thread* that forked: start programs from a thread that lives as long as they shall.
Off Linux there is no such wish: there a program killed with SIGKILL leaves its children running.
Standard library only: it runs by its path, before anything is set up.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import TypedDict

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Account(TypedDict):
    """An unprivileged account of this machine, by numbers."""

    name: str
    uid: int
    gid: int


class Program(TypedDict):
    """One program: what to run, where, with which environment (added to this one's, or alone), as whom, and how it ends."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    inherit: bool
    account: Account | None
    death_signal: str


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def die_with_parent(*, parent: int, death_signal: signal.Signals) -> None:
    """Ask for `death_signal` when process `parent` dies; leave at once where it is already dead."""
    _prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        sys.exit(1)


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent died, so that they can be waited for."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def become(program: Program, *, parent: int) -> None:
    """Replace this process by `program`. Does not return."""
    account = program["account"]
    if account is not None:
        os.setgroups([])
        os.setgid(account["gid"])
        os.setuid(account["uid"])
    die_with_parent(parent=parent, death_signal=signal.Signals[program["death_signal"]])
    os.chdir(program["cwd"])
    environment = {**(os.environ if program["inherit"] else {}), **program["env"], "CONSONANT_PARENT": str(os.getpid())}
    os.execvpe(program["argv"][0], program["argv"], environment)  # noqa: S606 - no shell is the point


def main() -> None:
    """Become the program named on the command line."""
    programs: dict[str, Program] = json.loads(Path(os.environ["CONSONANT_PROGRAMS"]).read_text(encoding="utf-8"))
    try:
        become(programs[sys.argv[1]], parent=int(os.environ["CONSONANT_PARENT"]))
    except OSError as error:
        sys.exit(f"{sys.argv[1]} cannot start: {error}")


if __name__ == "__main__":
    main()
