"""What a document that proves something must be: a PDF, a JPEG or a PNG, by what is in it and not by what it is called. Pure.

Nothing of it is read further, let alone shown in a page of ours: an officer gets it as a file.
"""

from typing import Final

from consent.errors import DocumentRefused

MOST_BYTES: Final = 10 * 1024 * 1024
_BEGINS: Final = {
    "application/pdf": b"%PDF-",  # ISO 32000-2, 7.5.2
    "image/jpeg": b"\xff\xd8\xff",  # ISO/IEC 10918-1, B.2.1: SOI, and the next marker
    "image/png": b"\x89PNG\r\n\x1a\n",  # ISO/IEC 15948, 5.2
}


def media_type(data: bytes) -> str:
    """Return what the document is.

    Raises:
        DocumentRefused: It is none of these, or too large.
    """
    found = next((name for name, begin in _BEGINS.items() if data.startswith(begin)), None)
    if found is None or len(data) > MOST_BYTES:
        raise DocumentRefused
    return found
