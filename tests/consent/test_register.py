"""Registering apps, by the command an operator types."""

import io
import json
import stat

import pytest
from django.core.management import CommandError, call_command

from accounts.models import App, Tenant, User
from consent.models import Assessment, Notice
from ledger.models import Log
from tests.conftest import kinds

pytestmark = pytest.mark.django_db


def create(*words):
    out = io.StringIO()
    call_command("create_app", *words, stdout=out)
    return dict(line.split("=", 1) for line in out.getvalue().split())


def test_create_app(client):
    said = create("Talker", "--tenant", "acme", "--tenant-name", "Acme", "--purpose", "text-to-speech")
    app = App.objects.get()
    assert (app.name, app.tenant.name, app.client_id) == ("Talker", "Acme", said["client_id"])
    assert said["client_secret"] not in app.client_secret
    assert set(Notice.objects.values_list("locale", "purpose_id")) == {
        ("en", "text-to-speech"),
        ("zh-hans", "text-to-speech"),
    }
    assert Log.objects.get().origin == "consonant.local/acme"
    assert kinds() == ["app.registered"]
    token = client.post("/oauth/token", {"grant_type": "client_credentials", "scope": "consent record", **said})
    assert token.status_code == 200
    create("Second", "--tenant", "acme")
    assert Tenant.objects.count() == Log.objects.count() == 1


def test_an_unknown_purpose_makes_nothing():
    with pytest.raises(CommandError, match="no such purpose: selling"):
        create("Talker", "--tenant", "acme", "--purpose", "selling")
    assert not Tenant.objects.exists()


REACHED = (
    *("--contact", "privacy@acme.test.localhost"),
    *("--address", "1 Test Street, Testing"),
    *("--country", "DE"),
)


def test_on_a_developers_machine_an_app_may_ask_at_once():
    create("Talker", "--tenant", "acme")
    app = App.objects.get()
    assert app.approved_at
    assert set(Notice.objects.values_list("published_at", flat=True)) == {app.approved_at}
    assert Notice.objects.get(locale="en").body["controller"].startswith("acme answers for it: localhost, ")


def test_elsewhere_the_organisation_says_how_it_is_reached(settings):
    settings.LOCAL = False
    for left_out in ("contact", "address", "country"):
        words = [word for at, word in enumerate(REACHED) if REACHED[at - at % 2] != f"--{left_out}"]
        with pytest.raises(CommandError, match=f"needed for the notices: --{left_out}$"):
            create("Talker", "--tenant", "acme", *words)
    assert not Tenant.objects.exists()
    create("Talker", "--tenant", "acme", *REACHED)
    create("Second", "--tenant", "acme")  # once said, it is known
    assert Notice.objects.filter(published_at=None).count() == 0
    with pytest.raises(CommandError, match="no such country: XX"):
        create("Talker", "--tenant", "other", *REACHED[:-1], "XX")


def test_elsewhere_an_app_waits_until_it_has_what_the_law_wants(settings, capsys):
    settings.LOCAL = False
    create("Talker", "--tenant", "acme", *REACHED)
    assert App.objects.get().approved_at is None
    lacks = "assessment (voice-cloning), attestation (voice-cloning), fallback (voice-cloning)"
    assert f"lacks {lacks}." in capsys.readouterr().err
    complete = ("--pia", "PIA 1", "--pia-date", "2026-01-02", "--attested", "--fallback", "https://acme.example/typed")
    create("Second", "--tenant", "acme", *complete)
    second = App.objects.get(name="Second")
    assert second.approved_at
    assert kinds(second.tenant.origin) == ["app.registered", "app.registered", "app.approved"]
    assert Assessment.objects.get().reference == "PIA 1"


@pytest.mark.parametrize("address", ["http://acme.example/", "ftp://acme.example/", "nowhere"])
def test_a_fallback_that_cannot_be_called_is_refused(settings, address):
    settings.HOOK_TARGETS_PRIVATE = False
    with pytest.raises(CommandError, match="no address that can be called"):
        create("Talker", "--tenant", "acme", "--fallback", address)
    assert not Tenant.objects.exists()


def test_an_assessment_of_a_day_to_come_is_refused():
    with pytest.raises(CommandError, match="a day to come"):
        create("Talker", "--tenant", "acme", "--pia", "PIA 1", "--pia-date", "2999-01-01")
    assert not Tenant.objects.exists()


def test_what_nobody_has_said_keeps_a_first_notice_a_draft():
    create("Talker", "--tenant", "acme", "--purpose", "voice-sharing")
    assert set(Notice.objects.values_list("published_at", flat=True)) == {None}


def test_prepare_demo_can_be_repeated(settings, tmp_path):
    settings.SECRETS = tmp_path / "secrets"
    call_command("prepare_demo")
    said = json.loads((settings.SECRETS / "demo.json").read_text())
    assert stat.S_IMODE((settings.SECRETS / "demo.json").stat().st_mode) == 0o600
    call_command("prepare_demo")
    assert json.loads((settings.SECRETS / "demo.json").read_text()) == said
    assert User.objects.get(email=said["speaker"]["email"]).check_password(said["speaker"]["password"])
    assert User.objects.get(email=said["officer"]["email"]).is_staff
    assert App.objects.get().client_id == said["app"]["client_id"]
