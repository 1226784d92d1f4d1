"""What a portrait must be: one real picture, not too large. Pure but for the decoder (Pillow).

It is decoded whole, for a header can lie; how large it is said to be is looked at before. What follows the picture's own end is refused:
what is kept is what was looked at (telephones append films and depth maps).
"""

import io

from PIL import Image

from retention.errors import PortraitRefused

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 4096 * 4096
LEAST_SIDE = 64


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
            if not one or not _ends(str(picture.format), data):
                raise PortraitRefused("not_one_picture", "The file holds more than its one picture.")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PortraitRefused("too_many_pixels", f"The picture has more than {MOST_PIXELS} pixels.") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError):
        raise PortraitRefused(
            "not_a_picture", "The file is not a picture that can be read (JPEG, PNG or WebP)."
        ) from None
    return width, height


def _ends(kind: str, data: bytes) -> bool:
    """Say whether the file ends where the picture does."""
    match kind:
        case "JPEG":
            return data.endswith(b"\xff\xd9")
        case "PNG":
            return data.endswith(b"IEND\xaeB`\x82")
        case "WEBP":
            return int.from_bytes(data[4:8], "little") + 8 == len(data)
    return False
