"""Evidence of marks, and what free text may not hold: pure."""

import json
from dataclasses import replace

import pytest

from retention.clip import Clip, Manifest, parse_aigc
from retention.errors import MarkRefused
from retention.free_text import found_in
from retention.marks import AudibleLabel, Marking, Waiver, compare, mark_of
from tests import vectors


def test_the_fields_are_those_of_the_standard():
    known = vectors.load("consent/gb45438/aigc-metadata.json")
    assert {str(label) for label in AudibleLabel} == set(known["audio_explicit_label"])
    metadata = dict.fromkeys(known["fields"], "x") | {"Label": "1"}
    mark = mark_of({"kind": "aigc", "metadata": metadata, "audible_label": "rhythm"})
    assert mark.record() == {"kind": "aigc", "audible_label": "rhythm", "metadata": metadata}


@pytest.mark.parametrize("name", ["Label", "ContentProducer", "ProduceID"])
def test_metadata_without_a_field_is_not_whole(name):
    metadata = dict.fromkeys(["Label", "ContentProducer", "ProduceID"], "x") | {"Label": "1"} | {name: ""}
    with pytest.raises(MarkRefused, match=name):
        mark_of({"kind": "aigc", "metadata": metadata, "audible_label": "rhythm"})


SERVICE = "001191110102MAD55U9H0F10002"  # a code in public use
METADATA = {"Label": "1", "ContentProducer": "studio", "ProduceID": "clip-17"}
WAIVER = {"request": "ticket 7", "agreement": "terms v3", "recipient": "user-1"}


def aigc(waiver=None, **fields):
    said = {"kind": "aigc", "metadata": {**METADATA, **fields}}
    return mark_of(said | ({"without_label": waiver} if waiver else {"audible_label": "rhythm"}))


@pytest.mark.parametrize(
    "fields",
    [
        {"ContentProducer": SERVICE, "ProduceID": "ccf40794-0e83-4b96-8243-72a3fa70f06e"},
        {"ProduceID": "c4c8c10647a8bb7136ce0aa675915c5d_8ffd74cc633911f188bd525400d9a7a1"},
        {"ProduceID": "20261121000000123456"},
        {
            "ContentPropagator": "001191440300708461136T1XGW3",
            "PropagateID": "7",
            "ReservedCode2": "computer,1|human,0|",
        },
        {"ContentProducer": "语音工坊"},
    ],
)
def test_c1_metadata_as_practice_writes_it(fields):
    assert aigc(**fields).evidence["metadata"] == {**METADATA, **fields}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"Label": "2"}, "label_unsure"),
        ({"Label": "AIGC"}, "label_unsure"),
        ({"ContentProducer": SERVICE[:-6] + "G10002"}, "producer_code"),
        ({"ContentProducer": "001191110102MAD55U9H0I10002"}, "producer_code"),
        ({"ContentProducer": "001211010519491231002X00000"}, "personal"),
        ({"ContentProducer": "call 13800138000"}, "personal"),
        ({"ContentPropagator": "a@b.cd", "PropagateID": "1"}, "personal"),
        ({"ProduceID": "13800138000"}, "personal"),
        ({"ProduceID": "+44 20 7946 0958"}, "personal"),
        ({"ProduceID": "11010519491231002X"}, "personal"),
        ({"ContentPropagator": "studio"}, "incomplete"),
        ({"PropagateID": "7"}, "incomplete"),
        ({"ReservedCode1": "a\u202eb"}, "unreadable"),
        ({"ReservedCode1": "13800138000"}, "personal"),
        ({"ReservedCode2": "a@b.cd"}, "personal"),
    ],
)
def test_c1_the_validator_checks_the_metadata(fields, reason):
    with pytest.raises(MarkRefused) as refused:
        aigc(**fields)
    assert refused.value.reason == reason


def test_c1_the_validator_checks_the_explicit_label_too():
    with pytest.raises(MarkRefused) as refused:
        mark_of({"kind": "aigc", "metadata": METADATA})
    assert refused.value.reason == "no_audible_label"
    with pytest.raises(MarkRefused) as refused:
        mark_of({"kind": "aigc", "metadata": METADATA, "audible_label": "rhythm", "without_label": WAIVER})
    assert refused.value.reason == "label_and_waiver"


def test_c2_without_a_label_it_is_said_who_asked_for_it():
    mark = aigc(WAIVER)
    assert (mark.audible_label, mark.waiver) == ("", Waiver(**WAIVER))
    assert "user-1" not in str(mark.record()) + repr(mark)


def test_a_digest_has_the_length_of_its_algorithm():
    for algorithm, length in (("sha256", 64), ("sha384", 96), ("sha512", 128)):
        assert mark_of({"kind": "c2pa", "manifest_digest": f"{algorithm}:{'0' * length}"})
        with pytest.raises(MarkRefused) as refused:
            mark_of({"kind": "c2pa", "manifest_digest": f"{algorithm}:{'0' * (length + 2)}"})
        assert refused.value.reason == "digest_length"


@pytest.mark.parametrize("watermark", ["13800138000", "11010519491231002X", "8613800138000"])
def test_a_watermark_is_not_named_by_a_persons_number(watermark):
    with pytest.raises(MarkRefused) as refused:
        mark_of({"kind": "watermark", "watermark_id": watermark})
    assert refused.value.reason == "personal"
    assert mark_of({"kind": "watermark", "watermark_id": "a" + watermark})


def test_what_is_as_long_as_may_be_is_compared_whole():
    long = METADATA | {"ReservedCode1": "x" * 512}
    mark = mark_of({"kind": "aigc", "metadata": long, "audible_label": "rhythm"})
    compare(mark, Clip("audio/wav", aigc=parse_aigc(json.dumps({"AIGC": long}))), trusted_only=False)
    other = long | {"ReservedCode1": "x" * 511 + "y"}
    with pytest.raises(MarkRefused) as refused:
        compare(mark, Clip("audio/wav", aigc=parse_aigc(json.dumps({"AIGC": other}))), trusted_only=False)
    assert refused.value.reason == "metadata_differs"


def test_e1_a_manifest_that_does_not_say_ai_made_is_no_evidence():
    digest = "0" * 64
    mark = mark_of({"kind": "c2pa", "manifest_digest": f"sha256:{digest}"})
    manifest = Manifest(intact=True, digests={"sha256": digest})
    with pytest.raises(MarkRefused) as refused:
        compare(mark, Clip("audio/wav", manifest), trusted_only=False)
    assert refused.value.reason == "not_ai_made"
    compare(mark, Clip("audio/wav", replace(manifest, made_by_ai=True)), trusted_only=False)


@pytest.mark.parametrize("kind", list(Marking))
def test_every_kind_needs_its_evidence(kind):
    with pytest.raises(MarkRefused) as refused:
        mark_of({"kind": kind, "audible_label": "rhythm"})
    assert refused.value.reason == "incomplete"


@pytest.mark.parametrize(
    "text",
    [
        "+44 20 7946 0958",
        "13800138000",
        "138-0013-8000",
        "4111 1111 1111 1111",
        "11010519491231002X",
        "a@b.cd",
        "d41d8cd98f00b204e9800998ecf8427e",
    ],
)
def test_found(text):
    assert found_in(text)
    assert found_in(f"model of {text}, v2")


@pytest.mark.parametrize("text", ["", "CosyVoice3-0.5B", "resnet-192 2025-06-01", "wespeaker 1.2.3", "v20250601"])
def test_let_through(text):
    assert found_in(text) is None
