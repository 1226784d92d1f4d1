"""What may not stand in a free field: numbers of telephones, cards and identity papers, addresses, digests. Pure."""

import re

_FORBIDDEN = {
    "an e-mail address": re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+"),
    "an identity number": re.compile(r"(?<!\d)\d{17}[\dXx](?![\dXx])"),
    "a telephone or card number": re.compile(r"(?<!\d)(?<![A-Za-z]-)\+?\d(?:[ .-]?\d){9,18}(?!\d)"),
    "a digest": re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{32,}(?![0-9A-Fa-f])"),
}


def found_in(text: str) -> str | None:
    """Return what stands in the text that may not, or None."""
    return next((what for what, pattern in _FORBIDDEN.items() if pattern.search(text)), None)
