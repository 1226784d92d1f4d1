"""An erasure against what happens at the same moment, on a database of its own with real commits."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from consent.allow import allow
from consent.ask import ask
from consent.models import Grant
from consent.open_session import Opened, open_session
from retention import request_erasure
from retention.errors import NothingToErase
from retention.models import Artifact, Custody, Erasure, Kind
from retention.record import Facts, made
from tests.factories import AppFactory, UserFactory

ROUNDS = 8


@pytest.fixture
def world(committed, django_db_blocker):
    with django_db_blocker.unblock():
        yield AppFactory(), UserFactory()


def at_once(*works):
    """Do these at the same moment, each with a connection of its own; return what they return."""
    start = threading.Barrier(len(works))

    def run(work):
        try:
            start.wait()
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [each.result() for each in [pool.submit(run, work) for work in works]]


def asked(app):
    return ask(
        app=app,
        subject_ref="user-1",
        purpose="voice-cloning",
        operations=["embed"],
        term=timedelta(days=1),
        now=timezone.now(),
    ).token


def erase(user):
    try:
        return request_erasure.by_subject(user=user, app_id=None, now=timezone.now())
    except NothingToErase:
        return []


def test_what_was_given_before_falls_and_what_is_given_after_stands(world):
    app, user = world
    for _ in range(ROUNDS):
        tokens = [asked(app) for _ in range(3)]
        allow(token=tokens[0], user=user, choice="term", locale="en", now=timezone.now())

        def answer(token):
            return lambda: allow(token=token, user=user, choice="term", locale="en", now=timezone.now())

        at_once(answer(tokens[1]), lambda: erase(user), answer(tokens[2]))
        for grant in Grant.objects.select_related("binding", "subject"):
            closed = grant.binding.closed_at is not None
            assert (grant.state == "withdrawn") == closed
            assert closed == (grant.subject.retired_at is not None)
            assert closed == grant.binding.erasures.exists()
        erase(user)


def test_two_requests_at_once_are_one(world):
    app, user = world
    for round_ in range(1, ROUNDS + 1):
        allow(token=asked(app), user=user, choice="term", locale="en", now=timezone.now())

        def by_app():
            return request_erasure.by_app(app=app, subject_ref="user-1", now=timezone.now())

        at_once(lambda: erase(user), lambda: erase(user), by_app)
        assert Erasure.objects.count() == round_


def test_what_is_recorded_meanwhile_is_in_its_scope(world):
    app, user = world
    for _ in range(ROUNDS):
        grant = allow(token=asked(app), user=user, choice="term", locale="en", now=timezone.now())
        opened = open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now())
        assert isinstance(opened, Opened)

        def record(session=opened.session.id):
            return made(
                app=app,
                kind=Kind.EMBEDDING,
                session_ids=[session],
                custody=Custody.NONE,
                derived_from=[],
                facts=Facts(dimensions=192),
                data=None,
                ttl=None,
                now=timezone.now(),
            )

        outcomes = at_once(record, record, lambda: erase(user), record)
        for outcome in (outcomes[0], outcomes[1], outcomes[3]):
            (one,) = outcome.recorded
            artifact = Artifact.objects.get(id=one.artifact.id)
            assert (outcome.refusal is None) == (artifact.standing == "permitted")
            assert artifact.grant.binding.erasures.exists()
    assert set(Grant.objects.values_list("state", flat=True)) == {"withdrawn"}
