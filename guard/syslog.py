"""A message of syslog, as RFC 5424 writes it and RFC 5425 frames it for TLS. Pure."""

from datetime import UTC, datetime
from typing import Final

FACILITY: Final = 13
"""Log audit (RFC 5424, table 1)."""
_SEVERITY: Final = (6, 6, 5, 4, 3, 2)
"""Of a finding's severity: informational to critical (RFC 5424, table 2)."""
_BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"


def frame(text: str, *, severity: int, at: datetime, hostname: str, kind: str) -> bytes:
    """Return one frame: the message's length in octets, a space, the message (RFC 5425, 4.3).

    Args:
        text: What is said, on one line; UTF-8.
        severity: A finding's, 0 to 5.
        at: When; UTC.
        hostname: Of who sends it, at most 255 printable ASCII characters.
        kind: The message's id: `alert.create`.
    """
    when = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    head = f"<{FACILITY * 8 + _SEVERITY[severity]}>1 {when} {_token(hostname, 255)} consonant - {_token(kind, 32)} - "
    message = head.encode("ascii") + (_BOM + text).encode()
    return str(len(message)).encode("ascii") + b" " + message


def _token(text: str, most: int) -> str:
    """Return what may stand in a header: printable ASCII without spaces, or `-` for nothing."""
    return "".join(each for each in text if "!" <= each <= "~")[:most] or "-"
