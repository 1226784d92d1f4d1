"""The core and utility operations of draft-irtf-cfrg-bbs-signatures, ciphersuite BLS12-381-SHA-256. The names are the draft's.

Only an interface calls these: `bbs` (the draft's own) and `credential` (ours). Messages are scalars here, and the public key is 96 bytes.
Everything that fails raises one of `errors`, or returns False where the draft returns INVALID from a check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from . import group, hashing
from .errors import InvalidCredential, InvalidPoint, InvalidScalar
from .group import G1, G1_BYTES, G2, ORDER, SCALAR_BYTES

CIPHERSUITE: Final = b"BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_"
SIGNATURE_BYTES: Final = G1_BYTES + SCALAR_BYTES
PROOF_FLOOR_BYTES: Final = 3 * G1_BYTES + 4 * SCALAR_BYTES
EXPAND_BYTES: Final = 48
BLINDS: Final = 5
"""Random scalars that a proof takes beside one for each undisclosed message."""

P1: Final = bytes.fromhex(
    "a8ce256102840821a3e94ea9025e4662b205762f9776b3a766c872b948f1fd225e7c59698588e70d11406d161b4e28c9"
)
_MIN_KEY_MATERIAL: Final = 32
_MAX_KEY_INFO: Final = 65_535


class Generators(NamedTuple):
    """Q_1 and H_1..H_L, and `serialize((Q_1, H_1, ..., H_L))`."""

    q: G1
    h: tuple[G1, ...]
    octets: bytes


class Signed(NamedTuple):
    """What a signature is of: the generators, the domain, the messages and B."""

    generators: Generators
    domain: int
    messages: tuple[int, ...]
    b: G1


class Init(NamedTuple):
    """init_res of ProofInit and ProofVerifyInit."""

    a_bar: G1
    b_bar: G1
    d: G1
    t1: G1
    t2: G1
    domain: int


class Proof(NamedTuple):
    """A proof as octets_to_proof reads it: Abar, Bbar, D, e^, r1^, r3^, (m^_j1, ..., m^_jU), c."""

    a_bar: G1
    b_bar: G1
    d: G1
    e_hat: int
    r1_hat: int
    r3_hat: int
    commitments: tuple[int, ...]
    challenge: int


Linked = Callable[[Sequence[int]], bytes]
"""What an interface hashes into a challenge beside the draft's own, from the nonces or responses of the undisclosed messages."""


def hash_to_scalar(message: bytes, dst: bytes) -> int:
    """Return a scalar ("Hash to Scalar").

    Raises:
        ValueError: The tag has more than 255 bytes.
    """
    if len(dst) > hashing.MAX_DST_BYTES:
        raise ValueError("a domain separation tag has at most 255 bytes")
    return int.from_bytes(hashing.expand_message(message, dst, EXPAND_BYTES), "big") % ORDER


def messages_to_scalars(messages: Sequence[bytes], api_id: bytes) -> list[int]:
    """Return a scalar for each message ("Messages to Scalars")."""
    return [hash_to_scalar(message, api_id + b"MAP_MSG_TO_SCALAR_AS_HASH_") for message in messages]


def create_generators(count: int, api_id: bytes) -> Generators:
    """Return Q_1 and `count` - 1 message generators ("Generators Calculation")."""
    return _generators(group.backend(), count, api_id)


def keygen(key_material: bytes, key_info: bytes, key_dst: bytes) -> int:
    """Return a secret key ("Secret Key").

    Raises:
        ValueError: Under 32 bytes of key material, or over 65,535 of information.
        InvalidScalar: The key came out as zero.
    """
    if len(key_material) < _MIN_KEY_MATERIAL or len(key_info) > _MAX_KEY_INFO:  # 1, 2
        raise ValueError("key material has at least 32 bytes, key information at most 65,535")
    sk = hash_to_scalar(key_material + len(key_info).to_bytes(2, "big") + key_info, key_dst)  # 3, 4
    if not sk:  # 5
        raise InvalidScalar
    return sk


def sk_to_pk(sk: int) -> bytes:
    """Return the public key of a secret key ("Public Key")."""
    return group.encode_g2(group.multiply_g2(group.generator_g2(), sk))


def octets_to_pubkey(pk: bytes) -> G2:
    """Return the point of a public key, checked once for each key ("Octets to Public Key"). Raises InvalidPoint."""
    return _pubkey(group.backend(), pk)


def calculate_domain(pk: bytes, generators: Generators, header: bytes, api_id: bytes) -> int:
    """Return the scalar that stands for key, generators and header ("Domain Calculation")."""
    dom_octs = _integer(len(generators.h)) + generators.octets + api_id  # 1, 2
    dom_input = pk + dom_octs + _integer(len(header)) + header  # 3
    return hash_to_scalar(dom_input, api_id + b"H2S_")  # 4


def message_point(generators: Generators, domain: int, messages: Sequence[int]) -> G1:
    """Return B = P1 + Q_1 * domain + H_1 * msg_1 + ... + H_L * msg_L (CoreSign step 3)."""
    return group.msm([_p1(), generators.q, *generators.h], [1, domain, *messages])


def signed(*, pk: bytes, header: bytes, messages: Sequence[int], api_id: bytes) -> Signed:
    """Return what a signature of these messages is of (CoreSign steps 1 and 3, CoreVerify steps 1 and 2, ProofInit steps 1 and 2)."""
    generators = create_generators(len(messages) + 1, api_id)
    domain = calculate_domain(pk, generators, header, api_id)
    return Signed(generators, domain, tuple(messages), message_point(generators, domain, messages))


def sign_point(sk: int, e: int, b: G1) -> bytes:
    """Return (A, e) with A = B * (1 / (SK + e)) (CoreSign steps 4 and 5).

    Raises:
        InvalidScalar: SK + e is zero: CoreSign's note.
        InvalidPoint: B is the identity.
    """
    if not (sk + e) % ORDER:
        raise InvalidScalar
    return group.encode_g1(group.msm([b], [pow(sk + e, -1, ORDER)])) + group.encode_scalar(e)


def octets_to_signature(signature: bytes) -> tuple[G1, int]:
    """Return (A, e) ("Octets to Signature"). Raises InvalidPoint, InvalidScalar."""
    a = group.decode_g1(signature[:G1_BYTES])
    return a, group.decode_scalar(signature[G1_BYTES:], zero=False)


def core_verify(pk: bytes, signature: bytes, b: G1) -> bool:
    """Say whether h(A, W) * h(A * e - B, BP2) is one (CoreVerify step 3). Malformed is False."""
    try:
        a, e = octets_to_signature(signature)
        w = octets_to_pubkey(pk)
    except (InvalidPoint, InvalidScalar):
        return False
    return group.pairing_is_one((a, w), (group.msm([a, b], [e, ORDER - 1]), group.generator_g2()))


def undisclosed(count: int, disclosed: Sequence[int]) -> list[int]:
    """Return the other indexes of 0..count - 1 (CoreProofGen's deserialization, steps 6 to 9).

    Raises:
        ValueError: An index twice, out of order or out of range.
    """
    if list(disclosed) != sorted(set(disclosed)) or not all(0 <= at < count for at in disclosed):
        raise ValueError("disclosed indexes ascend, and each names a message")
    return [at for at in range(count) if at not in set(disclosed)]


def core_proof_gen(  # noqa: PLR0913 - the draft's own list
    *,
    signature: bytes,
    of: Signed,
    ph: bytes,
    disclosed: Sequence[int],
    api_id: bytes,
    scalars: Sequence[int],
    linked: Linked | None = None,
) -> bytes:
    """Return a proof (CoreProofGen, ProofInit, ProofFinalize).

    The random scalars are 5 and one for each undisclosed message. `linked` is given the nonces of the undisclosed messages.

    Raises:
        ValueError: The indexes or the number of scalars.
        InvalidPoint, InvalidScalar: The signature.
        InvalidCredential: The blinding failed: a scalar is zero.
    """
    generators, domain, messages, b = of
    hidden = undisclosed(len(messages), disclosed)
    r1, r2, e_tilde, r1_tilde, r3_tilde, *m_tilde = scalars
    if len(m_tilde) != len(hidden):
        raise ValueError("five random scalars, and one for each undisclosed message")
    if not (r1 and r2):
        raise InvalidCredential
    a, e = octets_to_signature(signature)

    # ProofInit, whose steps 1 and 2 were done for the signature
    d = group.msm([b], [r2])  # 3
    a_bar = group.msm([a], [r1 * r2 % ORDER])  # 4
    b_bar = group.msm([d, a_bar], [r1, -e % ORDER])  # 5
    t1 = group.msm([a_bar, d], [e_tilde, r1_tilde])  # 6
    t2 = group.msm([d, *(generators.h[at] for at in hidden)], [r3_tilde, *m_tilde])  # 7
    init = Init(a_bar, b_bar, d, t1, t2, domain)

    shown = [(at, messages[at]) for at in disclosed]
    c = challenge(init, shown, ph, api_id, linked(m_tilde) if linked else b"")

    # ProofFinalize
    r3 = pow(r2, -1, ORDER)  # 1
    hats = [
        e_tilde + e * c,  # 2
        r1_tilde - r1 * c,  # 3
        r3_tilde - r3 * c,  # 4
        *(tilde + messages[at] * c for at, tilde in zip(hidden, m_tilde, strict=True)),  # 5
        c,
    ]
    points = b"".join(map(group.encode_g1, (a_bar, b_bar, d)))
    return points + b"".join(group.encode_scalar(hat % ORDER) for hat in hats)  # 6, 7


def octets_to_proof(proof: bytes) -> Proof:
    """Return a proof's parts ("Octets to Proof"). Raises InvalidPoint, InvalidScalar."""
    if len(proof) < PROOF_FLOOR_BYTES:  # 1, 2
        raise InvalidScalar
    split = 3 * G1_BYTES
    scalars = group.decode_scalars(proof[split:], zero=False)  # 10-17; before the points, as it costs less
    points = [group.decode_g1(proof[at : at + G1_BYTES]) for at in range(0, split, G1_BYTES)]  # 3-9
    a_bar, b_bar, d = points
    e_hat, r1_hat, r3_hat, *commitments, c = scalars
    return Proof(a_bar, b_bar, d, e_hat, r1_hat, r3_hat, tuple(commitments), c)


def core_proof_verify(  # noqa: PLR0913 - the draft's own list
    *,
    pk: bytes,
    proof: Proof,
    generators: Generators,
    domain: int,
    ph: bytes,
    disclosed_messages: Sequence[int],
    disclosed: Sequence[int],
    api_id: bytes,
    linked: Linked | None = None,
) -> bool:
    """Say whether a proof holds (CoreProofVerify, ProofVerifyInit). `linked` is given the responses of the undisclosed messages.

    Raises:
        ValueError: The indexes, or the number of disclosed messages or generators.
        InvalidPoint: The key, or a part of `linked`.
    """
    w = octets_to_pubkey(pk)  # 4
    c = proof.challenge

    # ProofVerifyInit
    hidden = undisclosed(len(disclosed) + len(proof.commitments), disclosed)
    if len(disclosed_messages) != len(disclosed) or len(generators.h) != len(disclosed) + len(hidden):
        raise ValueError("a message for each disclosed index, and a generator for each message")
    a_bar, b_bar, d = proof.a_bar, proof.b_bar, proof.d
    t1 = group.msm([b_bar, a_bar, d], [c, proof.e_hat, proof.r1_hat])  # 2
    # 3, 4: T2 = Bv * c + ... with Bv's own sum multiplied out, so that all is one sum.
    bases = [_p1(), generators.q, *(generators.h[at] for at in disclosed), d, *(generators.h[at] for at in hidden)]
    known = [1, domain, *disclosed_messages]
    t2 = group.msm(bases, [*(each * c % ORDER for each in known), proof.r3_hat, *proof.commitments])
    init = Init(a_bar, b_bar, d, t1, t2, domain)

    shown = list(zip(disclosed, disclosed_messages, strict=True))
    expected = challenge(init, shown, ph, api_id, linked(proof.commitments) if linked else b"")  # 3
    if c != expected:  # 5
        return False
    return group.pairing_is_one((a_bar, w), (group.negate(b_bar), group.generator_g2()))  # 6


def challenge(init: Init, disclosed: Sequence[tuple[int, int]], ph: bytes, api_id: bytes, linked: bytes = b"") -> int:
    """Return the challenge ("Challenge Calculation"), with what an interface adds between c_arr and ph."""
    shown = b"".join(_integer(at) + group.encode_scalar(message) for at, message in disclosed)
    points = b"".join(map(group.octets_g1, init[:5]))
    c_octs = _integer(len(disclosed)) + shown + points + group.encode_scalar(init.domain)
    return hash_to_scalar(c_octs + linked + _integer(len(ph)) + ph, api_id + b"H2S_")


def _p1() -> G1:
    return _p1_of(group.backend())


@lru_cache(maxsize=2)
def _p1_of(_backend: str) -> G1:
    return group.decode_g1(P1)


@lru_cache(maxsize=64)
def _generators(_backend: str, count: int, api_id: bytes) -> Generators:
    seed_dst, generator_dst = api_id + b"SIG_GENERATOR_SEED_", api_id + b"SIG_GENERATOR_DST_"
    made = []
    v = hashing.expand_message(api_id + b"MESSAGE_GENERATOR_SEED", seed_dst, EXPAND_BYTES)  # 1
    for i in range(1, count + 1):  # 2-4
        v = hashing.expand_message(v + _integer(i), seed_dst, EXPAND_BYTES)
        made.append(group.hash_to_g1(v, generator_dst))
    return Generators(made[0], tuple(made[1:]), b"".join(map(group.encode_g1, made)))


@lru_cache(maxsize=64)
def _pubkey(_backend: str, pk: bytes) -> G2:
    return group.decode_g2(pk)


def _integer(value: int) -> bytes:
    """Serialize an integer: I2OSP(value, 8) ("Serializing to Octets")."""
    return value.to_bytes(8, "big")
