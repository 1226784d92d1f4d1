"""The Verify page, as Django's own client gets it: each kind, genuine and spoiled; whatever else is handed in gets a sentence."""

import io
import json
import re
import uuid
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent import status_token
from consent.issue_receipt import issue_receipt
from consent.jose import Signer
from consent.token_keys import signer_of
from consent.withdraw import withdraw
from ledger import checkpoint, note, proof
from ledger.files import read
from ledger.folder import folder_of
from ledger.models import Entry, Pending
from ledger.prove import prove
from ledger.signing import signer_of as log_signer
from portal import exhibit
from portal.exhibit import Kind, Outcome, look
from portal.words import verify as words_of
from portal.words.verify import tell
from retention import clip_process
from retention.certify import certificate_of
from retention.credential import credential
from tests.conftest import speech
from tests.portal.scene import leave, live, seal
from tests.retention.test_clip import aigc_wav, signed_wav

pytestmark = pytest.mark.django_db
OWN = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def _address(settings):
    settings.PUBLIC_URL = OWN


@pytest.fixture
def life(now):
    """A life with two erasures, sealed, and one of each kind that the page knows. One for each test, for rows are rolled back."""
    told = live(now)
    leaving = leave(told, now)
    seal()
    entry = Entry.objects.select_related("log").filter(log=told.story.tenant.origin).order_by("index")[5]
    return SimpleNamespace(
        life=told,
        entry=entry,
        certificate=certificate_of(leaving.done),
        receipt=issue_receipt(grant=told.standing, now=timezone.now()),
        token=token(told, timezone.now()),
        proof=prove(entry),
        checkpoint=read(entry.log_id, "checkpoint").decode(),
    )


def token(life, at, **changes):
    tenant = life.story.tenant
    said = {"audience": "https://tts.example", "purpose": "voice-cloning", "operations": ["synthesize"], "now": at}
    said["ends"] = at + timedelta(days=1)
    return status_token.issue(**{"signer": signer_of(tenant, now=at), "jti": uuid.uuid4(), **said, **changes})[0]


def words(page):
    shown = page.content.decode().split("<main", 1)[1].split("</main", 1)[0]
    shown = re.sub(r"<template.*?</template>", " ", shown, flags=re.DOTALL)  # which nobody sees
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def hand_in(client, said, *, status=200):
    if isinstance(said, bytes):
        file = io.BytesIO(said)
        file.name = "x"
        page = client.post("/verify", {"file": file})
    else:
        # As a browser sends a text field: its lines end as HTTP's do.
        page = client.post("/verify", {"text": said.replace("\n", "\r\n")})
    assert page.status_code == status
    assert page["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    return words(page)


def test_the_page_needs_no_account(client):
    page = client.get("/verify")
    assert page.status_code == 200
    assert "You need no account." in words(page)
    assert "It proves" not in words(page)
    assert 'href="/verify"' in client.get("/").content.decode()


def test_all_that_is_genuine(client, life):
    said = hand_in(client, life.certificate)
    assert "✓ It is genuine: signed here, and each entry that it shows stands in the log." in said
    assert "Things gone 2" in said
    assert "that no copy exists elsewhere" in said
    said = hand_in(client, life.certificate.decode())
    assert "✓ It is genuine" in said
    said = hand_in(client, life.receipt)
    assert "✓ It is genuine: signed here, and each entry" in said
    assert "App Storyteller" in said
    assert "The consent given" in said
    assert "that the consent stands today" in said
    said = hand_in(client, life.token)
    assert "✓ It is genuine, and good at this moment." in said
    assert "It may make speech Made for https://tts.example" in said
    said = hand_in(client, life.proof)
    assert "✓ It holds: the entry stands in the log" in said
    assert f"no. 5 of {life.entry.log_id}, in the log and sealed ( proof )" in said
    said = hand_in(client, life.checkpoint)
    assert "✓ It is genuine: the log signed it" in said
    ref = str(life.entry.ref)
    leaf = bytes(life.entry.leaf).decode()
    whole = client.get(f"/api/v1/entries/{ref}").content.decode()
    for each in (ref, f"{OWN}/api/v1/entries/{ref}", f"https://other.example/api/v1/entries/{ref}/proof", leaf, whole):
        said = hand_in(client, each)
        assert "✓ It stands in the log, under a signed checkpoint." in said
        assert "what the entry says, or about whom: that is sealed" in said


def test_nothing_that_is_handed_in_is_kept_or_logged(client, life, caplog):
    """Every statement that checking needs only reads."""
    with CaptureQueriesContext(connection) as asked:
        for each in (life.certificate, life.receipt, life.proof, life.token, aigc_wav(ProduceID="very-secret-number")):
            hand_in(client, each)
    written = [each["sql"] for each in asked if not each["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))]
    assert written == []
    assert "very-secret-number" not in caplog.text
    assert life.token not in caplog.text


def flips(data, count=12):
    """The same bytes with one changed, at places all over it."""
    for place in range(7, len(data), max(1, len(data) // count)):
        yield data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_whatever_is_changed_does_not_hold(life, now):
    for name, good in (
        ("certificate", life.certificate),
        ("receipt", life.receipt),
        ("proof", life.proof.encode()),
        ("checkpoint", life.checkpoint.encode()),
    ):
        assert look(good, now=now).outcome == Outcome.HOLDS, name
        for bad in flips(good):
            shown = look(bad, now=now)
            assert shown.outcome != Outcome.HOLDS or says_the_same(bad, good), (name, bad[:80])
            assert tell(shown).sentence


def says_the_same(one, other):
    """A changed blank, in JSON or around the whole, says the same."""
    try:
        return one.strip() == other.strip() or json.loads(one) == json.loads(other)
    except ValueError:
        return False


def test_a_token_that_is_over_forged_or_of_another_kind(client, life):
    at = timezone.now()
    assert "but its time is over" in hand_in(client, token(life.life, at - timedelta(minutes=6)))
    assert "It was made in the future" in hand_in(client, token(life.life, at + timedelta(minutes=2)))
    stranger = Signer("consonant.local/x", b"x" * 32)
    forged = token(life.life, at, signer=stranger)
    assert "It was not signed with a key of this service." in hand_in(client, forged)
    other = signer_of(life.life.story.tenant, now=at).sign({"aud": "x"}, kind="at+jwt")
    assert "It is a token of another kind." in hand_in(client, other)
    assert "or it was changed since" in hand_in(client, life.token[:-4] + "AAAA")


def test_a_log_of_others(client, life):
    """What another service signed cannot be checked here, and nothing is said of it but that."""
    signer = note.Signer("elsewhere.example/log", Ed25519PrivateKey.generate())
    head = note.sign(checkpoint.format(checkpoint.Checkpoint(signer.name, 1, b"r" * 32)), [signer])
    said = hand_in(client, head)
    assert "It is about a log that another service keeps." in said
    assert "Log elsewhere.example/log" in said
    said = hand_in(client, proof.format(proof.Proof(0, (), head)))
    assert "It is about a log that another service keeps." in said
    leaf = bytes(life.entry.leaf).decode().replace(life.entry.log_id, "elsewhere.example/log")
    assert "It is about a log that another service keeps." in hand_in(client, leaf)
    body = json.loads(life.certificate)
    body["certificate"]["log"] = "elsewhere.example/log"
    assert "It is about a log that another service keeps." in hand_in(client, json.dumps(body).encode())
    receipt = json.loads(life.receipt)
    receipt["vl:log"] = "elsewhere.example/log"
    assert "It is about a log that another service keeps." in hand_in(client, json.dumps(receipt).encode())


def test_a_history_that_was_signed_and_is_not_shown(client, life):
    """The log's own key signed it, and the published log says otherwise: that is the log's guilt, and is said so."""
    origin = life.entry.log_id
    size = checkpoint.parse(note.cut_text(life.checkpoint)).size
    forked = note.sign(checkpoint.format(checkpoint.Checkpoint(origin, size - 2, b"r" * 32)), [log_signer(origin)])
    assert "shows another history now. Keep the file" in hand_in(client, forked)
    newer = note.sign(checkpoint.format(checkpoint.Checkpoint(origin, size + 2, b"r" * 32)), [log_signer(origin)])
    assert "newer than what the log has published here" in hand_in(client, newer)
    assert "✓" not in hand_in(client, proof.format(proof.Proof(5, (), forked)))
    assert "✓" not in hand_in(client, proof.format(proof.Proof(2**63, (), life.checkpoint)))
    tile = folder_of(origin) / "tile/0/000.p" / str(size)
    tile.write_bytes(bytes(tile.stat().st_size))
    assert "not what was entered" in hand_in(client, str(life.entry.ref))
    (folder_of(origin) / "checkpoint").unlink()
    assert "cannot be read at this moment" in hand_in(client, life.proof)
    assert "waits to be sealed" in hand_in(client, str(life.entry.ref))


def test_an_entry_that_waits_or_is_nowhere(client, now):
    life = live(now)
    withdraw(grant_id=life.standing.id, user=life.user, now=now)
    ref = Pending.objects.first().ref
    assert "waits to be sealed" in hand_in(client, str(ref))
    assert "No log here has such an entry." in hand_in(client, str(uuid.uuid4()))


def test_a_clip_with_a_manifest(client, life):
    said = hand_in(client, signed_wav(entry=f"{OWN}/api/v1/entries/{life.entry.ref}"))
    assert "✓ Its C2PA manifest holds" in said
    assert (
        "C2PA manifest nothing was changed since it was signed Signed by Harbour Audio signer The signer not known to this service Made with Harbour TTS 1 It says made by AI"
        in said
    )
    assert f"Entry no. 5 of {life.entry.log_id}, in the log and sealed" in said
    assert "this service does not know them" in said
    assert "that an entry which the file names is about this file" in said
    assert "whose voice it is, or that the person allowed it" in said
    changed = bytearray(signed_wav())
    changed[200] ^= 1
    said = hand_in(client, bytes(changed))
    assert "✗ Its C2PA manifest does not hold" in said
    assert "nothing in the file was changed" not in said


def test_a_clip_that_this_service_marked(client, life):
    own = credential()
    with clip_process.opened(speech()) as reader:
        data = reader.embed(entry=f"{OWN}/api/v1/entries/{life.entry.ref}", chain=own.chain, sign=own.sign)
    said = hand_in(client, data)
    assert "The signer who signed is known to this service Made with Consonant It says made by AI" in said
    assert f"Entry no. 5 of {life.entry.log_id}, in the log and sealed" in said
    assert "this service does not know them" not in said


def test_a_clip_with_aigc_metadata(client, life):
    said = hand_in(
        client, aigc_wav(Label="1", ContentProducer="Harbour", ReservedCode1=f"{OWN}/api/v1/entries/{life.entry.ref}")
    )
    assert "C2PA manifest none in the file AIGC label made by AI (1) Producer Harbour" in said
    assert "The file says how it was made, in AIGC metadata that nobody signed." in said
    assert "✓" not in said
    assert "it is not signed, and anybody can write it into a file" in said
    assert f"no. 5 of {life.entry.log_id}, in the log and sealed" in said
    said = hand_in(client, aigc_wav(ReservedCode1=f"https://other.example/api/v1/entries/{life.entry.ref}"))
    assert "kept by another service, https://other.example: ask there" in said
    said = hand_in(client, aigc_wav(ProduceID=f"{OWN}/api/v1/entries/{uuid.uuid4()}"))
    assert "Entry no log here has it" in said
    said = hand_in(client, aigc_wav(ProduceID=str(life.entry.ref)))
    assert "in the log and sealed" not in said, "nothing is guessed: only an address names an entry"


def test_a_clip_that_says_nothing(client):
    said = hand_in(client, speech(0.2))
    assert "The file says nothing about how it was made" in said
    assert "that it is real, where it bears no mark" in said
    assert "✓" not in said


def test_a_clip_that_takes_too_long(client, monkeypatch):
    monkeypatch.setattr(clip_process, "SECONDS", 0.5)
    bomb = b"RIFF\xf0\xff\x7f\x00WAVE" + bytes(2**23)
    assert "It takes too much to read this file." in hand_in(client, bomb)
    assert clip_process._room_to_look.acquire(timeout=1)
    assert clip_process._room_to_look.acquire(timeout=1)
    try:
        monkeypatch.setattr(clip_process, "_WAIT_SECONDS", 0.05)
        assert "Other files are being read at this moment." in hand_in(client, speech(0.1), status=503)
    finally:
        clip_process._room_to_look.release()
        clip_process._room_to_look.release()


@pytest.mark.parametrize(
    "said",
    [b"\0", b"\xff\xfe\0", b"PK\x03\x04" + bytes(50), b"%PDF-1.7", "hello", "a.b.c", "{}", "[]", '{"certificate": 1}', "{" * 100_000, '{"a":1.5}',
     "null", "\u2014 x", "\n\n\u2014 x AAAA\n", "0190a1b2-0000-7000-8000-00000000000", "0190A1B2-0000-7000-8000-000000000000", "=HYPERLINK()"],
)  # fmt: skip
def test_what_is_none_of_these(client, said):
    hand_in(
        client,
        said,
        status=422
        if look(said if isinstance(said, bytes) else said.encode(), now=timezone.now()).kind == Kind.UNKNOWN
        else 200,
    )
    assert look(said if isinstance(said, bytes) else said.encode(), now=timezone.now()).outcome != Outcome.HOLDS


def test_nothing_is_handed_in(client):
    for said in ({}, {"text": "  \r\n "}, {"file": io.BytesIO(b"")}):
        page = client.post("/verify", said)
        assert page.status_code == 422
        assert "Nothing was handed in." in words(page)


def test_too_much_is_handed_in(client):
    large = io.BytesIO(bytes(16 * 2**20 + 1))
    large.name = "large.wav"
    for said in ({"file": large}, {"text": "x" * 2**20}):
        page = client.post("/verify", said)
        assert page.status_code == 413
        assert "This is too large" in words(page)


def test_json_that_would_take_too_much(client, monkeypatch):
    """A small file that is a large thing in memory, and one that is large already: neither is parsed."""
    asked = []
    monkeypatch.setattr(exhibit.signed_json, "read", lambda *_, **__: asked.append(1))
    assert "It may have been cut short" in hand_in(client, b'{"certificate":[' + b"[]," * 100_000 + b"[]]}", status=422)
    large = b'{"certificate": "' + bytes(4 * 2**20).replace(b"\0", b"x") + b'"}'
    assert "This is too large to be checked on this page. The program" in hand_in(client, large, status=422)
    assert asked == []


def test_a_form_of_another_site_is_refused():
    page = Client(enforce_csrf_checks=True).post("/verify", {"text": "x"})
    assert page.status_code == 403


def test_methods(client):
    assert client.head("/verify").status_code == 200
    assert client.put("/verify").status_code == 405


def test_who_asks_too_often_waits(client):
    answers = [client.post("/verify", {"text": "x"}).status_code for _ in range(31)]
    assert answers == [422] * 30 + [429]


TEXTS = st.one_of(
    st.text(),
    st.binary(),
    st.sampled_from(
        ["RIFF", "c2sp.org/tlog-proof@v1\nindex 1\n\n", '{"actor":"', "{", "eyJ", "a\n1\nb\n\n\u2014 a AAAA"]
    ).flatmap(lambda head: st.text().map(lambda tail: head + tail)),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=TEXTS)
def test_whatever_is_handed_in_gets_a_sentence(db, said):
    data = said if isinstance(said, bytes) else said.encode("utf-8", "replace")
    shown = look(data, now=timezone.now())
    assert shown.outcome != Outcome.HOLDS
    assert tell(shown).sentence


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_made_of_what_is_genuine_gets_a_sentence(life, data):
    """Cut, spliced and overwritten at will; JSON with its values exchanged."""
    good = data.draw(
        st.sampled_from(
            [
                life.certificate,
                life.receipt,
                life.proof.encode(),
                life.checkpoint.encode(),
                life.token.encode(),
                bytes(life.entry.leaf),
            ]
        )
    )
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, len(good)))
    made = (
        good[:start]
        + data.draw(st.binary(max_size=20) | st.sampled_from([b"", b"null", b"\\u0000", b"1e9", b"[]", b"{}", b'"']))
        + good[stop:]
    )
    shown = look(made, now=timezone.now())
    told = tell(shown)
    assert told.sentence
    assert (
        shown.outcome != Outcome.HOLDS
        or made.strip() == good.strip()
        or says_the_same(made, good)
        or shown.kind == Kind.ENTRY
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_each_field_of_a_signed_file_may_be_anything(life, data):
    said = json.loads(data.draw(st.sampled_from([life.certificate, life.receipt])))
    place = said
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(VALUES)
            break
        place = place[key]
    made = json.dumps(said).encode()
    shown = look(made, now=timezone.now())
    assert tell(shown).sentence
    assert shown.outcome != Outcome.HOLDS or says_the_same(made, life.certificate) or says_the_same(made, life.receipt)


def test_each_word_is_said_of_something():
    """No outcome without its words."""
    codes = set(re.findall(r'Outcome\.\w+, "(\w+)"', Path(exhibit.__file__).read_text()))
    assert codes | {"waiting", "nowhere", "false"} <= set(words_of._BROKEN) | set(words_of._OPEN)
    assert "foreign_log" in codes
