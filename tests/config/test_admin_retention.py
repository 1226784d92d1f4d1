"""The officer's rooms about retention: policies with their simulator, legal holds, what is due; and the records for an authority."""

import html
import json
import re
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from consent.catalogue import assess
from consent.models import Assessment, Grant
from retention.change_policy import apply_pending
from retention.hold import place
from retention.models import Artifact, Hold, Policy
from retention.ropa import ropa
from retention.sweep import sweep
from tests.conftest import kinds
from tests.factories import OfficerFactory, sign_in

pytestmark = pytest.mark.django_db
POLICIES = "/admin/retention/policy/"
HOLDS = "/admin/retention/hold/"
DUTIES = "/admin/retention/artifact/duties/"


@pytest.fixture
def officer(client):
    person = OfficerFactory()
    sign_in(client, person)
    return person


@pytest.fixture
def reader(client):
    """An officer who may look, and change nothing."""
    person = OfficerFactory(is_superuser=False)
    for name in ("view_policy", "view_hold", "view_artifact"):
        person.user_permissions.add(Permission.objects.get(codename=name))
    sign_in(client, person)
    return person


@pytest.fixture
def model(api, consent):
    grant = consent(operations=("upload", "embed"))
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    api.post("/api/v1/models", {"session": session, "custody": "app"})
    return Artifact.objects.get()


def text(answer, status=200):
    assert answer.status_code == status, answer
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def said(**changes):
    return {
        "kind": "model",
        "since": "recorded",
        "number": 2,
        "unit": "days",
        "longest_seconds": 10,
        "lowest_rate": 16_000,
    } | changes


class TestPolicies:
    def test_the_simulator_says_what_a_policy_would_delete_and_changes_nothing(self, client, officer, model):
        shown = text(client.post(f"{POLICIES}new/", said(look="1")))
        assert "It is about 1 things that live. 1 of them would go earlier, 0 at once." in shown
        assert f"{model.app.name} model 0 0 0 1 1 1" in shown
        assert not Policy.objects.filter(kind="model", custody="").exclude(since="purpose").exclude(residence__gt="")
        assert "policy.added" not in kinds()

    def test_what_is_added_is_entered_and_reaches_what_lives(self, client, officer, model):
        added = client.post(f"{POLICIES}new/", said())
        policy = Policy.objects.get(kind="model", custody="", since="recorded", residence="")
        assert added.url == f"{POLICIES}{policy.id}/change/"
        assert "policy.added" in kinds()
        apply_pending(now=timezone.now())
        model.refresh_from_db()
        assert model.expires_at == model.recorded_at + timedelta(days=2)
        assert "at most 2 days from recording" in text(client.get(added.url))

    def test_one_is_changed_and_taken_away(self, client, officer):
        policy = Policy.objects.get(kind="model", custody="app")
        page = f"{POLICIES}{policy.id}/change/"
        short = {name: value for name, value in said(number=7).items() if name not in {"kind", "since"}}
        assert "Show what it would do" in client.get(page).content.decode()
        assert "What this would delete, and when" in text(client.post(page, short | {"look": "1"}))
        policy.refresh_from_db()
        assert policy.ttl == timedelta(days=30)
        client.post(page, short)
        policy.refresh_from_db()
        assert policy.ttl == timedelta(days=7)
        client.post(f"{POLICIES}{policy.id}/remove/")
        assert not Policy.objects.filter(id=policy.id).exists()
        assert [kind for kind in kinds() if kind.startswith("policy.")] == ["policy.changed", "policy.removed"]

    def test_what_cannot_be_said_is_said_to_the_officer(self, client, officer):
        answer = client.post(f"{POLICIES}new/", said(residence="xx"))
        assert "Where people live is said as ISO 3166 does" in text(answer, 422)
        again = client.post(f"{POLICIES}new/", said(custody="app"))
        assert "change that one" in text(again, 422)

    def test_who_may_only_look_changes_nothing(self, client, reader):
        policy = Policy.objects.first()
        assert client.get(POLICIES).status_code == 200
        assert client.get(f"{POLICIES}{policy.id}/change/").status_code == 200
        for path in ("new/", f"{policy.id}/change/", f"{policy.id}/remove/"):
            assert client.post(f"{POLICIES}{path}", said()).status_code == 403
        assert "policy.added" not in kinds()


class TestHolds:
    def test_one_is_placed_seen_and_released(self, client, officer, model):
        tenant = model.app.tenant
        placed = client.post(
            f"{HOLDS}new/",
            {"tenant": tenant.id, "ground": "warrant", "reference": "2026-SW-17", "subject": model.subject_id},
            follow=True,
        )
        assert "Placed. It keeps 1 thing." in text(placed)
        hold = Hold.objects.get()
        sweep(clock=lambda: model.expires_at + timedelta(seconds=1))
        assert "2026-SW-17" in text(client.get(f"{DUTIES}held/"))
        assert "of these beyond their time: 1" in text(client.get(f"{HOLDS}{hold.id}/change/"))
        client.post(f"{HOLDS}{hold.id}/release/", {"reason": ""})
        assert Hold.objects.get().released_at is None
        released = client.post(f"{HOLDS}{hold.id}/release/", {"reason": "the file was closed"}, follow=True)
        assert "the file was closed" in text(released)
        assert Artifact.objects.get().is_held is False

    def test_b5_an_officer_is_told_that_illinois_takes_a_warrant(self, client, officer, model):
        Grant.objects.update(jurisdiction="US-IL")
        answer = client.post(
            f"{HOLDS}new/",
            {"tenant": model.app.tenant_id, "ground": "litigation", "reference": "7", "artifact": model.id},
        )
        assert "a warrant or a subpoena alone" in text(answer, 422)
        assert not Hold.objects.exists()

    def test_who_may_only_look_places_none(self, client, reader, model):
        assert client.get(HOLDS).status_code == 200
        assert client.get(f"{HOLDS}new/").status_code == 403


class TestDuties:
    def test_what_is_due_late_held_and_stuck_is_counted(self, client, officer, model):
        assert "There now 1" in text(client.get(DUTIES))
        Artifact.objects.update(custody="vault", state="erase_failed", tries=3, retry_at=timezone.now())
        assert "Could not be destroyed yet 1" in text(client.get(DUTIES))
        assert "3 tries" in text(client.get(f"{DUTIES}failed/"))
        Artifact.objects.update(state="active", expires_at=timezone.now() - timedelta(minutes=1))
        assert "Late: still here after its time 1" in text(client.get(DUTIES))
        assert client.get(f"{DUTIES}nonsense/").status_code == 404

    def test_a_look_at_one_is_entered_and_it_can_be_restricted(self, client, officer, model):
        page = f"/admin/retention/artifact/{model.id}/change/"
        assert str(model.id) in text(client.get(page))
        assert kinds()[-1] == "access.viewed"
        client.post(f"/admin/retention/artifact/{model.id}/restrict/", {"reason": "accuracy"})
        model.refresh_from_db()
        assert (model.state, model.restriction) == ("restricted", "accuracy")
        client.post(f"/admin/retention/artifact/{model.id}/lift/")
        model.refresh_from_db()
        assert model.state == "active"
        assert {"artifact.restricted", "artifact.unrestricted"} <= set(kinds())


def test_g11_the_record_of_processing_is_made_from_the_live_configuration(client, officer, app, capsys):
    asked = f"{reverse('admin:retention_policy_records', args=['ropa'])}?tenant={app.tenant_id}"
    record = json.loads(client.get(asked).content)
    [activity] = record["activities"]
    assert record["controller"]["name"] == app.tenant.name
    assert activity["purpose"]["slug"] == "voice-cloning"
    assert activity["retention"], "with its time limits"
    before = len(activity["retention"])
    Policy.objects.create(kind="upload", custody="", residence="DE", since="session", ttl=timedelta(0))
    assert len(ropa(tenant=app.tenant, now=timezone.now())["activities"][0]["retention"]) == before + 1
    call_command("ropa", app.tenant.slug)
    assert json.loads(capsys.readouterr().out)["controller"] == record["controller"]
    call_command("ropa", app.tenant.slug, "--html")
    assert "<h1>Record of processing activities</h1>" in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("ropa", "nobody")


def test_p10_the_audit_says_what_was_assessed_and_keeps_it_three_years(client, officer, app, model, capsys):
    now = timezone.now()
    assess(purpose="voice-cloning", reference="PIA 3", made_on=now.date(), actor="officer:1", now=now)
    place(tenant=app.tenant, subject=model.subject, app=None, artifact=model, ground=Hold.Ground.WARRANT, reference="W 1",
        actor="x", now=now)  # fmt: skip
    call_command("ropa", app.tenant.slug, "--audit")
    said = json.loads(capsys.readouterr().out)
    assert said["entries_that_can_be_opened"]["artifact.recorded"] == 1
    assert [(each["reference"], each["about"]) for each in said["holds"]] == [("W 1", ["subject", "artifact"])]
    assert said["record_of_processing"]["activities"]
    assert set(said["duties"]) == {"due", "late", "failed", "held", "waiting", "waiting_long"}
    purposes = {each["purpose"] for each in said["assessments"]}
    assert purposes | set(said["unassessed"]) >= {"voice-cloning"}
    [kept] = said["assessments"]
    assert (kept["purpose"], kept["reference"]) == ("voice-cloning", "PIA 3")
    assert date.fromisoformat(kept["keep_until"]) >= now.date() + timedelta(days=3 * 365)
    row = Assessment.objects.get()
    for act in ("delete", "change"):
        answer = client.post(f"/admin/consent/assessment/{row.id}/{act}/", {"post": "yes"})
        assert answer.status_code in {403, 404}, "nobody takes it away"
    assert Assessment.objects.get() == row
    page = client.get(f"{reverse('admin:retention_policy_records', args=['audit'])}?tenant={app.tenant_id}")
    assert page.headers["Content-Disposition"].startswith('attachment; filename="audit-')
    for one in (model.subject_id, model.id):
        assert str(one) not in page.content.decode(), "it is about no person"
    for days in ("0", "-1", "99999999999"):
        with pytest.raises(CommandError):
            call_command("ropa", app.tenant.slug, "--audit", "--days", days)
    assert now.isoformat()[:10] in page.headers["Content-Disposition"]
