"""Signed notes: the examples of C2SP and Go, the keys of Wycheproof and CCTV, and every refusal."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import note
from ledger.errors import InvalidKey, InvalidNote, InvalidSignature, LedgerError, UnsignedNote
from tests import vectors

ALICE = note.Signer("alice.example/log", Ed25519PrivateKey.from_private_bytes(b"a" * 32))
BOB = note.Signer("bob", Ed25519PrivateKey.from_private_bytes(b"b" * 32))
KNOWN = [ALICE.verifier(), BOB.verifier()]
TEXT = "one\n\ntwo\n"


def test_sign_and_open():
    opened = note.open(note.sign(TEXT, [ALICE, BOB]), KNOWN)
    assert opened.text == TEXT
    assert [each.name for each in opened.signatures] == ["alice.example/log", "bob"]
    assert opened.unknown == ()
    assert note.open(note.sign(TEXT, [ALICE]).encode(), KNOWN).text == TEXT


def test_the_name_and_the_public_half_are_shown_and_nothing_else():
    assert ALICE.name == "alice.example/log"
    assert repr(ALICE) == f"Signer({ALICE.verifier().vkey!r})"
    assert note.Verifier.from_vkey(ALICE.verifier().vkey) == ALICE.verifier()


def test_unknown_keys_are_kept_aside():
    opened = note.open(note.sign(TEXT, [ALICE, BOB]), [BOB.verifier()])
    assert [each.name for each in opened.signatures] == ["bob"]
    assert [each.name for each in opened.unknown] == ["alice.example/log"]
    with pytest.raises(UnsignedNote):
        note.open(note.sign(TEXT, [ALICE]), [BOB.verifier()])
    with pytest.raises(UnsignedNote):
        note.open(note.sign(TEXT, [ALICE]), [])


def test_the_same_name_with_another_key_is_another_key():
    namesake = note.Signer(ALICE.name, Ed25519PrivateKey.from_private_bytes(b"c" * 32))
    opened = note.open(note.sign(TEXT, [namesake, ALICE]), KNOWN)
    assert len(opened.signatures) == len(opened.unknown) == 1


def test_one_bad_signature_of_a_known_key_spoils_the_note():
    for bad in (bytes(64), bytes(63), bytes(65)):
        line = note.Signature(BOB.name, BOB.verifier().key_id, bad).line()
        with pytest.raises(InvalidSignature):
            note.open(note.sign(TEXT, [ALICE]) + line, KNOWN)
        assert note.open(note.sign(TEXT, [ALICE]) + line, [ALICE.verifier()]).text == TEXT


def test_a_signature_counts_once():
    signed = note.sign(TEXT, [ALICE, ALICE])
    assert len(note.open(signed, KNOWN).signatures) == 1


def test_every_changed_byte_is_noticed():
    signed = note.sign(TEXT, [ALICE]).encode()
    for place in range(len(signed)):
        for bit in range(8):
            changed = bytearray(signed)
            changed[place] ^= 1 << bit
            with pytest.raises(InvalidNote):
                note.open(bytes(changed), KNOWN)
        with pytest.raises(InvalidNote):
            note.open(signed[:place], KNOWN)


@pytest.mark.parametrize(
    "change",
    [
        lambda good: good + "\n",
        lambda good: good[:-1],
        lambda good: good + "x\n",
        lambda good: "\n" + good,
        lambda good: good.replace("\u2014", "-"),
        lambda good: good.replace("\u2014 ", "\u2014"),
        lambda good: good.replace("\u2014 ", "\u2014  "),
        lambda good: good.replace("one", "on\te"),
        lambda good: good.replace("\n", "\r\n"),
        lambda good: good + "\u2014 a+b AAAAAAA=\n",
        lambda good: good + "\u2014 a\u00a0b AAAAAAA=\n",
        lambda good: good + "\u2014  AAAAAAA=\n",
        lambda good: good + "\u2014 short AAAAAA==\n",
        lambda good: good + "\u2014 padding AAAAAAB=\n",
        lambda good: good + "\u2014 padding AAAAAAA\n",
        lambda good: good + "\u2014 letters AAAA_AA=\n",
        lambda good: good + "\u2014 letters \u0391AAAAAA=\n",
        lambda good: good + "\u2014 spaces AAAAAAA= \n",
        lambda good: good + "\u2014 nothing\n",
        lambda good: good.replace("one", "one\udc80"),
        lambda good: good.encode() + b"\xff",
        lambda _: "",
        lambda _: "\n\n",
        lambda _: "text\n",
        lambda _: "text\n\n",
    ],
)
def test_malformed(change):
    with pytest.raises(InvalidNote):
        note.open(change(note.sign(TEXT, [ALICE])), KNOWN)


def test_bounds():
    assert len(note.open(note.sign(TEXT, [ALICE] + [BOB] * 99), [ALICE.verifier()]).unknown) == 99
    with pytest.raises(InvalidNote, match="more than 100 signatures"):
        note.open(note.sign(TEXT, [ALICE] + [BOB] * 99) + BOB.sign(TEXT.encode()).line(), KNOWN)
    for signers in ([], [ALICE] * 101):
        with pytest.raises(InvalidNote, match="signatures"):
            note.sign(TEXT, signers)
    with pytest.raises(InvalidNote, match="more than 1000000 bytes"):
        note.open("x" * 1_000_000 + note.sign(TEXT, [ALICE]), KNOWN)


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "null\0\n", "\ud800\n"])
def test_what_cannot_be_signed(text):
    with pytest.raises(InvalidNote):
        note.sign(text, [ALICE])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x1fb", "\ud800"])
def test_names_that_no_key_may_have(name):
    with pytest.raises(InvalidKey):
        note.Signer(name, Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key.upper(),
        lambda key: key.replace("alice", "malice"),
        lambda key: key + "=",
        lambda key: key[:-4],
        lambda key: key.rsplit("+", 1)[0],
        lambda key: key.replace("+", " "),
        lambda key: key + "\n",
        lambda _: "",
        lambda _: "++",
    ],
)
def test_malformed_verifier_keys(change):
    with pytest.raises(InvalidKey):
        note.Verifier.from_vkey(change(ALICE.verifier().vkey))


def test_two_keys_that_cannot_be_told_apart_are_refused(monkeypatch):
    monkeypatch.setattr(note.Verifier, "key_id", property(lambda _: b"same"))
    other = note.Signer(ALICE.name, Ed25519PrivateKey.from_private_bytes(b"d" * 32)).verifier()
    with pytest.raises(InvalidKey, match="share an id"):
        note.open(note.sign(TEXT, [ALICE]), [ALICE.verifier(), other])
    assert note.open(note.sign(TEXT, [ALICE]), [ALICE.verifier(), ALICE.verifier()]).text == TEXT


def test_reading_without_verifying_is_another_function():
    assert note.read_text(note.sign(TEXT, [BOB])) == TEXT
    assert note.cut_text(f"{TEXT}\nno signature line") == TEXT
    for bad in ("no empty line\n", "tab\t\n\n"):
        with pytest.raises(InvalidNote):
            note.cut_text(bad)


def test_base64_that_is_not_canonical_is_a_false_signature_in_a_known_name():
    good = note.sign(TEXT, [ALICE])
    assert good.endswith("=\n")
    bad = good[:-3] + chr(ord(good[-3]) + 1) + "=\n"
    assert base64.b64decode(bad.split()[-1]) == base64.b64decode(good.split()[-1])
    with pytest.raises(InvalidSignature):
        note.open(bad, KNOWN)
    with pytest.raises(InvalidNote, match="not canonical"):
        note.open(bad, [BOB.verifier()])
    with pytest.raises(InvalidNote, match="not canonical"):
        note.read_text(bad)


def test_signatures_made_elsewhere_are_put_under_a_text():
    lines = [ALICE.sign(TEXT.encode()), BOB.sign(TEXT.encode())]
    assert note.with_signatures(TEXT, lines) == note.sign(TEXT, [ALICE, BOB])


@given(st.text() | st.binary())
def test_no_junk_opens_or_crashes(junk):
    with pytest.raises(InvalidNote):
        note.open(junk, KNOWN)
    with pytest.raises(LedgerError):
        note.Verifier.from_vkey(str(junk))


def test_the_example_of_the_specification():
    case = vectors.load("ledger/c2sp-spec-examples.json")["signed_note_ok"]
    verifier = note.Verifier.from_vkey(case["vkey"])
    assert verifier.vkey == case["vkey"]
    opened = note.open(case["note"], [verifier])
    assert opened.text == "This is an example message.\n"
    assert opened.text + "\n" + "".join(each.line() for each in opened.signatures) == case["note"]


def test_the_notes_of_go():
    case = vectors.load("ledger/golang-sumdb.json")
    peter = note.Verifier.from_vkey(case["note_keys"]["peter_vkey"])
    enoch = note.Verifier.from_vkey(case["note_keys"]["enoch_vkey"])
    both = case["note_text"] + "\n" + case["peter_sig"] + case["enoch_sig"]
    assert len(note.open(both, [peter, enoch]).signatures) == 2
    assert note.open(both, [enoch]).unknown[0].line() == case["peter_sig"]
    _, _, name, _, secret = case["note_keys"]["peter_skey"].split("+", 4)
    signer = note.Signer(name, Ed25519PrivateKey.from_private_bytes(base64.b64decode(secret)[1:]))
    assert signer.verifier() == peter
    assert note.sign(case["note_text"], [signer]) == case["note_text"] + "\n" + case["peter_sig"]
    with pytest.raises(InvalidNote):
        note.open(case["note_text"] + "\n" + case["peter_sig"] * case["max_sigs_rejected_at"], [peter])
    for bad in case["bad_vkeys"]:
        with pytest.raises(InvalidKey):
            note.Verifier.from_vkey(bad)


def test_wycheproof():
    seen = 0
    for group in vectors.load("ledger/ed25519/wycheproof-ed25519_test.json")["testGroups"]:
        verifier = note.Verifier("wycheproof", bytes.fromhex(group["publicKey"]["pk"]))
        for case in group["tests"]:
            verified = verifier.verify(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            assert verified == (case["result"] == "valid"), case
            seen += 1
    assert seen > 100


def test_cctv_low_order_and_non_canonical_keys_are_refused():
    accepted = 0
    for case in vectors.load("ledger/ed25519/cctv-ed25519vectors.json"):
        flags = set(case["flags"] or [])
        key = bytes.fromhex(case["key"])
        if flags & {"low_order_A", "non_canonical_A"}:
            with pytest.raises(InvalidKey):
                note.Verifier("cctv", key)
            continue
        accepted += 1
        verified = note.Verifier("cctv", key).verify(case["msg"].encode(), bytes.fromhex(case["sig"]))
        assert verified == (not flags & {"low_order_residue", "non_canonical_R"}), case
    assert accepted
