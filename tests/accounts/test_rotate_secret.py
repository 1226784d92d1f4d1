"""An app's secret is changed without a moment in which none is good; what is stored of secrets and tokens is of no use to a thief."""

import base64
import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from oauth2_provider.models import AccessToken, RefreshToken

from accounts.errors import OverlapOutOfBounds
from accounts.models import App
from accounts.rotate_secret import rotate_secret
from consent.rotate import rotate
from keyring.keys import store
from keyring.seal import unseal
from ledger.models import Opening
from tests.conftest import Api, kinds
from tests.factories import SECRET, AppFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def takes(app, secret, *, basic=False):
    """Say whether the token endpoint takes the secret."""
    said, headers = {"grant_type": "client_credentials"}, {}
    if basic:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{app.client_id}:{secret}".encode()).decode()
    else:
        said |= {"client_id": app.client_id, "client_secret": secret}
    answer = Client().post("/oauth/token", said, headers=headers)
    assert answer.status_code in {200, 401}, answer.content
    return answer.status_code == 200


@pytest.mark.parametrize("basic", [True, False])
def test_both_are_good_until_the_end_of_the_overlap(app, now, basic):
    secret = rotate_secret(app=app, now=now)
    assert secret != SECRET
    assert app.previous_secret_until == now + 7 * DAY
    assert takes(app, secret, basic=basic)
    assert takes(app, SECRET, basic=basic)
    assert not takes(app, SECRET + "x", basic=basic)
    App.objects.update(previous_secret_until=timezone.now())
    assert takes(app, secret, basic=basic)
    assert not takes(app, SECRET, basic=basic)


def test_there_are_never_three(app, now):
    second = rotate_secret(app=app, now=now)
    third = rotate_secret(app=app, now=now)
    assert [takes(app, each) for each in (SECRET, second, third)] == [False, True, True]


def test_without_an_overlap_the_old_one_and_its_tokens_end_at_once(app, now):
    api, other = Api(app), Api(AppFactory())
    secret = rotate_secret(app=app, now=now, overlap=timedelta(0))
    assert not takes(app, SECRET)
    assert takes(app, secret)
    assert api.get("/api/v1/artifacts/00000000-0000-0000-0000-000000000000").status_code == 401
    assert other.get("/api/v1/artifacts/00000000-0000-0000-0000-000000000000").status_code == 404
    assert (app.previous_secret, app.previous_secret_until) == ("", None)


@pytest.mark.parametrize("secret", ["", " ", "None"])
def test_no_previous_secret_is_no_empty_one(app, now, secret):
    assert not takes(app, secret)
    App.objects.update(previous_secret="", previous_secret_until=now + DAY)
    assert not takes(app, secret)


def test_anothers_previous_secret_is_not_taken(app, now):
    other = AppFactory()
    App.objects.filter(id=other.id).update(client_secret="x")
    other.refresh_from_db()
    rotate_secret(app=app, now=now)
    assert not takes(other, SECRET)


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=90, seconds=1)])
def test_an_overlap_out_of_bounds_changes_nothing(app, now, overlap):
    with pytest.raises(OverlapOutOfBounds, match="ninety days"):
        rotate(app=app, actor="operator", now=now, overlap=overlap)
    assert takes(app, SECRET)
    assert "app.secret_rotated" not in kinds()


def test_it_is_entered_and_names_no_secret(app, now):
    secret = rotate(app=app, actor="officer:7", now=now, overlap=DAY)
    assert kinds()[-1] == "app.secret_rotated"
    opening = Opening.objects.get(kind="app.secret_rotated")
    assert (opening.log_id, opening.holder) == (app.tenant.origin, app.tenant.key_name)
    plain = json.loads(unseal(store().get(opening.holder), bytes(opening.sealed), context=opening.ref.bytes))
    assert json.loads(plain["payload"][1]) == {"app": str(app.id), "previous_until": (now + DAY).isoformat()}
    assert secret not in str(plain)


def test_what_cannot_be_entered_changes_no_secret(app, now, monkeypatch):
    def broken(**_):
        raise RuntimeError

    monkeypatch.setattr("consent.rotate.enter_for_tenant", broken)
    with pytest.raises(RuntimeError):
        rotate(app=app, actor="operator", now=now)
    assert takes(app, SECRET)
    app.refresh_from_db()
    assert app.previous_secret == ""


def command(*words):
    out = io.StringIO()
    call_command("rotate_secret", *words, stdout=out)
    return dict(line.split("=", 1) for line in out.getvalue().split())


def test_the_command(app):
    said = command(app.client_id, "--overlap", "PT2H")
    assert takes(app, said["client_secret"])
    assert takes(app, SECRET)
    until = parse_datetime(said["previous_secret_until"])
    assert timedelta(minutes=119) < until - timezone.now() < timedelta(hours=2)
    assert command(app.client_id, "--overlap", "P0D").keys() == {"client_secret"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nobody"], "no app has this client id"),
        (["{}", "--overlap", "a week"], "--overlap is a duration"),
        (["{}", "--overlap", "P999999999999999D"], "--overlap is a duration"),
        (["{}", "--overlap", "P91D"], "ninety days"),
    ],
)
def test_the_command_says_what_is_wrong_and_changes_nothing(app, words, sentence):
    with pytest.raises(CommandError, match=sentence):
        command(*(word.format(app.client_id) for word in words))
    assert takes(app, SECRET)


def test_nothing_that_is_stored_gets_anyone_in(app, now):
    api = Api(app)
    secret = rotate_secret(app=app, now=now)
    app.refresh_from_db()
    stored = [app.client_secret, app.previous_secret]
    assert all("$" in each and secret not in each and SECRET not in each for each in stored)
    assert not any(takes(app, each) for each in stored)
    token = AccessToken.objects.get()
    assert api.token not in str(AccessToken.objects.values_list())
    assert not RefreshToken.objects.exists()
    for each in (token.token, token.token_checksum):
        headers = {"Authorization": f"Bearer {each}"}
        assert Client().get("/api/v1/hooks", headers=headers).status_code == 401
