"""How logs stand, told from the outside: what waits, what stalls, what a dead process cannot say of itself."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ledger import checkpoint
from ledger.alarms import end_alarm, raise_alarm
from ledger.folder import folder_of
from ledger.models import Anchor, Entry, Pending, Verification, Witnessing
from ledger.overview import STALLED_AFTER, standings
from ledger.publish import publish
from ledger.sequence import sequence
from tests.ledger.conftest import add, new_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(db):
    return new_log()


def standing(origin, *, later=timedelta(0)):
    [found] = standings(now=timezone.now() + later, origins=[origin])
    return found


def whats(found):
    return [each.what for each in found.troubles]


def test_an_empty_log_has_no_trouble(log):
    found = standing(log, later=timedelta(days=1))
    assert (found.size, found.signed_size, found.published_size, found.pending) == (0, 0, None, 0)
    assert found.waits_since is None
    assert found.troubles == ()


def test_each_stage_of_an_entry(log):
    add(log, 3)
    waiting = standing(log)
    assert (waiting.size, waiting.pending, waiting.unpublished) == (0, 3, 0)
    assert waiting.waits_since == Pending.objects.earliest("at").at

    sequence(origin=log)
    unsigned = standing(log)
    assert (unsigned.size, unsigned.pending, unsigned.unsigned, unsigned.unpublished) == (3, 0, 3, 3)
    assert abs(unsigned.waits_since - waiting.waits_since) < timedelta(milliseconds=2)

    now = timezone.now()
    publish(origin=log, now=now)
    published = standing(log)
    assert (published.signed_size, published.published_size, published.unpublished) == (3, 3, 0)
    assert published.published_at == published.signed_at == now
    assert published.waits_since is None
    assert (
        published.root == checkpoint.parse((folder_of(log) / "checkpoint").read_text().partition("\n\n")[0] + "\n").root
    )


@pytest.mark.parametrize("stage", ["pending", "sequenced", "signed"])
def test_a_head_that_stalls_at_any_stage(log, stage):
    add(log)
    sequence(origin=log)
    publish(origin=log, now=timezone.now())
    kept = (folder_of(log) / "checkpoint").read_bytes()
    add(log)
    if stage != "pending":
        sequence(origin=log)
    if stage == "signed":  # and kept back for want of a quorum
        publish(origin=log, now=timezone.now())
        (folder_of(log) / "checkpoint").write_bytes(kept)
    assert whats(standing(log)) == []
    assert whats(standing(log, later=STALLED_AFTER - timedelta(seconds=5))) == []
    late = standing(log, later=STALLED_AFTER + timedelta(seconds=1))
    assert whats(late) == ["head.stalled"]
    assert late.published_size == 1
    [trouble] = late.troubles
    assert (trouble.origin, trouble.alarm, trouble.since) == (log, None, late.waits_since)


@pytest.mark.parametrize("how", ["not a note", "another log's", "a folder"])
def test_a_published_checkpoint_that_is_not_the_logs(log, how):
    other = new_log()
    for origin in (log, other):
        add(origin)
        sequence(origin=origin)
        publish(origin=origin, now=timezone.now())
    target = folder_of(log) / "checkpoint"
    if how == "not a note":
        target.write_text("nothing of the kind")
    elif how == "another log's":
        target.write_bytes((folder_of(other) / "checkpoint").read_bytes())
    else:
        target.unlink()
        target.mkdir()
    found = standing(log)
    assert whats(found) == ["checkpoint.unreadable"]
    assert found.published_size is None
    assert found.troubles[0].detail
    assert whats(standing(other)) == []


def test_open_alarms_alone(log):
    now = timezone.now()
    raise_alarm(origin=log, what="witness.quorum", now=now)
    raise_alarm(origin=log, what="witness.disagrees", detail="w.example", now=now)
    end_alarm(origin=log, what="witness.quorum", now=now)
    [trouble] = standing(log).troubles
    assert (trouble.what, trouble.detail, trouble.since) == ("witness.disagrees", "w.example", now)
    assert trouble.alarm is not None


def test_witnesses_anchor_and_verification_are_the_newest(log):
    now = timezone.now()
    for name in ("b.example", "a.example"):
        Witnessing.objects.create(log_id=log, witness=name, size=1, cosigned_at=now)
    for size in (1, 2):
        Anchor.objects.create(log_id=log, size=size, kind="rfc3161", at=now, path=f"anchors/{size}.tsr")
        Verification.objects.create(log_id=log, asked_at=now, ended_at=now, size=size)
    found = standing(log)
    assert [seen.witness for seen in found.witnesses] == ["a.example", "b.example"]
    assert found.anchor.size == found.verification.size == 2


def test_fifty_logs_cost_the_queries_of_two(db):
    def asked(count):
        while len(made) < count:
            origin = new_log()
            add(origin, 2)
            sequence(origin=origin, batch=1)
            if len(made) % 2:
                publish(origin=origin, now=timezone.now())
            Witnessing.objects.create(log_id=origin, witness="w.example")
            Anchor.objects.create(log_id=origin, size=1, kind="rfc3161", at=timezone.now(), path="x")
            Verification.objects.create(log_id=origin, asked_at=timezone.now())
            raise_alarm(origin=origin, what="anchor.failed", now=timezone.now())
            made.append(origin)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found = standings(now=timezone.now(), origins=made)
        assert len(found) == count
        assert all(each.witnesses and each.anchor and each.verification and each.troubles for each in found)
        return len(queries)

    made = []
    assert asked(2) == asked(50) <= 9


def test_a_leaf_that_cannot_be_read_hides_nothing_else(log, monkeypatch):
    add(log)
    sequence(origin=log)
    monkeypatch.setattr(
        "ledger.leaf._match", lambda data: (_ for _ in ()).throw(__import__("ledger.errors").errors.InvalidLeaf("x"))
    )
    assert standing(log).size == Entry.objects.filter(log=log).count() == 1
