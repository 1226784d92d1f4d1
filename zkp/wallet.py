"""What a wallet does with the words alone: find one's entries in the public log, open what was handed over, and prove.

Pure: it takes a seed, leaves and questions, and gives texts to send. The browser's wallet does the same in TypeScript. `Wallet` never shows
its secrets in a repr.
"""

import hmac
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from ledger import leaf as leaves

from . import tag
from .core import active, enrol, own, receipt
from .core.context import Context, Enrolment, read_moment
from .core.errors import InvalidContext
from .core.group import SCALAR_BYTES
from .document import MAX_ENTRIES, VERSION, Opened
from .errors import DocumentBroken, ZkpError

CLAIMED: Final = "subject.claimed"
"""The kind of the entry by which a wallet takes over."""
SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
"""RFC 9180, base mode: what is handed over at a claim."""


@dataclass(frozen=True, slots=True)
class Own:
    """An entry that is the wallet's: its leaf, whose key marked it, and what opens its subject commitment."""

    leaf: leaves.Leaf
    keys: tag.Keys
    tag: bytes
    salt: bytes
    claimed: bool
    """It was marked with the wallet's own key, and not with one that the operator once held."""


@dataclass(frozen=True)
class Wallet:
    """A seed in one log, and the keys that were handed over there."""

    seed: bytes = field(repr=False)
    origin: str
    earlier: tuple[tag.Keys, ...] = field(default=(), repr=False)

    @property
    def keys(self) -> tag.Keys:
        """The wallet's own keys."""
        return tag.derive(self.seed, self.origin)

    @property
    def box(self) -> bytes:
        """The public X25519 key for what is handed over, 32 bytes."""
        return self._private().public_key().public_bytes_raw()

    def open_handed(self, handed: bytes, ref: str) -> tag.Keys:
        """Return the keys that the operator held, from what it handed over with the entry `ref`.

        Raises:
            DocumentBroken: It is not for this wallet, or was changed.
        """
        try:
            plain = SUITE.decrypt(handed, self._private(), handed_info(self.origin, ref))
        except (InvalidTag, ValueError):
            raise DocumentBroken from None
        return tag.Keys(plain[:SCALAR_BYTES], plain[SCALAR_BYTES:])

    def find(self, log: Iterable[bytes]) -> list[Own]:
        """Return the entries that are the wallet's, and commit to the tag that they must. Marks alone prove nothing."""
        held = [(self.keys, True), *((keys, False) for keys in self.earlier)]
        tags: dict[tuple[bytes, date], bytes] = {}
        found = []
        for data in log:
            leaf = leaves.decode(data)
            for keys, claimed in held:
                if not hmac.compare_digest(tag.mark(keys.k_u, leaf.ref), leaf.mark):
                    continue
                known = keys.k_u, leaf.at.date()
                if known not in tags:
                    tags[known] = tag.day_tag(keys, leaf.at.date())
                salt = tag.subject_salt(keys.k_u, leaf.ref)
                if leaves.commit("subject", salt, tags[known]) == leaf.subject:
                    found.append(Own(leaf, keys, tags[known], salt, claimed))
        return found

    def _private(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(tag.box_key(self.seed, self.origin))


def handed_info(origin: str, ref: str) -> bytes:
    """Return the `info` of HPKE under which keys are handed over."""
    return f"consonant/1|claim|{origin}|{ref}".encode()


def show_key(*, keys: tag.Keys, shown: bytes, context: str) -> dict[str, str]:
    """Answer the log's question for a key: with the tag of the day, or of the entry, that it asked about.

    Raises:
        InvalidContext: It is no such question.
    """
    answered = enrol.prove(s=keys.s, tag=shown, context=read_enrolment(context))
    return {
        "context": context,
        "public_key": answered.public_key.hex(),
        "key_commitment": answered.key_commitment.hex(),
        "proof": answered.proof.hex(),
    }


def read_enrolment(text: str) -> Enrolment:
    """Read what `Enrolment.octets` wrote.

    Raises:
        InvalidContext: Anything else.
    """
    try:
        said = json.loads(text)
        made = Enrolment(
            said["origin"], bytes.fromhex(said["nonce"]), said["account"], said["ref"], read_moment(said["expires"])
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidContext from None
    if made.octets() != text.encode():
        raise InvalidContext
    return made


def prove_opened(*, s: bytes, entries: Collection[Opened], context: Context) -> dict[str, Any]:
    """Return the document that proves entries of the secret s.

    Raises:
        ZkpError: They are too many or none, or the context is for something else.
    """
    if not 0 < len(entries) <= MAX_ENTRIES:
        raise ZkpError(f"one entry at least, and {MAX_ENTRIES} at most")
    proof = own.prove(s=s, tags=[each.tag for each in entries], context=context)
    said = [{"index": each.index, "ref": each.ref, "tag": each.tag.hex(), "salt": each.salt.hex()} for each in entries]
    return _document(context, entries=said, proof=proof.hex())


def prove_receipt(  # noqa: PLR0913 - the receipt, and what it is shown for
    *,
    s: bytes,
    issuer: bytes,
    made: bytes,
    attributes: Mapping[str, str],
    disclosed: Collection[str],
    context: Context,
) -> dict[str, Any]:
    """Return the document that shows some attributes of a receipt. Raises what `receipt.prove` does."""
    proof = receipt.prove(pk=issuer, receipt=made, s=s, attributes=attributes, disclosed=disclosed, context=context)
    return _document(context, disclosed={name: attributes[name] for name in sorted(disclosed)}, proof=proof.hex())


def prove_active(  # noqa: PLR0913 - the credential, and what it is shown for
    *, s: bytes, issuer: bytes, issued: bytes, attributes: Mapping[str, str], epoch: int, context: Context
) -> dict[str, Any]:
    """Return the document that shows a credential, with the pseudonym of the verifier's epoch. Raises what `active.prove` does."""
    shown = active.prove(pk=issuer, issued=issued, s=s, attributes=attributes, epoch=epoch, context=context)
    said = {name: attributes[name] for name in sorted(active.ALWAYS)}
    return _document(context, disclosed=said, epoch=epoch, pseudonym=shown.pseudonym.hex(), proof=shown.proof.hex())


def _document(context: Context, **said: Any) -> dict[str, Any]:
    return {"v": VERSION, "statement": context.statement, "context": context.octets().decode(), **said}
