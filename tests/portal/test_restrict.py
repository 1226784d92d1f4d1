"""A person lets nobody use something, from their own page."""

import pytest

from retention.models import Artifact
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def artifact(api, consent, clip):
    session = api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"]
    return Artifact.objects.get(id=api.upload(session, clip).json()["id"])


def test_g12_one_restricts_it_oneself(client, api, user, artifact):
    client.force_login(user)
    path = f"/records/restrict/{artifact.id}/"
    assert path in client.get("/records/").content.decode()
    assert client.get(path).status_code == 405
    assert client.post(path, {"reason": "held"}, follow=True).status_code == 200
    artifact.refresh_from_db()
    assert artifact.state == "active", "that is no reason of a person's"
    assert client.post(path, {"reason": "whim"}).status_code == 404
    answer = client.post(path, {"reason": "accuracy"}, follow=True)
    artifact.refresh_from_db()
    assert (artifact.state, artifact.restriction) == ("restricted", "accuracy")
    text = answer.content.decode()
    assert "It is restricted: nobody may use it." in text
    assert "was restricted: nobody may use it" in text
    assert api.get(f"/api/v1/artifacts/{artifact.id}/content").status_code == 403


def test_of_others_nothing(client, artifact):
    client.force_login(UserFactory())
    assert client.post(f"/records/restrict/{artifact.id}/", {"reason": "accuracy"}).status_code == 404
    artifact.refresh_from_db()
    assert artifact.state == "active"
