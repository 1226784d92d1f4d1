"""Where a voice host keeps a thing is known while the thing is there, and not a moment longer."""

from datetime import timedelta

import pytest
from django.utils import timezone

from retention.models import Artifact, Place
from retention.sweep import sweep
from tests.conftest import Api

MARK = {"kind": "watermark", "watermark_id": "wm-7"}
HERE, THERE = "ab" * 32, "cd" * 32
pytestmark = pytest.mark.django_db


@pytest.fixture
def session(api, consent):
    grant = consent(operations=["upload", "embed", "synthesize"])
    return api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]


def places(artifact=None):
    rows = Place.objects.all() if artifact is None else Place.objects.filter(artifact=artifact)
    return {bytes(mark).hex() for mark in rows.values_list("mark", flat=True)}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("syntheses", {"mark": MARK, "custody": "app"}),
        ("embeddings", {"dimensions": 192}),
        ("models", {}),
        ("features", {"feature": "mfcc", "dimensions": 40}),
        ("transcripts", {}),
    ],
)
def test_every_record_can_say_where_it_lies(api, session, address, words):
    said = api.post(f"/api/v1/{address}", {"session": session, "places": [HERE, THERE, HERE], **words})
    assert said.status_code == 201, said.content
    assert places(said.json()["id"]) == {HERE, THERE}


def test_an_upload_and_each_record_of_a_batch_can_say_so_too(api, session, clip):
    uploaded = api.upload(session, clip, places=[HERE, THERE])
    assert uploaded.status_code == 201, uploaded.content
    assert places(uploaded.json()["id"]) == {HERE, THERE}
    records = [{"kind": "synthesis", "session": session, "mark": MARK, "custody": "app", "places": [HERE]}] * 2
    for each in api.post("/api/v1/records:batch", {"records": records}).json()["records"]:
        assert places(each["artifact"]) == {HERE}


@pytest.mark.parametrize("wrong", ["x", "AB" * 32, "ab" * 31, 7, ["ab" * 32]])
def test_what_is_no_place_is_refused_and_nothing_is_recorded(api, session, wrong):
    said = api.post("/api/v1/syntheses", {"session": session, "mark": MARK, "places": [wrong]})
    assert (said.status_code, list(said.json()["errors"])) == (422, ["places"])
    many = [f"{number:064x}" for number in range(17)]
    assert api.post("/api/v1/syntheses", {"session": session, "mark": MARK, "places": many}).status_code == 422
    assert not Artifact.objects.exists()


def test_a_place_can_be_told_later(api, session, tenant):
    artifact = api.post("/api/v1/syntheses", {"session": session, "mark": MARK, "custody": "app"}).json()["id"]
    for _ in range(2):
        assert api.post(f"/api/v1/artifacts/{artifact}/places", {"places": [HERE]}).status_code == 200
    assert places(artifact) == {HERE}
    for number in range(4):
        more = [f"{number}{each:063x}" for each in range(16)]
        answer = api.post(f"/api/v1/artifacts/{artifact}/places", {"places": more})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:consonant:problem:too-many-places")
    assert len(places(artifact)) == 1 + 3 * 16
    assert api.post(f"/api/v1/artifacts/{artifact}/places", {"places": []}).status_code == 422


def test_of_anothers_artifact_no_place_can_be_told(api, session, tenant):
    from tests.factories import AppFactory

    artifact = api.post("/api/v1/syntheses", {"session": session, "mark": MARK, "custody": "app"}).json()["id"]
    other = Api(AppFactory(tenant=tenant))
    assert other.post(f"/api/v1/artifacts/{artifact}/places", {"places": [HERE]}).status_code == 404
    assert places() == set()


def test_a_place_goes_when_the_app_has_acknowledged(api, session):
    words = {"session": session, "mark": MARK, "custody": "app", "places": [HERE]}
    artifact = api.post("/api/v1/syntheses", words).json()["id"]
    api.delete(f"/api/v1/artifacts/{artifact}")
    sweep(clock=timezone.now)
    assert places() == {HERE}, "until it is gone a sighting of it is no alarm"
    said = {"outcome": "deleted", "deleted_at": timezone.now().isoformat()}
    assert api.post(f"/api/v1/artifacts/{artifact}/erasure-acks", said).status_code == 200
    assert places() == set()
    assert api.post(f"/api/v1/artifacts/{artifact}/places", {"places": [HERE]}).status_code == 410
    assert places() == set()


def test_places_go_with_what_expires(api, session, clip):
    api.upload(session, clip, places=[HERE])
    api.post("/api/v1/embeddings", {"session": session, "dimensions": 192, "places": [THERE]})
    sweep(clock=lambda: timezone.now() + timedelta(days=400))
    assert set(Artifact.objects.values_list("state", flat=True)) == {"erased"}
    assert places() == set()
