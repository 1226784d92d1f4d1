"""What would tell of a person in a log, found by plain patterns: written apart from config.scrub, which these are to judge."""

import re

_ALONE, _END = r"(?<![0-9A-Za-z.+_-])", r"(?![0-9A-Za-z_-])"
_TRACES = {
    "an e-mail address": r"[\w.+-]+@(?:localhost\b|[\w-]+\.[^\W\d_]{2,})",
    "a telephone": rf"{_ALONE}(?:86[ -]?)?1[3-9][0-9][ -]?[0-9]{{4}}[ -]?[0-9]{{4}}{_END}|\+[1-9][0-9 ()-]{{8,18}}[0-9]",
    "an identity number": rf"{_ALONE}[1-9][0-9]{{16}}[0-9X]{_END}",
    "a card, or a device's IMEI": rf"{_ALONE}(?:[0-9]{{15,16}}|[0-9]{{19}}|(?:[0-9]{{4}} ){{3}}[0-9]{{4}}){_END}",
    "a device's address": rf"{_ALONE}(?:[0-9A-Fa-f]{{2}}[:-]){{5}}[0-9A-Fa-f]{{2}}{_END}",
    "an Android id": rf"{_ALONE}(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{{16}}{_END}",
}


def traces(text):
    """Return what was found, with what stands around it."""
    return [
        f"{what}: {text[max(0, found.start() - 80) : found.end() + 40]!r}"
        for what, pattern in _TRACES.items()
        for found in re.finditer(pattern, text)
        if not what.startswith("a card") or _has_check_digit(found[0])
    ]


def _has_check_digit(number):
    doubled = str.maketrans("0123456789", "0246813579")
    digits = number.replace(" ", "")[::-1]
    return sum(map(int, digits[::2] + digits[1::2].translate(doubled))) % 10 == 0
