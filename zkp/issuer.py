"""The key by which a log signs receipts and credentials: BBS, made from what lies sealed in the key store; never replaced.

It is used in Python, whose integers take a time that depends on what they are: whoever can time this process closely may learn the key.
"""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from keyring.keys import store
from zkp.core import bbs


class Issuer(NamedTuple):
    """The key, 32 bytes, and its public half, 96 bytes."""

    sk: bytes
    pk: bytes


def issuer_of(origin: str, *, now: datetime) -> Issuer:
    """Return the key of a log, making it on first use."""
    sk = bbs.keygen(store().make(f"credentials:{origin}", now=now), key_info=origin.encode())
    return Issuer(sk, _public(sk))


@lru_cache(maxsize=64)
def _public(sk: bytes) -> bytes:
    return bbs.sk_to_pk(sk)
