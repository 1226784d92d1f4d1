"""Set a sheet as a PDF, with the fonts that lie beside this module and no other.

A character that they lack would be left out without a word. So the text is held against what they have before anything is set. It is set in
Unicode's composed form (NFC): an accent of its own would need its letter's font.
What the sheet says reaches typst as data, never as a part of its program.
"""

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final
from unicodedata import normalize

import typst

from portal.words.certificates import certificate_sheet
from portal.words.sheets import Sheet

_FONTS: Final = Path(__file__).parent / "fonts"
_PROGRAM: Final = Path(__file__).parent / "sheet.typ"


class FontLacks(Exception):
    """The fonts lack characters of the text, which are carried."""

    def __init__(self, characters: str) -> None:
        super().__init__(characters)
        self.characters = characters


def typeset(sheet: Sheet, *, now: datetime) -> bytes:
    """Return the sheet as a PDF (PDF/UA-1: tagged, for screen readers too).

    Raises:
        FontLacks: It would have holes.
    """
    if lacking := sorted(set(normalize("NFC", sheet.text())) - _has() - {"\n"}):
        raise FontLacks("".join(lacking))
    return typst.compile(
        _PROGRAM.read_bytes(),
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"sheet": normalize("NFC", json.dumps(sheet.plain(), ensure_ascii=False))},
        pdf_standards="ua-1",
        timestamp=now.replace(microsecond=0),
    )


def typeset_certificate(signed: bytes, *, now: datetime) -> bytes:
    """Return an erasure certificate as a paper, in the language that is active; the file itself is what proves it.

    Raises:
        FontLacks: It would have holes.
        retention.errors.CertificateBroken: It is no certificate.
    """
    return typeset(certificate_sheet(signed, now=now), now=now)


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[_FONTS])


@cache
def _has() -> frozenset[str]:
    """Return the characters that the fonts have."""
    found: set[str] = set()
    for listed in _FONTS.glob("coverage-*.txt"):
        for line in listed.read_text(encoding="ascii").split():
            first, _, last = line.partition("-")
            found |= {chr(code) for code in range(int(first, 16), int(last or first, 16) + 1)}
    return frozenset(found)
