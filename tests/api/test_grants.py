"""What stands of one user: by pages, filtered, and of a user whom nobody knows exactly as of one who gave nothing."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent.models import Grant
from consent.pause import pause
from consent.refuse import refuse
from consent.withdraw import withdraw
from retention.request_erasure import by_app
from tests.conftest import Api
from tests.factories import AppFactory, UserFactory

pytestmark = pytest.mark.django_db


def listed(api, **query):
    answer = api.client.get("/api/v1/grants", query, headers=api.headers)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_what_stands_and_why_not(api, user, consent):
    now = timezone.now()
    grants = [consent(), consent("once", operations=("upload", "embed")), consent(), consent()]
    withdraw(grant_id=grants[2].id, user=user, now=now)
    pause(grant_id=grants[3].id, user=user, now=now)
    page = listed(api, subject_ref="user-1")
    assert page["next"] is None
    assert [(each["id"], each["state"], each["reason"], each["uses_left"]) for each in page["results"]] == [
        (str(grants[3].id), "paused", "consent_paused", None),
        (str(grants[2].id), "withdrawn", "consent_withdrawn", None),
        (str(grants[1].id), "given", None, 1),
        (str(grants[0].id), "given", None, None),
    ]
    [first] = listed(api, subject_ref="user-1", state="given")["results"][1:]
    assert first == {
        "id": str(grants[0].id),
        "request": str(grants[0].request_id),
        "state": "given",
        "reason": None,
        "purpose": "voice-cloning",
        "operations": ["upload"],
        "scope": ["voice"],
        "valid_from": first["valid_from"],
        "valid_until": first["valid_until"],
        "uses_left": None,
    }
    assert listed(api, subject_ref="user-1", purpose="text-to-speech")["results"] == []
    assert len(listed(api, subject_ref="user-1", purpose="voice-cloning")["results"]) == 4


def test_a_reason_is_what_a_session_would_be_refused_for(api, consent):
    once = consent("once")
    api.post("/api/v1/sessions", {"grant": str(once.id)})
    over = consent()
    Grant.objects.filter(id=over.id).update(valid_until=timezone.now())
    found = {each["id"]: each["reason"] for each in listed(api, subject_ref="user-1")["results"]}
    assert found == {str(once.id): "uses_exhausted", str(over.id): "term_over"}
    for grant, reason in found.items():
        assert api.post("/api/v1/sessions", {"grant": grant}).json()["reason"] == reason


def test_pages_lose_nothing_and_tell_nothing_twice(api, consent):
    ids = [str(consent().id) for _ in range(5)]
    page = listed(api, subject_ref="user-1", page_size=2)
    found = page["results"]
    newer = str(consent().id)  # what comes meanwhile is on no later page
    while page["next"]:
        assert not urlsplit(page["next"]).netloc
        page = api.get(page["next"]).json()
        found += page["results"]
    assert [each["id"] for each in found] == ids[::-1]
    assert newer not in {each["id"] for each in found}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "subject_ref"),
        ({"subject_ref": ""}, "subject_ref"),
        ({"subject_ref": "u", "state": "requested"}, "state"),
        ({"subject_ref": "u", "purpose": "a b"}, "purpose"),
        ({"subject_ref": "u", "page_size": 0}, "page_size"),
        ({"subject_ref": "u", "page_size": 201}, "page_size"),
        ({"subject_ref": "u", "cursor": "x"}, "cursor"),
        ({"subject_ref": "u", "cursor": "cD1vbmU="}, "cursor"),
        ({"subject_ref": "u", "cursor": "bz05OTk5OQ=="}, "cursor"),
        ({"subject_ref": "u", "user": "u"}, "user"),
    ],
)
def test_a_bad_question_is_told_what_is_wrong(api, query, field):
    answer = api.client.get("/api/v1/grants", query, headers=api.headers)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


def test_nobody_learns_whether_a_user_is_known(api, app, user, consent):
    """Unknown, known and gave nothing, another app's, erased: the same bytes after the same queries."""
    asked = api.ask(subject_ref="refused")
    refuse(
        token=asked.json()["url"].rstrip("/").rpartition("/")[2], user=UserFactory(), locale="en", now=timezone.now()
    )
    other = AppFactory(tenant=app.tenant)
    consent(by=other, ref="theirs")
    consent(ref="erased")
    by_app(app=app, subject_ref="erased", now=timezone.now())
    consent(ref="user-1")
    told = set()
    for ref in ("never-heard-of", "refused", "theirs", "erased"):
        with CaptureQueriesContext(connection) as queries:
            answer = api.client.get("/api/v1/grants", {"subject_ref": ref}, headers=api.headers)
        shapes = tuple(query["sql"].partition("WHERE")[0] for query in queries)
        told.add((answer.status_code, answer.content, shapes))
    assert len(told) == 1
    assert listed(api, subject_ref="user-1")["results"]
    assert listed(Api(other), subject_ref="user-1")["results"] == []


@pytest.mark.parametrize("name", ["state", "purpose", "page_size", "cursor"])
def test_an_empty_filter_is_refused_and_not_left_out(api, consent, name):
    """Whoever asks for those of no state shall not be told of all."""
    consent()
    answer = api.client.get("/api/v1/grants", {"subject_ref": "user-1", name: ""}, headers=api.headers)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [name])


def test_a_suspended_app_reads_its_own_status(api, app, consent):
    grant = consent(term=timedelta(days=2))
    app.suspended_at = timezone.now()
    app.save()
    [found] = listed(api, subject_ref="user-1")["results"]
    assert (found["id"], found["state"], found["reason"]) == (str(grant.id), "given", "app_suspended")
