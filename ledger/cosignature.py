r"""Cosignatures of checkpoints, C2SP tlog-cosignature: Ed25519 (signature type 0x04) and ML-DSA-44 (0x06, FIPS 204).

A cosigner says that, at a time, this was the largest consistent head it had seen of the log. The signature of a note
line is then an 8-byte big-endian time (POSIX seconds, at most 2^63 - 1), and a signature over

    Ed25519:    "cosignature/v1\ntime <decimal>\n" and the whole text of the checkpoint
    ML-DSA-44:  "subtree/v1\n\0" || len || cosigner's name || u64 time || len || origin || u64 0 || u64 size || root

1. Only what is a checkpoint has cosignatures: of another text none verifies.
2. An Ed25519 cosignature does not commit to the cosigner's name: a key serves one name only.
3. ML-DSA-44 does not cover extension lines. With any of them we do not sign, for whoever read such a note might take for signed
   what is not; others' signatures of such a head verify, and say nothing of the lines. Where an ML-DSA-44 key is the log's own,
   `checkpoint.check_signed` refuses lines that it alone stands for. It may bear the time 0, which says nothing of the largest
   head; logs sign so.
4. Keys that cannot keep others out are refused: Ed25519 of low order, ML-DSA-44 whose t1 is zero.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from . import merkle, note
from .errors import InvalidCheckpoint, InvalidKey, InvalidNote

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

MAX_TIME: Final = 2**63 - 1

_ED25519: Final = b"\x04"
_MLDSA44: Final = b"\x06"
_TIME_BYTES: Final = 8
_MLDSA44_KEY_BYTES: Final = 1312
_MLDSA44_SEED_BYTES: Final = 32  # rho, with which the key begins; t1 is the rest
_ED25519_BYTES: Final = 64
_MLDSA44_BYTES: Final = 2420
_LONGEST_NAME: Final = 255
_LABEL: Final = b"subtree/v1\n\x00"
_HEAD = re.compile(rb"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*)")


@dataclass(frozen=True, slots=True)
class Head:
    """The lines of a checkpoint as they stand: unlike `checkpoint.Checkpoint`, the root of an empty tree may be wrong."""

    origin: str
    size: int
    root: bytes
    extended: bool
    """Whether extension lines follow."""


def read_head(text: bytes) -> Head:
    """Read the text of a checkpoint, whatever its root. Raises InvalidCheckpoint."""
    match = _HEAD.fullmatch(text)
    if match is None:
        raise InvalidCheckpoint("its lines are not origin, size and root")
    origin, size, encoded, extensions = match.groups()
    root = base64.b64decode(encoded)
    if base64.b64encode(root) != encoded or int(size) > merkle.MAX_SIZE:
        raise InvalidCheckpoint("its size is too large, or its root's base64 is not canonical")
    try:
        return Head(origin.decode(), int(size), root, bool(extensions))
    except UnicodeDecodeError:
        raise InvalidCheckpoint("it is not UTF-8") from None


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """A cosigner's public key under its name; of which algorithm, `type_byte` says (0x04 or 0x06)."""

    name: str
    type_byte: bytes
    public_key: bytes

    def __post_init__(self) -> None:
        """Refuse a name or a key that no cosignature may carry."""
        note.check_name(self.name)
        if self.type_byte == _ED25519:
            note.check_ed25519(self.public_key)
        elif self.type_byte == _MLDSA44:
            _check_mldsa44(self.name, self.public_key)
        else:
            raise InvalidKey("it is of no type that cosigns")

    @classmethod
    def from_vkey(cls, vkey: str) -> CosignatureVerifier:
        """Parse a verifier key of type 0x04 or 0x06. Raises InvalidKey."""
        name, key = note.read_vkey(vkey)
        return cls(name, key[:1], key[1:])

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name || newline || type || key)."""
        return note.key_id_of(self.name, self.type_byte + self.public_key)

    @property
    def vkey(self) -> str:
        """The key as text, for a verifier's configuration."""
        return note.write_vkey(self.name, self.type_byte + self.public_key)

    @property
    def is_post_quantum(self) -> bool:
        """Whether it is ML-DSA-44, which can be a log's own key too."""
        return self.type_byte == _MLDSA44

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Tell whether the signature is this cosigner's over the checkpoint."""
        try:
            message = _message(self, text, _read_time(signature))
        except (InvalidCheckpoint, InvalidNote):
            return False
        if self.type_byte == _ED25519:
            return note.verify_ed25519(self.public_key, message, signature[_TIME_BYTES:])
        try:
            MLDSA44PublicKey.from_public_bytes(self.public_key).verify(signature[_TIME_BYTES:], message)
        except BadSignature:
            return False
        return True


LogKey = note.Verifier | CosignatureVerifier
"""A key that a log may have."""


class CosignatureSigner:
    """A cosigner's private key under its name."""

    __slots__ = ("_key", "_verifier")

    def __init__(self, name: str, private_key: Ed25519PrivateKey | MLDSA44PrivateKey) -> None:
        """Take the key; refuse a name that no cosignature may carry."""
        self._key = private_key
        type_byte = _ED25519 if isinstance(private_key, Ed25519PrivateKey) else _MLDSA44
        self._verifier = CosignatureVerifier(name, type_byte, private_key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        """Show the public half only."""
        return f"CosignatureSigner({self._verifier.vkey!r})"

    def verifier(self) -> CosignatureVerifier:
        """Return the public half."""
        return self._verifier

    def sign(self, checkpoint_text: bytes, *, at: int) -> note.Signature:
        """Cosign the text of a checkpoint at a time in POSIX seconds. Raises InvalidCheckpoint."""
        if not 0 <= at <= MAX_TIME:
            raise ValueError(f"no cosignature has the time {at}")
        head = read_head(checkpoint_text)
        if head.size == 0 and head.root != merkle.EMPTY_ROOT:
            raise InvalidCheckpoint("the empty tree has another root")
        if head.extended and self._verifier.is_post_quantum:
            raise InvalidCheckpoint("ML-DSA-44 does not cover extension lines")
        signature = self._key.sign(_message(self._verifier, checkpoint_text, at))
        return note.Signature(self._verifier.name, self._verifier.key_id, at.to_bytes(_TIME_BYTES, "big") + signature)


def verifier_from_vkey(vkey: str) -> LogKey:
    """Parse a verifier key of type 0x01, 0x04 or 0x06. Raises InvalidKey."""
    _, key = note.read_vkey(vkey)
    if key[:1] in {_ED25519, _MLDSA44}:
        return CosignatureVerifier.from_vkey(vkey)
    return note.Verifier.from_vkey(vkey)


def log_verifier_from_vkey(vkey: str) -> LogKey:
    """Parse a verifier key that a log may sign its checkpoints with: type 0x01 or 0x06. Raises InvalidKey."""
    verifier = verifier_from_vkey(vkey)
    if isinstance(verifier, CosignatureVerifier) and not verifier.is_post_quantum:
        raise InvalidKey("an Ed25519 key that cosigns signs no log")
    return verifier


def timestamp_of(signature: note.Signature) -> int:
    """Return the time of a cosignature, in POSIX seconds. It means nothing before the signature is verified.

    Raises InvalidNote.
    """
    return _read_time(signature.signature)


def _read_time(signature: bytes) -> int:
    if len(signature) - _TIME_BYTES not in {_ED25519_BYTES, _MLDSA44_BYTES}:
        raise InvalidNote("it is no cosignature")
    at = int.from_bytes(signature[:_TIME_BYTES], "big")
    if at > MAX_TIME:
        raise InvalidNote("the time of a cosignature is too large")
    return at


def _check_mldsa44(name: str, public_key: bytes) -> None:
    if len(public_key) != _MLDSA44_KEY_BYTES:
        raise InvalidKey(f"{len(public_key)} bytes, not {_MLDSA44_KEY_BYTES}")
    if not any(public_key[_MLDSA44_SEED_BYTES:]):
        raise InvalidKey("its t1 is zero, so anyone can sign for it")
    if len(name.encode()) > _LONGEST_NAME:
        raise InvalidKey(f"its name has more than {_LONGEST_NAME} bytes")


def _message(verifier: CosignatureVerifier, text: bytes, at: int) -> bytes:
    """Return what is signed. Raises InvalidCheckpoint."""
    head = read_head(text)
    if verifier.type_byte == _ED25519:
        return b"cosignature/v1\ntime %d\n%b" % (at, text)
    name, origin = verifier.name.encode(), head.origin.encode()
    if len(origin) > _LONGEST_NAME:
        raise InvalidCheckpoint(f"its origin has more than {_LONGEST_NAME} bytes")
    return b"".join(
        (
            _LABEL,
            len(name).to_bytes(1, "big"),
            name,
            at.to_bytes(_TIME_BYTES, "big"),
            len(origin).to_bytes(1, "big"),
            origin,
            bytes(8),
            head.size.to_bytes(8, "big"),
            head.root,
        )
    )
