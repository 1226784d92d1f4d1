"""An officer's verification: asked for once, carried out by one, and remembered; a crash in it is made good."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from ledger import tasks, verify_now
from ledger.folder import folder_of
from ledger.models import Alarm, Verification
from ledger.tiles import bundle_path
from ledger.verify_now import ABANDONED_AFTER, KEPT_FINDINGS, ask, carry_out
from tests.ledger.conftest import new_log

pytestmark = pytest.mark.django_db


def run(origin):
    asked = ask(origin=origin, now=timezone.now())
    assert carry_out(clock=timezone.now) == 1
    asked.refresh_from_db()
    return asked


def alarms(origin):
    return list(Alarm.objects.filter(log=origin, ended_at=None).values_list("what", flat=True))


def test_a_good_log(log):
    done = run(log)
    assert (done.size, done.errors) == (300, 0)
    assert done.asked_at <= done.started_at <= done.ended_at
    assert "log.verified" in done.findings[-1]
    assert alarms(log) == []


def test_what_is_found_is_kept_and_raises_an_alarm_until_it_is_good_again(log):
    bundle = folder_of(log) / bundle_path(0)
    good = bundle.read_bytes()
    bundle.write_bytes(good.replace(b"test.happened", b"test.happening"[:13], 1))
    done = run(log)
    assert done.errors >= 1
    assert done.findings[0].startswith("error: entry.changed 0")
    assert alarms(log) == ["log.corrupt"]
    bundle.write_bytes(good)
    assert run(log).errors == 0
    assert alarms(log) == []
    assert Alarm.objects.filter(log=log).count() == 1


def test_many_findings_are_counted_and_the_first_kept(log):
    bundle = folder_of(log) / bundle_path(0)
    lines = bundle.read_bytes()
    bundle.write_bytes(lines.replace(b'"index":1', b'"index":7'))
    (folder_of(log) / "tile" / "0" / "000").unlink()
    done = run(log)
    assert done.errors > KEPT_FINDINGS
    assert len(done.findings) == KEPT_FINDINGS


def test_a_checkpoint_that_is_gone(log):
    (folder_of(log) / "checkpoint").unlink()
    done = run(log)
    assert (done.size, done.errors) == (None, 1)
    assert alarms(log) == ["log.corrupt"]


def test_another_history_than_the_database_remembers(log):
    """The published files are good in themselves, and signed with the log's key."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE ledger_checkpoint DISABLE TRIGGER ledger_append_only")
        cursor.execute("UPDATE ledger_checkpoint SET root = %s WHERE log_id = %s", [b"\1" * 32, log])
        cursor.execute("ALTER TABLE ledger_checkpoint ENABLE ALWAYS TRIGGER ledger_append_only")
    done = run(log)
    assert done.errors >= 1
    assert any("history.forked" in finding for finding in done.findings)


def test_to_ask_twice_is_to_ask_once(log):
    first = ask(origin=log, now=timezone.now())
    assert ask(origin=log, now=timezone.now()).id == first.id
    with pytest.raises(IntegrityError), transaction.atomic():
        Verification.objects.create(log_id=log, asked_at=timezone.now())
    carry_out(clock=timezone.now)
    assert ask(origin=log, now=timezone.now()).id != first.id


def test_one_at_a_time_over_all_logs(log):
    now = timezone.now()
    running = ask(origin=new_log(), now=now)
    Verification.objects.filter(id=running.id).update(started_at=now)
    ask(origin=log, now=now)
    assert carry_out(clock=lambda: now) == 0
    assert carry_out(clock=lambda: now + ABANDONED_AFTER + timedelta(seconds=1)) == 2


def test_a_crash_is_made_good_later(log, monkeypatch):
    asked = ask(origin=log, now=timezone.now())
    with monkeypatch.context() as patch:
        patch.setattr(verify_now, "verify_log", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            carry_out(clock=timezone.now)
    assert carry_out(clock=timezone.now) == 0
    assert carry_out(clock=lambda: timezone.now() + ABANDONED_AFTER + timedelta(seconds=1)) == 1
    asked.refresh_from_db()
    assert asked.errors == 0
    assert asked.ended_at


def test_the_task_carries_out_what_was_asked_for(log):
    asked = ask(origin=log, now=timezone.now())
    tasks.verify_now()
    asked.refresh_from_db()
    assert asked.ended_at
