"""A log of its own for a test."""

import uuid

import pytest
from django.utils import timezone

from keyring.keys import store
from ledger.append import append
from ledger.publish import publish
from ledger.sequence import sequence
from ledger.signing import open_log

HOLDER = "tenant:tests"


def new_log(origin=None):
    """Make a log and the key that seals its openings; return its origin."""
    now = timezone.now()
    origin = origin or f"test.local/{uuid.uuid4().hex}"
    store().make(HOLDER, now=now)
    open_log(origin=origin, now=now)
    return origin


def add(origin, count=1, about=None):
    """Append entries; return their refs."""
    return [
        append(
            origin=origin,
            kind="test.happened",
            actor="test",
            payload={"n": n},
            holder=HOLDER,
            now=timezone.now(),
            about=about,
        )
        for n in range(count)
    ]


@pytest.fixture
def origin(committed):
    """A log in a database that commits."""
    return new_log()


@pytest.fixture
def log(db):
    """A published log of 300 entries, which the test's end undoes."""
    origin = new_log()
    add(origin, 300)
    sequence(origin=origin)
    publish(origin=origin, now=timezone.now())
    return origin
