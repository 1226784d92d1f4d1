"""Evidence that synthetic speech is marked as AI-made (EU AI Act art. 50(2); GB 45438-2025). Pure.

One of: the digest of a C2PA manifest, the id of a watermark, or the AIGC metadata of GB 45438 with the kind of audible label. What was
given is entered with the synthesis. Where the bytes come too, it is compared with them (`compare`): the manifest in the clip has to hold
and to be the one that was named, the metadata in the clip the ones that were declared.

The metadata of GB 45438-2025 (annex E; the fields are those in public use):

- `Label`: 1 it is AI-made, 2 it may be, 3 it is suspected to be. Who made it knows, so here it is 1.
- `ContentProducer`: the service that made it: its name, or its code of 27 characters (TC260's practice guide): `001`, 1 for an
  organisation, its unified social credit code of 18 characters (GB 32100-2015, whose last one checks the others), 5 of its own. The
  code of an individual holds the number of an identity paper or a telephone, which may not stand in a record: they give a name.
- `ProduceID`: the number of the content there.
- `ContentPropagator`, `PropagateID`: the same of who distributes it; both or neither.
- `ReservedCode1`, `ReservedCode2`: what either wants to protect it with.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from retention.clip import Clip
from retention.errors import MarkRefused
from retention.free_text import found_in


class Marking(StrEnum):
    """How a clip says that it is AI-made."""

    C2PA = "c2pa"
    WATERMARK = "watermark"
    AIGC = "aigc"


class AudibleLabel(StrEnum):
    """How a listener hears it (GB 45438-2025): a spoken prompt, or the rhythm short-long short-short."""

    VOICE_PROMPT = "voice_prompt"
    RHYTHM = "rhythm"


@dataclass(frozen=True)
class Waiver:
    """Why somebody got speech that no audible label announces: they asked for it, under an agreement that tells them their duties."""

    request: str
    """The app's reference of what they asked."""
    agreement: str
    """The app's reference of the agreement."""
    recipient: str = field(repr=False)
    """The app's own name for them. It is never written down."""
    delivered_at: datetime | None = None


@dataclass(frozen=True)
class Mark:
    """Checked evidence."""

    kind: Marking
    audible_label: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    waiver: Waiver | None = None

    def record(self) -> dict[str, Any]:
        """Return what an entry says of it; a waiver has an entry of its own."""
        return {"kind": self.kind, "audible_label": self.audible_label, **self.evidence}


LABEL_IS: Final = "1"
_NEEDS = {Marking.C2PA: "manifest_digest", Marking.WATERMARK: "watermark_id", Marking.AIGC: "metadata"}
_DEMANDED = ("Label", "ContentProducer", "ProduceID")
_PAIR = ("ContentPropagator", "PropagateID")
_NAMES = ("ContentProducer", "ContentPropagator")
_NUMBERS = ("ProduceID", "PropagateID", "ReservedCode1", "ReservedCode2")
_CODE = re.compile(r"001([0-9A-Z])([0-9A-Z]{18})([0-9A-Z]{5})")
_ORGANISATION = "1"
_CREDIT_CHARS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = [pow(3, place, 31) for place in range(17)]
_OF_A_PERSON = re.compile(r"\S+@\S+|\d{17}[\dXx]|\+[\d .-]+|(?:00)?(?:86)?[ -]?1[3-9]\d(?:[ -]?\d{4}){2}")
"""What is a person's when it stands alone. Numbers of contents have any form, so no more is refused of them."""
_HEX_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


def mark_of(said: Mapping[str, Any] | None) -> Mark:
    """Return the evidence that an app gave.

    Raises:
        MarkRefused: There is none, or it is not whole, or not what the standard demands.
    """
    if not said:
        raise MarkRefused("missing", "A synthesis is recorded only with evidence that it is marked as AI-made.")
    kind = Marking(said["kind"])
    label = said.get("audible_label") or ""
    waived = said.get("without_label")
    known = {"kind", "audible_label", "without_label", _NEEDS[kind]}
    if given := [name for name in said if name not in known]:
        raise MarkRefused("mixed", f"A mark of kind {kind} has no {given[0]}.")
    evidence: Any = said.get(_NEEDS[kind])
    if not evidence:
        raise MarkRefused("incomplete", f"A mark of kind {kind} needs {_NEEDS[kind]}.")
    if label and waived:
        raise MarkRefused(
            "label_and_waiver", "It has an audible label, or somebody asked for it without one; not both."
        )
    if kind == Marking.AIGC:
        evidence = {name: value for name, value in evidence.items() if value}  # practice writes all names, some empty
        _check_metadata(evidence)
        if not label and not waived:
            raise MarkRefused(
                "no_audible_label",
                "AIGC metadata comes with the kind of audible label, or with who asked for the clip without one.",
            )
    if kind == Marking.C2PA:
        _check_digest(evidence)
    if kind == Marking.WATERMARK and _OF_A_PERSON.fullmatch(evidence):
        raise MarkRefused("personal", "watermark_id may not be a number of a person.")
    return Mark(kind, label, {_NEEDS[kind]: evidence}, Waiver(**waived) if waived else None)


def compare(mark: Mark, clip: Clip | None, *, trusted_only: bool) -> None:
    """Compare the evidence with what the clip says of itself.

    Raises:
        MarkRefused: They differ, or the clip's manifest does not hold or does not say that it is AI-made; with `trusted_only` also if nobody on the list signed it.
    """
    manifest = clip.manifest if clip else None
    if manifest is not None and not manifest.intact:
        raise MarkRefused(
            "manifest_broken", "The C2PA manifest in the clip does not hold: something was changed after it was signed."
        )
    if mark.kind == Marking.C2PA:
        if manifest is None:
            raise MarkRefused("manifest_missing", "The clip holds no C2PA manifest.")
        algorithm, _, _digest = mark.evidence["manifest_digest"].partition(":")
        if f"{algorithm}:{manifest.digests.get(algorithm)}" != mark.evidence["manifest_digest"]:
            raise MarkRefused(
                "manifest_differs", "The C2PA manifest in the clip is not the one whose digest was given."
            )
        if not manifest.made_by_ai:
            raise MarkRefused("not_ai_made", "The C2PA manifest in the clip does not say that it is AI-made.")
        if trusted_only and not manifest.trusted:
            raise MarkRefused("signer_untrusted", "The C2PA manifest was signed by nobody who is trusted here.")
    if mark.kind == Marking.AIGC:
        found = dict(clip.aigc) if clip else {}
        if not found:
            raise MarkRefused("metadata_missing", "The clip holds no AIGC metadata.")
        if found != mark.evidence["metadata"]:
            raise MarkRefused("metadata_differs", "The AIGC metadata in the clip is not what was given.")


def _check_metadata(said: Mapping[str, str]) -> None:
    if missing := [name for name in _DEMANDED if not said.get(name)]:
        raise MarkRefused("incomplete", f"The AIGC metadata needs {missing[0]}.")
    if unreadable := [name for name, value in said.items() if not value.isprintable()]:
        raise MarkRefused("unreadable", f"{unreadable[0]} holds characters that cannot be shown.")
    if said["Label"] != LABEL_IS:
        raise MarkRefused("label_unsure", f"Label is {LABEL_IS}: whoever made it knows that it is AI-made.")
    lone = [name for name in _PAIR if not said.get(name)]
    if len(lone) == 1:
        raise MarkRefused("incomplete", f"Who distributes it is named with both fields: {lone[0]} is missing.")
    for name in _NAMES:
        _check_name(name, said.get(name, ""))
    for name in _NUMBERS:
        if _OF_A_PERSON.fullmatch(said.get(name, "")):
            raise MarkRefused("personal", f"{name} may not hold a number or an address of a person.")


def _check_name(name: str, value: str) -> None:
    code = _CODE.fullmatch(value)
    if code is None:
        if found := found_in(value):
            raise MarkRefused("personal", f"{name} may not hold {found}.")
    elif code[1] != _ORGANISATION:
        raise MarkRefused("personal", f"{name} is the code of an individual, which holds their number: give a name.")
    elif not _is_credit_code(code[2]):
        raise MarkRefused("producer_code", f"{name} is no code of a service: its unified social credit code is wrong.")


def _is_credit_code(code: str) -> bool:
    """Say whether the last character is the one that checks the others (GB 32100-2015: 31 minus a sum weighted by powers of 3, mod 31)."""
    if any(char not in _CREDIT_CHARS for char in code):
        return False
    total = sum(_CREDIT_CHARS.index(char) * weight for char, weight in zip(code, _CREDIT_WEIGHTS, strict=False))
    return _CREDIT_CHARS[-total % 31] == code[-1]


def _check_digest(digest: str) -> None:
    algorithm, _, value = digest.partition(":")
    if len(value) != _HEX_LENGTHS.get(algorithm):
        raise MarkRefused("digest_length", f"A digest by {algorithm} is of another length.")
