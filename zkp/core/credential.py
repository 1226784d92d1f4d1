"""BBS over a secret that the signer never sees: the interface under `receipt` and `active`.

It is an interface of our own ("Defining New Interfaces" of draft-irtf-cfrg-bbs-signatures, which advises against that without review):
api_id = ciphersuite_id || "H2G_HM2S_CONSONANT1_". Beside the messages m_1..m_L it signs the holder's s, known to the signer as K = s H_1:

    B      = P1 + Q_1 domain + K + H_2 m_1 + ... + H_(L+1) m_L
    domain = calculate_domain over all L + 1 generators
    e      = hash_to_scalar(serialize((SK, B, domain)), api_id || "H2S_")
    A      = B / (SK + e)

Toward the draft's core operations s is the first of L + 1 messages, as it is and not hashed, and never disclosed: no other message shares H_1,
or a holder could choose s to forge it. A proof may also say image = s base for some bases. One response answers for s everywhere, and the
challenge hashes c_arr || I2OSP(count, 8) || (base, image, commitment) for each || I2OSP(length(ph), 8) || ph, with ph = the context.

The signer must have verified that who brings K knows s (`enrol`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from . import bbs_core, group
from .bbs_core import BLINDS, CIPHERSUITE, PROOF_FLOOR_BYTES
from .errors import InvalidAttributes, InvalidCredential, InvalidPoint, InvalidScalar
from .group import G1, ORDER, SCALAR_BYTES
from .randomness import hedged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .randomness import Randomness

API_ID: Final = CIPHERSUITE + b"H2G_HM2S_CONSONANT1_"


class Link(NamedTuple):
    """A linear part of a proof: image = s base."""

    base: G1
    image: G1


def disclosed_messages(schema: Sequence[str], attributes: Mapping[str, str]) -> dict[int, bytes]:
    """Return the messages of some attributes, by their index in the schema: the texts in UTF-8.

    Raises:
        InvalidAttributes: One is not of the schema, or no text.
    """
    if not set(attributes) <= set(schema):
        raise InvalidAttributes
    try:
        return {at: attributes[name].encode() for at, name in enumerate(schema) if name in attributes}
    except (AttributeError, UnicodeEncodeError):
        raise InvalidAttributes from None


def all_messages(schema: Sequence[str], attributes: Mapping[str, str]) -> list[bytes]:
    """Return the messages of all attributes of a schema.

    Raises:
        InvalidAttributes: One is missing, not of the schema, or no text.
    """
    if set(attributes) != set(schema):
        raise InvalidAttributes
    return list(disclosed_messages(schema, attributes).values())


def secret_generator() -> G1:
    """Return H_1, which carries s."""
    return bbs_core.create_generators(2, API_ID).h[0]


def key_commitment(s: bytes) -> bytes:
    """Return K = s H_1, 48 bytes. Raises InvalidScalar."""
    return group.encode_g1(group.msm([secret_generator()], [group.decode_scalar(s, zero=False)]))


def issue(*, sk: bytes, pk: bytes, key_commitment: bytes, header: bytes, messages: Sequence[bytes]) -> bytes:
    """Return the signature A || e, 80 bytes, of messages and of the secret under a commitment whose knowledge was proven.

    Raises:
        InvalidScalar, InvalidPoint: A key, the commitment, or B: it is the identity.
    """
    secret = group.decode_scalar(sk, zero=False)
    bbs_core.octets_to_pubkey(pk)
    k = group.decode_g1(key_commitment)
    known = _signed(pk, 0, header, messages)
    b = group.msm([known.b, k], [1, 1])
    hashed = group.encode_scalar(secret) + group.encode_g1(b) + group.encode_scalar(known.domain)
    return bbs_core.sign_point(secret, bbs_core.hash_to_scalar(hashed, API_ID + b"H2S_"), b)


def check(*, pk: bytes, signature: bytes, s: bytes, header: bytes, messages: Sequence[bytes]) -> bool:
    """Say whether it is the key's signature of these messages and this secret."""
    try:
        secret = group.decode_scalar(s, zero=False)
    except InvalidScalar:
        return False
    return bbs_core.core_verify(pk, signature, _signed(pk, secret, header, messages).b)


def present(  # noqa: PLR0913 - the draft's list, with the secret and the links
    *,
    pk: bytes,
    signature: bytes,
    s: bytes,
    header: bytes,
    ph: bytes,
    messages: Sequence[bytes],
    disclosed: Sequence[int],
    links: Sequence[Link] = (),
    randomness: Randomness | None = None,
) -> bytes:
    """Return a proof that discloses the messages at these ascending indexes, and never s.

    Raises:
        InvalidCredential: The signature is not the key's, not of these messages, or not of this secret.
        InvalidScalar: The secret is out of range.
        ValueError: The indexes.
    """
    of = _signed(pk, group.decode_scalar(s, zero=False), header, messages)
    if not bbs_core.core_verify(pk, signature, of.b):
        raise InvalidCredential
    shown = [1 + at for at in disclosed]
    hidden = bbs_core.undisclosed(len(of.messages), shown)
    if hidden[0] != 0:
        raise ValueError("disclosed indexes name messages")
    hedge = (signature, b"".join(map(group.encode_scalar, of.messages)), pk, header, ph, bytes(str(shown), "ascii"))
    draw = randomness or hedged(*hedge, *(group.encode_g1(point) for link in links for point in link))

    def linked(nonces: Sequence[int]) -> bytes:
        return _hashed(links, [group.msm([link.base], [nonces[0]]) for link in links])

    return bbs_core.core_proof_gen(
        signature=signature,
        of=of,
        ph=ph,
        disclosed=shown,
        api_id=API_ID,
        scalars=draw(BLINDS + len(hidden)),
        linked=linked,
    )


def verify(  # noqa: PLR0913 - the draft's list, with the links
    *,
    pk: bytes,
    proof: bytes,
    header: bytes,
    ph: bytes,
    count: int,
    disclosed: Mapping[int, bytes],
    links: Sequence[Link] = (),
) -> bool:
    """Say whether a proof holds.

    Args:
        pk: The signer's key.
        proof: What `present` returned.
        header: What the signature was made under.
        ph: What the proof is bound to.
        count: How many messages were signed, beside s.
        disclosed: The disclosed messages by their index.
        links: The linear parts it must have, in their order.
    """
    if len(proof) != proof_bytes(count, len(disclosed)) or not all(0 <= at < count for at in disclosed):
        return False
    generators = bbs_core.create_generators(count + 2, API_ID)
    indexes = sorted(disclosed)

    def linked(responses: Sequence[int]) -> bytes:
        # image = s base and m^ = m~ + s c: the commitment m~ base is m^ base - c image.
        weights = [responses[0], -read.challenge % ORDER]
        return _hashed(links, [group.msm([link.base, link.image], weights) for link in links])

    try:
        read = bbs_core.octets_to_proof(proof)
        return bbs_core.core_proof_verify(
            pk=pk,
            proof=read,
            generators=generators,
            domain=bbs_core.calculate_domain(pk, generators, header, API_ID),
            ph=ph,
            disclosed_messages=bbs_core.messages_to_scalars([disclosed[at] for at in indexes], API_ID),
            disclosed=[1 + at for at in indexes],
            api_id=API_ID,
            linked=linked,
        )
    except (InvalidPoint, InvalidScalar):
        return False


def proof_bytes(count: int, disclosed: int) -> int:
    """Return a proof's length: s and each undisclosed message take one scalar."""
    return PROOF_FLOOR_BYTES + SCALAR_BYTES * (1 + count - disclosed)


def _signed(pk: bytes, secret: int, header: bytes, messages: Sequence[bytes]) -> bbs_core.Signed:
    scalars = [secret, *bbs_core.messages_to_scalars(messages, API_ID)]
    return bbs_core.signed(pk=pk, header=header, messages=scalars, api_id=API_ID)


def _hashed(links: Sequence[Link], commitments: Sequence[G1]) -> bytes:
    parts = (group.encode_g1(point) for link, made in zip(links, commitments, strict=True) for point in (*link, made))
    return len(links).to_bytes(8, "big") + b"".join(parts)
