"""The adapter of Linly-Talker on its real code: both APIs, and SadTalker's class."""

from retention.models import Artifact
from tests.conftest import kinds
from tests.factories import AppFactory
from tests.retention.combining import COLLECT, allowed, picture


def test_every_function_is_gated_and_recorded(served, drive, tmp_path):
    served.app = AppFactory(tenant=served.app.tenant, purposes=["digital-human", "voice-cloning"])
    voice = served.consent()
    both = allowed(served.app, served.user, COLLECT)
    combine = allowed(served.app, served.user, ["combine"])
    face, film = tmp_path / "face.jpg", tmp_path / "film.mp4"
    face.write_bytes(picture())
    film.write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + b"\0\0\0\x08free" + b"\0\0\0\x10mdat12345678")
    seen, said = drive("drive_linly", voice, str(both.id), str(combine.id), str(face), str(film))
    status, computed, files = seen["tts refused"]
    assert (status, computed, files) == (403, [], [])
    assert seen["tts"] == [200, ["voice"], ["answer.wav"], True]
    assert seen["tts sent marked"]
    *refused, computed, files = seen["talker refused"]
    assert (refused, computed, files) == ([403, 403], [], [])
    assert seen["talker"] == [200, ["face"], "video/mp4"]
    assert (seen["left"], seen["film"]) == ([], [True])
    assert seen["class refused"] == "subject_missing"
    assert Artifact.objects.filter(kind="synthesis").count() == 2
    assert set(Artifact.objects.values_list("standing", flat=True)) == {"permitted"}
    assert kinds().count("session.opened") == kinds().count("session.closed")
    for secret in ("salary", "secret", "anna", "0.31415", "uploaded_ref"):
        assert secret not in said
