"""The adapter of CosyVoice on its real code."""

from ledger.models import Opening  # noqa: F401 - the app registry
from retention.models import Artifact
from tests.conftest import kinds


def test_every_function_is_gated_and_recorded(served, others_grant, drive):
    grant = served.consent()
    seen, said = drive("drive_cosyvoice", grant, others_grant())
    names = {
        "inference_sft",
        "inference_zero_shot",
        "inference_cross_lingual",
        "inference_instruct2",
        "inference_vc",
        "add_zero_shot_spk",
    }
    assert seen["refused"] == dict.fromkeys(names, "subject_missing")
    assert (seen["computed without a grant"], seen["files without a grant"]) == (0, [])
    assert seen["done"] == dict.fromkeys(names - {"add_zero_shot_spk"}, 1) | {"add_zero_shot_spk": True}
    assert not any(seen["prompt left"].values())
    assert (seen["saving"], seen["stored voiceprints"], seen["enrolled"], seen["marked"]) == (
        "embedding_stored",
        [],
        1,
        [True],
    )
    count = {kind: Artifact.objects.filter(kind=kind).count() for kind in ("upload", "embedding", "synthesis")}
    assert count == {"upload": 7, "embedding": 7, "synthesis": 8}  # what is converted is two people's
    assert set(Artifact.objects.values_list("standing", flat=True)) == {"permitted"}
    assert Artifact.objects.filter(places__isnull=False).count() >= 1
    assert kinds().count("session.opened") == kinds().count("session.closed")
    for secret in ("salary", "secret", "anna", "0.31415"):
        assert secret not in said
