"""Withdrawal and allow-once against many who ask at once, over real connections, on a database of its own."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from consent.allow import allow
from consent.ask import ask
from consent.models import Session
from consent.open_session import Opened, open_session
from consent.withdraw import withdraw
from ledger.models import Opening
from retention.models import Artifact
from tests.api.conftest import address  # noqa: F401 - the service on an address
from tests.conftest import Api
from tests.factories import AppFactory, TenantFactory, UserFactory

AT_ONCE = 50
EVERYTHING = ["upload", "embed", "synthesize"]


@pytest.fixture
def scene(committed, django_db_blocker):
    """An app, a person, and how the person allows."""

    def allowed(choice):
        asked = ask(
            app=app,
            subject_ref="user-1",
            purpose="voice-cloning",
            operations=EVERYTHING,
            term=timedelta(days=1),
            now=timezone.now(),
        )
        return allow(token=asked.token, user=user, choice=choice, locale="en", now=timezone.now())

    with django_db_blocker.unblock():
        app, user = AppFactory(tenant=TenantFactory()), UserFactory()
        yield app, user, allowed


def all_at_once(job, count):
    """What each of so many threads got, all begun at the same moment."""
    start = threading.Barrier(count)

    def run(number):
        try:
            connection.ensure_connection()
            start.wait(60)
            return job(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_g3_no_session_opens_after_the_withdrawals_commit(scene):
    """Fifty open as fast as they can; one withdraws among them. What was opened was opened before."""
    app, user, allowed = scene
    grant = allowed("term")
    withdrawn = threading.Event()
    after = []

    def job(number):
        if number == 0:
            time.sleep(0.3)
            withdraw(grant_id=grant.id, user=user, now=timezone.now())
            withdrawn.set()
            return None
        found = []
        while not found or isinstance(found[-1], Opened):
            was_withdrawn = withdrawn.is_set()
            found.append(open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now()))
            if was_withdrawn:
                after.append(found[-1])
        return found

    found = [each for each in all_at_once(job, AT_ONCE + 1) if each]
    opened = [each for one in found for each in one if isinstance(each, Opened)]
    refused = [each for one in found for each in one if not isinstance(each, Opened)]
    assert opened, "some came before"
    assert len(refused) == AT_ONCE
    assert {refusal.reason for refusal in refused + after} == {"consent_withdrawn"}
    assert Session.objects.count() == len(opened)
    assert not Session.objects.filter(closed_at=None).exists(), "and those were closed by it"
    kinds = list(Opening.objects.values_list("kind", flat=True))
    assert kinds.count("session.opened") == kinds.count("session.closed") == len(opened)
    assert kinds.count("use.refused") == AT_ONCE
    assert kinds.count("consent.withdrawn") == 1


def test_allow_once_asked_for_by_fifty_at_once_is_one_session(scene):
    app, _, allowed = scene
    grant = allowed("once")
    found = all_at_once(
        lambda _: open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now()), AT_ONCE
    )
    assert [isinstance(each, Opened) for each in found].count(True) == 1
    assert {each.reason for each in found if not isinstance(each, Opened)} == {"uses_exhausted"}
    assert Session.objects.count() == 1
    grant.refresh_from_db()
    assert grant.uses_left == 0


def test_the_same_over_http(scene, address):  # noqa: F811
    """Through the whole service: one session of an allow-once grant, and one use of each operation in it."""
    app, user, allowed = scene
    once = allowed("once")
    headers = Api(app).headers
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=address, headers=headers, limits=limits, timeout=60) as client:
        answers = all_at_once(lambda _: client.post("/api/v1/sessions", json={"grant": str(once.id)}), 20)
        [opened] = [answer.json() for answer in answers if answer.status_code == 201]
        refused = {answer.json()["reason"] for answer in answers if answer.status_code != 201}
        assert refused == {"uses_exhausted"}
        body = {"session": opened["id"], "dimensions": 8}
        made = all_at_once(lambda _: client.post("/api/v1/embeddings", json=body).json(), 20)
        assert sorted(each["standing"] for each in made) == ["permitted"] + ["unpermitted"] * 19
        term = allowed("term")
        session = client.post("/api/v1/sessions", json={"grant": str(term.id)}).json()["id"]

        def job(number):
            if number == 0:
                time.sleep(0.1)
                return withdraw(grant_id=term.id, user=user, now=timezone.now())
            return client.post("/api/v1/embeddings", json={"session": session, "dimensions": 8}).json()

        all_at_once(job, 20)
        last = client.post("/api/v1/embeddings", json={"session": session, "dimensions": 8}).json()
        assert (last["standing"], last["reason"]) == ("unpermitted", "consent_withdrawn")
    assert Artifact.objects.filter(session=session).count() == 20
