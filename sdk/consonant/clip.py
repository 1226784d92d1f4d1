"""What a clip says of itself, as findings: whether its C2PA manifest holds and who signed it, its AIGC metadata, the entries it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consonant.ledger.finding import bad, doubtful, good
from consonant.retention import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consonant.ledger.finding import Finding

MAX_BYTES: Final = 64 * 1024**2
MAX_ANCHORS_BYTES: Final = 16 * 1024**2


def verify(data: bytes, *, anchors: str) -> Iterator[Finding]:
    """Yield the findings about a file. `anchors`: the certificates that the caller trusts, PEM.

    Raises:
        ImportError: What reads clips is not installed.
    """
    said = clip.read(data, anchors=anchors)
    if said is None:
        yield bad("clip.unknown", None, "it is no sound and no picture")
        return
    if said.manifest is None and not said.aigc:
        where = ": its manifest lies elsewhere, and is not fetched" if said.elsewhere else ""
        yield bad("clip.unmarked", None, f"it is not marked{where}")
        return
    if said.manifest is not None:
        yield from _manifest(said.manifest, asked=bool(anchors))
    if said.aigc:
        fields = ", ".join(f"{name} {value}" for name, value in said.aigc.items())
        yield doubtful("clip.aigc", f"AIGC metadata, which nobody signs: {fields}")
    for each in said.entries:
        address = f"{each.host}/api/v1/entries/{each.ref}"
        yield doubtful("clip.entry", f"it names {address}: ask there, and verify the proof of inclusion")


def _manifest(manifest: clip.Manifest, *, asked: bool) -> Iterator[Finding]:
    if not manifest.intact:
        codes = ", ".join(manifest.problems) or "it cannot be read"
        yield bad("clip.manifest", None, f"its C2PA manifest does not hold: {codes}")
        return
    made = "made by AI" if manifest.made_by_ai else "nothing of AI"
    yield good(
        "clip.manifest", f"its C2PA manifest holds; it says: {made}, written by {manifest.generator or 'unknown'}"
    )
    if manifest.trusted:
        yield good("clip.signer", f"signed by {manifest.signer}, under a certificate that you trust")
    elif asked:
        yield bad("clip.signer", None, f"signed by {manifest.signer}, under no certificate that you trust")
    else:
        yield doubtful(
            "clip.signer", f"signed by {manifest.signer}, as its certificate says; give those that you trust"
        )
