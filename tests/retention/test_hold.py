"""Legal holds and restrictions: what they keep, what they do not permit, and for whom a warrant is needed."""

import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

import vault.blobs
from accounts.models import User
from consent.lapse import lapse
from consent.models import Grant
from consent.withdraw import withdraw
from keyring.keys import store
from retention import hold, restrict
from retention.change_policy import apply_pending
from retention.erase import LEASE
from retention.errors import (
    ArtifactUnknown,
    HoldNeedsWarrant,
    HoldUnknown,
    HoldWithoutReference,
    HoldWithoutScope,
    NotRestricted,
)
from retention.models import Artifact, Hold, Policy
from retention.queries import holds_on
from retention.sweep import sweep
from tests.conftest import kinds
from tests.factories import TenantFactory, UserFactory
from tests.retention.test_made import form

pytestmark = pytest.mark.django_db
OBJECTION = Artifact.Restriction.OBJECTION


@pytest.fixture
def session(api, consent):
    grant = consent(operations=("upload", "embed"))
    return api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]


@pytest.fixture
def artifact(api, session, clip):
    return Artifact.objects.get(id=api.upload(session, clip, ttl="PT60S").json()["id"])


def place(tenant, *, ground=Hold.Ground.LITIGATION, reference="4 K 112/26", now=None, **scope):
    scope = {"subject": None, "app": None, "artifact": None} | scope
    return hold.place(
        tenant=tenant, ground=ground, reference=reference, actor="officer:1", now=now or timezone.now(), **scope
    )


def due(artifact):
    return artifact.expires_at + timedelta(seconds=1)


def test_a_hold_keeps_what_is_due_and_permits_no_use(api, app, artifact):
    placed = place(app.tenant, app=app)
    assert (placed.kept, placed.not_kept, placed.too_late) == (1, 0, 0)
    assert holds_on([artifact.id]) == {artifact.id: [placed.hold]}
    assert sweep(clock=lambda: due(artifact)) == 0
    artifact.refresh_from_db()
    assert (artifact.state, artifact.restriction, artifact.is_held) == ("restricted", "held", True)
    assert vault.blobs.alive(blobs=[artifact.id]) == {artifact.id}, "key and bytes are there"
    Artifact.objects.filter(id=artifact.id).update(expires_at=timezone.now() + timedelta(hours=1))
    assert api.get(f"/api/v1/artifacts/{artifact.id}/content").status_code == 403, "and nobody may use them"
    Artifact.objects.filter(id=artifact.id).update(expires_at=artifact.expires_at)
    assert sweep(clock=lambda: due(artifact)) == 0
    assert kinds().count("artifact.held") == 1
    hold.release(hold_id=placed.hold.id, reason="settled", actor="officer:1", now=due(artifact))
    assert Artifact.objects.get().state == "due"
    assert sweep(clock=lambda: due(artifact)) == 1
    assert Artifact.objects.get().state == "erased"
    assert [kind for kind in kinds() if kind.startswith("hold.")] == ["hold.placed", "hold.released"]


def test_a_withdrawal_under_a_hold_stops_use_and_destroys_nothing(api, app, user, artifact):
    place(app.tenant, subject=artifact.subject)
    withdraw(grant_id=artifact.grant_id, user=user, now=timezone.now())
    assert sweep(clock=timezone.now) == 0
    artifact.refresh_from_db()
    assert (artifact.state, artifact.is_held) == ("restricted", True)
    assert vault.blobs.alive(blobs=[artifact.id])
    assert api.get(f"/api/v1/artifacts/{artifact.id}/content").status_code in {403, 410}


def test_a_hold_reaches_what_comes_later_and_what_apps_hold(api, app, session, clip):
    place(app.tenant, app=app)
    later = Artifact.objects.get(id=api.upload(session, clip, ttl="PT1S").json()["id"])
    model = api.post("/api/v1/models", {"session": session, "custody": "app", "ttl": "PT1S"}).json()["id"]
    assert sweep(clock=lambda: due(later)) == 0
    assert {each.state for each in Artifact.objects.all()} == {"restricted"}
    assert Artifact.objects.get(id=model).erase_requested_at is None, "nobody was asked"
    assert set(holds_on([later.id, uuid.UUID(model)])) == {later.id, uuid.UUID(model)}


def test_what_the_person_had_restricted_stays_so_after_the_hold(app, user, artifact):
    restrict.by_subject(user=user, artifact_id=artifact.id, reason=OBJECTION, now=timezone.now())
    placed = place(app.tenant, app=app)
    sweep(clock=lambda: due(artifact))
    assert Artifact.objects.get().is_held
    later = due(artifact) + timedelta(hours=1)  # as an interaction moves it
    Artifact.objects.update(expires_at=later, latest_at=later)
    hold.release(hold_id=placed.hold.id, reason="settled", actor="officer:1", now=due(artifact))
    left = Artifact.objects.get()
    assert (left.is_held, left.state, left.restriction) == (False, "restricted", "objection")


def test_a_hold_on_what_cannot_be_entered_any_more_stops_nothing_else(api, app, user, consent, clip, artifact):
    """The key that seals what is said of one person was lost, and no erasure took it."""
    stranger = UserFactory()
    other = consent(who=stranger, ref="user-2")
    session = api.post("/api/v1/sessions", {"grant": str(other.id)}).json()["id"]
    free = Artifact.objects.get(id=api.upload(session, clip, ttl="PT60S").json()["id"])
    place(app.tenant, subject=artifact.subject)
    store().destroy([artifact.grant.binding.key_name])
    assert sweep(clock=lambda: due(free)) == 1
    assert {each.id: each.state for each in Artifact.objects.all()} == {artifact.id: "restricted", free.id: "erased"}
    assert vault.blobs.alive(blobs=[artifact.id])


def test_two_holds_and_one_released(app, artifact):
    one, two = place(app.tenant, app=app), place(app.tenant, artifact=artifact, reference="S 9")
    sweep(clock=lambda: due(artifact))
    hold.release(hold_id=one.hold.id, reason="over", actor="officer:1", now=due(artifact))
    assert sweep(clock=lambda: due(artifact)) == 0
    hold.release(hold_id=two.hold.id, reason="over", actor="officer:1", now=due(artifact))
    assert sweep(clock=lambda: due(artifact)) == 1


def test_of_one_tenant_and_by_whom(app, artifact, now):
    other = TenantFactory()
    for scope in ({"app": app}, {"subject": artifact.subject}, {"artifact": artifact}):
        with pytest.raises(HoldWithoutScope):
            place(other, **scope)
    with pytest.raises(HoldWithoutScope):
        place(app.tenant)
    with pytest.raises(HoldWithoutReference):
        place(app.tenant, app=app, reference="  ")
    placed = place(app.tenant, app=app)
    with pytest.raises(HoldWithoutReference):
        hold.release(hold_id=placed.hold.id, reason="", actor="x", now=now)
    hold.release(hold_id=placed.hold.id, reason="over", actor="x", now=now)
    with pytest.raises(HoldUnknown):
        hold.release(hold_id=placed.hold.id, reason="over", actor="x", now=now)
    assert holds_on([artifact.id]) == {}


def test_b5_of_illinois_only_a_warrant_or_a_subpoena_holds(api, app, artifact, user):
    Grant.objects.update(jurisdiction="US-IL")
    User.objects.filter(id=user.id).update(residence="US-IL")
    for ground in (Hold.Ground.LITIGATION, Hold.Ground.REGULATOR):
        for scope in ({"subject": artifact.subject}, {"artifact": artifact}):
            with pytest.raises(HoldNeedsWarrant):
                place(app.tenant, ground=ground, **scope)
    wide = place(app.tenant, ground=Hold.Ground.LITIGATION, app=app)
    assert (wide.kept, wide.not_kept) == (0, 1), "the others of the app it keeps"
    assert holds_on([artifact.id]) == {}
    assert not Hold.objects.exclude(id=wide.hold.id).exists()
    assert place(app.tenant, ground=Hold.Ground.WARRANT, reference="2026-SW-17", subject=artifact.subject).kept == 1
    sweep(clock=lambda: due(artifact))
    assert Artifact.objects.get().state == "restricted"


def test_what_is_being_destroyed_is_too_late(app, artifact):
    Artifact.objects.filter(id=artifact.id).update(state="erasing", retry_at=timezone.now())
    placed = place(app.tenant, app=app)
    assert (placed.kept, placed.too_late) == (0, 1)
    assert sweep(clock=lambda: timezone.now() + LEASE) == 0
    assert Artifact.objects.get().state == "erased"


# --- restriction ----------------------------------------------------------------------------------------------------


def test_g12_what_is_restricted_feeds_no_synthesis_and_survives(api, app, user, consent, clip):
    grant = consent(operations=("upload", "embed", "synthesize"))
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    artifact = Artifact.objects.get(id=api.upload(session, clip, ttl="PT60S").json()["id"])
    restrict.by_subject(user=user, artifact_id=artifact.id, reason=OBJECTION, now=timezone.now())
    answer = api.get(f"/api/v1/artifacts/{artifact.id}/content")
    assert (answer.status_code, answer.json()["reason"]) == (403, "restricted")
    mark = {"kind": "watermark", "watermark_id": "wm-7"}
    for path, more in (("embeddings", {"dimensions": 192}), ("syntheses", {"mark": mark, "custody": "app"})):
        words = {"session": session, "derived_from": [str(artifact.id)], **more}
        made = api.post(f"/api/v1/{path}", words).json()
        assert (made["standing"], made["reason"]) == ("unpermitted", "source_restricted"), path
    words = {"session": session, "derived_from": json.dumps([str(artifact.id)]), "mark": json.dumps(mark)}
    answer = form(api, "/api/v1/syntheses", clip, **words)
    assert (answer.status_code, answer.json()["reason"]) == (403, "source_restricted"), "nor are its bytes taken"
    assert not Artifact.objects.filter(kind="synthesis", custody="vault").exists()
    assert vault.blobs.alive(blobs=[artifact.id])
    shown = api.get(f"/api/v1/artifacts/{artifact.id}").json()
    assert (shown["state"], shown["restriction"]) == ("restricted", "objection")
    restrict.lift(artifact_id=artifact.id, actor="officer:1", now=timezone.now())
    assert api.get(f"/api/v1/artifacts/{artifact.id}/content").status_code == 200
    assert [each for each in kinds() if "restricted" in each] == ["artifact.restricted", "artifact.unrestricted"]


def test_what_is_restricted_goes_in_its_time(user, artifact):
    restrict.by_subject(user=user, artifact_id=artifact.id, reason=OBJECTION, now=timezone.now())
    assert sweep(clock=lambda: due(artifact)) == 1
    assert Artifact.objects.get().state == "erased"


def test_it_takes_what_was_made_from_it_along(api, user, session, artifact):
    body = {"session": session, "dimensions": 192, "derived_from": [str(artifact.id)]}
    made = api.post("/api/v1/embeddings", body).json()["id"]
    restrict.by_subject(user=user, artifact_id=artifact.id, reason=OBJECTION, now=timezone.now())
    assert Artifact.objects.get(id=made).state == "restricted"


def test_lifting_leaves_what_is_restricted_for_another_reason(api, user, session, artifact):
    body = {"session": session, "dimensions": 192, "derived_from": [str(artifact.id)]}
    made = api.post("/api/v1/embeddings", body).json()["id"]
    restrict.by_subject(user=user, artifact_id=made, reason=Artifact.Restriction.ACCURACY, now=timezone.now())
    restrict.by_subject(user=user, artifact_id=artifact.id, reason=OBJECTION, now=timezone.now())
    restrict.lift(artifact_id=artifact.id, actor="officer:1", now=timezone.now())
    assert Artifact.objects.get(id=artifact.id).state == "active"
    assert Artifact.objects.get(id=made).restriction == "accuracy"


def test_who_and_what_can_be_restricted(user, artifact, now):
    with pytest.raises(ArtifactUnknown):
        restrict.by_subject(user=UserFactory(), artifact_id=artifact.id, reason=OBJECTION, now=now)
    with pytest.raises(NotRestricted):
        restrict.by_subject(user=user, artifact_id=artifact.id, reason=Artifact.Restriction.HELD, now=now)
    with pytest.raises(NotRestricted):
        restrict.lift(artifact_id=artifact.id, actor="officer:1", now=now)
    with pytest.raises(NotRestricted):
        restrict.by_subject(user=user, artifact_id=artifact.id, reason=OBJECTION, now=due(artifact))


def test_p5_what_cannot_be_destroyed_yet_is_stored_and_nothing_else(api, artifact, monkeypatch):
    def stuck(*, blobs, kind=None):
        raise OSError

    monkeypatch.setattr(vault.blobs, "shred", stuck)
    sweep(clock=lambda: due(artifact))
    artifact.refresh_from_db()
    assert artifact.state == "erase_failed"
    assert vault.blobs.alive(blobs=[artifact.id])
    Artifact.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert api.get(f"/api/v1/artifacts/{artifact.id}/content").status_code == 410


def said_to_be_met(api, artifact):
    Policy.objects.create(kind="upload", medium="voice", custody="vault", since="purpose", ttl=timedelta(0))
    apply_pending(now=timezone.now())
    said = {"purpose_met_at": timezone.now().isoformat()}
    answer = api.client.patch(f"/api/v1/artifacts/{artifact}", said, "application/json", headers=api.headers)
    assert answer.status_code == 200


def test_p5_erasure_comes_by_itself_when_the_purpose_is_met_the_term_ends_or_consent_is_withdrawn(
    api, app, user, consent, clip
):
    ways = {
        "term": lambda grant: Grant.objects.filter(id=grant.id).update(valid_until=timezone.now()),
        "withdrawal": lambda grant: withdraw(grant_id=grant.id, user=user, now=timezone.now()),
        "purpose met": lambda grant: said_to_be_met(api, Artifact.objects.get(grant=grant).id),
    }

    for way in ways.values():
        grant = consent()
        session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
        made = api.upload(session, clip).json()["id"]
        way(grant)
        lapse(now=timezone.now())
        sweep(clock=timezone.now)
        assert Artifact.objects.get(id=made).state == "erased"
