"""What a notice has to say, and which law asks for it. Pure.

A notice is one text of fields in each language. GDPR 13 and 14, PIPL 17, 23 and 30, and BIPA 15(b) name what must stand in it; four
questions every voice app has to answer stand beside them (is a voiceprint extracted, how is it stored, when is it deleted, is it used for
anything else), and where speech is made, one sentence word for word. A field in which something is marked as not given is missing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = ("en", "zh-hans")
"""A version has all of them, or is not published."""

LONGEST: Final = 2_000
"""Characters in a field."""

NOT_GIVEN: Final = {"en": "[not given]", "zh-hans": "［未提供］"}
"""Stands where nobody has said yet what has to stand there."""

STATEMENT: Final = {
    "en": (
        "The voice you upload is used to generate speech. The system does not keep it for good. "
        "Please do not upload sensitive conversations"
    ),
    "zh-hans": "您上传的声音将用于生成语音，系统不会永久保存，请勿上传敏感对话",
}
"""What the notice of every purpose that makes speech says, word for word, without its last stop."""

_SPEAKING: Final = frozenset({"synthesize", "combine"})


@dataclass(frozen=True)
class Field:
    """One field of a notice."""

    name: str
    laws: tuple[str, ...]
    """Who asks for it: a law and its article, or `Consonant`, this service itself."""
    is_material: bool = False
    """Another text asks people anew: it says what is done, with what, by whom, how, or for how long (PIPL 14(2) and 23)."""
    of_providing: bool = False
    """Asked for, and allowed, only where voices are handed to another processor."""


FIELDS: Final = (
    Field("title", ("PIPL 17(1)",), is_material=True),
    Field("statement", ("Consonant",)),
    Field("who", ("GDPR 13(1)(a)", "PIPL 17(1)(1)")),
    Field("controller", ("GDPR 13(1)(a)", "PIPL 17(1)(1)")),
    Field("dpo", ("GDPR 13(1)(b)",)),
    Field("what", ("GDPR 14(1)(d)", "PIPL 17(1)(2)", "BIPA 15(b)(1)"), is_material=True),
    Field("why", ("GDPR 13(1)(c)", "PIPL 17(1)(2)", "BIPA 15(b)(2)"), is_material=True),
    Field("method", ("PIPL 17(1)(2)",), is_material=True),
    Field("necessity", ("PIPL 30",)),
    Field("impact", ("PIPL 30", "PIPL 55")),
    Field("voiceprint", ("Consonant", "BIPA 15(b)(1)", "PIPL 17(1)(2)"), is_material=True),
    Field("stored", ("Consonant",)),
    Field("kept", ("GDPR 13(2)(a)", "PIPL 17(1)(2)", "BIPA 15(b)(2)"), is_material=True),
    Field("deleted", ("Consonant", "PIPL 47")),
    Field("other_use", ("Consonant", "GDPR 13(3)"), is_material=True),
    Field("recipients", ("GDPR 13(1)(e)", "PIPL 21"), is_material=True),
    Field("transfers", ("GDPR 13(1)(f)", "PIPL 39"), is_material=True),
    Field("legal_basis", ("GDPR 13(1)(c)", "GDPR 9(2)(a)", "PIPL 13, 14 and 29")),
    Field("source", ("GDPR 14(2)(f)",)),
    Field("automated", ("GDPR 13(2)(f)", "PIPL 24"), is_material=True),
    Field("rights", ("GDPR 13(2)(b)", "PIPL 17(1)(3)", "PIPL 50")),
    Field("withdraw", ("GDPR 13(2)(c)", "PIPL 15")),
    Field("fallback", ("GDPR 13(2)(e)", "PIPL 16")),
    Field("complaint", ("GDPR 13(2)(d)",)),
    Field("recipient_name", ("PIPL 23",), is_material=True, of_providing=True),
    Field("recipient_contact", ("PIPL 23",), is_material=True, of_providing=True),
    Field("recipient_purpose", ("PIPL 23",), is_material=True, of_providing=True),
    Field("recipient_method", ("PIPL 23",), is_material=True, of_providing=True),
    Field("recipient_kinds", ("PIPL 23",), is_material=True, of_providing=True),
)
"""In the order in which they are read."""

NAMES: Final = tuple(field.name for field in FIELDS)


def asked(*, provides: bool) -> tuple[Field, ...]:
    """Return the fields of a purpose's notice; `provides`: it hands voices to another processor."""
    return tuple(field for field in FIELDS if provides or not field.of_providing)


def missing(body: Mapping[str, str], *, locale: str, operations: Collection[str], provides: bool) -> list[str]:
    """Return the names of the fields that do not say what they have to, in the order of `FIELDS`.

    `operations` are what the app may do under the notice: where speech is made, the statement has to stand in it word for word.
    """
    found = []
    for field in asked(provides=provides):
        text = body.get(field.name, "").strip()
        said = bool(text) and NOT_GIVEN[locale] not in text
        if field.name == "statement" and _SPEAKING & set(operations):
            said = said and STATEMENT[locale] in text
        if not said:
            found.append(field.name)
    return found


def out_of_place(body: Mapping[str, str], *, provides: bool) -> list[str]:
    """Return the fields that name a recipient in the notice of a purpose that hands nothing on: that needs a consent of its own."""
    return [field.name for field in FIELDS if field.of_providing and not provides and body.get(field.name, "").strip()]


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the names of the fields whose text is another, spaces at the ends apart."""
    return [name for name in NAMES if old.get(name, "").strip() != new.get(name, "").strip()]


def forcing(
    old: Mapping[str, Mapping[str, str]],
    new: Mapping[str, Mapping[str, str]],
    *,
    old_operations: Collection[str],
    new_operations: Collection[str],
) -> list[str]:
    """Return what makes a version material whatever its author says, over both bodies by language; `operations` for those.

    A program cannot tell a corrected comma from another purpose. So every change of such a field counts, in any language.
    """
    material = {field.name for field in FIELDS if field.is_material}
    touched = {name for locale in LANGUAGES for name in changed(old.get(locale, {}), new.get(locale, {}))}
    found = [name for name in NAMES if name in material & touched]
    return found + ["operations"] * (set(old_operations) != set(new_operations))
