"""Marks of synthetic speech over REST: compared with the clip, embedded in what the vault holds, given up by request alone, never changed."""

import hmac
import io
import json
import uuid
from datetime import timedelta

import pytest
import soundfile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from consent.models import Subject
from keyring.keys import reference_key, store
from ledger.models import Opening
from retention import clip as clips
from retention import clip_process
from retention.credential import RENEWED_BEFORE, _make, anchors, credential
from retention.models import Artifact
from retention.signer import LASTS
from tests.conftest import Api, kinds, speech
from tests.factories import AppFactory, UserFactory
from tests.retention.test_clip import aigc_wav, root, signed_wav
from tests.retention.test_made import EVERYTHING, form, last_record, open_session, synthesise

pytestmark = pytest.mark.django_db

WATERMARK = {"kind": "watermark", "watermark_id": "wm-7"}
FIELDS = {"Label": "1", "ContentProducer": "001191110102MAD55U9H0F10002", "ProduceID": "clip-7"}
AIGC = {"kind": "aigc", "metadata": FIELDS, "audible_label": "rhythm"}
WAIVER = {"request": "ticket 7", "agreement": "terms v3", "recipient": "user-77"}
UNLABELLED = {"kind": "aigc", "metadata": FIELDS, "without_label": WAIVER}


@pytest.fixture
def session(api, consent):
    return open_session(api, consent(operations=EVERYTHING))


def store_clip(api, session, sound, mark=WATERMARK, **fields):
    return form(api, "/api/v1/syntheses", sound, session=session, mark=json.dumps(mark), **fields)


def content(api, artifact):
    return api.get(f"/api/v1/artifacts/{artifact}/content").content


def refused(answer):
    assert answer.json()["type"].endswith(":mark-refused"), answer.content
    return answer.json()["reason"]


def voices():
    return {name for names in store().older_than(timezone.now(), prefix="voice:") for name in names}


def digest_of(data):
    return "sha256:" + clips.read(data).manifest.digests["sha256"]


@pytest.mark.parametrize("kind", ["WAV", "MP3", "FLAC"])
def test_e1_what_the_vault_gives_out_is_marked_and_names_its_entry(api, user, session, settings, kind):
    sound = speech(kind=kind)
    made = store_clip(api, session, sound).json()
    data = content(api, made["id"])
    said = clip_process.read(data, anchors=credential().root)
    assert (said.manifest.intact, said.manifest.trusted, said.manifest.made_by_ai) == (True, True, True)
    assert said.entries == (clips.Named(settings.PUBLIC_URL, uuid.UUID(made["entry"])),)
    assert (soundfile.read(io.BytesIO(data))[0] == soundfile.read(io.BytesIO(sound))[0]).all()
    assert last_record(user).payload["embedded"] is True
    subject = Subject.objects.get(user=user)
    for name in (user.email, "user-1", str(user.id), str(subject.id), made["session"], made["id"]):
        assert name.encode() not in data


def test_e1_each_of_two_people_has_an_entry_of_their_own_in_their_copy(api, session, consent):
    other = consent(who=UserFactory(), ref="user-2", operations=EVERYTHING)
    made = store_clip(api, session, speech(), with_sessions=json.dumps([open_session(api, other)])).json()
    for each in (made, *made["others"]):
        assert [named.ref for named in clips.read(content(api, each["id"])).entries] == [uuid.UUID(each["entry"])]


def test_e1_a_synthesis_without_a_mark_is_refused(api, session):
    before = kinds()
    for answer in (
        api.post("/api/v1/syntheses", {"session": session}),
        form(api, "/api/v1/syntheses", speech(), session=session),
        api.post("/api/v1/syntheses", {"session": session, "mark": {"kind": "aigc", "metadata": FIELDS}}),
    ):
        assert answer.status_code == 422
        refused(answer)
    assert kinds() == before
    assert Artifact.objects.count() == 0


def test_a_manifest_is_compared_with_the_digest_that_was_given(api, session):
    data = signed_wav()
    mark, before = {"kind": "c2pa", "manifest_digest": digest_of(data)}, voices()
    assert store_clip(api, session, data, mark).status_code == 201
    broken = bytearray(data)
    broken[500] ^= 1
    for clip, reason in (
        (signed_wav(), "manifest_differs"),
        (speech(), "manifest_missing"),
        (broken, "manifest_broken"),
    ):
        assert refused(store_clip(api, session, bytes(clip), mark)) == reason
    assert refused(store_clip(api, session, bytes(broken), WATERMARK)) == "manifest_broken"
    assert Artifact.objects.count() == 1
    assert voices() == {f"voice:{Artifact.objects.get().id}"} | before, "nothing of a refused clip is left"


def test_metadata_is_compared_with_what_was_declared(api, session):
    assert store_clip(api, session, aigc_wav(**FIELDS), AIGC).status_code == 201
    assert refused(store_clip(api, session, aigc_wav(**FIELDS | {"ProduceID": "clip-8"}), AIGC)) == "metadata_differs"
    assert refused(store_clip(api, session, speech(), AIGC)) == "metadata_missing"


@pytest.fixture
def trust(settings, tmp_path):
    settings.C2PA_TRUST = tmp_path / "trust" / "c2pa.pem"

    def run(*words):
        said = io.StringIO()
        call_command("trust", *words, stdout=said)
        return said.getvalue()

    return run


def test_with_a_list_the_signer_of_the_evidence_has_to_be_on_it(api, session, settings, trust, tmp_path):
    data = signed_wav()
    mark = {"kind": "c2pa", "manifest_digest": digest_of(data)}
    assert "nobody is named" in trust("show")
    other = tmp_path / "other.pem"
    other.write_text(trust("root"))
    trust("add", str(other))
    assert refused(store_clip(api, session, data, mark)) == "signer_untrusted"
    theirs = tmp_path / "theirs.pem"
    theirs.write_text(root())
    own, *listed = trust("add", str(theirs)).splitlines()
    assert own == f"this service signs by a certificate until {credential().ends.date()}"
    assert len(listed) == 2
    assert settings.C2PA_TRUST.stat().st_mode & 0o777 == 0o644, "another account may serve"
    assert trust("add", str(theirs)).splitlines() == [own, *listed], "once is enough"
    assert store_clip(api, session, data, mark).status_code == 201
    [line] = [line for line in listed if "Test root" in line]
    trust("remove", line[:16])
    assert refused(store_clip(api, session, data, mark)) == "signer_untrusted"
    for words in (("remove", "0" * 64), ("add", "/dev/null/x"), ("remove", "")):
        with pytest.raises(CommandError):
            trust(*words)


def test_the_root_is_published():
    answer = Client().get("/.well-known/c2pa-root.pem")
    assert answer.content.decode() == credential().root


@pytest.fixture
def own_secrets(settings, tmp_path):
    """A folder of secrets of this test's own."""
    settings.SECRETS = tmp_path / "secrets"
    credential.cache_clear()
    yield settings.SECRETS
    credential.cache_clear()


def test_a_new_certificate_and_the_roots_before(api, session, own_secrets, trust):
    store_clip(api, session, speech())
    before = content(api, Artifact.objects.get().id)
    old, old_file = credential(), (own_secrets / "c2pa").read_bytes()
    trust("renew")
    new = credential()
    assert new.root.endswith(old.root)
    assert new.root.count("BEGIN CERTIFICATE") == 2
    assert new.chain.count("BEGIN CERTIFICATE") == 2
    assert new.chain != old.chain
    assert (own_secrets / "c2pa").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in own_secrets.iterdir() if path.name.startswith(".new")] == []
    made = store_clip(api, session, speech()).json()["id"]
    for data in (before, content(api, made)):
        assert clips.read(data, anchors=anchors()).manifest.trusted
    assert not clips.read(content(api, made), anchors=old.root).manifest.trusted
    assert Client().get("/.well-known/c2pa-root.pem").content.decode() == new.root
    (own_secrets / "c2pa").write_bytes(old_file)
    credential.cache_clear()
    assert credential().chain == old.chain, "a file as it was made before is read as it was"


def test_after_its_end_nothing_is_signed_and_it_is_said_before(api, session, own_secrets, caplog):
    own_secrets.mkdir()
    for made_at, ended in ((timezone.now() - LASTS + timedelta(days=364), False), (timezone.now() - LASTS, True)):
        (own_secrets / "c2pa").write_bytes(_make(made_at))
        credential.cache_clear()
        caplog.clear()
        answer = store_clip(api, session, speech())
        assert "c2pa_certificate_ends" in caplog.text
        if ended:
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:consonant:problem:signer-expired")
        else:
            assert answer.status_code == 201
    (own_secrets / "c2pa").unlink()
    credential.cache_clear()
    caplog.clear()
    assert credential().ends > timezone.now() + RENEWED_BEFORE
    assert "c2pa_certificate_ends" not in caplog.text


@pytest.mark.parametrize("kind", ["OGG", "AIFF"])
def test_what_takes_no_manifest_is_not_taken(api, session, kind):
    answer = store_clip(api, session, speech(kind=kind))
    assert (answer.status_code, answer.json()["reason"]) == (422, "unmarkable")
    assert "OGG" in answer.json()["detail"], "it says what to do"
    assert "custody app" in answer.json()["detail"]
    assert Artifact.objects.count() == 0


def test_e1_a_manifest_of_a_recording_is_no_evidence(api, session):
    """A manifest that holds, of a clip that says that a microphone made it."""
    data = signed_wav(source="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture")
    assert (
        refused(store_clip(api, session, data, {"kind": "c2pa", "manifest_digest": digest_of(data)})) == "not_ai_made"
    )


def test_c1_fields_that_are_empty_are_as_if_left_out(api, user, session):
    names = ("ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2")
    mark = AIGC | {"metadata": FIELDS | dict.fromkeys(names, "")}
    assert store_clip(api, session, aigc_wav(**mark["metadata"]), mark).status_code == 201
    assert last_record(user).payload["mark"]["metadata"] == FIELDS


def test_c2_delivery_without_a_label_needs_who_asked_and_the_agreement(api, session):
    for missing in WAIVER:
        waiver = {name: value for name, value in WAIVER.items() if name != missing}
        mark = UNLABELLED | {"without_label": waiver}
        assert api.post("/api/v1/syntheses", {"session": session, "mark": mark}).status_code == 422
    assert "label.waived" not in kinds()
    made = synthesise(api, session, mark=UNLABELLED, custody="app")
    assert made.status_code == 201
    assert made.json()["audible_label"] is None
    assert kinds()[-2:] == ["artifact.recorded", "label.waived"]


def waived(user):
    [record] = [each for each in records(user) if each.kind == "label.waived"]
    return record.payload


def records(user):
    from consent.queries import records_of

    return records_of(user=user)


def test_c2_the_log_says_what_the_law_wants_and_no_name(api, app, user, session):
    made = synthesise(api, session, mark=UNLABELLED, custody="app").json()
    payload = waived(user)
    assert (payload["request"], payload["agreement"], payload["artifact"]) == ("ticket 7", "terms v3", made["id"])
    expected = hmac.digest(reference_key(), b"recipient" + app.id.bytes + b"user-77", "sha256")
    assert payload["recipient"] == expected.hex()
    assert "user-77" not in json.dumps(payload)


def test_c2_a_later_delivery_is_entered_by_a_call_of_its_own(api, user, session):
    made = synthesise(api, session, mark=AIGC, custody="app").json()
    at = timezone.now() - timedelta(hours=1)
    path = f"/api/v1/artifacts/{made['id']}/label-waivers"
    answer = api.post(path, WAIVER | {"delivered_at": at.isoformat()})
    assert answer.status_code == 201, answer.content
    assert waived(user)["delivered_at"] == at.isoformat()
    ahead = (timezone.now() + timedelta(hours=1)).isoformat()
    for words in ({}, WAIVER | {"request": "call 13800138000"}, WAIVER | {"delivered_at": ahead}):
        assert api.post(path, words).status_code == 422
    assert kinds().count("label.waived") == 1


def test_c2_in_a_batch_too(api, user, session):
    record = {"kind": "synthesis", "session": session, "mark": UNLABELLED, "custody": "app"}
    plain = {"kind": "synthesis", "session": session, "mark": WATERMARK}
    said = api.post("/api/v1/records:batch", {"records": [record, plain]}).json()["records"]
    assert [each["status"] for each in said] == [201, 201]
    assert waived(user)["artifact"] == said[0]["artifact"]
    assert kinds()[-3:] == ["artifact.recorded", "artifact.recorded", "label.waived"]


def test_c2_the_log_outlives_the_voice_by_six_months(api, user, session, clip):
    from retention import certify
    from tests.retention.test_erasure import acknowledged, erase, turn

    made = synthesise(api, session, mark=UNLABELLED, custody="app").json()
    subject = Subject.objects.get(user=user)
    erase(api)
    turn()
    acknowledged(api, made["id"])
    for _ in range(3):
        turn()
    found = Opening.objects.filter(kind="label.waived", holder=subject.evidence_name)
    assert not store().has(subject.key_name), "the person is forgotten"
    certify.drop_evidence(now=timezone.now() + timedelta(days=182))
    assert found.count() == 1
    assert store().has(subject.evidence_name)
    certify.drop_evidence(now=timezone.now() + timedelta(days=184))
    assert found.count() == 0


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_c3_no_call_takes_a_label_away_and_attempts_are_entered(api, user, session, method):
    made = synthesise(api, session, mark=AIGC, custody="app").json()
    path = f"/api/v1/artifacts/{made['id']}/mark"
    shown = {"artifact": made["id"], "marking": "aigc", "audible_label": "rhythm", "embedded": False}
    assert api.get(path).json() == shown
    answer = getattr(api.client, method)(path, {"audible_label": None}, "application/json", headers=api.headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:consonant:problem:label-fixed")
    record = last_record(user)
    assert (record.kind, str(record.ref)) == ("label.change_refused", answer.json()["entry"])
    assert record.payload["change"] == {"put": "replace", "patch": "change", "delete": "remove"}[method]
    assert api.get(path).json() == shown


def test_c3_only_of_ones_own_and_only_of_speech(api, app, session, clip):
    upload = api.upload(session, clip).json()["id"]
    made = synthesise(api, session, mark=AIGC, custody="app").json()["id"]
    theirs = Api(AppFactory(tenant=app.tenant))
    before = kinds()
    assert theirs.delete(f"/api/v1/artifacts/{made}/mark").json()["type"].endswith("artifact-unknown")
    assert theirs.post(f"/api/v1/artifacts/{made}/label-waivers", WAIVER).status_code == 404
    assert api.delete(f"/api/v1/artifacts/{upload}/mark").json()["type"].endswith("no-label")
    assert kinds() == before


def test_c3_no_route_of_an_artifact_writes_its_label(api, session):
    """Whatever is tried at the artifact itself changes nothing of it."""
    made = synthesise(api, session, mark=AIGC, custody="app").json()
    path = f"/api/v1/artifacts/{made['id']}"
    for method in ("put", "patch", "post"):
        words = {"audible_label": "voice_prompt", "marking": "watermark", "mark": WATERMARK}
        answer = getattr(api.client, method)(path, words, "application/json", headers=api.headers)
        assert answer.status_code in {403, 405, 422}
        answer = getattr(api.client, method)(f"{path}/content", b"other", "audio/wav", headers=api.headers)
        assert answer.status_code in {405, 415}
    artifact = Artifact.objects.get(id=made["id"])
    assert (artifact.marking, artifact.audible_label) == ("aigc", "rhythm")
