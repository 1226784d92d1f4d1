"""The token endpoints: how often one address may try, whom it is told to, and that the address is kept nowhere."""

import pytest
from django.core.cache import cache
from django.test import Client
from oauth2_provider.models import AccessToken

from config.counts import PREFIX
from config.rates import Rate
from tests.config.test_counts import counts, server  # noqa: F401 - fixtures
from tests.factories import SECRET, AppFactory

pytestmark = pytest.mark.django_db
HERE, THERE = "203.0.113.77", "203.0.113.78"


@pytest.fixture(autouse=True)
def _three_an_hour(settings):
    settings.API_RATES = settings.API_RATES | {"tokens": Rate(3, 3600)}
    cache.clear()
    yield
    cache.clear()


def ask(app, secret=SECRET, *, sender=HERE, path="/oauth/token", **more):
    said = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": secret}
    return Client(REMOTE_ADDR=sender).post(path, said | more)


def test_over_the_limit_it_is_a_problem_and_nothing_is_done(app):
    answers = [ask(app, "wrong"), ask(app), ask(app, path="/oauth/revoke", token="x")]
    assert [answer.status_code for answer in answers] == [401, 200, 200]
    assert answers[0].json()["error"] == "invalid_client"
    assert answers[1].headers["RateLimit"].startswith('"tokens";r=1;')
    for answer in (ask(app), ask(app, "wrong"), ask(app, path="/oauth/revoke", token="x")):
        assert answer.status_code == 429
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:consonant:problem:too-many-requests"
        assert 0 < int(answer.headers["Retry-After"]) <= 3600
        assert answer.headers["RateLimit-Policy"] == '"tokens";q=3;w=3600'
    assert AccessToken.objects.count() == 1


def test_it_is_the_address_that_is_counted_not_the_app(app):
    """Else anyone who knows an app's id, which is no secret, could lock it out."""
    for _ in range(5):
        last = ask(app, "wrong")
    assert last.status_code == 429
    assert ask(app, sender=THERE).status_code == 200
    assert ask(AppFactory()).status_code == 429
    # What a sender says of its address counts for nothing where no proxy was named.
    assert Client(REMOTE_ADDR=HERE).post("/oauth/token", headers={"X-Forwarded-For": THERE}).status_code == 429


def test_without_a_rate_there_is_no_limit(app, settings):
    settings.API_RATES = settings.API_RATES | {"tokens": None}
    answers = [ask(app) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers


def test_a_sender_without_an_address_is_counted_too(app):
    """Behind a socket of the machine."""
    assert [ask(app, sender="").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_no_address_is_kept(app, server, counts):  # noqa: F811
    ask(app)
    names = list(server.scan_iter(match=f"{PREFIX}*"))
    held = b" ".join([*names, *(server.get(name) or b"" for name in names)])
    assert names
    for word in (HERE, app.client_id, str(app.id)):
        assert word.encode() not in held


@pytest.mark.parametrize("client_id", ["\0", "x\0y", "\ud800".encode("utf-8", "surrogatepass"), "x" * 10_000, ""])
def test_an_id_that_is_none_is_no_failure_of_ours(app, client_id):
    app.client_id = client_id
    assert ask(app).status_code in {400, 401}
    app.refresh_from_db()
    assert ask(app, path="/oauth/revoke", token=client_id).status_code in {200, 400}
