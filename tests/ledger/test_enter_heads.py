"""The platform's log over the tenants' heads: whoever holds a checkpoint finds its entry."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from ledger import checkpoint, note
from ledger.enter_heads import enter_heads, open_platform_log, payload_of
from ledger.files import read
from ledger.heads import published_checkpoint
from ledger.leaf import commit, decode
from ledger.models import Entry, Log, Pending
from ledger.publish import publish
from ledger.sequence import sequence
from tests.ledger.conftest import add, new_log


@pytest.fixture
def platform(origin, settings):
    """A platform's log of this test alone; the fixture `origin` has made the database."""
    settings.PLATFORM_ORIGIN = f"{origin}/platform.log"
    open_platform_log(now=timezone.now())
    return settings.PLATFORM_ORIGIN


def run(origin):
    while sequence(origin=origin):
        pass
    return publish(origin=origin, now=timezone.now())


def test_a_checkpoint_is_found_by_who_holds_it(origin, platform):
    other = new_log()
    add(origin, 3)
    add(other, 2)
    run(origin)
    run(other)
    assert enter_heads(now=timezone.now()) == 2
    assert run(platform) == 2
    key = note.Verifier.from_vkey(Log.objects.get(origin=origin).vkey)
    held = checkpoint.open(read(origin, "checkpoint"), [key])
    said = json.dumps(payload_of(held), sort_keys=True, separators=(",", ":"))
    assert said == f'{{"log":"{origin}","root":"{held.root.hex()}","size":3}}'
    wanted = commit("payload", bytes(32), said.encode())
    leaves = [decode(bytes(leaf)) for leaf in Entry.objects.filter(log=platform).values_list("leaf", flat=True)]
    assert [leaf.kind for leaf in leaves] == ["log.head", "log.head"]
    assert sum(leaf.payload == wanted for leaf in leaves) == 1


def test_each_head_once_and_not_too_often(origin, platform, settings):
    settings.PLATFORM_SECONDS = 60
    now = timezone.now()
    add(origin)
    assert enter_heads(now=now) == 0, "nothing is published yet"
    run(origin)
    assert [enter_heads(now=now), enter_heads(now=now)] == [1, 0]
    assert enter_heads(now=now + timedelta(hours=1)) == 0, "it has not grown"
    add(origin)
    run(origin)
    assert enter_heads(now=now + timedelta(seconds=59)) == 0
    assert enter_heads(now=now + timedelta(seconds=60)) == 1
    run(platform)
    assert enter_heads(now=now + timedelta(hours=2)) == 0, "its own head is not its entry"
    assert published_checkpoint(Log.objects.get(origin=platform)).size == 2


def test_killed_before_the_commit_it_is_entered_later(origin, platform, monkeypatch):
    add(origin)
    run(origin)
    with monkeypatch.context() as patch:
        patch.setattr("ledger.enter_heads.append", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            enter_heads(now=timezone.now())
    assert Log.objects.get(origin=origin).entered_size == 0
    assert not Pending.objects.filter(log=platform).exists()
    assert enter_heads(now=timezone.now()) == 1
