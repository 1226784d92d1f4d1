"""Anchors: timestamps by a real authority (`openssl ts`), a plug-in, what a crash leaves, and what verifies later, offline."""

import hashlib
import hmac
import io
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.utils import timezone

from ledger import checkpoint, files, note, tasks, timestamp
from ledger.anchor import TimestampAuthority, anchor, anchorers, verify_anchors
from ledger.errors import AnchorFailed, InvalidEvidence
from ledger.models import Alarm, Anchor, Log
from ledger.publish import publish
from ledger.sequence import sequence
from ledger.signing import signer_of
from tests.ledger.conftest import add, new_log
from tests.ledger.tsa import Authority, answer, never_ending, openssl, serving

DOCS = Path(__file__).parent.parent.parent / "docs" / "anchors.md"
NOTE = b"log.example/voices\n5\nKioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio=\n\n\xe2\x80\x94 log.example/voices c2lnbmF0dXJl\n"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def impostor(tmp_path_factory):
    """The same names, other keys."""
    return Authority(tmp_path_factory.mktemp("other"))


@pytest.fixture
def authority(real):
    real.ways, real.asked = [], 0
    with serving(real) as url:
        real.url = url
        yield real


@pytest.fixture
def client(authority):
    return TimestampAuthority(authority.url, roots(authority), timeout=2)


def roots(authority):
    return timestamp.read_roots(authority.roots.read_bytes())


# --- a timestamp


def test_a_timestamp_holds_for_its_note(client):
    evidence = client.anchor(NOTE)
    at = client.verify(NOTE, evidence)
    assert abs(at - timezone.now()) < timedelta(seconds=30)
    with pytest.raises(InvalidEvidence, match="Mismatch"):
        client.verify(NOTE + b" ", evidence)


def test_openssl_verifies_it_as_well(client, authority, tmp_path):
    (tmp_path / "note").write_bytes(NOTE)
    (tmp_path / "evidence.tsr").write_bytes(client.anchor(NOTE))
    openssl(tmp_path, "ts", "-verify", "-data", "note", "-in", "evidence.tsr", "-CAfile", str(authority.roots))
    (tmp_path / "note").write_bytes(NOTE + b" ")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(tmp_path, "ts", "-verify", "-data", "note", "-in", "evidence.tsr", "-CAfile", str(authority.roots))


def test_whoever_has_the_same_names_is_not_believed(real, impostor):
    query = timestamp.request(NOTE)
    reply = impostor.reply(query.as_bytes())
    assert timestamp.verify(reply, NOTE, roots=roots(impostor), nonce=query.nonce)
    with pytest.raises(InvalidEvidence):
        timestamp.verify(reply, NOTE, roots=roots(real), nonce=query.nonce)


def test_an_old_reply_is_no_answer(client, authority):
    old = client.anchor(NOTE)
    authority.ways = [lambda handler, _: answer(handler, old)]
    with pytest.raises(InvalidEvidence, match="Nonce"):
        client.anchor(NOTE)


def test_a_refusal_is_no_evidence(real):
    weak = subprocess.run(
        ["openssl", "ts", "-query", "-sha1", "-digest", "00" * 20], capture_output=True, check=True
    ).stdout
    with pytest.raises(InvalidEvidence):
        timestamp.verify(real.reply(weak), NOTE, roots=roots(real))


def test_only_a_certificate_for_timestamps_stamps_times(real):
    query = timestamp.request(NOTE)
    right, wrong = (real.reply_signed_by(name, query.as_bytes()) for name in ("signer", "useless"))
    assert timestamp.verify(right, NOTE, roots=roots(real), nonce=query.nonce)
    with pytest.raises(InvalidEvidence, match="certificates"):
        timestamp.verify(wrong, NOTE, roots=roots(real), nonce=query.nonce)


def test_every_byte_counts_or_says_nothing(real):
    """A changed reply is refused, or (unsigned parts, such as a version number) states the same time for the same note."""
    reply = real.reply(timestamp.request(NOTE).as_bytes())
    trusted, refused = roots(real), 0
    at = timestamp.verify(reply, NOTE, roots=trusted)
    for place in range(len(reply)):
        changed = bytearray(reply)
        changed[place] ^= 1 << place % 8
        try:
            assert timestamp.verify(bytes(changed), NOTE, roots=trusted) == at
        except InvalidEvidence:
            refused += 1
    assert refused > len(reply) - 40


@pytest.mark.parametrize(
    "reply", [b"", b"0", b"\x30\x00", b"\x30\x03\x02\x01\x00", b"\x30\x84" * 4000, b"\x30" * 70_000]
)
def test_what_is_no_reply(real, reply):
    with pytest.raises(InvalidEvidence):
        timestamp.verify(reply, NOTE, roots=roots(real))


def test_nothing_may_be_cut_or_added(real):
    reply = real.reply(timestamp.request(NOTE).as_bytes())
    for other in (*(reply[:length] for length in range(0, len(reply), 7)), reply + b"\0", reply * 2):
        with pytest.raises(InvalidEvidence):
            timestamp.verify(other, NOTE, roots=roots(real))


@pytest.mark.parametrize(
    ("way", "why"),
    [
        (lambda handler, _: answer(handler, b"", status=500), "answered 500"),
        (lambda handler, _: answer(handler, b"", status=302, Location="http://127.0.0.1:9/"), "answered 302"),
        (lambda handler, _: answer(handler, b"<html>", kind="text/html"), "something else"),
        (lambda handler, _: answer(handler, b"x" * 100_000), "does not end"),
        (lambda handler, _: handler.connection.close(), "does not answer"),
        (never_ending, "does not (?:end|answer)"),
    ],
)
def test_an_authority_that_fails(client, authority, way, why):
    authority.ways = [way]
    with pytest.raises(AnchorFailed, match=why):
        client.anchor(NOTE)


def test_an_authority_that_is_away(real):
    with pytest.raises(AnchorFailed, match="ConnectError"):
        TimestampAuthority("http://127.0.0.1:9/", roots(real)).anchor(NOTE)


# --- a log's anchors


@pytest.fixture
def origin(db):
    return new_log()


@pytest.fixture
def set_up(settings, authority):
    settings.TSA_URL, settings.TSA_ROOTS = authority.url, str(authority.roots)


def grow(origin, count=3):
    add(origin, count)
    while sequence(origin=origin):
        pass
    return publish(origin=origin, now=timezone.now())


def levels(origin):
    return [(finding.level, finding.what) for finding in verify_anchors(origin=origin)]


VERIFIED = ("ok", "anchor.verified")


def test_a_head_is_anchored_once(origin, set_up, authority, now):
    assert anchor(origin=origin, now=now) == []
    grow(origin)
    [done] = anchor(origin=origin, now=now)
    assert (done.kind, done.size, done.trouble) == ("rfc3161", 3, "")
    row = Anchor.objects.get(log=origin)
    assert (row.size, row.kind, row.path, row.at) == (3, "rfc3161", "anchors/3.tsr", done.at)
    assert files.read(origin, "anchors/3.checkpoint") == files.read(origin, "checkpoint")
    assert anchor(origin=origin, now=now) == []
    assert authority.asked == 1
    grow(origin, 300)
    assert [each.size for each in anchor(origin=origin, now=now)] == [303]
    assert levels(origin) == [VERIFIED, VERIFIED]
    assert authority.asked == 2


def test_whoever_has_the_files_verifies_with_foreign_tools(origin, set_up, authority, client, tmp_path, now):
    from django.test import Client

    grow(origin)
    anchor(origin=origin, now=now)
    for name in ("3.checkpoint", "3.tsr"):
        answered = Client().get(f"/log/{origin}/anchors/{name}")
        assert "immutable" in answered.headers["Cache-Control"]
        (tmp_path / name).write_bytes(answered.content)
    openssl(tmp_path, "ts", "-verify", "-data", "3.checkpoint", "-in", "3.tsr", "-CAfile", str(authority.roots))
    checkpoint.open(
        (tmp_path / "3.checkpoint").read_bytes(), [note.Verifier.from_vkey(Log.objects.get(origin=origin).vkey)]
    )


@pytest.mark.parametrize("persisted", [False, True], ids=["failed", "failed but persisted"])
@pytest.mark.parametrize("at_write", [0, 1, 2], ids=["note", "evidence", "row"])
def test_a_crash_at_each_write(origin, set_up, authority, monkeypatch, now, at_write, persisted):
    class Killed(BaseException):
        pass

    grow(origin)
    writes = []

    def dying(real):
        def call(*args, **words):
            writes.append(args)
            last = len(writes) == at_write + 1
            result = None if last and not persisted else real(*args, **words)
            if last:
                raise Killed
            return result

        return call

    with monkeypatch.context() as patch:
        patch.setattr("ledger.anchor.write", dying(files.write))
        patch.setattr(Anchor.objects, "get_or_create", dying(Anchor.objects.get_or_create))
        with pytest.raises(Killed):
            anchor(origin=origin, now=now)
    anchor(origin=origin, now=now)
    anchor(origin=origin, now=now)
    assert Anchor.objects.filter(log=origin).count() == 1
    assert levels(origin) == [VERIFIED]
    # Evidence that was kept is taken up: no one is asked for what is there.
    assert authority.asked == (2 if (at_write, persisted) == (1, False) else 1)
    assert Anchor.objects.get(log=origin).at == client_of(authority).verify(
        files.read(origin, "anchors/3.checkpoint"), files.read(origin, "anchors/3.tsr")
    )


def client_of(authority):
    return TimestampAuthority(authority.url, roots(authority))


def test_of_two_at_once_one_keeps_and_both_agree(origin, set_up, authority, now):
    grow(origin)

    def other_was_first(handler, query):
        if authority.asked == 1:
            anchor_in_between(origin, now)
        answer(handler, authority.reply(query))

    def anchor_in_between(origin, now):
        # What another process writes while this one waits for the authority.
        kept = files.read(origin, "anchors/3.checkpoint")
        files.write(origin, [("anchors/3.tsr", authority.reply(timestamp.request(kept).as_bytes()))])

    authority.ways = [other_was_first]
    [done] = anchor(origin=origin, now=now)
    assert done.trouble == ""
    assert levels(origin) == [VERIFIED]


def test_cosignatures_that_come_later_change_no_evidence(origin, set_up, authority, monkeypatch, now):
    grow(origin)
    authority.ways = [lambda handler, _: answer(handler, b"", status=503)]
    assert anchor(origin=origin, now=now)[0].trouble
    head = files.read(origin, "checkpoint")
    cosigned = head + "— witness.example/w AAAAAGZha2U=\n".encode()
    files.write(origin, [("checkpoint", cosigned)])
    assert anchor(origin=origin, now=now)[0].trouble == ""
    assert files.read(origin, "anchors/3.checkpoint") == head
    assert levels(origin) == [VERIFIED]


def test_a_failure_raises_an_alarm_until_it_succeeds(origin, set_up, authority, now):
    grow(origin)
    authority.ways = [lambda handler, _: answer(handler, b"", status=500)] * 2
    for _ in range(2):
        assert anchor(origin=origin, now=now)[0].at is None
    alarm = Alarm.objects.get(log=origin, what="anchor.failed")
    assert (alarm.detail, alarm.ended_at) == ("rfc3161: No evidence was obtained: the authority answered 500", None)
    assert not Anchor.objects.exists()
    anchor(origin=origin, now=now)
    alarm.refresh_from_db()
    assert alarm.ended_at == now


def test_the_task_anchors_the_platform_log(settings, set_up, db, authority):
    tasks.anchor_platform_log()
    platform = new_log(settings.PLATFORM_ORIGIN)
    grow(platform)
    other = new_log()
    grow(other)
    tasks.anchor_platform_log()
    assert [row.log_id for row in Anchor.objects.all()] == [platform]


def test_the_command(origin, set_up, settings):
    grow(origin)
    out = io.StringIO()
    call_command("anchor", origin=origin, stdout=out)
    call_command("anchor", origin=origin, stdout=out)
    call_command("anchor", origin=origin, verify=True, stdout=out)
    first, second, third = out.getvalue().splitlines()
    assert first.startswith(f"rfc3161: {origin} 3: 20")
    assert second == f"{origin}: nothing was published since the last anchor"
    assert third.startswith("ok: anchor.verified: 3 entries, root ")
    with pytest.raises(CommandError, match="no such log"):
        call_command("anchor", origin="nobody/knows")
    settings.TSA_ROOTS = "/nowhere.pem"
    with pytest.raises(CommandError, match="cannot be set up"):
        call_command("anchor", origin=origin, verify=True)
    settings.TSA_URL = ""
    with pytest.raises(CommandError, match="nobody is set to testify"):
        call_command("anchor", origin=origin)


# --- what verification finds


@pytest.fixture
def anchored(origin, set_up, now):
    """A log with two anchored heads."""
    for count in (3, 300):
        grow(origin, count)
        anchor(origin=origin, now=now)
    return origin


def put(origin, path, data):
    (files.folder_of(origin) / path).write_bytes(data)


def test_evidence_that_is_gone(anchored):
    files.remove(anchored, ["anchors/3.tsr"])
    assert levels(anchored) == [("error", "anchor.missing"), VERIFIED]
    files.remove(anchored, ["anchors/303.checkpoint"])
    assert levels(anchored) == [("error", "anchor.missing"), ("error", "anchor.note")]
    files.remove(anchored, files.find(anchored, "anchors/"))
    assert levels(anchored) == [("error", "anchor.missing")] * 2 + [("ok", "anchor.none")]


def test_evidence_of_another_head(anchored):
    put(anchored, "anchors/3.tsr", files.read(anchored, "anchors/303.tsr"))
    assert levels(anchored) == [("error", "anchor.invalid"), VERIFIED]
    put(anchored, "anchors/3.checkpoint", files.read(anchored, "anchors/303.checkpoint"))
    assert levels(anchored) == [("error", "anchor.invalid"), VERIFIED]
    put(anchored, "anchors/3.checkpoint", NOTE)
    assert levels(anchored) == [("error", "anchor.invalid"), VERIFIED]


@pytest.mark.usefixtures("set_up")
def test_a_rewritten_history_is_told_by_what_was_anchored(anchored, authority):
    """The operator, with the log's key, signs another history of the same length; the evidence of the old one stands against it."""
    signer, client = signer_of(anchored), client_of(authority)
    other = note.sign(checkpoint.format(checkpoint.Checkpoint(anchored, 3, b"\7" * 32)), [signer]).encode()
    put(anchored, "anchors/3.checkpoint", other)
    put(anchored, "anchors/3.tsr", client.anchor(other))
    assert levels(anchored) == [("error", "history.forked"), VERIFIED]


def test_a_shortened_log_is_told_by_what_was_anchored(anchored):
    put(anchored, "checkpoint", files.read(anchored, "anchors/3.checkpoint"))
    assert levels(anchored) == [VERIFIED, ("error", "history.shrunk")]


def test_tiles_that_are_gone_hide_nothing(anchored):
    files.remove(anchored, ["tile/0/000"])
    assert ("error", "tile.missing") in levels(anchored)


def test_evidence_of_an_authority_that_is_not_trusted_any_more(anchored, settings, impostor):
    settings.TSA_ROOTS = str(impostor.roots)
    assert levels(anchored) == [("error", "anchor.invalid")] * 2
    settings.TSA_URL = ""
    assert levels(anchored) == [("error", "anchor.unknown")] * 2


# --- another way of anchoring

CHAIN = {}
"""Stands for a chain: key -> (digest of the note, time), which only the chain's members can write."""


class TinyChain:
    """Writes the digest to a chain, and keeps the receipt that its members sign."""

    kind = "chain"
    suffix = "receipt"
    members_key = b"the members' key"

    def anchor(self, note):
        block = len(CHAIN)
        CHAIN[block] = body = f"{block} {hashlib.sha256(note).hexdigest()} {datetime.now(UTC).isoformat()}".encode()
        return body + b" " + hmac.digest(self.members_key, body, "sha256").hex().encode()

    def verify(self, note, evidence):
        body, _, seal = evidence.rpartition(b" ")
        if not hmac.compare_digest(hmac.digest(self.members_key, body, "sha256").hex().encode(), seal):
            raise InvalidEvidence("the members did not sign this receipt")
        _, digest, at = body.decode().split(" ")
        if digest != hashlib.sha256(note).hexdigest():
            raise InvalidEvidence("the receipt is for another note")
        return datetime.fromisoformat(at)


class Broken(TinyChain):
    kind = suffix = "broken"

    def anchor(self, note):
        raise ZeroDivisionError(note)


class Liar(TinyChain):
    kind = suffix = "liar"

    def anchor(self, note):
        return super().anchor(note + b"!")


class Naive(TinyChain):
    kind = suffix = "naive"

    def verify(self, note, evidence):
        return super().verify(note, evidence).replace(tzinfo=None)


def named(*classes):
    return [f"{__name__}.{each.__name__}" for each in classes]


@pytest.mark.usefixtures("set_up")
def test_the_example_of_the_documentation(origin, settings, now, tmp_path, monkeypatch):
    code = re.search(r"```python\n(# village_notary\.py\n.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "village_notary.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    settings.ANCHORS = ["village_notary.Notary"]
    grow(origin)
    assert {each.kind: each.trouble for each in anchor(origin=origin, now=now)} == {"rfc3161": "", "notary": ""}
    assert levels(origin) == [VERIFIED, VERIFIED]
    put(origin, "anchors/3.deed", files.read(origin, "anchors/3.deed").replace(b"T", b" ", 1))
    assert levels(origin) == [("error", "anchor.invalid"), VERIFIED]


@pytest.mark.usefixtures("set_up")
def test_a_chain_beside_the_authority(origin, settings, now):
    settings.ANCHORS = named(TinyChain)
    grow(origin)
    assert {each.kind for each in anchor(origin=origin, now=now) if not each.trouble} == {"rfc3161", "chain"}
    assert files.find(origin, "anchors/") == ["anchors/3.checkpoint", "anchors/3.receipt", "anchors/3.tsr"]
    assert levels(origin) == [VERIFIED, VERIFIED]


def test_one_that_fails_stops_no_other(origin, settings, now):
    settings.ANCHORS = named(Broken, Liar, Naive, TinyChain)
    grow(origin)
    done = {each.kind: each.trouble for each in anchor(origin=origin, now=now)}
    assert done == {
        "broken": "No evidence was obtained: ZeroDivisionError",
        "liar": "The evidence does not hold: the receipt is for another note",
        "naive": "The evidence does not hold: a time without its zone",
        "chain": "",
    }
    assert files.find(origin, "anchors/") == ["anchors/3.checkpoint", "anchors/3.receipt"]
    assert Alarm.objects.filter(log=origin, what="anchor.failed", ended_at=None).count() == 3


def test_anchors_that_cannot_be_told_apart(settings):
    class Shouting(TinyChain):
        kind = "CHAIN"

    class Note(TinyChain):
        suffix = "checkpoint"

    for wrong in (named(TinyChain, TinyChain), ["nowhere.at.All"], ["nowhere"]):
        settings.ANCHORS = wrong
        with pytest.raises(ImproperlyConfigured):
            anchorers()
    for wrong in (Shouting, Note):
        globals()[wrong.__name__] = wrong
        settings.ANCHORS = named(wrong)
        with pytest.raises(ImproperlyConfigured):
            anchorers()
