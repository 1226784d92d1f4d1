"""Errors as HTTP: a problem document for each, and nothing of the request in it."""

import io
import sys

import pytest
from django.db import OperationalError
from django.test import Client

import keyring.errors
from keyring.keys import store
from tests.conftest import Api

pytestmark = pytest.mark.django_db


def test_no_token(client):
    answer = client.post("/api/v1/sessions", {}, content_type="application/json")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:consonant:problem:not-authenticated"


def test_a_token_nobody_gave(client):
    answer = client.post("/api/v1/sessions", {}, content_type="application/json", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 401


def test_a_body_that_is_no_json(api):
    answer = api.client.post("/api/v1/sessions", b"{", content_type="application/json", headers=api.headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:consonant:problem:malformed-request")


@pytest.mark.parametrize("body", [[], 5, None, {"grant": {}}, {"grant": "x"}, {"grant": None}])
def test_a_body_of_another_shape(api, body):
    answer = api.post("/api/v1/sessions", body)
    assert answer.status_code == 422, answer.content


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/artifacts/not-an-id", "/api/v2/"])
def test_an_unknown_address_of_the_api(api, path):
    answer = api.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:consonant:problem:not-found")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_every_form_asked_for_gets_the_one_there_is(api):
    assert api.get("/api/v1/nothing", Accept="text/html").status_code == 404
    assert api.get("/api/v1/artifacts/01a1fc80-0bb7-77af-80da-1310bc1108db", Accept="audio/wav").status_code == 404


def test_a_body_is_not_read_before_its_sender_is_known(client, monkeypatch):
    def read(*_):
        raise AssertionError("the body was read")

    monkeypatch.setattr("config.uploads.BoundedMemory.receive_data_chunk", read)
    for headers in ({}, {"Authorization": "Bearer unknown"}, {"Authorization": "Basic x"}):
        assert client.post("/api/v1/uploads", {"audio": io.BytesIO(b"x" * 1000)}, headers=headers).status_code == 401


def test_json_nested_past_all_measure(api):
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)  # as libraries do that compute on curves
    try:
        for deep in (b"[" * 500_000, b'{"a":' * 100_000):
            answer = api.client.post("/api/v1/sessions", deep, content_type="application/json", headers=api.headers)
            assert answer.status_code == 400
    finally:
        sys.setrecursionlimit(limit)


def test_a_json_body_has_a_bound(api):
    answer = api.post("/api/v1/sessions", {"grant": "x" * 1_048_576})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:consonant:problem:body-too-large")


def test_destroyed_keys_are_no_accident(api, consent):
    grant = consent()
    store().destroy([grant.binding.key_name])
    answer = api.post("/api/v1/sessions", {"grant": str(grant.id)})
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:consonant:problem:keys-destroyed")


def test_a_failed_csrf_check_logs_no_path(caplog):
    Client(enforce_csrf_checks=True).post("/consent/a-secret-token/", {"choice": "once"})
    assert "a-secret-token" not in caplog.text


def test_methods_and_media_types(api):
    assert api.get("/api/v1/sessions").status_code == 405
    assert api.client.post("/api/v1/sessions", b"x", content_type="text/csv", headers=api.headers).status_code == 415


@pytest.mark.parametrize("error", [OperationalError("gone"), keyring.errors.KeyStoreBroken("secret place")])
def test_an_outage_is_no_error_of_the_caller(api, consent, monkeypatch, error):
    def away(**_):
        raise error

    monkeypatch.setattr("consent.api.open_session", away)
    answer = api.post("/api/v1/sessions", {"grant": str(consent().id)})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "gone" not in answer.content.decode()
    assert "secret place" not in answer.content.decode()


def test_the_unexpected_says_nothing_but_its_id(api, consent, monkeypatch):
    def broken(**_):
        raise RuntimeError("somebody@test.localhost")

    monkeypatch.setattr("consent.api.open_session", broken)
    answer = api.post("/api/v1/sessions", {"grant": str(consent().id)})
    assert answer.status_code == 500
    assert set(answer.json()) == {"type", "title", "status", "detail", "incident"}
    assert "somebody" not in answer.content.decode()


def test_tokens_and_secrets_are_stored_as_digests_alone(api, app):
    from oauth2_provider.models import AccessToken

    token = AccessToken.objects.get()
    assert api.token not in {token.token, token.token_checksum}
    app.refresh_from_db()
    assert app.client_secret.startswith(("md5$", "pbkdf2_"))


def test_the_token_of_a_deleted_scope_reads_nothing(app):
    narrow = Api(app, scope="consent")
    assert narrow.get("/api/v1/artifacts/01a1fc80-0bb7-77af-80da-1310bc1108db").status_code == 403


def test_ready_and_alive(client: Client, monkeypatch):
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "away": []}
    monkeypatch.setattr("config.health._CHECKS", {"database": lambda: (_ for _ in ()).throw(OperationalError("gone"))})
    away = client.get("/readyz")
    assert (away.status_code, away.json()) == (503, {"status": "away", "away": ["database"]})
