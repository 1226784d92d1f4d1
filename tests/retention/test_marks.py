"""Evidence of marks, and what free text may not hold: pure."""

import pytest

from retention.errors import MarkRefused
from retention.free_text import found_in
from retention.marks import AudibleLabel, Marking, mark_of
from tests import vectors


def test_the_fields_are_those_of_the_standard():
    known = vectors.load("consent/gb45438/aigc-metadata.json")
    assert {str(label) for label in AudibleLabel} == set(known["audio_explicit_label"])
    metadata = dict.fromkeys(known["fields"], "x")
    mark = mark_of({"kind": "aigc", "metadata": metadata, "audible_label": "rhythm"})
    assert mark.record() == {"kind": "aigc", "audible_label": "rhythm", "metadata": metadata}


@pytest.mark.parametrize("name", ["Label", "ContentProducer", "ProduceID"])
def test_metadata_without_a_field_is_not_whole(name):
    metadata = dict.fromkeys(["Label", "ContentProducer", "ProduceID"], "x") | {name: ""}
    with pytest.raises(MarkRefused, match=name):
        mark_of({"kind": "aigc", "metadata": metadata, "audible_label": "rhythm"})


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
