"""What changed between two texts, word by word, for two columns. Pure.

A word goes with the space behind it. Chinese has none between words, so each of its characters stands for itself.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

_TOKEN: Final = re.compile(r"(?:[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s])\s*|\s+")


@dataclass(frozen=True)
class Piece:
    """A stretch of one text."""

    text: str
    is_changed: bool
    """It stands in this text alone."""


def compare(old: str, new: str) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces of the old text and of the new; put together they are the texts again."""
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    left, right = [], []
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        differs = what != "equal"
        if a != b:
            left.append(Piece("".join(before[a:b]), differs))
        if c != d:
            right.append(Piece("".join(after[c:d]), differs))
    return left, right
