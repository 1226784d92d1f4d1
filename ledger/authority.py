"""An RFC 3161 timestamp authority, asked over HTTP (RFC 3161 section 3.4): an `Anchorer`.

The reply is believed for its signature, not for the way it came, so plain http will do. It is bounded in length and in time; redirects and
the environment's proxies are not followed.
"""

import time
from collections.abc import Sequence
from datetime import datetime

import httpx
from cryptography import x509

from ledger import timestamp
from ledger.deadline import client, until
from ledger.errors import AnchorFailed

TIMEOUT_SECONDS = 10.0


class TimestampAuthority:
    """The authority at `url`, believed when its certificates lead to one of `roots`."""

    kind = "rfc3161"
    suffix = "tsr"

    def __init__(self, url: str, roots: Sequence[x509.Certificate], *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._url, self._roots, self._timeout = url, roots, timeout

    def anchor(self, note: bytes) -> bytes:
        """Return the authority's reply to a fresh request, which it proves to be.

        Raises:
            AnchorFailed: It gave none.
            InvalidEvidence: It gave another.
        """
        asked = timestamp.request(note)
        reply = self._post(asked.as_bytes())
        timestamp.verify(reply, note, roots=self._roots, nonce=asked.nonce)
        return reply

    def verify(self, note: bytes, evidence: bytes) -> datetime:
        """Return the time at which the authority saw the note.

        Raises:
            InvalidEvidence: The reply does not say so, or not with a signature that is trusted.
        """
        return timestamp.verify(evidence, note, roots=self._roots)

    def _post(self, query: bytes) -> bytes:
        reply = b""
        until(time.monotonic() + self._timeout)
        try:
            with client().stream(
                "POST", self._url, content=query, headers={"Content-Type": "application/timestamp-query"}
            ) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise AnchorFailed(f"the authority answered {answer.status_code}")
                if answer.headers.get("Content-Type", "").partition(";")[0].strip() != "application/timestamp-reply":
                    raise AnchorFailed("the authority answered with something else")
                for chunk in answer.iter_bytes():
                    reply += chunk
                    if len(reply) > timestamp.MAX_REPLY_BYTES:
                        raise AnchorFailed("the authority's answer does not end")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise AnchorFailed(f"the authority does not answer ({type(error).__name__})") from None
        return reply
