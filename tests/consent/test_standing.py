"""What the decision reads in one statement is what Django would read, and it needs no more; what is read under the lock stands."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import lock, standing
from consent.allow import allow
from consent.ask import ask
from consent.enter import enter_for_grant
from consent.errors import GrantUnknown
from consent.models import Grant, Session
from consent.open_session import open_session
from consent.withdraw import withdraw
from tests.factories import AppFactory, TenantFactory, UserFactory

RELATED = ("app", "subject", "binding", "notice", "declaration", "purpose")


def read(row):
    """What was read of a row, by name."""
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}


@pytest.mark.django_db
def test_it_is_what_django_reads(app, consent):
    grant = consent()
    session = open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now()).session
    [found] = standing.sessions([session.id])
    assert read(found) == read(Session.objects.get(id=session.id))
    theirs = Grant.objects.get(id=grant.id)
    for ours in (found.grant, *standing.grants([grant.id])):
        assert read(ours) == read(theirs)
        for name in RELATED:
            known, whole = read(getattr(ours, name)), read(getattr(theirs, name))
            assert known.items() <= whole.items(), name
        assert ours.facts() == theirs.facts()
        assert ours.subject.tenant.origin == app.tenant.origin
        assert ours.delegation is None


@pytest.mark.django_db
def test_the_decision_and_the_entry_ask_no_more(consent):
    found = lock.for_use(consent().id)
    with CaptureQueriesContext(connection) as queries:
        found.facts()
        enter_for_grant(grant=found, kind="use.refused", actor="app:x", payload={}, now=timezone.now())
    assert len(queries) == 0


@pytest.mark.django_db
def test_of_another_app_it_is_as_unknown_as_none(app, consent):
    grant = consent()
    assert lock.for_use(grant.id, app=app).id == grant.id
    with pytest.raises(GrantUnknown):
        lock.for_use(grant.id, app=AppFactory(tenant=app.tenant))
    assert lock.sessions_for_use(app=app, ids=[grant.id]) == {}


@pytest.mark.django_db
def test_one_is_asked_for_as_several_are(app, consent):
    sessions = [
        open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now()).session
        for grant in (consent(), consent("once", ref="user-2"))
    ]
    alone = [each for session in sessions for each in lock.sessions_for_use(app=app, ids=[session.id]).values()]
    together = lock.sessions_for_use(app=app, ids=[session.id for session in sessions])
    assert [read(each) for each in alone] == [read(together[session.id]) for session in sessions]
    assert lock.sessions_for_use(app=app, ids=[]) == {}
    assert lock.sessions_for_use(app=AppFactory(tenant=app.tenant), ids=together) == {}


@pytest.mark.parametrize("choice", ["term", "once"])
def test_who_waited_for_a_withdrawal_reads_that_it_is_withdrawn(committed, django_db_blocker, choice):
    """One session at a time and several: the use asks before the withdrawal commits, and waits."""
    with django_db_blocker.unblock():
        app, user, now = AppFactory(tenant=TenantFactory()), UserFactory(), timezone.now()
        words = {"purpose": "voice-cloning", "operations": ["upload"], "term": timedelta(days=1)}
        grants = [
            allow(
                token=ask(app=app, subject_ref=f"user-{n}", now=now, **words).token,
                user=user,
                choice=choice,
                locale="en",
                now=now,
            )
            for n in range(2)
        ]
        ids = [open_session(app=app, grant_id=each.id, operations=None, now=now).session.id for each in grants]
        withdrawn = threading.Event()

        def use():
            try:
                withdrawn.wait(30)
                with transaction.atomic():
                    return [each.grant.state for each in lock.sessions_for_use(app=app, ids=ids).values()]
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                for grant in grants:
                    withdraw(grant_id=grant.id, user=user, now=now)
                withdrawn.set()
                using = pool.submit(use)
                _until_somebody_waits()
            assert using.result(30) == ["withdrawn", "withdrawn"]


def _until_somebody_waits():
    """Wait until a connection to this database waits for an advisory lock."""
    with connection.cursor() as cursor:
        for _ in range(3000):
            cursor.execute("SELECT count(pg_sleep(0.01)) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waits")
