"""Exports: made by a worker into the vault, handed to one person for a week, and gone when they must go."""

import io
import json
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core import signing
from django.utils import timezone

import vault.blobs
from accounts.models import User
from consent.queries import records_of
from keyring.keys import store
from retention import export as exports
from retention import identify_erasure, request_erasure
from retention import make_exports as making
from retention.errors import ExportGone, ExportRefused
from retention.export import export, extend
from retention.make_exports import drop, drop_over, make_exports, standing
from retention.models import Artifact, Export
from retention.pursue import pursue
from retention.record import upload
from retention.sweep import sweep, sweep_orphans
from retention.take_export import link_of, take
from tests.conftest import kinds, speech
from tests.factories import OfficerFactory, UserFactory
from tests.portal.scene import live
from vault.blobs import Kind

pytestmark = pytest.mark.django_db


@pytest.fixture
def life(now):
    return live(now)


@pytest.fixture
def kept(api, app, user, consent, now):
    """Somebody of whom the vault holds a recording."""
    session = uuid.UUID(api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"])
    assert upload(app=app, session_id=session, data=speech(3.5), ttl=None, now=timezone.now()).artifact
    return SimpleNamespace(user=user)


def made(user, at=None):
    at = at or timezone.now()
    asked = export(user=user, by=None, now=at)
    assert make_exports(clock=lambda: at) == 1
    asked.refresh_from_db()
    return asked


def taken(asked, user=None, **words):
    words = {"token": link_of(asked), "user": user or asked.user, "by": None, "now": timezone.now()} | words
    return take(**words)


def whole(asked):
    archive = zipfile.ZipFile(io.BytesIO(b"".join(taken(asked).pieces)))
    assert archive.testzip() is None
    return archive, json.loads(archive.read("data.json"))


def test_g7_the_export_holds_a_copy_purposes_recipients_periods_sources_and_is_due_in_a_month(life, now):
    asked = made(life.user, now)
    assert asked.state == "ready"
    assert timedelta(days=28) <= asked.due_at - asked.requested_at <= timedelta(days=31)
    archive, data = whole(asked)
    assert data["person"]["email"] == life.user.email
    assert {each["slug"] for each in data["purposes"]} == {each["purpose"] for each in data["grants"]}
    assert {each["custody"] for each in data["holders"]} >= {"app", "vault"}
    assert {each["kind"] for each in data["periods"]} >= {each["kind"] for each in data["artifacts"]}
    assert {each["source"] for each in data["artifacts"]} >= {"collected_by_app", "made_by_app"}
    assert any(name.startswith("media/") for name in archive.namelist())
    assert (asked.size, asked.percent) == (taken(asked).size, 99)


def test_g7_it_is_extended_once_with_a_reason_before_the_thirtieth_day(kept, now):
    officer = OfficerFactory()
    asked = export(user=kept.user, by=None, now=now)
    for reason, at, why in (("", now, "no_reason"), ("many", now + timedelta(days=30), "too_late")):
        with pytest.raises(ExportRefused) as refused:
            extend(export_id=asked.id, officer=officer, reason=reason, now=at)
        assert refused.value.reason == why
    longer = extend(export_id=asked.id, officer=officer, reason="Many recordings", now=now + timedelta(days=29))
    assert timedelta(days=89) <= longer.due_at - longer.requested_at <= timedelta(days=92)
    told = next(record for record in records_of(user=kept.user) if record.kind == "access.extended")
    assert told.payload["why"] == "Many recordings"
    with pytest.raises(ExportRefused, match="not_extendable"):
        extend(export_id=asked.id, officer=officer, reason="Again", now=now + timedelta(days=29))


def test_g7_where_the_law_knows_no_extension_there_is_none(kept, now):
    User.objects.filter(id=kept.user.id).update(residence="CN")
    asked = export(user=User.objects.get(id=kept.user.id), by=None, now=now)
    with pytest.raises(ExportRefused, match="not_extendable"):
        extend(export_id=asked.id, officer=OfficerFactory(), reason="Many", now=now)


def test_g10_it_is_json_and_the_original_audio_with_consents_and_receipts(kept, now):
    archive, data = whole(made(kept.user, now))
    uploads = [each["file"] for each in data["artifacts"] if each["kind"] == "upload" and each["file"]]
    assert [archive.read(name) for name in uploads] == [speech(3.5)]
    assert all(json.loads(archive.read(each["receipt"])) for each in data["grants"])
    assert all(each["notice_sha256"] for each in data["grants"])


def test_p8_a_refusal_gives_its_reason_and_when_to_ask_again(user, consent, now):
    consent()
    for _ in range(exports.MOST_A_DAY):
        drop(user=user, export_id=made(user, now).id, now=now)
    with pytest.raises(ExportRefused) as refused:
        export(user=user, by=None, now=now)
    assert (refused.value.reason, refused.value.again_at) == ("too_often", now + timedelta(days=1))
    told = next(record for record in records_of(user=user) if record.kind == "access.refused")
    assert told.payload["reason"] == "too_often"
    assert made(user, now + timedelta(days=1)).state == "ready"


def test_p8_what_is_not_in_it_is_listed_with_the_reason(kept, now):
    [gone] = Artifact.objects.filter(kind="upload", custody="vault", state="active")
    vault.blobs.shred(blobs=[gone.id])
    asked = made(kept.user, now)
    _, data = whole(asked)
    [left] = [each for each in data["left_out"] if each["id"] == str(gone.id)]
    assert (left["what"], left["reason"]) == ("artifact", "destroyed")
    assert left["sentence"]
    assert asked.left_out["destroyed"] == 1


def test_one_that_is_being_made_is_not_begun_again(kept, now):
    first = export(user=kept.user, by=None, now=now)
    assert export(user=kept.user, by=None, now=now).id == first.id
    assert kinds().count("access.exported") == len({record.origin for record in records_of(user=kept.user)})


def test_it_lies_sealed_under_a_key_of_its_own(kept, now):
    asked = made(kept.user, now)
    assert store().has(f"export:{asked.blob}")
    storage = vault.blobs._storage(Kind.EXPORT)
    with storage.open(vault.blobs._path(asked.blob)) as file:
        held = file.read()
    assert b"data.json" not in held
    assert speech(3.5)[:64] not in held


def test_it_is_handed_to_one_person_and_each_time_is_entered(kept, now):
    asked = made(kept.user, now)
    other = UserFactory()
    for words in ({"user": other}, {"token": link_of(asked)[:-1] + "_"}, {"token": "x"}, {"start": asked.size}):
        with pytest.raises(ExportGone):
            taken(asked, **words)
    with pytest.raises(ExportGone):
        taken(asked, user=other, token=signing.dumps([str(asked.id), str(other.pk)], salt="retention.export"))
    assert "access.downloaded" not in kinds()
    data = b"".join(taken(asked).pieces)
    assert "access.downloaded" in kinds()
    assert b"".join(taken(asked, start=1).pieces) == data[1:]
    told = [record.payload for record in records_of(user=kept.user) if record.kind == "access.downloaded"]
    assert [payload.get("from_byte") for payload in told] == [1, None], "all but the first byte is taken, too"


def test_the_link_ends_with_the_week_and_the_bytes_too(kept, now):
    asked = made(kept.user, now)
    week = now + timedelta(days=7)
    assert taken(asked, now=week - timedelta(seconds=1))
    with pytest.raises(ExportGone):
        taken(asked, now=week)
    assert drop_over(now=week - timedelta(seconds=1)) == 0
    assert drop_over(now=week) == 1
    assert vault.blobs.left(blobs=[asked.blob], kind=Kind.EXPORT) == set()
    assert not standing(user=kept.user, now=week)
    drop_over(now=week + timedelta(days=30))
    assert not Export.objects.filter(id=asked.id)


def test_it_goes_with_an_erasure(kept, now):
    asked = made(kept.user, now)
    request_erasure.by_subject(user=kept.user, app_id=None, now=now + timedelta(seconds=1))
    with pytest.raises(ExportGone):
        taken(asked)
    make_exports(clock=lambda: now + timedelta(seconds=2))
    assert vault.blobs.left(blobs=[asked.blob], kind=Kind.EXPORT) == set()
    assert Export.objects.get(id=asked.id).state == "gone"


def test_it_goes_before_the_erasure_comes_to_its_end(kept, now):
    asked = made(kept.user, now)
    [erasure] = request_erasure.by_subject(user=kept.user, app_id=None, now=now + timedelta(seconds=1))
    pursue(clock=lambda: now + timedelta(seconds=2))  # nothing else has been swept yet
    erasure.refresh_from_db()
    assert erasure.completed_at is None
    assert vault.blobs.left(blobs=[asked.blob], kind=Kind.EXPORT) == set()


def test_what_was_made_while_an_erasure_waited_goes_when_it_is_decided(kept, now):
    [erasure] = request_erasure.by_subject(user=kept.user, app_id=None, now=now, shown="")
    assert erasure.state == "identity_pending"
    later = now + timedelta(hours=1)
    asked = made(kept.user, later)
    assert asked.state == "ready"
    assert "media/" in str(whole(asked)[0].namelist())
    decided = later + timedelta(hours=1)
    identify_erasure.by_person(erasure_id=erasure.id, user=kept.user, shown="fresh_sign_in", now=decided)
    with pytest.raises(ExportGone):
        taken(asked)
    assert drop_over(now=decided) == 1
    assert vault.blobs.left(blobs=[asked.blob], kind=Kind.EXPORT) == set()


def test_what_is_made_while_an_erasure_goes_on_holds_nothing_of_it_and_goes_with_its_end(kept, now):
    [erasure] = request_erasure.by_subject(user=kept.user, app_id=None, now=now)
    asked = made(kept.user, now + timedelta(seconds=1))
    assert asked.left_out["restricted"] >= 1
    archive, data = whole(asked)
    assert "media/" not in str(archive.namelist())
    assert {each["reason"] for each in data["left_out"] if each["what"] == "artifact"} == {"restricted"}
    end = now + timedelta(minutes=1)
    sweep(clock=lambda: end)
    pursue(clock=lambda: end)
    erasure.refresh_from_db()
    assert erasure.completed_at == end
    with pytest.raises(ExportGone):
        taken(asked)


def test_what_is_erased_while_it_is_made_is_not_handed_out(kept, now, monkeypatch):
    real = exports.pieces

    def erased_meanwhile(asked, **words):
        yield from real(asked, **words)
        request_erasure.by_subject(user=kept.user, app_id=None, now=now + timedelta(seconds=1))

    monkeypatch.setattr(making, "pieces", erased_meanwhile)
    asked = export(user=kept.user, by=None, now=now)
    assert make_exports(clock=lambda: now) == 0
    asked.refresh_from_db()
    assert asked.state != "ready"
    assert vault.blobs.left(blobs=[asked.blob], kind=Kind.EXPORT) == set()


def test_the_person_can_let_it_go(kept, now):
    asked = made(kept.user, now)
    with pytest.raises(ExportGone):
        drop(user=UserFactory(), export_id=asked.id, now=now)
    drop(user=kept.user, export_id=asked.id, now=now)
    assert vault.blobs.left(blobs=[asked.blob], kind=Kind.EXPORT) == set()
    with pytest.raises(ExportGone):
        taken(asked)


def test_what_the_person_let_go_is_not_there_any_more_though_its_bytes_cannot_be_deleted_yet(kept, now):
    asked = made(kept.user, now)
    path = Path(vault.blobs._storage(Kind.EXPORT).path(vault.blobs._path(asked.blob)))
    path.unlink()
    (path / "a folder in its place").mkdir(parents=True)
    drop(user=kept.user, export_id=asked.id, now=now)
    assert not standing(user=kept.user, now=now)
    assert not store().has(f"export:{asked.blob}")
    (path / "a folder in its place").rmdir()
    path.rmdir()
    assert drop_over(now=now) == 1


def test_what_is_let_go_while_it_is_made_is_not_made(kept, now, monkeypatch):
    real = exports.pieces

    def let_go_meanwhile(asked, **words):
        yield from real(asked, **words)
        drop(user=kept.user, export_id=asked.id, now=now)

    monkeypatch.setattr(making, "pieces", let_go_meanwhile)
    asked = export(user=kept.user, by=None, now=now)
    assert make_exports(clock=lambda: now) == 0
    [blob] = Export.objects.filter(id=asked.id, state="gone").values_list("blob", flat=True)
    assert vault.blobs.left(blobs=[blob], kind=Kind.EXPORT) == set()


class Killed(BaseException):
    """As a power cut would."""


def test_a_worker_that_dies_is_followed_by_another_and_what_it_left_is_swept(kept, now, monkeypatch, settings):
    def dying(*_, **__):
        yield b"some"
        raise Killed

    asked = export(user=kept.user, by=None, now=now)
    with monkeypatch.context() as patch:
        patch.setattr(making, "pieces", dying)
        with pytest.raises(Killed):
            make_exports(clock=lambda: now)
    half = Export.objects.get(id=asked.id)
    assert half.state == "making"
    assert make_exports(clock=lambda: now + timedelta(seconds=59)) == 0  # the other may live
    later = now + timedelta(seconds=61)
    assert make_exports(clock=lambda: later) == 1
    asked.refresh_from_db()
    assert (asked.state, asked.tries) == ("ready", 2)
    assert asked.blob != half.blob
    settings.ORPHAN_GRACE_SECONDS = 0
    sweep_orphans(now=timezone.now() + timedelta(seconds=120))
    assert vault.blobs.left(blobs=[half.blob], kind=Kind.EXPORT) == set()
    assert whole(asked)


def test_what_cannot_be_made_is_tried_five_times_and_then_seen(kept, now, monkeypatch):
    def broken(**_):
        raise OSError("the disk is full")

    monkeypatch.setattr(vault.blobs, "put", broken)
    asked = export(user=kept.user, by=None, now=now)
    for hours in range(7):
        assert make_exports(clock=lambda hours=hours: now + timedelta(hours=hours)) == 0
    asked.refresh_from_db()
    assert (asked.state, asked.tries) == ("failed", 6)
    assert standing(user=kept.user, now=now)[0].state == "failed"
    assert export(user=kept.user, by=None, now=now + timedelta(hours=8)).id != asked.id


def test_an_officer_has_one_made_that_failed_and_then_no_failure_is_shown(kept, now):
    failed = [export(user=kept.user, by=None, now=now)]
    Export.objects.update(state="failed", tries=6)
    failed.append(export(user=kept.user, by=None, now=now))
    Export.objects.update(state="failed", tries=6)
    making.try_again(export_id=failed[0].id, now=now)
    with pytest.raises(ExportGone):
        making.try_again(export_id=failed[0].id, now=now)
    assert make_exports(clock=lambda: now) == 1
    [shown] = standing(user=kept.user, now=now)
    assert (shown.id, shown.state) == (failed[0].id, "ready")


def test_a_try_that_lost_its_lease_ends(kept, now, monkeypatch):
    monkeypatch.setattr(making, "_TOLD_EVERY", 0.0)
    real = exports.pieces

    def overtaken(asked, **words):
        Export.objects.filter(id=asked.id).update(blob=uuid.uuid4())
        yield from real(asked, **words)

    monkeypatch.setattr(making, "pieces", overtaken)
    asked = export(user=kept.user, by=None, now=now)
    assert make_exports(clock=lambda: now) == 0
    asked.refresh_from_db()
    assert asked.state == "making"


def test_progress_is_told_while_it_is_made(kept, now, monkeypatch):
    monkeypatch.setattr(making, "_TOLD_EVERY", 0.0)
    seen, real = [], exports.pieces

    def watched(asked, **words):
        for piece in real(asked, **words):
            seen.append(Export.objects.get(id=asked.id).percent)
            yield piece

    monkeypatch.setattr(making, "pieces", watched)
    asked = made(kept.user, now)
    assert seen == sorted(seen)
    assert 0 < max(seen) < 100
    assert (asked.done, asked.state) == (asked.total, "ready")
