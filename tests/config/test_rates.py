"""Rates: what they are, and which window a moment is in."""

import pytest

from config.rates import Rate, parse


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("600/minute", Rate(600, 60)),
        ("1/second", Rate(1, 1)),
        ("5/hour", Rate(5, 3600)),
        ("100000/day", Rate(100_000, 86_400)),
        ("", None),
    ],
)
def test_what_is_one(text, rate):
    assert parse(text) == rate


@pytest.mark.parametrize(
    "text", ["0/minute", "-1/minute", "600", "600/min", "600 / minute", "6e2/minute", "x", "600/minute\n"]
)
def test_what_is_none(text):
    with pytest.raises(ValueError, match="is no rate"):
        parse(text)


def test_windows_follow_each_other():
    rate = Rate(600, 60)
    assert rate.window(0) == (0, 60)
    assert rate.window(59.999) == (0, 1)
    assert rate.window(60) == (1, 60)
    assert rate.window(1_763_733_625.5) == (29_395_560, 35)
