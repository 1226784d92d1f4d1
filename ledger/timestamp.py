"""Timestamps, RFC 3161: an authority signs that a digest existed at a time. Made and read by the library `rfc3161-client`.

The evidence is the whole reply, DER, as the authority gave it (`.tsr`), so that `openssl ts -verify` reads it as well. It holds when the
authority granted it (status 0), its signature leads from a certificate that may stamp times (a critical extended key usage)
to one of the roots, valid at the time stated, and its message imprint is the digest of the note. A fresh reply also carries the request's
nonce, so it is no old one.

Whether a certificate was revoked since is not asked: that needs a network. An authority that is not trusted any more is no root any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from .errors import InvalidEvidence

MAX_REPLY_BYTES: Final = 65_536


def request(note: bytes) -> TimeStampRequest:
    """Return the request for a timestamp of the note: its SHA-512, a fresh nonce, and the wish for the authority's certificates."""
    return (
        TimestampRequestBuilder()
        .data(note)
        .hash_algorithm(HashAlgorithm.SHA512)
        .cert_request(cert_request=True)
        .build()
    )


def verify(reply: bytes, note: bytes, *, roots: Sequence[x509.Certificate], nonce: int | None = None) -> datetime:
    """Return the time at which the authority saw the note, UTC.

    `nonce` is that of the request, where this is the answer to it.

    Raises:
        InvalidEvidence: It shows nothing of the kind.
    """
    if len(reply) > MAX_REPLY_BYTES:
        raise InvalidEvidence("the reply is too long")
    try:
        parsed = decode_timestamp_response(reply)
        checker = VerifierBuilder(roots=list(roots), nonce=nonce).build()
        checker.verify_message(parsed, note)
        if parsed.as_bytes() != reply:
            raise InvalidEvidence("something follows the reply")
        return parsed.tst_info.gen_time.astimezone(UTC)
    except VerificationError as error:
        raise InvalidEvidence(str(error).partition(":")[0]) from None  # without OpenSSL's stack of errors
    except (ValueError, TypeError) as error:
        raise InvalidEvidence(f"the reply cannot be read ({type(error).__name__})") from None


def read_roots(pem: bytes) -> list[x509.Certificate]:
    """Return the certificates of a PEM file.

    Raises:
        ValueError: It holds none, or one of them is broken.
    """
    return x509.load_pem_x509_certificates(pem)
