"""Nonces of proofs: from the operating system, hedged with the secrets and with all that is proven.

A nonce used for two challenges gives the secret away. So each comes from one hash over fresh randomness, the secrets and the statement
(as RFC 8937 does for a generator, and draft-irtf-cfrg-det-sigs-with-noise for signatures): if the randomness fails and repeats, another
statement still has other nonces, and the same statement has the same challenge.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from hashlib import shake_256
from typing import Final

from .group import ORDER

Randomness = Callable[[int], Sequence[int]]
"""Gives that many scalars, uniform below the order and never the same twice. Only vectors bring their own."""

_DOMAIN: Final = b"consonant/1|nonces|"
_FRESH_BYTES: Final = 64
_WIDE_BYTES: Final = 48  # mod r leaves a bias under 2**-128 (RFC 9380 section 5)


def hedged(*said: bytes) -> Randomness:
    """Return randomness hedged with `said`: the secrets first, then everything that the challenge will depend on."""

    def draw(count: int) -> list[int]:
        parts = (secrets.token_bytes(_FRESH_BYTES), *said)
        hashed = shake_256(_DOMAIN + b"".join(len(part).to_bytes(8, "big") + part for part in parts))
        wide = hashed.digest(_WIDE_BYTES * count)
        return [int.from_bytes(wide[at : at + _WIDE_BYTES], "big") % ORDER for at in range(0, len(wide), _WIDE_BYTES)]

    return draw
