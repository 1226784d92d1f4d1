"""Whoever claims shares a lock that placing a hold takes alone: what the answer says is kept cannot be claimed any more."""

import os
import threading
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from consent.models import Grant
from consent.open_session import open_session
from retention import hold
from retention import sweep as sweeping
from retention.ask_holder import ask_holder
from retention.models import Artifact, Change, Custody, Hold, Kind
from retention.record import made, upload
from retention.record_batch import Facts
from retention.sweep import sweep
from tests.conftest import kinds, speech
from tests.factories import AppFactory, TenantFactory, UserFactory


@pytest.fixture
def app(committed):
    return AppFactory(tenant=TenantFactory())


@pytest.fixture
def user(committed):
    return UserFactory()


@pytest.fixture
def artifact(app, consent):
    grant = consent()
    now = timezone.now()
    session = open_session(app=app, grant_id=grant.id, operations=None, now=now).session
    return upload(app=app, session_id=session.id, data=speech(), ttl=timedelta(seconds=30), now=now).artifact


def place(app):
    try:
        return hold.place(
            tenant=app.tenant,
            subject=None,
            app=app,
            artifact=None,
            ground=Hold.Ground.WARRANT,
            reference="W 1",
            actor="officer:1",
            now=timezone.now(),
        )
    finally:
        if threading.current_thread() is not threading.main_thread():
            connection.close()


def test_placing_waits_for_who_is_claiming(committed, app, artifact):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(place(app)))
    with transaction.atomic():
        hold.lock_shared()
        Artifact.objects.update(state="erasing", retry_at=timezone.now())
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "it waits"
    thread.join(10)
    assert (answers[0].kept, answers[0].too_late) == (0, 1), "and says what it found then"


def test_claiming_waits_for_who_is_placing(committed, app, artifact):
    done = []

    def sweeping():
        done.append(sweep(clock=lambda: artifact.expires_at))
        connection.close()

    thread = threading.Thread(target=sweeping)
    with transaction.atomic():
        placed = place(app)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(10)
    assert (placed.kept, done) == (1, [0])
    assert Artifact.objects.get().state == "restricted"


def test_two_who_sweep_share_the_work_and_enter_each_step_once(committed, app, consent, monkeypatch):
    grant, now = consent(), timezone.now()
    session = open_session(app=app, grant_id=grant.id, operations=None, now=now).session
    made = [
        upload(app=app, session_id=session.id, data=speech(0.1), ttl=timedelta(seconds=5), now=now).artifact
        for _ in range(24)
    ]
    monkeypatch.setattr(sweeping, "BATCH", 3)
    begin, counts, troubles = threading.Barrier(2), [], []

    def working():
        try:
            begin.wait(10)
            counts.append(sweep(clock=lambda: made[0].expires_at))
        except Exception as error:  # noqa: BLE001 - told to the test
            troubles.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=working) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (troubles, sum(counts)) == ([], len(made))
    assert set(Artifact.objects.values_list("state", flat=True)) == {"erased"}
    said = kinds()
    assert said.count("artifact.key_destroyed") == said.count("artifact.erased") == len(made)


def test_ends_that_come_in_one_statement_are_all_followed(committed, app, consent):
    """Triggers are for each row, whoever changes them and however many at once."""
    made = []
    for name in ("user-1", "user-2", "user-3"):
        grant = consent(who=UserFactory(), ref=name)
        session = open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now()).session
        made.append(
            upload(app=app, session_id=session.id, data=speech(0.1), ttl=None, now=timezone.now()).artifact.grant_id
        )
    with psycopg.connect(os.environ["DATABASE_URL"], dbname=committed, autocommit=True) as other:
        other.execute("LISTEN retention")
        Grant.objects.filter(id__in=made[:2]).update(state="withdrawn", ended_at=timezone.now())
        assert len(list(other.notifies(timeout=2))) == 1, "one word for all"
    assert sorted(Change.objects.values_list("what", "ref")) == sorted(("grant", str(each)) for each in made[:2])
    assert sweep(clock=timezone.now) == 2
    assert not Change.objects.exists()
    assert Artifact.objects.get(grant=made[2]).state == "active"


def test_the_database_tells_who_listens_that_a_consent_ended(committed, app, user, artifact):
    from consent.withdraw import withdraw

    with psycopg.connect(os.environ["DATABASE_URL"], dbname=committed, autocommit=True) as other:
        other.execute("LISTEN retention")
        withdraw(grant_id=artifact.grant_id, user=user, now=timezone.now())
        assert list(other.notifies(timeout=5, stop_after=1))
        assert sweep(clock=timezone.now) == 1


@pytest.fixture
def model(app, consent):
    """Something that the app holds."""
    grant, now = consent(operations=("upload", "embed")), timezone.now()
    session = open_session(app=app, grant_id=grant.id, operations=None, now=now).session
    made(
        app=app, kind=Kind.MODEL, session_ids=[session.id], custody=Custody.APP, derived_from=[], facts=Facts(),
        data=None, ttl=timedelta(seconds=30), now=now,
    )  # fmt: skip
    return Artifact.objects.get()


def test_an_app_is_not_asked_for_what_is_held_since_it_was_found_due(committed, app, model):
    """As when a hold comes, or another worker sets the thing aside, after this one has seen that it is due."""
    place(app)
    assert ask_holder(artifact_id=model.id, now=model.expires_at) is False
    model.refresh_from_db()
    assert (model.state, model.is_held, model.erase_requested_at) == ("restricted", True, None)
    assert ask_holder(artifact_id=model.id, now=model.expires_at) is False
    assert (Artifact.objects.get().state, kinds().count("artifact.held")) == ("restricted", 1)


def test_asking_an_app_waits_for_who_is_placing(committed, app, model):
    done = []

    def asking():
        done.append(ask_holder(artifact_id=model.id, now=model.expires_at))
        connection.close()

    thread = threading.Thread(target=asking)
    with transaction.atomic():
        place(app)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(10)
    assert (done, Artifact.objects.get().state) == ([False], "restricted")
