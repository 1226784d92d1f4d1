"""A body is read by a serializer that the thread keeps: nothing of one body, one caller or one language gets into the next."""

import pytest
from django.utils import translation
from rest_framework import serializers

from accounts.strict import StrictSerializer


class Inner(StrictSerializer):
    name = serializers.CharField(max_length=3)


class Outer(StrictSerializer):
    count = serializers.IntegerField(max_value=9)
    kind = serializers.ChoiceField(["a", "b"], required=False, default="a")
    inner = Inner(required=False)
    many = serializers.ListField(child=serializers.IntegerField(), required=False)
    even = serializers.IntegerField(required=False)
    caller = serializers.SerializerMethodField()

    def validate_even(self, value):
        if value % 2:
            raise serializers.ValidationError("Odd.")
        return value * 10

    def validate(self, attrs):
        return {**attrs, "app": self.context.get("app")}


GOOD = [
    ({"count": 1, "caller": "what only answers say"}, {"count": 1, "kind": "a"}),
    ({"count": 1}, {"count": 1, "kind": "a"}),
    ({"count": "2", "kind": "b", "even": 4}, {"count": 2, "kind": "b", "even": 40}),
    ({"many": [1], "inner": {"name": "x"}, "count": 3}, {"count": 3, "kind": "a", "many": [1], "inner": {"name": "x"}}),
]
BAD = [
    {},
    {"count": 10, "kind": "c", "inner": {"name": "long"}, "even": 1, "many": "x"},
    {"count": 1, "inner": {}},
    {"count": 1, "inner": {"name": "x", "sha256": "0"}},
    {"count": 1, "what": 2},
    {"count": None},
    [],
    "x",
]


@pytest.mark.parametrize(("said", "words"), GOOD)
def test_it_reads_what_a_new_one_reads(said, words):
    fresh = Outer(data=said)
    assert fresh.is_valid(), fresh.errors
    assert Outer.words_of(said) == fresh.validated_data == {**words, "app": None}


@pytest.mark.parametrize("said", BAD, ids=str)
def test_it_says_all_that_is_wrong(said):
    fresh = Outer(data=said)
    assert not fresh.is_valid()
    with pytest.raises(serializers.ValidationError) as refused:
        Outer.words_of(said)
    assert refused.value.detail == fresh.errors


def test_no_body_misses_what_is_needed():
    with pytest.raises(serializers.ValidationError) as refused:
        Outer.words_of(None)
    assert list(refused.value.detail) == ["count"]


def test_nothing_of_one_caller_stays_for_the_next():
    assert Outer.words_of({"count": 1, "even": 2}, app="one") == {"count": 1, "kind": "a", "even": 20, "app": "one"}
    assert Outer.words_of({"count": 2}) == {"count": 2, "kind": "a", "app": None}


def test_each_language_has_its_own_messages():
    said = []
    for language in ("en", "zh-hans", "en"):
        with translation.override(language), pytest.raises(serializers.ValidationError) as refused:
            Outer.words_of({"count": 10})
        said.append(str(refused.value.detail["count"][0]))
    assert said[0] == said[2] != said[1]
