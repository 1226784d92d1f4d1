"""What a verification finds, one line each. A finding is a value: bad input never raises out of a verification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a verification: its level, what it is about, the entry concerned if there is one, and a sentence."""

    level: Literal["ok", "warning", "error"]
    what: str
    index: int | None
    message: str

    def __str__(self) -> str:
        """Return the finding as one line. What a terminal might obey is escaped: a name may come from a forged note."""
        place = "" if self.index is None else f" {self.index}"
        line = f"{self.level}: {self.what}{place}: {self.message}"
        return line if line.isprintable() else line.encode("unicode_escape").decode()


def good(what: str, message: str) -> Finding:
    """Return what holds."""
    return Finding("ok", what, None, message)


def doubtful(what: str, message: str) -> Finding:
    """Return what nobody showed, though nothing speaks against it."""
    return Finding("warning", what, None, message)


def bad(what: str, index: int | None, message: str) -> Finding:
    """Return what does not."""
    return Finding("error", what, index, message)
