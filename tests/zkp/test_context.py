"""What a proof is bound to is one text, byte for byte."""

import json
from dataclasses import replace
from datetime import timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tests.zkp.given import CHANGES, ENROLMENT, NOW, context, each_byte
from zkp.core.context import Context, canonical, moment, read_moment
from zkp.core.errors import InvalidContext

GOOD = context("own")


def test_nothing_moves():
    """Wallets write these bytes too: they are for ever."""
    assert GOOD.octets() == (
        b'{"expires":"2026-03-01T12:08:30Z","nonce":"' + b"07" * 32 + b'","origin":"log.example/voices",'
        b'"protocol":"consonant/zkp","purpose":"to pay what is owed","root":"' + b"01" * 32 + b'","size":1200,'
        b'"statement":"own","v":1,"verifier":"https://verifier.example"}'
    )
    assert ENROLMENT.octets() == (
        b'{"account":"an account","expires":"2026-03-01T11:59:30Z","nonce":"' + b"03" * 32 + b'",'
        b'"origin":"log.example/voices","protocol":"consonant/zkp","ref":"0f0e0d0c-0b0a-4908-8706-050403020100",'
        b'"statement":"enrol","v":1}'
    )


def test_what_is_written_is_read():
    assert Context.read(GOOD.octets()) == GOOD
    east = GOOD.expires.astimezone(timezone(timedelta(hours=8)))
    assert replace(GOOD, expires=east).octets() == GOOD.octets()


@given(st.text(min_size=1, max_size=40))
def test_any_text_is_in_the_form_of_rfc_8785(text):
    try:
        made = context("own", purpose=text).octets()
    except InvalidContext:
        assert any(c < " " or "\x7f" <= c <= "\x9f" for c in text)
        return
    assert made == rfc8785.dumps(json.loads(made))
    assert Context.read(made).purpose == text


@pytest.mark.parametrize("name", CHANGES)
def test_every_field_counts(name):
    assert context("own", **{name: CHANGES[name]}).octets() != GOOD.octets()


def test_every_byte_counts():
    for at, changed in each_byte(GOOD.octets()):
        try:
            read = Context.read(changed)
        except InvalidContext:
            continue
        assert read.octets() == changed != GOOD.octets(), at


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": b"\7" * 31},
        {"root": b"\1" * 33},
        {"size": -1},
        {"size": 2**53},
        {"size": True},
        {"size": 1.0},
        {"purpose": ""},
        {"purpose": "p" * 2_049},
        {"purpose": "two\nlines"},
        {"purpose": None},
        {"verifier": "\x9b31m"},
        {"expires": NOW.replace(tzinfo=None)},
        {"expires": NOW.replace(microsecond=1)},
        {"expires": NOW.replace(year=999)},
    ],
)
def test_what_cannot_be_written(change):
    with pytest.raises(InvalidContext):
        context("own", **change)


def test_what_cannot_be_encoded():
    with pytest.raises(InvalidContext):
        context("own", purpose="\ud800").octets()
    with pytest.raises(InvalidContext):
        canonical({"a": "\udfff"})
    with pytest.raises(InvalidContext):
        replace(ENROLMENT, account="")
    with pytest.raises(InvalidContext):
        replace(ENROLMENT, nonce=b"")


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        GOOD.octets() + b"\n",
        b" " + GOOD.octets(),
        GOOD.octets().replace(b'"v":1', b'"v":2'),
        GOOD.octets().replace(b'"v":1', b'"v":1,"w":1'),
        GOOD.octets().replace(b'"v":1,', b'"v":1, '),
        GOOD.octets().replace(b"1200", b"1200.0"),
        GOOD.octets().replace(b"1200", b"true"),
        GOOD.octets().replace(b"0707", b"07 07"),
        GOOD.octets().replace(b"consonant/zkp", b"consonant/zkq"),
        GOOD.octets().replace(b"Z", b"+00:00"),
        GOOD.octets().replace(b"2026-03-01", b"2026-3-1"),
        GOOD.octets().replace(b"2026-03-01", b"0999-03-01"),
        GOOD.octets().replace(b"2026-03-01", b"0000-03-01"),
        GOOD.octets().replace(b"2026-03-01", b"2026-02-30"),
        GOOD.octets().replace(b"to pay", b"to\\u0020pay"),
        GOOD.octets().replace(b'"nonce":"', b'"nonce":7,"nonce":"'),
    ],
    ids=range(22),
)
def test_another_form_is_refused(bad):
    with pytest.raises(InvalidContext):
        Context.read(bad)


def test_moments():
    assert moment(NOW) == "2026-03-01T11:58:30Z"
    assert read_moment("2026-03-01T11:58:30Z") == NOW
    for bad in ("2026-03-01T11:58:30", "2026-3-01T11:58:30Z", "2026-03-01 11:58:30Z", "", "2026-02-30T00:00:00Z"):
        with pytest.raises(ValueError):
            read_moment(bad)
