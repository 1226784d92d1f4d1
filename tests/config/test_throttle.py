"""Limits of the API: per app, said in every answer, and refused with a problem document before anything is done."""

import re
import uuid

import pytest
from django.core.cache import cache
from django.test import Client

from config.rates import Rate
from consent.models import ConsentRequest
from tests.conftest import Api
from tests.factories import AppFactory

pytestmark = pytest.mark.django_db
UNKNOWN = f"/api/v1/consent-requests/{uuid.uuid4()}"


@pytest.fixture(autouse=True)
def _three_an_hour(settings):
    settings.API_RATES = settings.API_RATES | {"calls": Rate(3, 3600), "batch": Rate(2, 3600)}
    cache.clear()
    yield
    cache.clear()


def said(answer):
    """Return the quota, the window, what remains and the seconds left."""
    policy = re.fullmatch(r'"calls";q=(\d+);w=(\d+)', answer.headers["RateLimit-Policy"])
    limit = re.fullmatch(r'"calls";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    return tuple(map(int, (*policy.groups(), *limit.groups())))


def test_every_answer_says_where_the_app_stands(api):
    answers = [api.ask(), api.get(UNKNOWN), api.post("/api/v1/sessions", {})]
    assert [answer.status_code for answer in answers] == [201, 404, 422]
    assert [said(answer)[:3] for answer in answers] == [(3, 3600, 2), (3, 3600, 1), (3, 3600, 0)]
    assert all(0 < said(answer)[3] <= 3600 for answer in answers)


def test_over_the_limit_nothing_is_done_and_it_says_when(api):
    for _ in range(3):
        assert api.ask().status_code == 201
    answer = api.ask()
    assert answer.status_code == 429
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:consonant:problem:too-many-requests"
    assert said(answer)[:3] == (3, 3600, 0)
    assert int(answer.headers["Retry-After"]) == said(answer)[3]
    assert ConsentRequest.objects.count() == 3


def test_an_app_has_its_own_count_whatever_token_it_shows(app, api):
    for _ in range(3):
        api.get(UNKNOWN)
    assert Api(app).get(UNKNOWN).status_code == 429
    assert Api(AppFactory()).get(UNKNOWN).status_code == 404


def test_the_next_window_begins_anew(api, monkeypatch):
    for _ in range(4):
        last = api.get(UNKNOWN)
    assert last.status_code == 429
    import time

    later = time.time() + said(last)[3] + 1
    monkeypatch.setattr("config.throttle.time.time", lambda: later)
    assert api.get(UNKNOWN).status_code == 404


def test_batches_are_counted_apart(api, monkeypatch):
    from consent.api import ConsentRequestDetail

    monkeypatch.setattr(ConsentRequestDetail, "throttle_scope", "batch", raising=False)
    answers = [api.get(UNKNOWN) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"batch";q=2;w=3600'
    assert api.ask().status_code == 201


def test_who_is_not_known_is_not_counted_and_not_told(app):
    for headers in ({}, {"Authorization": "Bearer x"}):
        answers = [Client().get(UNKNOWN, headers=headers) for _ in range(5)]
        assert {answer.status_code for answer in answers} == {401}
        assert not any("RateLimit" in answer.headers for answer in answers)
    public = [Client().get("/.well-known/consonant.json").status_code for _ in range(5)]
    assert set(public) == {200}


def test_a_token_without_the_scope_costs_nothing(app):
    weak, strong = Api(app, scope="record"), Api(app)
    assert {weak.get(UNKNOWN).status_code for _ in range(5)} == {403}
    assert strong.get(UNKNOWN).status_code == 404


def test_no_rate_is_no_limit(api, settings):
    settings.API_RATES = settings.API_RATES | {"calls": None, "batch": None}
    answers = [api.get(UNKNOWN) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {404}
    assert "RateLimit" not in answers[0].headers
