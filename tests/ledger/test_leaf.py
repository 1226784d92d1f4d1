"""The leaf of version 1: canonical by the judgement of another library, strict, bounded."""

import contextlib
import hashlib
import hmac
import json
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger import leaf
from ledger.errors import InvalidLeaf
from ledger.leaf import Leaf

GOOD = Leaf(
    log="consonant.local",
    index=7,
    prev=bytes(range(32)),
    at=datetime(2026, 3, 1, 9, 5, 7, 45000, tzinfo=UTC),
    kind="artifact.key_destroyed",
    ref=UUID("0f0e0d0c-0b0a-4908-8706-050403020100"),
    mark=b"\xaa" * 16,
    actor=b"\xbb" * 32,
    subject=b"\xcc" * 32,
    payload=b"\xdd" * 32,
)
DATA = leaf.encode(GOOD)

hashes = st.binary(min_size=32, max_size=32)
leaves = st.builds(
    Leaf,
    log=st.from_regex(r"[a-z0-9]{1,9}(\.[a-z0-9]{1,9})?(/[a-z0-9]{1,9})?", fullmatch=True),
    index=st.integers(1, leaf.MAX_INDEX),
    prev=hashes.filter(any),
    at=st.datetimes(timezones=st.just(UTC)),
    kind=st.from_regex(r"[a-z_]{1,20}(\.[a-z_]{1,20}){1,3}", fullmatch=True),
    ref=st.uuids(version=4),
    mark=st.binary(min_size=16, max_size=16),
    actor=hashes,
    subject=hashes,
    payload=hashes,
)


def test_an_example_to_the_byte():
    assert DATA == (
        b'{"actor":"' + b"bb" * 32 + b'","at":"2026-03-01T09:05:07.045Z","index":7,"kind":"artifact.key_destroyed",'
        b'"log":"consonant.local","mark":"' + b"aa" * 16 + b'","payload":"' + b"dd" * 32 + b'","prev":"'
        b'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","ref":"0f0e0d0c-0b0a-4908-8706-050403020100",'
        b'"subject":"' + b"cc" * 32 + b'","v":1}'
    )


@given(leaves)
def test_canonical_by_the_judgement_of_rfc8785(made):
    data = leaf.encode(made)
    fields = {key: value.hex() if isinstance(value, bytes) else value for key, value in asdict(made).items()}
    at = made.at.strftime("%H:%M:%S.") + f"{made.at.microsecond // 1000:03}Z"
    fields |= {"ref": str(made.ref), "at": f"{made.at.year:04}-{made.at.month:02}-{made.at.day:02}T{at}", "v": 1}
    assert data == rfc8785.dumps(fields)
    assert leaf.decode(data) == replace(made, at=made.at.replace(microsecond=made.at.microsecond // 1000 * 1000))
    assert leaf.encode(leaf.decode(data)) == data
    assert leaf.read_link(data) == (made.log, made.index, made.prev)


@given(st.lists(leaves, min_size=1, max_size=5), st.integers(0, 2**40))
def test_a_chain_is_what_encode_gives_one_by_one(made, first):
    first_prev = prev = bytes(32) if first == 0 else b"\x07" * 32
    rows, expected = [], []
    for index, each in enumerate(made, first):
        data = leaf.encode(replace(each, log="consonant.local/t", index=index, prev=prev))
        prev = hashlib.sha256(b"\0" + data).digest()
        expected.append((data, prev))
        at = json.loads(data)["at"]
        rows.append((at, each.kind, str(each.ref), each.mark, each.actor, each.subject, each.payload))
    assert leaf.chain(log="consonant.local/t", index=first, prev=first_prev, entries=rows) == expected


ROW = ("2026-03-01T09:05:07.045Z", GOOD.kind, str(GOOD.ref), GOOD.mark, GOOD.actor, GOOD.subject, GOOD.payload)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, "2026-02-30T09:05:07.045Z"),
        (0, "2026-03-01T09:05:07.04Z"),
        (0, None),
        (1, "artifact"),
        (1, 'a.b","x":"'),
        (2, "0f0e0d0c-0b0a-1908-8706-050403020100"),
        (2, "0F0E0D0C-0B0A-4908-8706-050403020100"),
        (2, "0f0e0d0c-0b0a-4908-8706-05040302010g"),
        (3, bytes(15)),
        (4, bytes(33)),
        (5, b""),
        (6, bytes(31)),
    ],
)
def test_a_chain_takes_nothing_that_does_not_fit(place, value):
    row = (*ROW[:place], value, *ROW[place + 1 :])
    with pytest.raises(InvalidLeaf):
        leaf.chain(log="consonant.local", index=1, prev=b"\x01" * 32, entries=[ROW, row])
    for log, index, prev in (
        ("a b", 1, b"1" * 32),
        ("a", 0, b"1" * 32),
        ("a", 1, bytes(32)),
        ("a", 2**53 - 1, b"1" * 32),
    ):
        with pytest.raises(InvalidLeaf):
            leaf.chain(log=log, index=index, prev=prev, entries=[ROW, ROW])


def test_the_first_entry():
    first = replace(GOOD, index=0, prev=leaf.GENESIS_PREV)
    assert leaf.decode(leaf.encode(first)) == first
    for wrong in (replace(GOOD, index=0), replace(GOOD, prev=leaf.GENESIS_PREV)):
        with pytest.raises(InvalidLeaf, match="prev of zeros"):
            leaf.encode(wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"index": -1},
        {"index": 2**53},
        {"prev": bytes(31)},
        {"mark": bytes(15)},
        {"actor": b""},
        {"subject": bytes(33)},
        {"payload": bytes(64)},
        {"at": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"at": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=8)))},
        {"kind": "artifact"},
        {"kind": "Artifact.recorded"},
        {"kind": "artifact.recorded\n"},
        {"kind": "artifact..recorded"},
        {"kind": 'a.b"'},
        {"log": ""},
        {"log": "a b"},
        {"log": "../up"},
        {"log": "a/../b"},
        {"log": 'a"'},
        {"log": "a\\"},
        {"log": "caf\u00e9"},
        {"ref": UUID("0f0e0d0c-0b0a-1908-8706-050403020100")},
        {"ref": UUID("0f0e0d0c-0b0a-4908-c706-050403020100")},
    ],
)
def test_what_cannot_be_written(change):
    with pytest.raises(InvalidLeaf):
        leaf.encode(replace(GOOD, **change))


def test_the_longest_leaf():
    room = leaf.MAX_LEAF_BYTES - len(DATA)
    longest = replace(GOOD, kind=GOOD.kind + "x" * room)
    data = leaf.encode(longest)
    assert len(data) == 65_535
    assert leaf.decode(data) == longest
    with pytest.raises(InvalidLeaf, match="65536 bytes"):
        leaf.encode(replace(longest, kind=longest.kind + "x"))
    with pytest.raises(InvalidLeaf, match="65536 bytes"):
        leaf.decode(data.replace(b"artifact", b"artifacts"))


def changed(**fields):
    return rfc8785.dumps(json.loads(DATA) | fields)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        DATA + b"\n",
        b" " + DATA,
        DATA.replace(b",", b", "),
        DATA.replace(b'"v":1', b'"v":0'),
        DATA.replace(b'"v":1', b'"v":2'),
        DATA.replace(b'"v":1', b'"v":1,"w":0'),
        DATA.replace(b'"v":1', b'"v":1,"v":1'),
        DATA.replace(b'"index":7', b'"index":07'),
        DATA.replace(b'"index":7', b'"index":7.0'),
        DATA.replace(b'"index":7', b'"index":"7"'),
        DATA.replace(b'"index":7', b'"index":-7'),
        DATA.replace(b'"index":7', b'"index":9007199254740992'),
        DATA.replace(b'"index":7', b'"index":0'),
        DATA.replace(b'"index":7', '"index":\u0667'.encode()),
        DATA.replace(b"bb", b"BB"),
        DATA.replace(b"0f0e", b"0F0E"),
        DATA.replace(b"-4908-", b"-1908-"),
        DATA.replace(b"artifact", b"\\u0061rtifact"),
        DATA.replace(b".045Z", b"Z"),
        DATA.replace(b".045Z", b".045+00:00"),
        DATA.replace(b".045Z", b".045000Z"),
        DATA.replace(b"T09:05:07", b" 09:05:07"),
        DATA.replace(b"T09:05:07", b"T24:00:00"),
        DATA.replace(b"T09:05:07", b"T09:05:60"),
        DATA.replace(b"2026-03-01", b"2026-02-29"),
        DATA.replace(b"2026-03-01", b"0000-03-01"),
        changed(extra=1),
        changed(mark="aa" * 15),
        changed(prev="00" * 32),
        rfc8785.dumps({key: value for key, value in json.loads(DATA).items() if key != "mark"}),
        json.dumps(json.loads(DATA), separators=(",", ":"), sort_keys=False).encode()[::-1],
    ],
)
def test_what_cannot_be_read(data):
    for read in (leaf.decode, leaf.read_link):
        with pytest.raises(InvalidLeaf):
            read(data)


@given(st.binary(max_size=600), st.integers(0, len(DATA)), st.integers(0, len(DATA)))
def test_junk_is_refused_or_written_back_the_same(junk, start, stop):
    for data in (junk, DATA[:start] + junk[:3] + DATA[stop:]):
        try:
            read = leaf.decode(data)
        except InvalidLeaf:
            with pytest.raises(InvalidLeaf):
                leaf.read_link(data)
            continue
        assert leaf.encode(read) == data
        assert leaf.read_link(data) == (read.log, read.index, read.prev)


def test_every_changed_bit_is_refused_or_another_leaf():
    for place in range(len(DATA)):
        for bit in range(8):
            data = bytearray(DATA)
            data[place] ^= 1 << bit
            with contextlib.suppress(InvalidLeaf):
                assert leaf.decode(bytes(data)) != GOOD


def test_commitments():
    salt = bytes(range(32))
    expected = hmac.new(salt, b"consonant/1|subject|value", hashlib.sha256).digest()
    assert leaf.commit("subject", salt, b"value") == expected
    seen = {leaf.commit(field, key, b"value") for field in ("actor", "subject") for key in (salt, bytes(32))}
    assert len(seen) == 4
    for field, key in (("subject", bytes(31)), ("", salt), ("a|b", salt)):
        with pytest.raises(ValueError, match=re.compile("salt|field")):
            leaf.commit(field, key, b"value")
