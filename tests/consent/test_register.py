"""Registering apps, by the command an operator types."""

import io
import json
import stat

import pytest
from django.core.management import CommandError, call_command

from accounts.models import App, Tenant, User
from consent.models import Notice
from consent.notice_texts import texts
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


@pytest.mark.parametrize("purpose", ["voice-cloning", "text-to-speech", "speaker-verification"])
def test_every_notice_answers_the_same_questions_in_both_languages(purpose):
    english, chinese = texts(purpose=purpose, app="Talker", operator="Acme")
    assert (english.locale, chinese.locale) == ("en", "zh-hans")
    questions = [
        "title",
        "who",
        "what",
        "why",
        "kept",
        "voiceprint",
        "stored",
        "deleted",
        "other_use",
        "withdraw",
        "fallback",
        "statement",
    ]
    for text in (english, chinese):
        assert sorted(text.body) == sorted(questions)
        assert all(text.body.values())
        assert "{" not in "".join(text.body.values())
    end = "系统不会永久保存，请勿上传敏感对话。"
    said = {"speaker-verification": f"您上传的声音将用于识别您本人，{end}"}
    assert chinese.body["statement"] == said.get(purpose, f"您上传的声音将用于生成语音，{end}")


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
