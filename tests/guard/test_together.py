"""Deliveries, answers and an undoing at the same moment, on a database of its own with real commits."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import App
from guard.answer import answer
from guard.follow_records import follow_records
from guard.ingest import ingest
from guard.look_for_silence import look_for_silence
from guard.models import Alert, Answer, Event, Host, Sighting
from guard.reconcile import reconcile
from guard.register_host import register_host
from guard.undo import undo
from tests.conftest import kinds
from tests.factories import AppFactory
from tests.guard.happenings import sidecar, wrote

BODY = json.dumps(wrote(r"C:\CosyVoice\outputs\x.exe")).encode()


@pytest.fixture
def host(committed, django_db_blocker):
    with django_db_blocker.unblock():
        yield register_host(app=AppFactory(), name="tts-1", actor="operator", now=timezone.now()).host


def at_once(*works):
    """Do these at the same moment, each with a connection of its own."""
    start = threading.Barrier(len(works))

    def run(work):
        try:
            start.wait()
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [each.result() for each in [pool.submit(run, work) for work in works]]


def report(host, body=BODY, **words):
    return lambda: ingest(host=host, body=body, now=timezone.now(), **words)


def give():
    return answer(clock=timezone.now)


def test_deliveries_at_once_are_one_alert_and_answers_at_once_are_given_once(host):
    for _ in range(3):
        at_once(*[report(host)] * 4)
    alert = Alert.objects.get()
    assert (alert.count, len(alert.evidence), Event.objects.count()) == (12, 12, 12)
    assert sum(at_once(give, give, give)) == 3
    assert (kinds().count("alert.raised"), kinds().count("app.suspended"), kinds().count("alert.answered")) == (1, 1, 3)
    assert set(Answer.objects.values_list("state", flat=True)) == {"done"}


def test_the_same_delivery_twice_at_once_counts_once(host):
    said = at_once(*[report(host, key="7")] * 4)
    assert len({each.alerts for each in said}) == 1
    assert (Alert.objects.get().count, Event.objects.count()) == (1, 1)


def test_an_undoing_amid_answers_leaves_the_app_free(host):
    for round_ in range(4):
        ingest(host=host, body=BODY, now=timezone.now())
        alert = Alert.objects.latest("raised_at")

        def undone(alert=alert):
            undo(alert_id=alert.id, reason="false_alarm", officer="7", now=timezone.now())

        at_once(give, give, undone)
        assert App.objects.get().suspended_at is None, round_
        assert Host.objects.get().isolated_at is None, round_


def test_watchers_at_once_notice_once(host):
    now = timezone.now()
    seen = sidecar("file.seen", place="ab" * 32, folder="outputs", suffix=".wav")
    ingest(host=host, body=json.dumps(seen).encode(), now=now)
    Host.objects.update(last_heartbeat_at=now - timezone.timedelta(minutes=5))
    Sighting.objects.update(due_at=now)
    works = [lambda: reconcile(now=now), lambda: look_for_silence(now=now), lambda: follow_records(now=now)]
    at_once(*works, *works)
    assert sorted(Alert.objects.values_list("rule", "count")) == [("heartbeat_missing", 1), ("unrecorded_file", 1)]
