"""The adapter of IndexTTS on its real code, both versions, the command line and the presets."""

from retention.models import Artifact
from tests.conftest import kinds


def test_every_function_is_gated_and_recorded(served, others_grant, drive):
    grant = served.consent()
    seen, said = drive("drive_indextts", grant, others_grant())
    assert seen["refused"] == dict.fromkeys(("v2", "v2.5"), ["subject_missing"] * 3)
    assert seen["one grant for two voices"] == "subject_missing"
    assert (seen["computed without a grant"], seen["files without a grant"]) == (0, [])
    assert seen["done"] == {name: [f"{name}/out.wav", 2, 22_050, 1] for name in ("v2", "v2.5")}
    assert [seen["marked v2"], seen["marked v2.5"], seen["cli marked"]] == [[True, True]] * 3
    assert (seen["caches"], seen["prompts left"], seen["preset"]) == ([], [], ["preset.json"])
    assert (seen["cli refused"][0] != 0, seen["cli computed"]) == (True, [0, False])
    assert (seen["cli"][0], seen["batch"][0]) == (0, 0)
    clips = Artifact.objects.filter(kind="synthesis")
    assert clips.count() == 2 * (2 + 1 + 1) + 1 + 1  # the emotion is a second person's
    assert set(Artifact.objects.values_list("standing", flat=True)) == {"permitted"}
    assert kinds().count("session.opened") == kinds().count("session.closed")
    said += seen["cli"][1] + seen["batch"][1] + seen["cli refused"][1]
    for secret in ("salary", "secret", "anna", "bela", "0.3141", "cli.wav", "out.wav"):
        assert secret not in said
