"""Mark a clip as AI-made, in the file and for the ear, before anybody gets it.

Three marks, each where its readers look:

- the implicit label of GB 45438-2025: its AIGC metadata, in a RIFF chunk (WAV), the Vorbis comment (FLAC) or ID3 `TXXX` (MP3);
- the audible label of GB 45438-2025, where asked: the rhythm short-long short-short, or a spoken prompt, at the start, at the end or at
  a pause near the middle (`consonant.audible`);
- a C2PA manifest with the digital source type `trainedAlgorithmicMedia`, signed with the host's own key, over all of the above.

The sound is touched only by the audible label. A file is replaced whole, or not at all. What was written is read back as the service reads
it, before anything is returned: what comes back is the `mark` that `POST /api/v1/syntheses` takes with this clip.
"""

from __future__ import annotations

import html
import json
import os
import shutil
import socket
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from consonant.retention import clip, signer
from consonant.settings import folder, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consonant.audible import At

_ID3_HEADER: Final = 10
_COMMENTS: Final = 4
_VENDOR: Final = b"consonant"
_XMP_BOX: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def mark(  # noqa: PLR0913
    path: str | os.PathLike[str],
    *,
    producer: str,
    produce_id: str,
    audible: str | None = None,
    at: At = "start",
    prompt: str | os.PathLike[str] | None = None,
    without_label: Mapping[str, Any] | None = None,
    state: Path | None = None,
) -> dict[str, Any]:
    """Mark a file in its place; return the `mark` of the REST API. The fields are those of `marked`.

    Raises:
        Unmarkable: See `marked`; the file is as it was.
        OSError: It cannot be read or written; the file is as it was.
    """
    path = Path(path).resolve()
    data, said = marked(
        path.read_bytes(),
        producer=producer,
        produce_id=produce_id,
        audible=audible,
        at=at,
        prompt=Path(prompt).read_bytes() if prompt is not None else None,
        without_label=without_label,
        state=state,
    )
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".marking-")  # no name that a watcher takes for a clip
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        shutil.copymode(path, aside)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    return said


def marked(  # noqa: PLR0913
    data: bytes,
    *,
    producer: str,
    produce_id: str,
    audible: str | None = None,
    at: At = "start",
    prompt: bytes | None = None,
    without_label: Mapping[str, Any] | None = None,
    state: Path | None = None,
) -> tuple[bytes, dict[str, Any]]:
    """Return a clip with its marks, and the `mark` of the REST API: of kind `aigc` with a label or a waiver of it, else of kind `c2pa`.

    `data`: WAV, FLAC or MP3, or a film, MP4, which gets no audible label here. `producer`: the service's name or its code of 27 characters; `produce_id`: the clip's number with it; neither
    may be a person's. `audible`: `rhythm`, or `voice_prompt`, whose sound is `prompt` (any file that libsndfile reads). `without_label`:
    `request`, `agreement` and `recipient` of who asked for a clip without the audible label. `state`: the folder of the host's secrets.

    Raises:
        Unmarkable: It is of another kind, or broken, or carries AIGC metadata already, or its metadata would not be read back.
        ValueError: A label and a waiver, an unknown label, or a spoken prompt without its sound.
    """
    media = clip.media_type(data)
    if media not in _WRITERS:
        raise clip.Unmarkable("speech is marked as WAV, FLAC or MP3, a film as MP4")
    if audible and without_label:
        raise ValueError("a clip has an audible label, or somebody asked for it without one; not both")
    before = clip.read(data)
    if before is not None and before.aigc:
        raise clip.Unmarkable("it carries AIGC metadata already")
    if audible:
        from consonant.audible import labelled

        try:
            data = labelled(data, kind=audible, at=at, prompt=prompt)
        except RuntimeError:  # libsndfile's
            raise clip.Unmarkable("its sound, or that of its label, cannot be read") from None
    fields = {"Label": "1", "ContentProducer": producer, "ProduceID": produce_id}
    data = _WRITERS[media](data, json.dumps({"AIGC": fields}, ensure_ascii=False))
    own = signer_of(state)
    data = clip.embed(data, entry=None, chain=own.chain, sign=own.sign)
    found = clip.read(data)
    manifest = found.manifest if found else None
    if (
        found is None
        or dict(found.aigc) != fields
        or manifest is None
        or not manifest.intact
        or not manifest.made_by_ai
    ):
        raise clip.Unmarkable("what was written into it cannot be read back")
    if without_label:
        return data, {"kind": "aigc", "metadata": fields, "without_label": dict(without_label)}
    if audible:
        return data, {"kind": "aigc", "metadata": fields, "audible_label": audible}
    return data, {"kind": "c2pa", "manifest_digest": f"sha256:{manifest.digests['sha256']}"}


def signer_of(state: Path | None = None) -> signer.Credential:
    """Return the host's signer, `c2pa/signer.pem` in its state folder (mode 600), making it when there is none.

    `root.pem` beside it is what others need to trust it (`manage.py trust`). Put your own file there to sign by another certificate: the key,
    the certificate and its root, PEM.

    Raises:
        OSError: The folder cannot be read or written.
        TypeError, ValueError: The file holds no such signer.
    """
    kept = (state or state_of()) / "c2pa"
    path = kept / "signer.pem"
    if not path.exists():
        folder(kept)
        made = signer.make(socket.gethostname() or "host", now=datetime.now(timezone.utc))
        _put_once(path, made)
    own = signer.load(path.read_bytes())
    root = kept / "root.pem"
    if not root.exists():
        root.write_text(own.root, encoding="ascii")
    return own


def _put_once(path: Path, data: bytes) -> None:
    """Write a secret whole; of two that do so at once, the first counts."""
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mkstemp makes mode 600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return
    finally:
        Path(aside).unlink()


def _in_wav(data: bytes, text: str) -> bytes:
    chunk = text.encode()
    chunk = b"AIGC" + len(chunk).to_bytes(4, "little") + chunk + b"\0" * (len(chunk) % 2)
    data += b"\0" * (len(data) % 2) + chunk
    return data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]


def _in_flac(data: bytes, text: str) -> bytes:
    """Add a comment to the block that has them, or make it, right behind the first (RFC 9639 section 8)."""
    comment = f"AIGC={text}".encode()
    comment = len(comment).to_bytes(4, "little") + comment
    made = False
    blocks: list[tuple[int, bytes]] = []
    place, last = data.index(b"fLaC") + 4, 0
    while not last:
        head = data[place : place + 4]
        size = int.from_bytes(head[1:], "big")
        if len(head) < 4 or place + 4 + size > len(data):
            raise clip.Unmarkable("its FLAC metadata are cut short")
        last, kind, body = head[0] & 128, head[0] & 127, data[place + 4 : place + 4 + size]
        if kind == _COMMENTS and not made:
            behind = 4 + int.from_bytes(body[:4], "little")
            count = int.from_bytes(body[behind : behind + 4], "little") + 1
            body, made = body[:behind] + count.to_bytes(4, "little") + body[behind + 4 :] + comment, True
        blocks.append((kind, body))
        place += 4 + size
    if not made:
        vendor = len(_VENDOR).to_bytes(4, "little") + _VENDOR
        blocks.insert(1, (_COMMENTS, vendor + (1).to_bytes(4, "little") + comment))
    heads = [(128 if number == len(blocks) else 0) | kind for number, (kind, _) in enumerate(blocks, 1)]
    written = (
        bytes([head]) + len(body).to_bytes(3, "big") + body for head, (_, body) in zip(heads, blocks, strict=True)
    )
    return b"fLaC" + b"".join(written) + data[place:]


def _in_mp3(data: bytes, text: str) -> bytes:
    """Add a frame to the ID3v2 tag, or make one of version 2.4 (id3.org/id3v2.4.0-structure)."""
    body = b"\3AIGC\0" + text.encode()
    if not data.startswith(b"ID3"):
        frame = b"TXXX" + _syncsafe(len(body)) + b"\0\0" + body
        return b"ID3\4\0\0" + _syncsafe(len(frame)) + frame + data
    version, flags = data[3], data[5]
    if version not in (3, 4) or flags:
        raise clip.Unmarkable("its ID3 tag is of a kind that is not written here")
    if version == 3:
        body = b"\1AIGC\0".replace(b"AIGC\0", "AIGC\0".encode("utf-16")) + text.encode("utf-16")
    size = _syncsafe(len(body)) if version == 4 else len(body).to_bytes(4, "big")
    frame = b"TXXX" + size + b"\0\0" + body
    old = 0
    for byte in data[6:_ID3_HEADER]:
        old = old << 7 | byte & 127
    return data[:6] + _syncsafe(old + len(frame)) + frame + data[_ID3_HEADER:]


def _in_mp4(data: bytes, text: str) -> bytes:
    """Add XMP with `TC260:AIGC` in a box of its own at the end, where it moves nothing (ISO 14496-12; XMP specification part 3, 1.1.4)."""
    said = html.escape(json.dumps(json.loads(text)["AIGC"], ensure_ascii=False))
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" TC260:AIGC="{said}"/></rdf:RDF></x:xmpmeta>'
    ).encode()
    return data + (24 + len(packet)).to_bytes(4, "big") + b"uuid" + _XMP_BOX + packet


def _syncsafe(size: int) -> bytes:
    return bytes(size >> shift & 127 for shift in (21, 14, 7, 0))


_WRITERS: Final = {"audio/wav": _in_wav, "audio/flac": _in_flac, "audio/mpeg": _in_mp3, "video/mp4": _in_mp4}
