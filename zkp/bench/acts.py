"""What is measured of proofs in Python, on whatever backend computes."""

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from zkp import tag
from zkp.bench.log_files import ORIGIN
from zkp.core import active, bbs, enrol, own, receipt
from zkp.core.context import Context, Enrolment

Act = tuple[str, Callable[[], object]]
"""A name, and what is done; it gives nothing false."""

_NOW: Final = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


def acts(counts: Sequence[int]) -> Iterator[Act]:
    """Yield each; `counts`: proofs of so many entries."""
    keys = tag.derive(os.urandom(32), ORIGIN)
    sk = bbs.keygen(os.urandom(32))
    pk = bbs.sk_to_pk(sk)
    for count in counts:
        yield from _own(keys, count)
    question = Enrolment(ORIGIN, os.urandom(32), "account", str(uuid.uuid4()), _NOW.replace(second=0))
    shown = tag.day_tag(keys, date(2026, 3, 1))
    enrolled = enrol.prove(s=keys.s, tag=shown, context=question)
    yield "enrol.prove", lambda: enrol.prove(s=keys.s, tag=shown, context=question)
    yield "enrol.verify", lambda: enrol.verify(enrolled=enrolled, tag=shown, context=question)
    yield "tag", lambda: tag.day_tag_of(public_key=enrolled.public_key, k_u=keys.k_u, day=date(2026, 3, 1))
    yield from _receipt(keys, sk, pk, enrolled.key_commitment)
    yield from _active(keys, sk, pk, enrolled.key_commitment)


def _own(keys: tag.Keys, count: int) -> Iterator[Act]:
    tags = [tag.day_tag(keys, date(2026, 3, 1) + timedelta(days=n)) for n in range(count)]
    asked = _context("own")
    proof = own.prove(s=keys.s, tags=tags, context=asked)
    yield f"own.{count}.prove", lambda: own.prove(s=keys.s, tags=tags, context=asked)
    yield f"own.{count}.verify", lambda: own.verify(tags=tags, context=asked, proof=proof)


def _receipt(keys: tag.Keys, sk: bytes, pk: bytes, commitment: bytes) -> Iterator[Act]:
    said = dict.fromkeys(receipt.SCHEMA, "artifact.recorded")
    made = receipt.issue(sk=sk, pk=pk, key_commitment=commitment, attributes=said)
    shown, asked = {"kind": said["kind"], "day": said["day"]}, _context(receipt.STATEMENT)

    def prove() -> bytes:
        return receipt.prove(pk=pk, receipt=made, s=keys.s, attributes=said, disclosed=shown, context=asked)

    proof = prove()
    yield "receipt.issue", lambda: receipt.issue(sk=sk, pk=pk, key_commitment=commitment, attributes=said)
    yield "receipt.prove", prove
    yield "receipt.verify", lambda: receipt.verify(pk=pk, disclosed=shown, context=asked, proof=proof)


def _active(keys: tag.Keys, sk: bytes, pk: bytes, commitment: bytes) -> Iterator[Act]:
    said = active.attributes(app="app", operation="synthesize", purpose="books", until=active.valid_until(_NOW))
    issued = active.issue(sk=sk, pk=pk, key_commitment=commitment, attributes=said, now=_NOW)
    shown = {name: said[name] for name in active.ALWAYS}
    asked = _context(active.STATEMENT)

    def prove() -> active.Shown:
        return active.prove(pk=pk, issued=issued, s=keys.s, attributes=said, epoch=1, context=asked)

    proven = prove()

    def verify() -> bool:
        return active.verify(pk=pk, disclosed=shown, epoch=1, shown=proven, context=asked, now=_NOW)

    def issue() -> bytes:
        return active.issue(sk=sk, pk=pk, key_commitment=commitment, attributes=said, now=_NOW)

    yield "active.issue", issue
    yield "active.prove", prove
    yield "active.verify", verify


def _context(statement: str) -> Context:
    until = _NOW + timedelta(minutes=10)
    return Context(
        ORIGIN, "https://verifier.example", os.urandom(32), 1_000, os.urandom(32), statement, "a measure", until
    )
