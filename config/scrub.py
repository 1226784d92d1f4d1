"""Takes out of a log's words what would tell of a person: addresses, telephone, card and identity numbers, devices. Pure.

The pages and the API log routes and ids of ours. What is caught here comes from elsewhere: the text of an exception, a library's line.
Ids that we make stay: UUIDs, digests, times. So does an address of an inner network, which is a machine of the operator's.

Numbers: E.164 and China's mobile numbers (11 digits from 13 to 19), cards (ISO/IEC 7812) and IMEI (3GPP TS 23.003) by the check digit
of Luhn, GB 11643 for identity numbers. Devices: MAC addresses and Android's 16 hexadecimal digits.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

_ALONE, _END = r"(?<![A-Za-z0-9_.])", r"(?![A-Za-z0-9_])"  # a script without spaces may stand beside it
_NUMBER, _LAST = r"(?<![0-9+])(?<!\d\.)", r"(?!\d)"
_KINDS = {
    "kept": rf"{_ALONE}(?:(?i:[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|(?=\d*[a-f])[0-9a-f]{{17,}})"
    rf"|\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.]*){_END}(?!@)",
    "email": r"[^\s@\"'<>()\[\]{},;:=\\/|][^\s@\"<>()\[\]{},;:=\\/|]{0,253}@(?:localhost|(?:[^\s@\"'<>()\[\]{},;:=\\/|.]{1,63}\.)+[^\W\d_]{2,63})",
    "identity": rf"{_NUMBER}[1-9]\d{{5}}(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{{3}}[\dXx]{_LAST}",
    "device": rf"{_ALONE}(?i:(?:[0-9a-f]{{2}}[:-]){{5}}[0-9a-f]{{2}}|(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{{16}}){_END}",
    "ip": rf"{_ALONE}(?:(?:\d{{1,3}}\.){{3}}\d{{1,3}}|(?i:(?:[0-9a-f]{{0,4}}:){{2,7}}(?:(?:\d{{1,3}}\.){{3}}\d{{1,3}}|[0-9a-f]{{0,4}}))){_END}",
    "phone": rf"\+[1-9](?:[ ().-]{{0,2}}\d){{7,14}}{_LAST}|{_NUMBER}(?:00)?(?:86[ -]?)?1[3-9]\d(?:[ -]?\d{{4}}){{2}}{_LAST}",
    "number": rf"{_NUMBER}\d(?:[ -]?\d){{12,18}}{_LAST}",
}
_FOUND = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))
_SUSPECT = re.compile(r"@|(?i::[0-9a-f]{0,4}:)|\d(?:\D{0,3}\d){3}")  # most words of a log have nothing of the kind


_VALUES = re.compile(
    r"((?:^|\\n)(?:DETAIL|CONTEXT|LINE \d+)|invalid input (?:syntax|value) for [\w ]+):.*", re.MULTILINE | re.DOTALL
)
"""Where PostgreSQL shows the value, the row or the statement that it refused; no pattern knows a name in it. Also in Python's `repr`."""


def scrub(text: str) -> str:
    """Return the text with `[email]`, `[phone]`, `[number]`, `[identity]`, `[device]` or `[ip]` in place of what was found.

    Of an error of PostgreSQL's what follows its first sentence is left out.
    """
    text = _VALUES.sub(r"\1: [values]", text)
    return _FOUND.sub(_mask, text) if _SUSPECT.search(text) else text


def scrubbed(value: Any) -> Any:
    """Return a log's value with every text in it scrubbed: in mappings, lists, whole numbers, and how other objects show themselves."""
    match value:
        case None | bool() | float():
            return value
        case str():
            return scrub(value)
        case int():
            text = scrub(str(value))
            return value if text == str(value) else text
        case Mapping():
            return {scrubbed(name): scrubbed(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [scrubbed(each) for each in value]
    return scrub(repr(value))


def _mask(found: re.Match[str]) -> str:
    kind, text = str(found.lastgroup), found[0]
    if kind == "kept" or (kind == "number" and not _passes_luhn(text)) or (kind == "ip" and not _is_public(text)):
        return text
    return f"[{kind}]"


def _passes_luhn(text: str) -> bool:
    digits = [int(sign) for sign in reversed(text) if sign.isdigit()]
    return sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0


def _is_public(text: str) -> bool:
    try:
        return ip_address(text).is_global
    except ValueError:
        return False
