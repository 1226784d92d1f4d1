"""One thing let go before its time, with what was made from it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from retention import discard
from retention import sweep as sweeping
from retention.errors import ArtifactUnknown
from retention.models import Artifact
from tests.conftest import Api, kinds
from tests.factories import AppFactory, UserFactory

pytestmark = pytest.mark.django_db
WATERMARK = {"kind": "watermark", "watermark_id": "wm-7"}


@pytest.fixture
def line(api, consent, clip):
    """A recording, a voiceprint of it, speech made with that, and another recording."""
    session = api.post(
        "/api/v1/sessions", {"grant": str(consent(operations=("upload", "embed", "synthesize")).id)}
    ).json()["id"]
    recording, other = (api.upload(session, clip).json()["id"] for _ in range(2))
    voiceprint = api.post(
        "/api/v1/embeddings", {"session": session, "dimensions": 192, "derived_from": [recording]}
    ).json()["id"]
    speech = api.post(
        "/api/v1/syntheses",
        {"session": session, "mark": WATERMARK, "custody": "app", "derived_from": [voiceprint, recording]},
    ).json()["id"]
    return {"recording": recording, "other": other, "voiceprint": voiceprint, "speech": speech}


def states(line):
    return {name: Artifact.objects.get(id=each).state for name, each in line.items()}


def test_by_the_app_with_all_that_came_of_it(api, line):
    answer = api.delete(f"/api/v1/artifacts/{line['recording']}")
    assert answer.status_code == 202
    assert kinds()[-1] == "artifact.discarded"
    sweeping.sweep(clock=timezone.now)
    assert states(line) == {"recording": "erased", "voiceprint": "erased", "speech": "erasing", "other": "active"}
    said = kinds()
    api.delete(f"/api/v1/artifacts/{line['recording']}")
    assert kinds() == said, "repeating it enters nothing"


def test_by_the_person_what_came_of_it_only(user, line):
    discard.by_subject(user=user, artifact_id=line["voiceprint"], now=timezone.now())
    sweeping.sweep(clock=timezone.now)
    assert states(line) == {"recording": "active", "voiceprint": "erased", "speech": "erasing", "other": "active"}


def test_what_another_consent_carries_stands(api, line, consent):
    grant = consent(operations=("synthesize",))
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    words = {"session": session, "mark": WATERMARK, "custody": "app", "derived_from": [line["voiceprint"]]}
    line["elsewhere"] = api.post("/api/v1/syntheses", words).json()["id"]
    api.delete(f"/api/v1/artifacts/{line['recording']}")
    sweeping.sweep(clock=timezone.now)
    assert states(line)["elsewhere"] == "active"


def test_not_others(app, line):
    with pytest.raises(ArtifactUnknown):
        discard.by_subject(user=UserFactory(), artifact_id=line["recording"], now=timezone.now())
    assert Api(AppFactory(tenant=app.tenant)).delete(f"/api/v1/artifacts/{line['recording']}").status_code == 404
    assert set(states(line).values()) == {"active"}


def test_expiry_takes_nothing_with_it(line):
    Artifact.objects.filter(id=line["recording"]).update(expires_at=timezone.now() - timedelta(seconds=1))
    sweeping.sweep(clock=timezone.now)
    assert states(line) == {"recording": "erased", "voiceprint": "active", "speech": "active", "other": "active"}
