"""The process that waits for the next deadline: no beat, no broker, and nothing later than its time."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from consent.open_session import open_session
from consent.withdraw import withdraw
from retention.alarm import LOOK_AGAIN, listen, wait
from retention.models import Artifact
from retention.record import upload
from tests.conftest import speech
from tests.factories import AppFactory, TenantFactory, UserFactory

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def app(committed):
    return AppFactory(tenant=TenantFactory())


@pytest.fixture
def user(committed):
    return UserFactory()


@pytest.fixture
def record(app, consent):
    grant = consent()
    session = open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now()).session

    def make(seconds):
        now = timezone.now()
        return upload(
            app=app, session_id=session.id, data=speech(0.2), ttl=timedelta(seconds=seconds), now=now
        ).artifact

    return make


def test_it_sleeps_until_the_next_deadline_and_no_longer(committed, record):
    listen()
    record(0.15)
    began = time.monotonic()
    while not wait(clock=timezone.now):
        pass
    assert time.monotonic() - began < 0.15 + 0.1
    assert wait(clock=timezone.now), "what is past its time is not waited for"


def test_nothing_living_and_it_looks_again_at_times(committed):
    listen()
    began = time.monotonic()
    assert not wait(clock=timezone.now)
    assert LOOK_AGAIN - 0.05 <= time.monotonic() - began < LOOK_AGAIN + 0.2


def test_an_end_wakes_it(committed, user, record):
    artifact = record(60)
    listen()
    withdraw(grant_id=artifact.grant_id, user=user, now=timezone.now())
    assert wait(clock=timezone.now), "the row is there, heard or not"


def begin(database):
    """Start the process as `make run` does, and no broker anywhere."""
    url = os.environ["DATABASE_URL"].replace("/consonant?", f"/{database}?")
    environment = {**os.environ, "DATABASE_URL": url, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    return subprocess.Popen([sys.executable, "manage.py", "expire"], cwd=PROJECT, env=environment)


@pytest.fixture
def expiring(committed):
    running = begin(committed)
    yield running
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0


def settled(seconds, states=("erased",)):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if set(Artifact.objects.values_list("state", flat=True)) <= set(states):
            return True
        time.sleep(0.1)
    return False


def test_on_time_without_a_broker_and_at_once_when_consent_ends(committed, expiring, user, record):
    one, other = record(20), record(3000)
    withdraw(grant_id=other.grant_id, user=user, now=timezone.now())  # both are of one consent
    assert settled(30)
    for artifact in Artifact.objects.filter(id__in=[one.id, other.id]):
        assert artifact.key_destroyed_at < one.expires_at


def test_killed_and_begun_anew_it_goes_on(committed, record):
    for _ in range(20):
        record(6)
    first = begin(committed)
    deadline = Artifact.objects.order_by("expires_at").first().expires_at
    while Artifact.objects.filter(state="active").count() == 20 and timezone.now() < deadline + timedelta(seconds=20):
        time.sleep(0.01)
    first.kill()
    first.wait()
    second = begin(committed)
    try:
        assert settled(40)
    finally:
        second.send_signal(signal.SIGTERM)
        second.wait(20)
