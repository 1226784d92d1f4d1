"""BBS signatures as draft-irtf-cfrg-bbs-signatures has them: the draft's own interface, ciphersuite BLS12-381-SHA-256, bytes only.

Secret keys and scalars are 32 bytes big-endian, public keys 96 bytes, signatures 80, proofs 272 and 32 for each undisclosed message.
What signs or proves raises; what verifies answers, and malformed is False.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import bbs_core, group
from .bbs_core import BLINDS, CIPHERSUITE, PROOF_FLOOR_BYTES
from .errors import InvalidCredential, InvalidPoint, InvalidScalar
from .group import SCALAR_BYTES
from .randomness import hedged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .randomness import Randomness

API_ID: Final = CIPHERSUITE + b"H2G_HM2S_"
KEYGEN_DST: Final = CIPHERSUITE + b"KEYGEN_DST_"


def keygen(key_material: bytes, key_info: bytes = b"", key_dst: bytes = KEYGEN_DST) -> bytes:
    """Return a secret key (KeyGen).

    Raises:
        ValueError: Under 32 bytes of key material, or over 65,535 of information.
    """
    return group.encode_scalar(bbs_core.keygen(key_material, key_info, key_dst))


def sk_to_pk(sk: bytes) -> bytes:
    """Return the public key of a secret key (SkToPk). Raises InvalidScalar."""
    return bbs_core.sk_to_pk(group.decode_scalar(sk, zero=False))


def sign(*, sk: bytes, pk: bytes, header: bytes = b"", messages: Sequence[bytes] = (), api_id: bytes = API_ID) -> bytes:
    """Return the signature of these messages under this header (Sign, CoreSign).

    Raises:
        InvalidScalar, InvalidPoint: The secret or the public key.
    """
    secret = group.decode_scalar(sk, zero=False)
    bbs_core.octets_to_pubkey(pk)
    of = _signed(pk, header, messages, api_id)  # CoreSign steps 1 and 3
    hashed = b"".join(map(group.encode_scalar, (secret, *of.messages, of.domain)))
    e = bbs_core.hash_to_scalar(hashed, api_id + b"H2S_")  # 2
    return bbs_core.sign_point(secret, e, of.b)  # 4, 5


def verify(
    *, pk: bytes, signature: bytes, header: bytes = b"", messages: Sequence[bytes] = (), api_id: bytes = API_ID
) -> bool:
    """Say whether it is the key's signature of these messages under this header (Verify, CoreVerify)."""
    return bbs_core.core_verify(pk, signature, _signed(pk, header, messages, api_id).b)


def proof_gen(  # noqa: PLR0913 - the draft's own list
    *,
    pk: bytes,
    signature: bytes,
    header: bytes = b"",
    ph: bytes = b"",
    messages: Sequence[bytes] = (),
    disclosed: Sequence[int] = (),
    api_id: bytes = API_ID,
    randomness: Randomness | None = None,
) -> bytes:
    """Return a proof of knowing a signature, which discloses the messages at the ascending indexes `disclosed` (ProofGen).

    Args:
        pk: The signer's public key.
        signature: The signature, which is verified first.
        header: What the signature was made under; the verifier has it too.
        ph: The presentation header: what this proof is bound to.
        messages: All messages, in the order they were signed.
        disclosed: Which of them the proof shows.
        api_id: The interface.
        randomness: For vectors only: calculate_random_scalars.

    Raises:
        InvalidCredential: The signature is not the key's, or not of these messages.
        ValueError: The indexes.
    """
    of = _signed(pk, header, messages, api_id)
    if not bbs_core.core_verify(pk, signature, of.b):
        raise InvalidCredential
    hidden = bbs_core.undisclosed(len(messages), disclosed)
    secrets = b"".join(map(group.encode_scalar, of.messages))
    draw = randomness or hedged(signature, secrets, pk, header, ph, bytes(str(list(disclosed)), "ascii"), api_id)
    return bbs_core.core_proof_gen(
        signature=signature,
        of=of,
        ph=ph,
        disclosed=disclosed,
        api_id=api_id,
        scalars=draw(BLINDS + len(hidden)),
    )


def proof_verify(  # noqa: PLR0913 - the draft's own list
    *,
    pk: bytes,
    proof: bytes,
    header: bytes = b"",
    ph: bytes = b"",
    disclosed_messages: Sequence[bytes] = (),
    disclosed: Sequence[int] = (),
    api_id: bytes = API_ID,
) -> bool:
    """Say whether a proof holds for the disclosed messages, at these indexes, under this header and presentation header (ProofVerify)."""
    try:
        read = bbs_core.octets_to_proof(proof)
        count = (len(proof) - PROOF_FLOOR_BYTES) // SCALAR_BYTES + len(disclosed)
        generators = bbs_core.create_generators(count + 1, api_id)
        return bbs_core.core_proof_verify(
            pk=pk,
            proof=read,
            generators=generators,
            domain=bbs_core.calculate_domain(pk, generators, header, api_id),
            ph=ph,
            disclosed_messages=bbs_core.messages_to_scalars(disclosed_messages, api_id),
            disclosed=disclosed,
            api_id=api_id,
        )
    except (InvalidPoint, InvalidScalar, ValueError):
        return False


def _signed(pk: bytes, header: bytes, messages: Sequence[bytes], api_id: bytes) -> bbs_core.Signed:
    scalars = bbs_core.messages_to_scalars(messages, api_id)
    return bbs_core.signed(pk=pk, header=header, messages=scalars, api_id=api_id)
