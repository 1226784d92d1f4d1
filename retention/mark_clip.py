"""Compare a clip with the evidence of its mark, and write the service's own mark into it.

What the vault holds says whose word it is that it is AI-made, and where that is written: a C2PA manifest names the ledger's entry by its
address, and no person. The manifest is written before the bytes are sealed, so the entry's `ref` is chosen here; until the entry is
appended it names nothing.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from django.conf import settings

from retention import clip_process
from retention.clip import media_type
from retention.credential import anchors, credential, trusted
from retention.errors import AudioRefused, ClipUnmarkable, SignerExpired
from retention.marks import Mark, compare


def mark_clip(data: bytes, *, mark: Mark | None, refs: Sequence[uuid.UUID]) -> list[bytes]:
    """Return the clip marked for each of the entries to be.

    Raises:
        MarkRefused: It is not marked as the app says.
        AudioRefused: No manifest can be embedded in it.
        ClipBusy, ClipUnreadable: See `retention.clip_process`.
        SignerExpired: The service's own certificate has run out.
    """
    if media_type(data) is None:
        raise _unmarkable()
    own = credential()
    if own.ends <= datetime.now(UTC):  # the clock by which the library looks at it
        raise SignerExpired
    with clip_process.opened(data) as reader:
        if mark is not None:
            compare(mark, reader.read(anchors=anchors()), trusted_only=bool(trusted()))
        try:
            return [reader.embed(entry=address_of(ref), chain=own.chain, sign=own.sign) for ref in refs]
        except ClipUnmarkable:
            raise _unmarkable() from None


def address_of(ref: uuid.UUID) -> str:
    """Return the address of an entry, by which a mark names it."""
    return f"{settings.PUBLIC_URL}/api/v1/entries/{ref}"


def _unmarkable() -> AudioRefused:
    return AudioRefused(
        "unmarkable",
        "Speech for the vault is WAV, FLAC or MP3, in which a C2PA manifest can be embedded. Convert it (OGG has no place for one), "
        "or keep it yourself (custody app).",
    )
