"""What the decision reads in one statement is what Django would read, and it needs no more."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import lock, standing
from consent.enter import enter_for_grant
from consent.errors import GrantUnknown
from consent.models import Grant, Session
from consent.open_session import open_session
from tests.factories import AppFactory

pytestmark = pytest.mark.django_db

RELATED = ("app", "subject", "binding", "notice", "declaration", "purpose")


def read(row):
    """What was read of a row, by name."""
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}


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


def test_the_decision_and_the_entry_ask_no_more(consent):
    found = lock.for_use(consent().id)
    with CaptureQueriesContext(connection) as queries:
        found.facts()
        enter_for_grant(grant=found, kind="use.refused", actor="app:x", payload={}, now=timezone.now())
    assert len(queries) == 0


def test_of_another_app_it_is_as_unknown_as_none(app, consent):
    grant = consent()
    assert lock.for_use(grant.id, app=app).id == grant.id
    with pytest.raises(GrantUnknown):
        lock.for_use(grant.id, app=AppFactory(tenant=app.tenant))
    assert lock.sessions_for_use(app=app, ids=[grant.id]) == {}
