"""What is fuzzed: every parser of bytes from outside. Each either refuses with an error of the ledger, or reads what it would write."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger import addcheckpoint, checkpoint, cosignature, leaf, merkle, note, policy, proof, tiles
from ledger.errors import InvalidLeaf, InvalidNote, LedgerError
from tests.ledger import builder

ENTRIES = builder.chain(3)
TEXT = checkpoint.format(checkpoint.Checkpoint(builder.ORIGIN, 3, merkle.root(map(merkle.leaf_hash, ENTRIES))))
WITNESSES = [
    cosignature.CosignatureSigner("witness.example/a", Ed25519PrivateKey.from_private_bytes(b"a" * 32)),
    cosignature.CosignatureSigner("witness.example/b", MLDSA44PrivateKey.from_seed_bytes(b"b" * 32)),
]
SIGNED = note.sign(TEXT, [builder.SIGNER])
_COSIGNED = [each.sign(TEXT.encode(), at=1_800_000_000) for each in WITNESSES]  # Once: ML-DSA signs anew each time.
COSIGNATURES = [each.signature for each in _COSIGNED]
COSIGNED = SIGNED + "".join(each.line() for each in _COSIGNED)
VERIFIERS = [*builder.VERIFIERS, *(each.verifier() for each in WITNESSES)]
HASHES = [merkle.leaf_hash(entry) for entry in ENTRIES]
POLICY = (
    f"# ours\nlog {builder.VERIFIERS[0].vkey} https://log.example/\n"
    f"witness a {WITNESSES[0].verifier().vkey} https://witness.example/\nwitness b {WITNESSES[1].verifier().vkey}\n"
    "group both all a b\ngroup one any both\nquorum one\n"
)


def refused_or(parse: Callable[[Any], Any], write: Callable[[Any], Any], data: Any) -> None:
    """Check that `data` is refused, or is what `write` makes of what was read."""
    try:
        read = parse(data)
    except LedgerError:
        return
    assert write(read) == data


def as_text(data: bytes) -> str:
    """Return any bytes as a str, with lone surrogates where they are no UTF-8."""
    return data.decode(errors="surrogateescape")


def check_note(data: bytes) -> None:
    try:
        opened = note.open(data, VERIFIERS)
    except LedgerError:
        return
    assert opened.text == TEXT, "nobody signed this"
    assert data.startswith(TEXT.encode() + b"\n")


def check_checkpoint(data: bytes) -> None:
    refused_or(checkpoint.parse, checkpoint.format, as_text(data))


def check_path(data: bytes) -> None:
    refused_or(tiles.parse_path, lambda tile: tile.path, as_text(data))


def check_bundle(data: bytes) -> None:
    refused_or(tiles.decode_bundle, tiles.encode_bundle, data)


def check_tile(data: bytes) -> None:
    refused_or(tiles.decode_tile, tiles.encode_tile, data)


def check_proof(data: bytes) -> None:
    text = as_text(data)
    refused_or(proof.parse, proof.format, text)
    try:
        proven = proof.verify(text, ENTRIES[1], VERIFIERS)
    except LedgerError:
        return
    assert (proven.index, proven.checkpoint.size) == (1, 3)


def check_leaf(data: bytes) -> None:
    refused_or(leaf.decode, leaf.encode, data)
    try:
        quick = leaf.read_link(data)
    except InvalidLeaf:
        quick = None
    try:
        whole = leaf.decode(data)
    except InvalidLeaf:
        assert quick is None
    else:
        assert quick == (whole.log, whole.index, whole.prev)


def check_policy(data: bytes) -> None:
    try:
        read = policy.parse(data)
    except LedgerError:
        return
    everybody = [each.verifier for each in read.witnesses]
    assert read.satisfied_by(everybody)
    assert read.satisfied_by([]) == (read.quorum == policy.NONE)


def check_addcheckpoint(data: bytes) -> None:
    refused_or(
        addcheckpoint.parse_request,
        lambda read: addcheckpoint.format_request(old=read.old, proof=read.proof, checkpoint=read.note),
        data,
    )
    refused_or(addcheckpoint.parse_size, b"%d\n".__mod__, data)


def check_cosignature(data: bytes) -> None:
    for signer, good in zip(WITNESSES, COSIGNATURES, strict=True):
        verifier = signer.verifier()
        assert verifier.verify(TEXT.encode(), data) == (data == good), "nobody signed this"
        extended = verifier.type_byte == b"\x06" and data.startswith(
            TEXT.encode()
        )  # lines that ML-DSA-44 does not cover
        assert verifier.verify(data, good) == (data == TEXT.encode()) or extended
    refused_or(cosignature.read_head, lambda _: data, data)
    with suppress(InvalidNote):
        assert cosignature.timestamp_of(note.Signature("a", b"abcd", data)) == int.from_bytes(data[:8], "big")


def check_vkey(data: bytes) -> None:
    refused_or(cosignature.verifier_from_vkey, lambda verifier: verifier.vkey, as_text(data))
    refused_or(cosignature.log_verifier_from_vkey, lambda verifier: verifier.vkey, as_text(data))


@dataclass(frozen=True)
class Target:
    check: Callable[[bytes], None]
    seeds: list[bytes]


TARGETS = {
    "note": Target(check_note, [SIGNED.encode(), COSIGNED.encode()]),
    "checkpoint": Target(check_checkpoint, [TEXT.encode(), TEXT.encode() + b"more\n"]),
    "path": Target(check_path, [b"tile/0/x001/x234/067", b"tile/entries/000.p/255", b"tile/63/000"]),
    "bundle": Target(check_bundle, [tiles.encode_bundle(ENTRIES), b"\0\0\0\0"]),
    "tile": Target(check_tile, [tiles.encode_tile(HASHES)]),
    "proof": Target(
        check_proof,
        [proof.format(proof.Proof(1, (HASHES[0], HASHES[2]), SIGNED, extra)).encode() for extra in (None, b"anything")],
    ),
    "leaf": Target(check_leaf, [*ENTRIES]),
    "policy": Target(check_policy, [POLICY.encode(), b"quorum none\n"]),
    "addcheckpoint": Target(
        check_addcheckpoint,
        [addcheckpoint.format_request(old=1, proof=HASHES[1:], checkpoint=SIGNED), b"9\n"],
    ),
    "cosignature": Target(check_cosignature, [TEXT.encode(), *COSIGNATURES]),
    "vkey": Target(check_vkey, [verifier.vkey.encode() for verifier in VERIFIERS]),
}
