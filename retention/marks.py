"""Evidence that synthetic speech is marked as AI-made (EU AI Act art. 50(2); GB 45438-2025). Pure.

One of: the digest of a C2PA manifest, the id of a watermark, or the AIGC metadata of GB 45438 with the kind of audible label. What was
given is entered with the synthesis; nothing of it is checked against the clip here, which the app holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from retention.errors import MarkRefused


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
class Mark:
    """Checked evidence."""

    kind: Marking
    audible_label: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return what an entry says of it."""
        return {"kind": self.kind, "audible_label": self.audible_label, **self.evidence}


_NEEDS = {Marking.C2PA: "manifest_digest", Marking.WATERMARK: "watermark_id", Marking.AIGC: "metadata"}
_DEMANDED = ("Label", "ContentProducer", "ProduceID")


def mark_of(said: Mapping[str, Any] | None) -> Mark:
    """Return the evidence that an app gave.

    Raises:
        MarkRefused: There is none, or it is not whole.
    """
    if not said:
        raise MarkRefused("missing", "A synthesis is recorded only with evidence that it is marked as AI-made.")
    kind = Marking(said["kind"])
    label = said.get("audible_label") or ""
    if given := [name for name in said if name not in {"kind", "audible_label", _NEEDS[kind]}]:
        raise MarkRefused("mixed", f"A mark of kind {kind} has no {given[0]}.")
    evidence = said.get(_NEEDS[kind])
    if not evidence:
        raise MarkRefused("incomplete", f"A mark of kind {kind} needs {_NEEDS[kind]}.")
    if kind == Marking.AIGC:
        if missing := [name for name in _DEMANDED if not evidence.get(name)]:
            raise MarkRefused("incomplete", f"The AIGC metadata needs {missing[0]}.")
        if not label:
            raise MarkRefused("no_audible_label", "AIGC metadata comes with the kind of audible label.")
    return Mark(kind, label, {_NEEDS[kind]: evidence})
