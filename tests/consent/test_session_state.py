"""May work in a session go on: asked between two pieces of it, and nothing is entered."""

import pytest
from django.utils import timezone

from consent.suspend import suspend
from consent.withdraw import withdraw
from tests.conftest import Api, kinds
from tests.factories import AppFactory

pytestmark = pytest.mark.django_db


def opened(api, grant):
    return api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()


def reason(api, session):
    return api.get(f"/api/v1/sessions/{session['id']}").json()["reason"]


@pytest.mark.parametrize("choice", ["term", "once"])
def test_it_says_what_was_opened_and_that_it_goes_on(api, consent, choice):
    session = opened(api, consent(choice))
    before = kinds()
    answer = api.get(f"/api/v1/sessions/{session['id']}")
    assert answer.status_code == 200
    wanted = {name: session[name] for name in ("id", "grant", "operations", "expires_at")}
    assert answer.json() == wanted | {"reason": None, "detail": None, "cure": None}
    assert kinds() == before


def test_it_says_why_not(api, app, user, consent):
    grant = consent()
    one, two = opened(api, grant), opened(api, grant)
    api.delete(f"/api/v1/sessions/{one['id']}")
    assert (reason(api, one), reason(api, two)) == ("session_ended", None)
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    assert reason(api, two) == "consent_withdrawn"
    once = opened(api, consent("once"))
    api.delete(f"/api/v1/sessions/{once['id']}")
    assert reason(api, once) == "session_ended"


def test_another_apps_is_as_unknown_as_none(api, consent, tenant):
    session = opened(api, consent())
    other = Api(AppFactory(tenant=tenant))
    found = [
        each.get(f"/api/v1/sessions/{number}")
        for each, number in ((other, session["id"]), (api, "01a1fc84-0000-7000-8000-000000000000"))
    ]
    assert {(each.status_code, each.json()["type"]) for each in found} == {
        (404, "urn:consonant:problem:session-unknown")
    }


def test_a_suspended_app_is_told(api, app, consent):
    session = opened(api, consent())
    suspend(app_id=app.id, actor="officer:1", reason="test", now=timezone.now())
    assert reason(api, session) == "app_suspended"
