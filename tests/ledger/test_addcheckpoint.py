"""The body of add-checkpoint: the specification's example, both ways, and every malformed one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.addcheckpoint import MAX_REQUEST_BYTES, format_request, parse_request, parse_size
from ledger.errors import InvalidRequest
from tests import vectors

NOTE = "origin\n1\nroot\n\n\u2014 name sig\n"


def test_the_example_of_the_specification():
    body = vectors.load("ledger/c2sp-spec-examples.json")["add_checkpoint_body_syntax_only"].encode()
    asked = parse_request(body)
    assert asked.old == 20852014
    assert len(asked.proof) == 4
    assert asked.note.startswith("example.com/behind-the-sofa\n20852163\n")
    assert format_request(old=asked.old, proof=asked.proof, checkpoint=asked.note) == body


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_both_ways(old, proof):
    asked = parse_request(format_request(old=old, proof=proof, checkpoint=NOTE))
    assert (asked.old, list(asked.proof), asked.note) == (old, proof, NOTE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"\n\n",
        b"old 0\n",
        b"old 0\n\n",
        b"old 0",
        b"0\n\nnote\n",
        b"old  0\n\nnote\n",
        b"old 00\n\nnote\n",
        b"old 01\n\nnote\n",
        b"old -1\n\nnote\n",
        b"old +1\n\nnote\n",
        b"old 1 \n\nnote\n",
        b"Old 1\n\nnote\n",
        b"old \xd9\xa1\n\nnote\n",
        b"old 9223372036854775808\n\nnote\n",
        b"old 99999999999999999999\n\nnote\n",
        b"\nold 0\n\nnote\n",
        b"old 0\r\n\r\nnote\n",
        b"old 0\nAAAA\n\nnote\n",
        b"old 0\n" + b"A" * 43 + b"\n\nnote\n",
        b"old 0\n" + b"A" * 42 + b"B=\n\nnote\n",
        b"old 0\n" + b"A" * 43 + b"= \n\nnote\n",
        b"old 0\n" + b"_" * 43 + b"=\n\nnote\n",
        b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\nnote\n",
        b"old 0\n\n\xff\n",
        b"old 0\n\n" + b"x" * MAX_REQUEST_BYTES,
    ],
)
def test_malformed(body):
    with pytest.raises(InvalidRequest):
        parse_request(body)


def test_what_cannot_be_asked():
    for change in ({"old": -1}, {"old": 2**63}, {"proof": [bytes(32)] * 64}, {"proof": [bytes(31)]}):
        with pytest.raises(InvalidRequest):
            format_request(**({"old": 0, "proof": [], "checkpoint": NOTE} | change))


def test_the_size_of_a_409():
    assert parse_size(b"0\n") == 0
    assert parse_size(b"9223372036854775807\n") == 2**63 - 1
    for bad in (b"", b"1", b"01\n", b"1\n\n", b"-1\n", b"9223372036854775808\n", b"1 \n", b"one\n"):
        with pytest.raises(InvalidRequest):
            parse_size(bad)


@given(st.binary())
def test_no_junk_crashes(junk):
    for body in (junk, b"old 0\n" + junk, b"old 0\n\n" + junk):
        try:
            asked = parse_request(body)
        except InvalidRequest:
            continue
        assert format_request(old=asked.old, proof=asked.proof, checkpoint=asked.note) == body
