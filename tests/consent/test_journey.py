"""Ask, answer, open, close, withdraw: over REST with real tokens, the person's answer by the verb the portal calls."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from consent.allow import allow
from consent.errors import BoundToAnother, GrantEnded, GrantUnknown, RequestAnswered, RequestExpired, RequestUnknown
from consent.lapse import lapse
from consent.models import Binding, ConsentRequest, Grant, Session, Subject
from consent.queries import records_of
from consent.refuse import refuse
from consent.withdraw import stop_all, withdraw
from tests.conftest import Api, kinds
from tests.factories import AppFactory, UserFactory

pytestmark = pytest.mark.django_db


def token_of(answer):
    return answer.json()["url"].rstrip("/").rpartition("/")[2]


def test_the_whole_way(api, user):
    asked = api.ask(state="abc")
    assert asked.status_code == 201
    poll = f"/api/v1/consent-requests/{asked.json()['id']}"
    assert api.get(poll).json()["state"] == "requested"
    allow(token=token_of(asked), user=user, choice="term", locale="zh-hans", now=timezone.now())
    answer = api.get(poll).json()
    assert answer["state"] == "given"
    grant = answer["grant"]
    opened = api.post("/api/v1/sessions", {"grant": grant["id"]})
    assert opened.status_code == 201
    assert opened.json()["operations"] == ["upload"]
    assert api.delete(f"/api/v1/sessions/{opened.json()['id']}").status_code == 204
    assert api.delete(f"/api/v1/sessions/{opened.json()['id']}").status_code == 204
    withdraw(grant_id=uuid.UUID(grant["id"]), user=user, now=timezone.now())
    refused = api.post("/api/v1/sessions", {"grant": grant["id"]})
    assert refused.status_code == 403
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["reason"] == "consent_withdrawn"
    assert refused.json()["cure"]
    assert kinds()[1:] == [
        "consent.requested",
        "consent.given",
        "session.opened",
        "session.closed",
        "consent.withdrawn",
        "use.refused",
    ]


def test_the_notice_that_was_read_is_in_the_record(api, user, now):
    allow(token=token_of(api.ask()), user=user, choice="once", locale="zh-hans", now=now)
    grant = Grant.objects.get()
    assert grant.notice.locale == "zh-hans"
    given = next(record for record in records_of(user=user) if record.kind == "consent.given")
    assert given.payload["notice"] == grant.notice.shown()
    assert given.payload["choice"] == "once"


def test_refusing(api, user, now):
    asked = api.ask()
    refuse(token=token_of(asked), user=user, locale="en", now=now)
    assert api.get(f"/api/v1/consent-requests/{asked.json()['id']}").json() | {"expires_at": 0} == {
        "id": asked.json()["id"],
        "state": "refused",
        "grant": None,
        "expires_at": 0,
    }
    with pytest.raises(RequestAnswered):
        allow(token=token_of(asked), user=user, choice="once", locale="en", now=now)
    assert not Grant.objects.exists()


def test_an_unanswered_request_expires(api, user, now):
    asked = api.ask()
    late = now + timedelta(days=2)
    with pytest.raises(RequestExpired):
        allow(token=token_of(asked), user=user, choice="once", locale="en", now=late)
    lapse(now=late)
    assert kinds()[-1] == "consent.request_expired"
    assert ConsentRequest.objects.get().state == "expired"
    assert api.get(f"/api/v1/consent-requests/{asked.json()['id']}").json()["state"] == "expired"


def test_an_unknown_link(user, now):
    with pytest.raises(RequestUnknown):
        allow(token="nobody-made-this", user=user, choice="once", locale="en", now=now)


def test_the_apps_user_is_bound_once(api, user, now):
    first, second = api.ask(), api.ask()
    allow(token=token_of(first), user=user, choice="term", locale="en", now=now)
    with pytest.raises(BoundToAnother):
        allow(token=token_of(second), user=UserFactory(), choice="term", locale="en", now=now)
    with pytest.raises(BoundToAnother):
        refuse(token=token_of(second), user=UserFactory(), locale="en", now=now)
    assert Subject.objects.count() == 1


def test_two_apps_cannot_join_their_users(app, user, consent):
    other = AppFactory(tenant=app.tenant)
    consent(by=app)
    consent(by=other)
    references = {bytes(binding.reference) for binding in Binding.objects.all()}
    assert len(references) == 2


def test_once_is_one_session(api, consent):
    grant = consent("once")
    body = {"grant": str(grant.id)}
    opened = api.post("/api/v1/sessions", body)
    assert opened.status_code == 201
    assert api.post("/api/v1/sessions", body).json()["reason"] == "uses_exhausted"
    api.delete(f"/api/v1/sessions/{opened.json()['id']}")
    grant.refresh_from_db()
    assert grant.state == "exhausted"
    assert kinds()[-2:] == ["session.closed", "consent.exhausted"]


def test_withdrawing_ends_the_open_session_too(api, user, consent, now):
    grant = consent("once")
    api.post("/api/v1/sessions", {"grant": str(grant.id)})
    withdraw(grant_id=grant.id, user=user, now=now)
    assert Session.objects.get().closed_at == now
    with pytest.raises(GrantEnded):
        withdraw(grant_id=grant.id, user=user, now=now)


def test_only_the_person_withdraws(consent, now):
    grant = consent()
    with pytest.raises(GrantUnknown):
        withdraw(grant_id=grant.id, user=UserFactory(), now=now)
    grant.refresh_from_db()
    assert grant.state == "given"


def test_stop_all(consent, user, now):
    consent(ref="a")
    consent("once", ref="b")
    assert len(stop_all(user=user, now=now)) == 2
    assert stop_all(user=user, now=now) == []


def test_the_term_ends_by_itself(api, consent, now):
    grant = consent(term=timedelta(hours=2))
    api.post("/api/v1/sessions", {"grant": str(grant.id)})
    assert lapse(now=now) == 0
    lapse(now=now + timedelta(hours=3))
    grant.refresh_from_db()
    assert (grant.state, grant.end_reason) == ("expired", "term_reached")
    assert set(kinds()[-2:]) == {"session.closed", "consent.expired"}
    assert lapse(now=now + timedelta(hours=3)) == 0


def test_a_suspended_app_is_refused(api, app, consent, now):
    grant = consent()
    app.suspended_at = now
    app.save()
    assert api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["reason"] == "app_suspended"
    assert api.ask().json()["reason"] == "app_suspended"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"term": "P1Y"}, "term"),
        ({"term": "P400D"}, "term"),
        ({"term": "P99999999999D"}, "term"),
        ({"term": "-P1D"}, "term"),
        ({"term": 5}, "term"),
        ({"operations": []}, "operations"),
        ({"operations": ["sell"]}, "operations"),
        ({"subject_ref": ""}, "subject_ref"),
        ({"return_url": "http://app.test/"}, "return_url"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
    ],
)
def test_a_bad_question_is_told_what_is_wrong(api, changes, field):
    answer = api.ask(**changes)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert not ConsentRequest.objects.exists()


def test_an_undeclared_purpose(api):
    assert api.ask(purpose="text-to-speech").json()["type"].endswith("purpose-undeclared")
    assert api.ask(operations=["provide"]).json()["type"].endswith("operation-undeclared")


def test_other_apps_see_nothing(api, app, consent):
    asked = api.ask().json()
    grant = consent(ref="someone else")
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()
    foreign = Api(AppFactory(tenant=app.tenant))
    assert foreign.get(f"/api/v1/consent-requests/{asked['id']}").status_code == 404
    assert foreign.post("/api/v1/sessions", {"grant": str(grant.id)}).status_code == 404
    assert foreign.delete(f"/api/v1/sessions/{session['id']}").status_code == 404
    assert Session.objects.get().closed_at is None


def test_without_a_token_or_its_scope(api, app, client):
    assert client.post("/api/v1/consent-requests", {}, content_type="application/json").status_code == 401
    narrow = Api(app, scope="record")
    assert narrow.ask().status_code == 403
