"""What a portrait must be: one real picture, not too large. Pure but for the decoder (Pillow).

It is decoded whole, for a header can lie; how large it is said to be is looked at before. What follows the picture's own end is refused:
what is kept is what was looked at (telephones append films and depth maps).
"""

import io
import re

from PIL import Image

from retention.errors import PortraitRefused

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 4096 * 4096
LEAST_SIDE = 64
_MOST_PARTS = 20_000
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")


def inspect(data: bytes) -> tuple[int, int]:
    """Decode `data` and return its width and height in pixels.

    Raises:
        PortraitRefused: Empty, no picture, broken, several pictures, too large or too small.
    """
    if not data:
        raise PortraitRefused("empty", "The file is empty.")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise PortraitRefused("too_many_pixels", f"The picture has more than {MOST_PIXELS} pixels.")
            if min(width, height) < LEAST_SIDE:
                raise PortraitRefused("too_small", f"The picture is narrower or lower than {LEAST_SIDE} pixels.")
            one = getattr(picture, "n_frames", 1) == 1
            picture.load()
            if not one or _end(str(picture.format), data) != len(data):
                raise PortraitRefused("not_one_picture", "The file holds more than its one picture.")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PortraitRefused("too_many_pixels", f"The picture has more than {MOST_PIXELS} pixels.") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError):
        raise PortraitRefused(
            "not_a_picture", "The file is not a picture that can be read (JPEG, PNG or WebP)."
        ) from None
    return width, height


def _end(kind: str, data: bytes) -> int:
    """Return where the picture that the file begins with ends; what goes on for too long, nowhere."""
    match kind:
        case "JPEG":
            return _jpeg_end(data)
        case "PNG":
            return _png_end(data)
        case "WEBP":
            return int.from_bytes(data[4:8], "little") + 8
    return -1


def _jpeg_end(data: bytes) -> int:
    """ISO/IEC 10918-1, B.1.1: segments say how long they are; in what follows a scan's, 0xff begins a marker but before 0x00 and RSTn."""
    at = 2
    for _ in range(_MOST_PARTS):
        marker = _MARKER.search(data, at)
        if marker is None:
            return -1
        if marker[1] == b"\xd9":
            return marker.end()
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return -1


def _png_end(data: bytes) -> int:
    """ISO/IEC 15948, 5.3: chunks of a length, a type, so many bytes and a check sum; IEND is the last."""
    at = 8
    for _ in range(_MOST_PARTS):
        kind, at = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4])
        if kind == b"IEND":
            return at
    return -1
