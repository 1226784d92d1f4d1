"""Who asks, what is kept and why, and how long it may take: the part of an erasure before anything is destroyed, and its answer."""

import json
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.utils import timezone

import vault.blobs
from consent.approve import lacking
from consent.models import Binding, Grant, Statement
from consent.queries import records_of
from consent.withdraw import withdraw
from keyring.keys import store
from ledger.models import Log
from ledger.note import Verifier
from ledger.signing import certifier_of
from retention import certificate, certify, request_erasure
from retention.cancel_erasure import cancel
from retention.errors import ErasureBegun, ErasureUnknown, ExtensionRefused
from retention.extend_erasure import extend
from retention.hold import place, release
from retention.identify_erasure import ANSWER_WITHIN, by_officer, by_person
from retention.models import Artifact, Erasure, Kept, Policy
from retention.queries import erasures_of, scope_of
from tests.conftest import Api, kinds
from tests.factories import AppFactory, UserFactory
from tests.retention.test_erasure import CONSENT, acknowledged, erase, live, turn
from tests.retention.test_made import form
from vault.errors import BlobGone

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def grant(consent):
    return consent(operations=CONSENT)


@pytest.fixture
def kept(api, grant, clip):
    return live(api, grant, clip)


def ask(user, *, shown="", app=None, now=None):
    (erasure,) = request_erasure.by_subject(user=user, app_id=app and app.id, now=now or timezone.now(), shown=shown)
    return erasure


def verified(erasure, tenant):
    signed = certify.certificate_of(erasure)
    issuer = certifier_of(tenant.origin, now=timezone.now()).verifier()
    log = Verifier.from_vkey(Log.objects.get(origin=tenant.origin).vkey)
    findings = certificate.verify(signed, issuer=issuer, log=log)
    assert not [each for each in findings if each.level == "error"], findings
    return json.loads(signed)["certificate"], {each.what for each in findings}


def hold_on(artifact, *, ground="litigation"):
    return place(
        tenant=artifact.app.tenant,
        subject=None,
        app=None,
        artifact=artifact,
        ground=ground,
        reference="Az. 7 O 12/26",
        actor="officer:1",
        now=timezone.now(),
    ).hold


def vault_files(artifact):
    """The sealed bytes of an artifact, wherever the vault keeps voices."""
    folder = Path(storages["vault-voices"].location)
    return [path for path in folder.rglob("*") if path.is_file() and path.name == str(artifact)]


def let_go(hold):
    release(hold_id=hold.id, reason="settled", actor="officer:1", now=timezone.now())


# --- who asks -------------------------------------------------------------------------------------------------------


def test_of_whom_it_is_not_sure_nothing_is_destroyed(api, app, user, grant, kept):
    erasure = ask(user)
    assert erasure.state == "identity_pending"
    grant.refresh_from_db()
    assert grant.state == "paused", "no use goes on meanwhile"
    refused = api.post("/api/v1/sessions", {"grant": str(grant.id)})
    assert refused.json()["reason"] == "consent_paused"
    turn()
    assert Binding.objects.get().closed_at is None
    assert not Artifact.objects.exclude(custody="none").exclude(state="active").exists()
    assert ask(user).id == erasure.id, "asking again finds the same request"
    assert kinds().count("erasure.requested") == 1


def test_once_it_is_known_who_asks_it_goes_its_way(api, user, tenant, kept):
    erasure = ask(user)
    late = timezone.now()
    decided = by_person(erasure_id=erasure.id, user=user, shown="second_factor", now=late)
    assert (decided.state, decided.identified_by) == ("approved", "second_factor")
    assert Grant.objects.get().state == "withdrawn"
    acknowledged(api, kept)
    turn()
    turn()
    body, _ = verified(Erasure.objects.get(), tenant)
    assert body["scope"] == "everything"
    assert by_person(erasure_id=erasure.id, user=user, shown="second_factor", now=late).state == "certified"


def test_the_clock_stands_still_while_it_is_not_known_who_asks(user, kept):
    now = timezone.now()
    erasure = ask(user, now=now)
    decided = by_person(erasure_id=erasure.id, user=user, shown="fresh_sign_in", now=now + 5 * DAY)
    assert decided.due_at == erasure.due_at + 5 * DAY


def test_an_officer_can_know_the_person(user, kept):
    erasure = ask(user)
    with pytest.raises(ValueError, match="hearsay"):
        by_officer(erasure_id=erasure.id, way="hearsay", officer="7", now=timezone.now())
    decided = by_officer(erasure_id=erasure.id, way="document", officer="7", now=timezone.now())
    assert (decided.state, decided.identified_by) == ("approved", "officer_document")


def test_a_stranger_shows_nothing(user, kept):
    erasure = ask(user)
    with pytest.raises(ErasureUnknown):
        by_person(erasure_id=erasure.id, user=UserFactory(), shown="second_factor", now=timezone.now())


def test_who_shows_nothing_is_refused_and_nothing_was_destroyed(user, grant, kept):
    erasure = ask(user)
    turn(timezone.now() + ANSWER_WITHIN + DAY)
    erasure.refresh_from_db()
    assert (erasure.state, erasure.refusal) == ("refused", "no_answer")
    assert Binding.objects.get().closed_at is None
    assert "erasure.decided" in kinds()


def test_an_app_names_its_own_user(api, user, kept):
    waiting = ask(user)
    assert erase(api).json()["state"] == "approved"
    found = by_person(erasure_id=waiting.id, user=user, shown="fresh_sign_in", now=timezone.now())
    assert (found.state, found.refusal) == ("cancelled", "taken_over"), "nothing is left for it"


# --- taken back -----------------------------------------------------------------------------------------------------


def test_taken_back_as_long_as_nothing_has_begun(api, user, grant, kept):
    erasure = ask(user)
    assert cancel(erasure_id=erasure.id, user=user, now=timezone.now()).state == "cancelled"
    turn()
    assert not Artifact.objects.filter(custody="app").exclude(state="active").exists()
    assert "erasure.cancelled" in kinds()
    begun = ask(user, shown="fresh_sign_in")
    with pytest.raises(ErasureBegun):
        cancel(erasure_id=begun.id, user=user, now=timezone.now())
    with pytest.raises(ErasureUnknown):
        cancel(erasure_id=begun.id, user=UserFactory(), now=timezone.now())


# --- how long -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("residence", "days"), [("DE", range(28, 32)), ("US-CA", [45]), ("CN", range(19, 25))])
def test_the_clock_is_that_of_where_the_person_lives(user, kept, residence, days):
    user.residence = residence
    user.save()
    now = timezone.now()
    assert (ask(user, shown="fresh_sign_in", now=now).due_at - now).days in days


def test_g7_an_extension_takes_a_reason_before_the_thirtieth_day(api, user, tenant, kept):
    """GDPR 12(3), for an erasure as for any answer."""
    now = timezone.now()
    erasure = ask(user, shown="fresh_sign_in", now=now)
    for reason, when, why in (
        (" ", now, "reason_missing"),
        ("x" * 301, now, "reason_missing"),
        ("Many holders", now + 31 * DAY, "too_late"),
    ):
        with pytest.raises(ExtensionRefused, match=why):
            extend(erasure_id=erasure.id, reason=reason, officer="7", now=when)
    longer = extend(erasure_id=erasure.id, reason="Three processors abroad.", officer="7", now=now + 10 * DAY)
    assert 89 <= (longer.due_at - now).days <= 92
    with pytest.raises(ExtensionRefused, match="twice"):
        extend(erasure_id=erasure.id, reason="Again", officer="7", now=now + 11 * DAY)
    assert kinds().count("erasure.extended") == 1
    turn()
    acknowledged(api, kept)
    turn()
    turn()
    erasure.refresh_from_db()
    body, _ = verified(erasure, tenant)
    assert body["extended"] is True
    with pytest.raises(ExtensionRefused, match="over"):
        extend(erasure_id=erasure.id, reason="Late", officer="7", now=now + DAY)


def test_chinas_law_knows_no_extension(user, kept):
    user.residence = "CN"
    user.save()
    erasure = ask(user, shown="fresh_sign_in")
    with pytest.raises(ExtensionRefused, match="no_extension_by_law"):
        extend(erasure_id=erasure.id, reason="Many", officer="7", now=timezone.now())


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_what_a_hold_keeps_is_answered_item_by_item(api, user, tenant, kept):
    recording = Artifact.objects.get(custody="vault")
    hold = hold_on(recording)
    erasure = ask(user, shown="fresh_sign_in")
    assert erasure.state == "partially_approved"
    assert Grant.objects.get().state == "withdrawn", "a hold never permits use"
    assert kinds().count("erasure.decided") == 1
    acknowledged(api, kept)
    turn()
    turn()
    erasure.refresh_from_db()
    assert erasure.state == "certified"
    recording.refresh_from_db()
    assert vault.blobs.left(blobs=[recording.id]) == {recording.id}
    body, said = verified(erasure, tenant)
    [held] = [each for each in body["kept"] if each["artifact"]]
    assert held == {"what": "artifact", "artifact": str(recording.id), "ground": "GDPR 17(3)(e)", "until": None}
    assert "artifact.kept" in said
    assert str(recording.id) not in {each["artifact"] for each in body["artifacts"]}
    assert hold.reference not in json.dumps(body), "whose case it is, is not for the person's certificate"
    tie = Binding.objects.get()
    assert store().has(tie.key_name), "the records of what is held stay readable"
    assert records_of(user=user) != []
    assert list(erasures_of(user=user)) == [erasure]

    let_go(hold)
    for _ in range(3):
        turn()
    second = Erasure.objects.exclude(id=erasure.id).get()
    assert second.state == "certified"
    recording.refresh_from_db()
    assert recording.state == "erased"
    assert not store().has(tie.key_name)
    body, _ = verified(second, tenant)
    assert [each["artifact"] for each in body["artifacts"] if each["custody"] == "vault"] == [str(recording.id)]
    assert Kept.objects.filter(erasure=erasure, until=None).exclude(artifact=None).count() == 0


def test_where_all_is_held_it_is_refused_until_the_hold_goes(api, user, tenant, kept):
    app_row = Artifact.objects.get(id=kept)
    holds = [hold_on(each) for each in Artifact.objects.exclude(state="erased")]
    erasure = ask(user, shown="fresh_sign_in")
    assert (erasure.state, erasure.refusal) == ("refused", "all_kept")
    turn()
    app_row.refresh_from_db()
    assert app_row.state in Artifact.LIVING
    for hold in holds:
        let_go(hold)
    turn()
    acknowledged(api, kept)
    turn()
    turn()
    assert Erasure.objects.exclude(id=erasure.id).get().state == "certified"


def test_a_hold_that_comes_while_it_is_under_way_is_told(api, user, kept, monkeypatch):
    erasure = ask(user, shown="fresh_sign_in")
    recording = Artifact.objects.get(custody="vault")
    hold_on(recording, ground="regulator")
    turn()
    recording.refresh_from_db()
    assert recording.state in Artifact.LIVING
    erasure.refresh_from_db()
    assert erasure.state == "awaiting_acks", "it stops nothing else"
    assert [row.ground for row in erasure.kept.filter(artifact=recording)] == ["17_3_b"]
    assert kinds().count("erasure.decided") == 1


# --- opened by a withdrawal -----------------------------------------------------------------------------------------


def test_g8_a_withdrawal_opens_an_erasure_and_each_kept_thing_has_its_ground(api, user, tenant, grant, kept):
    recording = Artifact.objects.get(custody="vault")
    hold_on(recording, ground="warrant")
    Statement.objects.create(
        grant=grant, locale="en", phrase="I agree", asked_at=timezone.now(), recording=recording.session_id
    )
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    turn()
    erasure = Erasure.objects.get()
    assert (erasure.scope, erasure.identified_by, erasure.asked_by) == ("consent", "withdrawal", "service")
    grounds = dict(erasure.kept.values_list("what", "ground"))
    assert grounds == {
        "artifact": "17_3_b",
        "consent_proof": "17_3_e",
        "spoken_consent": "17_3_e",
        "records": "17_3_b",
    }
    acknowledged(api, kept)
    turn()
    turn()
    erasure.refresh_from_db()
    body, _ = verified(erasure, tenant)
    assert (body["scope"], body["keys_destroyed_at"]) == ("consent", None)
    assert {each["ground"] for each in body["kept"]} == {"GDPR 17(3)(b)", "GDPR 17(3)(e)"}
    tie = Binding.objects.get()
    assert (tie.closed_at, store().has(tie.key_name)) == (None, True), "the tie stays"
    turn()
    assert Erasure.objects.count() == 1


def test_a_withdrawal_that_let_nothing_in_opens_nothing(user, grant):
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    turn()
    assert not Erasure.objects.exists()


def test_a_withdrawal_found_only_after_its_things_have_gone(api, user, grant, clip):
    from retention import sweep

    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    api.upload(session, clip)
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    sweep.sweep(clock=timezone.now)
    assert Artifact.objects.get().state == "erased"
    turn()
    turn()
    assert Erasure.objects.get().state == "certified"


def test_an_app_is_waited_for_after_a_withdrawal_too(api, app, user, grant, kept):
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    turn()
    erasure = Erasure.objects.get()
    assert [each.id for each in scope_of(erasure).filter(custody="app")] != []
    turn(erasure.acks_due_at + timedelta(seconds=1))
    erasure.refresh_from_db()
    assert erasure.state == "escalated"
    seen = api.get(f"/api/v1/erasures/{erasure.id}").json()
    assert (seen["scope"], seen["holders"][0]["overdue"] or seen["holders"][-1]["overdue"]) == ("consent", True)
    assert Api(AppFactory(tenant=app.tenant)).get(f"/api/v1/erasures/{erasure.id}").status_code == 404


# --- reminders ------------------------------------------------------------------------------------------------------


def test_an_app_is_reminded_twice_and_then_every_week(api, user, kept):
    erasure = ask(user, shown="fresh_sign_in")
    turn()
    erasure.refresh_from_db()
    due = erasure.acks_due_at
    for at in (due - 4 * DAY, due - 3 * DAY, due - DAY, due + timedelta(hours=1), due + 8 * DAY):
        turn(at)
    assert kinds().count("erasure.reminded") == 3
    erasure.refresh_from_db()
    assert (erasure.reminders, erasure.state) == (3, "escalated")


# --- what is called by another name ---------------------------------------------------------------------------------


def test_g13_a_voiceprint_under_any_name_goes_and_no_backup_of_it_opens(api, app, user, tenant, grant, clip):
    """EDPB 02/2021: an alternative to the voice is recorded for each app; "anonymised" voiceprints and backups are covered."""
    app.declarations.update(fallback_url="https://app.test.localhost/by-pin", fallback_works=True)
    assert "fallback" not in {lack.what for lack in lacking(app, today=timezone.now().date())}
    app.declarations.update(fallback_url="")
    assert "fallback" in {lack.what for lack in lacking(app, today=timezone.now().date())}, "no app without one"
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    recording = api.upload(session, clip).json()["id"]
    Policy.objects.filter(kind="embedding").exclude(custody="none").update(purpose=None)
    voiceprint = {"session": session, "dimensions": 192}
    hidden = form(api, "/api/v1/embeddings", bytes(768), **voiceprint, model="anonymised-template").json()["id"]
    theirs = api.post("/api/v1/embeddings", {**voiceprint, "custody": "app", "model": "hash-of-speech"}).json()["id"]
    api.post("/api/v1/embeddings", {**voiceprint, "derived_from": [recording]})
    api.post("/api/v1/features", {"session": session, "feature": "mfcc", "dimensions": 13})
    backup = {path: path.read_bytes() for each in (recording, hidden) for path in vault_files(each)}
    assert len(backup) == 2
    erase(api)
    turn()
    acknowledged(api, theirs)
    turn()
    turn()
    erasure = Erasure.objects.get()
    assert erasure.state == "certified"
    body, _ = verified(erasure, tenant)
    gone = sorted((each["kind"], each["gone"]) for each in body["artifacts"])
    assert gone == [
        ("embedding", "acknowledged"),
        ("embedding", "key_destroyed"),
        ("embedding", "never_stored"),
        ("features", "never_stored"),
        ("upload", "key_destroyed"),
    ]
    for path, data in backup.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for each in (recording, hidden):
        with pytest.raises(BlobGone):
            vault.blobs.read(blob=uuid.UUID(each))
    assert body["unrecoverable_from_backups_by"] > body["keys_destroyed_at"]
    for path in backup:
        path.unlink()
