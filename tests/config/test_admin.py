"""The officer's admin: sees all, changes nothing, and is seen looking."""

import re
import uuid
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from config.adminsite import ReadOnly
from consent.models import Delegation, Subject
from consent.queries import records_of
from guard.models import Alert, Playbook, RuleState
from guard.register_host import register_host
from hooks.models import Delivery, Subscription
from ledger.alarms import raise_alarm
from ledger.models import Anchor, Opening, Verification, Witnessing
from ledger.publish import publish
from retention import pursue, request_erasure
from retention.export import export
from retention.models import Artifact, Policy
from tests.conftest import Api, kinds
from tests.factories import AppFactory, OfficerFactory, sign_in
from tests.retention.combining import COLLECT, allowed, begun, face_and_voice
from tests.retention.test_erasure_requests import hold_on
from tests.retention.test_processors import registered

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(client):
    person = OfficerFactory()
    sign_in(client, person)
    return person


def test_every_page_is_read_only():
    assert admin.site._registry
    assert all(isinstance(page, ReadOnly) for page in admin.site._registry.values())


@pytest.mark.parametrize("model", sorted(model._meta.label_lower for model in admin.site._registry))
def test_every_list_and_row(client, officer, app, user, api, consent, clip, model):
    Subscription.objects.create(
        app=app, event="consent.given", target_url="https://app.test.localhost/", created_at=timezone.now()
    )
    session = api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"]
    api.upload(session, clip)
    request_erasure.by_subject(user=user, app_id=None, now=timezone.now())
    export(user=user, by=None, now=timezone.now())
    hold_on(Artifact.objects.get())
    registered(app)
    log, moment = app.tenant.origin, timezone.now()
    publish(origin=log, now=moment)
    raise_alarm(origin=log, what="log.stalled", now=moment)
    Witnessing.objects.create(log_id=log, witness="w.example", cosigned_at=moment)
    Anchor.objects.create(log_id=log, size=1, kind="rfc3161", at=moment, path="anchors/1.tsr")
    Verification.objects.create(log_id=log, asked_at=moment)
    Delegation.objects.create(principal=user, delegate=officer, relationship="attorney", requested_at=moment)
    host = register_host(app=app, name="tts-1", actor="operator", now=moment).host
    Alert.objects.create(
        host=host,
        app=app,
        rule="port_open",
        level="high",
        at=moment,
        raised_at=moment,
        last_at=moment,
        last_counted_at=moment,
        entry=uuid.uuid4(),
    )
    RuleState.objects.create(slug="port_open", changed_at=moment, changed_by="1")
    Playbook.objects.create(key="critical", changed_at=moment, changed_by="1")
    label, name = model.split(".")
    assert client.get(reverse(f"admin:{label}_{name}_changelist")).status_code == 200
    page = next(m for m in admin.site._registry if m._meta.label_lower == model)
    row = page._default_manager.first()
    path = reverse(f"admin:{label}_{name}_change", args=[row.pk])
    assert client.get(path).status_code == 200
    # A policy and a playbook are changed on their pages, by a form that says all of it.
    assert client.post(path, {"state": "given"}).status_code == (422 if page in {Policy, Playbook} else 403)
    assert client.post(reverse(f"admin:{label}_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert client.get(reverse(f"admin:{label}_{name}_add")).status_code == 403


def test_looking_at_a_persons_row_is_entered(client, officer, user, consent):
    grant = consent()
    client.get(reverse("admin:consent_grant_changelist"))
    assert "access.viewed" not in kinds()
    client.get(reverse("admin:consent_grant_change", args=[grant.id]))
    record = next(record for record in records_of(user=user) if record.kind == "access.viewed")
    assert record.payload == {"officer": str(officer.id), "what": "grant", "id": str(grant.id)}


def test_a_look_at_someone_forgotten_is_entered_about_nobody(client, officer, app, user, consent):
    grant = consent()
    request_erasure.by_subject(user=user, app_id=None, now=timezone.now())
    for _ in range(2):
        pursue.pursue(clock=timezone.now)
    assert not Subject.objects.filter(user=user).exists()
    for page, row in (("grant", grant.id), ("subject", grant.subject_id)):
        assert client.get(reverse(f"admin:consent_{page}_change", args=[row])).status_code == 200
    assert list(Opening.objects.filter(kind="access.viewed").values_list("holder", flat=True)) == [
        app.tenant.key_name,
        app.tenant.key_name,
    ]


def test_a_look_that_cannot_be_entered_shows_nothing(client, officer, consent, monkeypatch):
    grant = consent()

    def broken(**_):
        raise RuntimeError

    monkeypatch.setattr("config.adminsite.enter", broken)
    with pytest.raises(RuntimeError):
        client.get(reverse("admin:consent_grant_change", args=[grant.id]))


def test_to_send_again_takes_more_than_to_look(client, app):
    auditor = OfficerFactory(is_superuser=False)
    auditor.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    sign_in(client, auditor)
    hook = Subscription.objects.create(
        app=app, event="consent.given", target_url="https://app.test.localhost/", created_at=timezone.now()
    )
    dead = Delivery.objects.create(
        subscription=hook,
        event_id=uuid.uuid4(),
        event="consent.given",
        body="{}",
        state="dead",
        created_at=timezone.now(),
        next_try_at=timezone.now(),
    )
    path, press = (
        reverse("admin:hooks_delivery_changelist"),
        {"action": "replay_chosen", "_selected_action": str(dead.id)},
    )
    assert "replay_chosen" not in client.get(path).content.decode()
    client.post(path, press)
    dead.refresh_from_db()
    assert dead.state == "dead"
    assert "hook.replayed" not in kinds()
    auditor.user_permissions.add(Permission.objects.get(codename="change_delivery"))
    client.post(path, press)
    dead.refresh_from_db()
    assert dead.state == "pending"
    assert "hook.replayed" in kinds()


def test_the_lists_tell_a_portrait_from_a_recording(client, officer, user, tenant):
    studio = AppFactory(tenant=tenant, purposes=["digital-human"])
    api = Api(studio)
    session = begun(api, allowed(studio, user, COLLECT))
    face_and_voice(api, session)
    Policy.objects.create(kind="upload", medium="portrait", custody="vault", app=studio, ttl=timedelta(minutes=1))

    def shown(path, **query):
        return re.findall(r'class="field-(?:shows|medium)">([^<]*)<', client.get(path, query).content.decode())

    artifacts = reverse("admin:retention_artifact_changelist")
    assert sorted(shown(artifacts)) == ["portrait", "voice"]
    assert shown(artifacts, shows="portrait") == ["portrait"]
    assert sorted(shown(artifacts, shows="x")) == ["portrait", "voice"]
    assert "portrait" in shown(reverse("admin:retention_policy_changelist"))
    picture = Artifact.objects.get(media=["portrait"])
    assert "portrait" in client.get(reverse("admin:retention_artifact_change", args=[picture.id])).content.decode()


def test_a_speaker_has_no_business_here(client, user):
    client.force_login(user)
    assert client.get("/admin/").status_code == 302


def test_officers_sign_in_where_guesses_are_counted(client):
    answer = client.post("/admin/login/", {"username": "x", "password": "y"})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/")
