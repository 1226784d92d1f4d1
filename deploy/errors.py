"""The errors of starting: each one is a sentence for the person at the terminal."""

import errno
from collections.abc import Iterable


class CannotStart(Exception):
    """The service cannot start; the message is one sentence that says why and what to do."""


class ProgramFailed(CannotStart):
    """A program ended when it should not have; `tail` holds the last lines of its log."""

    def __init__(self, message: str, tail: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.tail = list(tail)


DISK_FULL = "The disk is full: free some space and start again; nothing acknowledged is lost."


def is_disk_full(error: BaseException) -> bool:
    """Say whether this is the disk's refusal (no space, or over quota)."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def says_disk_full(lines: Iterable[str]) -> bool:
    """Say whether a log's lines tell of a full disk."""
    return any("No space left on device" in line or "Disk quota exceeded" in line for line in lines)
