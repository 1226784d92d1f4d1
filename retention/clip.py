"""What a clip or a picture says of itself: whether it is marked as AI-made, by whom, and which entry it names. Pure.

Two kinds of marks are read:

- the C2PA manifest that is embedded in the file. Nothing is fetched: no manifest that lies elsewhere, no OCSP. Who signed is what the
  certificate says; whether to trust it, the certificates say that the caller trusts.
- the AIGC metadata of GB 45438-2025, where practice puts it: ID3 `TXXX:AIGC`, the Vorbis comment `AIGC`, the MP4 atom `AIGC`, a RIFF
  chunk or INFO field `AIGC`, the PNG text `AIGC`, and `TC260:AIGC` in XMP. It is signed by nobody.

A mark names an entry when one of its texts is, whole, the address of one: `https://<host>/api/v1/entries/<ref>`.

`embed` writes a manifest of this service into a clip. One that is there already stays in it, as that of the ingredient.

Bad input never raises when it is read: what cannot be read is not there. It can take long, and much of what reads it is not ours: so the service does not
call `read` itself but lets a process of its own do so (`retention.clip_process`), which runs this file.
"""

import hashlib
import html
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from io import BytesIO
from itertools import islice
from typing import Any, Final

from ledger.errors import InvalidDocument
from ledger.signed_json import check_depth, is_text

AIGC_FIELDS: Final = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
MAX_TEXT: Final = 512
"""As long as the longest field of AIGC metadata that is taken: what is compared is compared whole."""
MAX_ENTRIES: Final = 10
MAX_PROBLEMS: Final = 20

_MAGIC: Final = (
    (re.compile(rb"RIFF.{4}WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb"ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]"), "audio/mpeg"),
    (re.compile(rb"OggS"), "audio/ogg"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb".{4}ftyp(?:avif|hei[cfx]|mif1)", re.DOTALL), "image/heif"),
    (re.compile(rb".{4}ftypM4A", re.DOTALL), "audio/mp4"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "video/mp4"),
)
_XMP: Final = (b"<x:xmpmeta", b"</x:xmpmeta>")
_XMP_AIGC: Final = re.compile(r"""TC260:AIGC(?:\s*=\s*(?:"([^"]*)"|'([^']*)')|[^>]*>([^<]*)<)""")
_PNG_AIGC: Final = re.compile(rb"(?:tEXt|iTXt)AIGC\x00(?:\x00{4})?")
_ENTRY: Final = re.compile(r"(https?://[^/\s?#@]{1,253})/api/v1/entries/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
AI_MADE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_AI_SOURCES: Final = {
    "trainedAlgorithmicMedia",
    "trainedAlgorithmicData",
    "compositeWithTrainedAlgorithmicMedia",
    "algorithmicMedia",
}
GENERATOR: Final = "Consonant"
ENTRY_LABEL: Final = "consonant.entry"
_STORE: Final = re.compile(rb"jumb.{4}jumd\x63\x32\x70\x61\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71", re.DOTALL)
"""How a manifest store begins, behind its length: a JUMBF superbox of the type that C2PA has for it."""
_ID3_HEADER: Final = 10
_MAX_DEPTH: Final = 40
_MAX_AIGC: Final = 65_536
_MOST_OF_A_KIND: Final = 100
_OFFLINE: Final = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


@dataclass(frozen=True)
class Named:
    """An entry that a mark names: who keeps its log, as an address, and its `ref`."""

    host: str
    ref: uuid.UUID


@dataclass(frozen=True)
class Manifest:
    """An embedded C2PA manifest."""

    intact: bool
    """Its signature holds, and the file is what was signed."""
    signer: str = ""
    """As the certificate says."""
    generator: str = ""
    made_by_ai: bool = False
    """One of its actions names a digital source type of IPTC that says so."""
    problems: tuple[str, ...] = ()
    """C2PA's own codes of what does not hold."""
    trusted: bool = False
    """Somebody signed it whom the caller trusts."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Of the manifest store as it lies in the file, in hex, by algorithm."""


@dataclass(frozen=True)
class Clip:
    """A file of sound or picture."""

    media: str
    """Its media type, by its first bytes."""
    manifest: Manifest | None = None
    elsewhere: bool = False
    """Its manifest lies at some address, and was not fetched."""
    aigc: Mapping[str, str] = field(default_factory=dict)
    entries: tuple[Named, ...] = ()


class Unmarkable(Exception):
    """No manifest can be embedded in this file."""


def media_type(data: bytes) -> str | None:
    """Return what kind of sound or picture this is, by its first bytes, or None."""
    return next((media for magic, media in _MAGIC if magic.match(data, _behind_id3(data))), None) or next(
        (media for magic, media in _MAGIC if magic.match(data)), None
    )


def _behind_id3(data: bytes) -> int:
    """Return where a file goes on behind an ID3 tag that was put before it: a FLAC, as c2pa does."""
    if not data.startswith(b"ID3") or len(data) < _ID3_HEADER:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 127
    return _ID3_HEADER + size if data[_ID3_HEADER + size :][:4] == b"fLaC" else 0


def read(data: bytes, *, anchors: str = "") -> Clip | None:
    """Return what the file says of itself, or None if it is no sound and no picture. `anchors`: certificates that are trusted, PEM."""
    media = media_type(data)
    if media is None:
        return None
    manifest, texts, elsewhere = _manifest(data, media, anchors)
    aigc = next((found for text in _aigc_texts(data, media) if (found := parse_aigc(text))), {})
    named = dict.fromkeys(entry for text in (*aigc.values(), *texts) if (entry := _named(text)))
    return Clip(media, manifest, elsewhere, aigc, tuple(named)[:MAX_ENTRIES])


def embed(data: bytes, *, entry: str | None, chain: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Return the clip with a manifest that says that it is AI-made and names the ledger's entry, if there is one yet, by its address, and no person.

    `chain`: the signer's certificates, PEM, its own first. `sign`: ECDSA on P-256 with SHA-256, as `r || s`.

    Raises:
        Unmarkable: It is of a kind that takes no manifest, or it is broken.
    """
    from c2pa import Builder, C2paBuilderIntent, C2paError, C2paSigningAlg, Context, Signer

    media = media_type(data) or ""
    has_one = b"jumb" in data and _manifest(data, media, "")[0] is not None
    made = {"action": "c2pa.edited.metadata" if has_one else "c2pa.created", "digitalSourceType": AI_MADE}
    manifest = {
        "claim_generator_info": [{"name": GENERATOR}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [made]}},
            *([{"label": ENTRY_LABEL, "data": {"entry": entry}}] if entry else []),
        ],
    }
    marked = BytesIO()
    try:
        with Context.from_dict(_OFFLINE) as context, Builder(manifest, context=context) as builder:
            if has_one:
                builder.set_intent(
                    C2paBuilderIntent.EDIT
                )  # takes the clip as it is for an ingredient, with its manifest
            with Signer.from_callback(sign, C2paSigningAlg.ES256, chain) as signer:
                builder.sign(signer, media, BytesIO(data), marked)
    except C2paError as error:
        raise Unmarkable from error
    return marked.getvalue()


def parse_aigc(text: str) -> dict[str, str]:
    """Return the fields of AIGC metadata, alone or under the name AIGC; nothing if it is none."""
    if len(text) > _MAX_AIGC:
        return {}
    try:
        check_depth(text.encode(), max_depth=3)
        said = json.loads(text)
    except (ValueError, RecursionError, InvalidDocument):
        return {}
    said = said.get("AIGC", said) if isinstance(said, dict) else {}
    known = [name for name in AIGC_FIELDS if is_text(said.get(name)) and said[name]] if isinstance(said, dict) else []
    return {name: _short(said[name]) for name in known}


def _aigc_texts(data: bytes, media: str) -> Iterator[str]:
    if not media.startswith("image/"):
        yield from _in_tags(data)
    if media == "audio/wav":
        yield from islice(_riff_chunks(data, b"AIGC"), _MOST_OF_A_KIND)
    if media == "image/png":
        for found in islice(_PNG_AIGC.finditer(data), _MOST_OF_A_KIND):
            size = int.from_bytes(data[max(0, found.start() - 4) : found.start()], "big")
            yield data[found.end() : found.start() + 4 + size].decode("utf-8", "replace")
    for packet in islice(_xmp_packets(data), _MOST_OF_A_KIND):
        yield from _in_xmp(packet.decode("utf-8", "replace"))


def _in_tags(data: bytes) -> Iterator[str]:
    from tinytag import TinyTag, TinyTagException

    with suppress(TinyTagException):
        other = TinyTag.get(file_obj=BytesIO(data), duration=False).other
        yield from other.get("aigc") or []
        for packet in other.get("xmp") or []:
            yield from _in_xmp(packet)


def _xmp_packets(data: bytes) -> Iterator[bytes]:
    begins, ends = _XMP
    start = data.find(begins)
    while start >= 0 and (end := data.find(ends, start)) >= 0:
        yield data[start:end]
        start = data.find(begins, end)


def _in_xmp(packet: str) -> Iterator[str]:
    for found in _XMP_AIGC.finditer(packet):
        yield html.unescape(next(filter(None, found.groups()), ""))


def _riff_chunks(data: bytes, name: bytes) -> Iterator[str]:
    place = 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == name:
            yield data[place + 8 : place + 8 + size].rstrip(b"\0").decode("utf-8", "replace")
        place += 8 + size + size % 2


def _digests(data: bytes) -> dict[str, str]:
    """Return the digests of the manifest store; in sound it lies in one piece."""
    begins = _STORE.search(data)
    if begins is None or begins.start() < 4:
        return {}
    start = begins.start() - 4
    store = data[start : start + int.from_bytes(data[start : start + 4], "big")]
    return {name: hashlib.new(name, store).hexdigest() for name in ("sha256", "sha384", "sha512")}


def _manifest(data: bytes, media: str, anchors: str) -> tuple[Manifest | None, list[str], bool]:
    """Return the manifest, all texts of its assertions if it is intact, and whether it lies elsewhere."""
    from c2pa import C2paError, Context, Reader

    settings = {**_OFFLINE, "trust": {"trust_anchors": anchors}} if anchors else _OFFLINE
    try:
        with Context.from_dict(settings) as context, Reader(media, BytesIO(data), context=context) as reader:
            said = json.loads(reader.json())
    except (C2paError.ManifestNotFound, C2paError.NotSupported):
        return None, [], False
    except C2paError as error:
        if error.message.startswith("Remote"):
            return None, [], True
        # A malformed file that holds no JUMBF box has no manifest; one that holds some has a broken one.
        return (Manifest(intact=False) if b"jumb" in data else None), [], False
    active = said.get("manifests", {}).get(said.get("active_manifest"), {})
    intact = said.get("validation_state") in {"Valid", "Trusted"}
    texts = list(_texts(active.get("assertions", []))) if intact else []
    signed_by = active.get("signature_info") or {}
    return (
        Manifest(
            intact=intact,
            signer=_short(signed_by.get("common_name") or signed_by.get("issuer") or ""),
            generator=_short(_generator(active)),
            made_by_ai=intact and any(_sources(active.get("assertions", []))),
            problems=tuple(
                _short(status.get("code", ""))
                for status in said.get("validation_status") or []
                if status.get("code") != "signingCredential.untrusted"
            )[:MAX_PROBLEMS],
            trusted=said.get("validation_state") == "Trusted",
            digests=_digests(data) if intact else {},
        ),
        texts,
        False,
    )


def _generator(active: Mapping[str, Any]) -> str:
    for made in active.get("claim_generator_info") or []:
        if isinstance(made, dict) and isinstance(made.get("name"), str):
            return f"{made['name']} {made.get('version') or ''}".strip()
    return ""


def _sources(assertions: Any) -> Iterator[bool]:
    """Of each action: does it say that it used what IPTC calls AI-made?"""
    for each in assertions if isinstance(assertions, list) else []:
        if isinstance(each, dict) and str(each.get("label")).startswith("c2pa.actions"):
            said = each.get("data")
            for action in (said.get("actions") if isinstance(said, dict) else None) or []:
                source = action.get("digitalSourceType") if isinstance(action, dict) else None
                yield isinstance(source, str) and source.rpartition("/")[2] in _AI_SOURCES


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _MAX_DEPTH and isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each, depth + 1)


def _named(text: str) -> Named | None:
    found = _ENTRY.fullmatch(text)
    return Named(found[1], uuid.UUID(found[2])) if found else None


def _short(text: str) -> str:
    """Return a text that can be shown: of bounded length, and without what would turn a line or a terminal round."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:MAX_TEXT])


def dump(clip: Clip | None) -> bytes:
    """Return what was read as JSON."""
    return json.dumps(asdict(clip) if clip else None, default=str).encode()


def load(data: bytes) -> Clip | None:
    """Return what `dump` wrote."""
    said = json.loads(data)
    if said is None:
        return None
    manifest = said["manifest"] and Manifest(**{**said["manifest"], "problems": tuple(said["manifest"]["problems"])})
    entries = tuple(Named(each["host"], uuid.UUID(each["ref"])) for each in said["entries"])
    return Clip(said["media"], manifest, said["elsewhere"], said["aigc"], entries)
