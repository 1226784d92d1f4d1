"""Signed notes, C2SP signed-note v1.0.0. Its own keys are Ed25519 (signature type 0x01); `open` takes any verifier.

A note is a text that ends in a newline, an empty line, and one or more signature lines:

    — <key name> <base64 of a 4-byte key id and the signature>

Invariants of `open`:

1. At most 1,000,000 bytes and 100 signatures, valid UTF-8, no control character below U+0020 but the newline.
2. The text ends where the last empty line stands. Every line after it is a well-formed signature line, with
   base64 in its one canonical form.
3. A signature whose name and id are those of no given verifier is kept aside, never trusted.
4. A signature whose name and id are those of a verifier must verify, or the whole note is refused.
5. At least one signature verifies, or the note is refused.

A verifier key is `<name>+<8 hex digits of the key id>+<base64 of the type's byte and the key>`. Ed25519 keys of low
order and keys with a non-canonical encoding are refused: with the first, one signature can fit every text. Types 0x04
and 0x06, which sign checkpoints only, are in `cosignature`.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .errors import InvalidKey, InvalidNote, InvalidSignature, UnsignedNote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100

_ED25519: Final = b"\x01"
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_ID_BYTES: Final = 4
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DASH: Final = "\u2014 "

_FIELD_PRIME: Final = 2**255 - 19
# y of the points of order 1, 2, 4 and 8 on edwards25519; the sign of x makes no difference to the order.
_LOW_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _FIELD_PRIME - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who signed, with which key, and the signature's bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Return the signature line, with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """An opened note: the text, the signatures that verified, and those of unknown keys, which prove nothing."""

    text: str
    signatures: tuple[Signature, ...]
    unknown: tuple[Signature, ...] = ()


class AnyVerifier(Protocol):
    """A public key under a name, of whatever signature type."""

    @property
    def name(self) -> str:
        """The key's name."""
        ...

    @property
    def key_id(self) -> bytes:
        """The key's four-byte id."""
        ...

    @property
    def vkey(self) -> str:
        """The key as text."""
        ...

    @property
    def public_key(self) -> bytes:
        """The key itself."""
        ...

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Tell whether the signature is this key's over the text."""
        ...


@dataclass(frozen=True, slots=True)
class Verifier:
    """An Ed25519 public key under a name."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        """Refuse a name or a key that no note may carry."""
        check_name(self.name)
        check_ed25519(self.public_key)

    @classmethod
    def from_vkey(cls, vkey: str) -> Verifier:
        """Parse a verifier key. Raises InvalidKey."""
        name, key = read_vkey(vkey)
        if key[:1] != _ED25519:
            raise InvalidKey("it is not of type Ed25519")
        return cls(name, key[1:])

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name || newline || type || key)."""
        return key_id_of(self.name, _ED25519 + self.public_key)

    @property
    def vkey(self) -> str:
        """The key as text, for a verifier's configuration."""
        return write_vkey(self.name, _ED25519 + self.public_key)

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Tell whether the signature is this key's over the text."""
        return verify_ed25519(self.public_key, text, signature)


class Signer:
    """An Ed25519 private key under a name."""

    __slots__ = ("_key", "_verifier")

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        """Take the key; refuse a name that no note may carry."""
        self._key = private_key
        self._verifier = Verifier(name, private_key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        """Show the public half only."""
        return f"Signer({self._verifier.vkey!r})"

    @property
    def name(self) -> str:
        """The key's name."""
        return self._verifier.name

    def verifier(self) -> Verifier:
        """Return the public half."""
        return self._verifier

    def sign(self, text: bytes) -> Signature:
        """Sign the text of a note."""
        return Signature(self._verifier.name, self._verifier.key_id, self._key.sign(text))


def sign(text: str, signers: Iterable[Signer]) -> str:
    """Return the text as a note signed by each signer, in their order."""
    _check_text(text)
    data = text.encode()
    lines = [signer.sign(data).line() for signer in signers]
    if not 1 <= len(lines) <= MAX_SIGNATURES:
        raise InvalidNote(f"{len(lines)} signatures")
    return f"{text}\n{''.join(lines)}"


def open(note: str | bytes, verifiers: Iterable[AnyVerifier]) -> Note:  # noqa: A001 - read as note.open
    """Return the note's text and signatures, once a known key's signature has verified.

    Raises InvalidNote, InvalidSignature or UnsignedNote.
    """
    known = _by_key(verifiers)
    text, lines = _split(note)
    data = text.encode()
    signatures: list[Signature] = []
    unknown: list[Signature] = []
    for signature, canonical in lines:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None and canonical:
            unknown.append(signature)
        elif verifier is None:
            raise InvalidNote("the base64 of a signature line is not canonical")
        elif not canonical or not verifier.verify(data, signature.signature):
            raise InvalidSignature(signature.name)
        elif signature not in signatures:
            signatures.append(signature)
    if not signatures:
        raise UnsignedNote
    return Note(text, tuple(signatures), tuple(unknown))


def read_text(note: str | bytes) -> str:
    """Return a note's text without verifying any signature: for diagnosis only, it proves nothing."""
    text, lines = _split(note)
    if not all(canonical for _, canonical in lines):
        raise InvalidNote("the base64 of a signature line is not canonical")
    return text


def cut_text(note: str | bytes) -> str:
    """Return what stands before a note's signature lines, whatever these are: to learn whose keys it needs."""
    whole = _decode(note)
    cut = whole.rfind("\n\n")
    if cut < 0:
        raise InvalidNote("no empty line before the signatures")
    return whole[: cut + 1]


def with_signatures(text: str, signatures: Iterable[Signature]) -> str:
    """Return the text as a note with signatures that were made or verified elsewhere."""
    return f"{text}\n{''.join(signature.line() for signature in signatures)}"


def read_vkey(vkey: str) -> tuple[str, bytes]:
    """Return the name of a verifier key, and its type's byte followed by the key. Raises InvalidKey."""
    parts = vkey.split("+", 2)  # The base64 part may hold a plus itself.
    if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
        raise InvalidKey("it is not <name>+<id>+<key>")
    name, key_id, encoded = parts
    check_name(name)
    try:
        key = _decode_base64(encoded)
    except ValueError:
        raise InvalidKey("its base64 is malformed") from None
    if key_id_of(name, key).hex() != key_id:
        raise InvalidKey("its id is not the one of this name and key")
    return name, key


def write_vkey(name: str, key: bytes) -> str:
    """Return the verifier key of a name and a key that begins with its type's byte."""
    return f"{name}+{key_id_of(name, key).hex()}+{base64.b64encode(key).decode()}"


def key_id_of(name: str, key: bytes) -> bytes:
    """Return the id of a key that begins with its type's byte."""
    return sha256(name.encode() + b"\n" + key).digest()[:_ID_BYTES]


def check_name(name: str) -> None:
    """Refuse a name that no note may carry. Raises InvalidKey."""
    if (
        not name
        or "+" in name
        or any(char.isspace() or char < " " for char in name)
        or any("\ud800" <= char <= "\udfff" for char in name)  # lone surrogates have no UTF-8
    ):
        raise InvalidKey(f"the name {name!r} is empty or holds a space, a plus or a control character")


def check_ed25519(public_key: bytes) -> None:
    """Refuse a public key that is malformed or of low order. Raises InvalidKey."""
    if len(public_key) != _KEY_BYTES:
        raise InvalidKey(f"{len(public_key)} bytes, not {_KEY_BYTES}")
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    if y >= _FIELD_PRIME:
        raise InvalidKey("its encoding is not canonical")
    if y in _LOW_ORDER_Y:
        raise InvalidKey("it has a low order")


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether the signature is the key's over the message (RFC 8032)."""
    if len(signature) != _SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except BadSignature:
        return False
    return True


def _split(note: str | bytes) -> tuple[str, list[tuple[Signature, bool]]]:
    """Return the text and the signatures, each with whether its base64 is canonical."""
    text = cut_text(note)
    tail = _decode(note)[len(text) + 1 :]
    if not tail.endswith("\n"):
        raise InvalidNote("it does not end with a signature line and a newline")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise InvalidNote(f"more than {MAX_SIGNATURES} signatures")
    return text, [_parse_line(line) for line in lines]


def _decode(note: str | bytes) -> str:
    try:
        data = note.encode() if isinstance(note, str) else note
        if len(data) > MAX_NOTE_BYTES:
            raise InvalidNote(f"more than {MAX_NOTE_BYTES} bytes")
        whole = data.decode()
    except UnicodeError:
        raise InvalidNote("it is not UTF-8") from None
    if _CONTROL.search(whole):
        raise InvalidNote("it holds a control character")
    return whole


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise InvalidNote("the text does not end with a newline")
    _decode(text)


def _by_key(verifiers: Iterable[AnyVerifier]) -> dict[tuple[str, bytes], AnyVerifier]:
    known: dict[tuple[str, bytes], AnyVerifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise InvalidKey(f"two keys named {verifier.name} share an id")
    return known


def _parse_line(line: str) -> tuple[Signature, bool]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        if not line.startswith(_DASH) or not space:
            raise ValueError  # noqa: TRY301 - all of these are one refusal
        check_name(name)
        blob = base64.b64decode(encoded, validate=True)
        if len(blob) <= _ID_BYTES:
            raise ValueError  # noqa: TRY301
    except (ValueError, InvalidKey):  # binascii.Error is a ValueError
        raise InvalidNote("a signature line is malformed") from None
    return Signature(name, blob[:_ID_BYTES], blob[_ID_BYTES:]), base64.b64encode(blob).decode() == encoded


def _decode_base64(encoded: str) -> bytes:
    """Decode standard base64 in its one canonical form. Raises ValueError."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError from None
    if base64.b64encode(data).decode() != encoded:  # Padding bits that are not zero.
        raise ValueError
    return data
