"""`kill -9` in the middle of the tour: nothing acknowledged is lost, nothing that had to go is still there, the log verifies.

Apps and speakers walk the main job all the while, erase as they go, delete what a hook asks them to and say so, remember what was
acknowledged, and try again while the service is away.
"""

import json
import os
import secrets
import signal
import sys
import threading
import time
from dataclasses import dataclass, field

import pytest

from deploy.demo_hooks import Receiver
from deploy.demo_log import published, verifier_of
from deploy.demo_parties import Unexpected, expect
from ledger import proof
from ledger.note import Verifier
from retention import certificate
from tests.stack.service import ORPHAN_GRACE_SECONDS, until

SOAK = os.environ.get("CONSONANT_SOAK") == "1"
WALKERS = 3
ORPHANS_WITHIN = 30 + ORPHAN_GRACE_SECONDS + 10
"""The sweep of orphans comes every 30 seconds."""
SETTLED_WITHIN = 45
"""What a killed courier had taken is taken again when its lease of 30 seconds is over."""
WATERMARK = {"kind": "watermark", "watermark_id": "walk:wm-1"}


@dataclass
class Acknowledged:
    """What the service has said that it has."""

    given: dict[str, str] = field(default_factory=dict)
    """Consent request -> grant."""
    withdrawn: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    artifacts: set[str] = field(default_factory=set)
    speech: set[str] = field(default_factory=set)
    """In the app's own custody."""
    erasures: dict[str, str] = field(default_factory=dict)
    """Erasure -> grant."""
    entries: set[str] = field(default_factory=set)


class Deleter(threading.Thread):
    """Acknowledges whatever the app's hook was asked to delete, also what it has acknowledged before a crash made it doubtful."""

    def __init__(self, app, receiver):
        super().__init__()
        self.sent = set()
        """What it has said to be deleted; put there before the request, for an answer can be lost and not what it answered."""
        self.error = None
        self._app, self._receiver = app, receiver
        self._stop_asked = threading.Event()

    def stop(self):
        self._stop_asked.set()
        self.join()

    def run(self):
        done = set()
        try:
            while not self._stop_asked.wait(0.05):
                for event, delivery in list(self._receiver.deliveries.items()):
                    if event not in done:
                        artifact = delivery.event["data"]["artifact"]
                        self.sent.add(artifact)
                        assert self._app.acknowledge(artifact, secret=self._receiver.secret)["state"] == "erased"
                        done.add(event)
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            self.error = error


class Walker(threading.Thread):
    """Takes the tour again and again."""

    def __init__(self, stack, clips, login, number):
        super().__init__()
        self.known = Acknowledged()
        self.error = None
        self.receiver = Receiver()
        self.app, self._speaker = stack.app(login, patient=True), stack.speaker(patient=True)
        made = self.app.subscribe("artifact.erase_requested", self.receiver.url)
        self.hook = made["id"]
        self.receiver.trust(made["secret"])
        self.deleter = Deleter(stack.app(login, patient=True), self.receiver)
        self._turn = number
        self._stop_asked = threading.Event()
        self._clips = list(clips.values())

    def stop(self):
        self._stop_asked.set()

    def close(self):
        self.deleter.stop()
        self.app.unsubscribe(self.hook)
        self.receiver.close()

    def run(self):
        self.deleter.start()
        try:
            while not self._stop_asked.is_set():
                self._tour()
                self._turn += 1
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            self.error = error

    def _tour(self):
        app, known = self.app, self.known
        user = f"guest-{secrets.token_hex(8)}"
        asked = app.ask(user)
        try:
            self._speaker.answer(asked["url"], "term")
        except Unexpected:  # answered already: by the try whose acknowledgement was lost
            assert app.answer(asked["id"])["state"] == "given"
        grant = app.answer(asked["id"])["grant"]["id"]
        known.given[asked["id"]] = grant
        opened = expect(app.open_session(grant), 201).json()
        known.sessions.add(opened["id"])
        known.entries.add(opened["entry"])
        for clip in self._clips[:2]:
            taken = expect(app.upload(opened["id"], clip, ttl="PT2S"), 201).json()
            known.artifacts.add(taken["id"])
            known.entries.add(taken["entry"])
        voiceprint = expect(
            app.record("embeddings", opened["id"], dimensions=192, derived_from=[taken["id"]]), 201
        ).json()
        made = app.record(
            "syntheses",
            opened["id"],
            key=secrets.token_urlsafe(16),
            custody="app",
            mark=WATERMARK,
            derived_from=[voiceprint["id"]],
        )
        speech = expect(made, 201).json()
        known.speech.add(speech["id"])
        known.entries |= {voiceprint["entry"], speech["entry"]}
        if self._turn % 3 == 1:
            known.erasures[app.erase(user)["id"]] = grant
            known.withdrawn.add(grant)
        if self._turn % 3 == 2:
            try:
                self._speaker.withdraw(grant)
            except Unexpected:  # withdrawn already, as above
                assert app.open_session(grant).json()["reason"] == "consent_withdrawn"
            known.withdrawn.add(grant)


DIES_HALFWAY = """
import os, signal
from django.utils import timezone
from uuid_utils.compat import uuid7
from vault import blobs
blobs.put(blob=uuid7(), data=bytes(1000), kind=blobs.Kind.VOICE, now=timezone.now())
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module", autouse=True)
def orphan(stack):
    """An upload that died after its bytes and before its row; returns its id."""
    files = stack.vault_files()
    done = stack.run_manage("shell", "-c", DIES_HALFWAY)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (made,) = {
        name
        for name in stack.vault_files() - files
        if stack.sql("SELECT 1 FROM retention_artifact WHERE id = %s", name) == []
    }
    return made


@pytest.fixture(scope="module")
def logins(stack):
    """An app for each walker."""
    return [stack.create_app(f"Walker {number}", "walk") for number in range(WALKERS)]


VICTIMS = ["expiry", "worker", "courier", "sequencer", "publisher", "redis", "postgres", "web worker"]
"""In one tour two or three of them, one after the other; in a soak a tour each."""


@pytest.mark.parametrize(
    "victims", [[each] for each in VICTIMS] if SOAK else [VICTIMS[:2], VICTIMS[2:4], VICTIMS[4:]], ids=" and ".join
)
def test_killed_in_the_middle_of_the_tour(stack, clips, logins, victims):
    walkers = [Walker(stack, clips, login, number) for number, login in enumerate(logins)]
    for walker in walkers:
        walker.start()
    time.sleep(1.5)
    before = sum(len(walker.known.entries) for walker in walkers)
    assert before
    seconds = []
    for victim in victims:
        seconds.append(stack.kill(victim))
        time.sleep(1.5)
    for walker in walkers:
        walker.stop()
    for walker in walkers:
        walker.join()
        assert walker.error is None, repr(walker.error)
    entries = set().union(*(walker.known.entries for walker in walkers))
    assert len(entries) > before, "the tour went on"
    assert any(walker.known.erasures for walker in walkers)

    began = time.monotonic()
    for walker in walkers:
        all_is_certified(stack, walker)
    certified = time.monotonic() - began
    for walker in walkers:
        all_was_delivered(stack, walker)
        walker.close()
        assert walker.deleter.error is None, repr(walker.deleter.error)
    said = f"{len(entries)} entries and {sum(len(walker.known.erasures) for walker in walkers)} erasures acknowledged"
    sys.stdout.write(
        f"{victims}: ready again after {max(seconds):.1f} s; {said}; certified {certified:.1f} s after the tour\n"
    )

    provable(walkers[0].app, entries)
    for walker in walkers:
        app = walker.app
        for request, grant in walker.known.given.items():
            answer = app.answer(request)
            assert answer["state"] == "given"
            assert answer["grant"]["id"] == grant
            assert answer["grant"]["state"] == ("withdrawn" if grant in walker.known.withdrawn else "given")
        for artifact in walker.known.artifacts:
            until(
                lambda artifact=artifact, app=app: app.artifact(artifact)["state"] == "erased",
                within=15,
                what="it is destroyed",
            )
            assert app.content(artifact).status_code == 410
            assert artifact not in stack.vault_files()
            assert artifact not in stack.artifact_keys()
        held = {str(found) for (found,) in stack.sql("SELECT id FROM consent_session")}
        assert walker.known.sessions <= held
    assert "ok:" in stack.manage("verify_log")


def all_is_certified(stack, walker):
    """Every acknowledged erasure comes to its certificate, which verifies, names all, and finds nothing of it left."""
    app = walker.app
    for erasure in walker.known.erasures:
        until(
            lambda erasure=erasure: app.erasure(erasure)["state"] == "certified",
            within=SETTLED_WITHIN,
            what=f"{erasure} is certified",
        )
        signed = app.certificate(erasure)
        body = json.loads(signed)["certificate"]
        log = published(app.http, body["log"])
        keys = {"issuer": Verifier.from_vkey(log["certificates_vkey"]), "log": Verifier.from_vkey(log["vkey"])}
        assert [found.what for found in certificate.verify(signed, **keys)] == ["certificate.verified"]

        named = {each["artifact"]: each for each in body["artifacts"]}
        assert set(named) == in_scope(stack, erasure)
        assert {each["gone"] for each in named.values()} == {"key_destroyed", "acknowledged", "never_stored"}
        assert not set(named) & (stack.vault_files() | stack.artifact_keys())
        assert {name for name, each in named.items() if each["gone"] == "acknowledged"} <= walker.deleter.sent
        holders = holders_of(stack, erasure)
        assert holders
        assert not holders & set(stack.keys())
        assert stack.sql("SELECT count(*) FROM ledger_opening WHERE holder = ANY(%s)", list(holders)) == [(0,)]


def in_scope(stack, erasure):
    query = """
        SELECT a.id FROM retention_artifact a JOIN consent_grant g ON g.id = a.grant_id
        JOIN retention_erasure_bindings b ON b.binding_id = g.binding_id WHERE b.erasure_id = %s
    """
    return {str(found) for (found,) in stack.sql(query, erasure)}


def holders_of(stack, erasure):
    query = """
        SELECT b.key_name FROM consent_binding b
        JOIN retention_erasure_bindings e ON e.binding_id = b.id WHERE e.erasure_id = %s
    """
    return {name for (name,) in stack.sql(query, erasure)}


def all_was_delivered(stack, walker):
    """What the app was asked it was really told, what is said to be gone with it, it has said itself; and once each."""
    pending = "SELECT count(*) FROM hooks_delivery WHERE subscription_id = %s AND state = 'pending'"
    until(lambda: stack.sql(pending, walker.hook) == [(0,)], within=SETTLED_WITHIN, what="every hook was delivered")
    delivered = "SELECT event_id FROM hooks_delivery WHERE subscription_id = %s AND state = 'delivered'"
    assert {str(event) for (event,) in stack.sql(delivered, walker.hook)} == set(walker.receiver.deliveries)
    assert walker.receiver.refused == 0
    asked = "SELECT count(*) FROM retention_artifact WHERE state = 'erasing' AND grant_id = ANY(%s::uuid[])"
    until(lambda: stack.sql(asked, list(walker.known.withdrawn)) == [(0,)], within=15, what="the app said it is gone")
    held = "SELECT id, state FROM retention_artifact WHERE app_id = %s AND custody = 'app' AND recorded_at > %s"
    ((app, since),) = stack.sql("SELECT app_id, created_at FROM hooks_subscription WHERE id = %s", walker.hook)
    rows = {str(found): state for found, state in stack.sql(held, app, since)}
    assert set(rows) == walker.known.speech, "under one key it was recorded once"
    withdrawn = "SELECT id FROM retention_artifact WHERE grant_id = ANY(%s::uuid[]) AND custody = 'app'"
    going = {str(found) for (found,) in stack.sql(withdrawn, list(walker.known.withdrawn))}
    assert going <= {found for found, state in rows.items() if state == "erased"}
    assert {found for found, state in rows.items() if state == "erased"} <= walker.deleter.sent


def provable(app, refs):
    """Every one of the entries is under the log's signature, verified here."""
    verifiers = {}
    for ref in refs:
        entry, text = app.entry(ref, wait=10)
        if entry["log"] not in verifiers:
            verifiers[entry["log"]] = verifier_of(app.http, entry["log"])[0]
        proven = proof.verify(text, entry["leaf"].encode(), [verifiers[entry["log"]]])
        assert proven.index == entry["index"]


def test_no_orphan_is_left(stack, orphan):
    """What died between bytes and row, acknowledged to nobody, goes too."""
    assert stack.sql("SELECT count(*) FROM retention_artifact WHERE id = %s", orphan) == [(0,)]

    def left():
        rows = {str(found) for (found,) in stack.sql("SELECT id FROM retention_artifact WHERE state <> 'erased'")}
        return (stack.vault_files() | stack.artifact_keys()) - rows

    until(lambda: not left(), within=ORPHANS_WITHIN, what="no key and no bytes without an artifact")


def test_every_artifact_that_was_due_is_gone(stack):
    """Also those which no client was told of."""
    query = (
        "SELECT count(*) FROM retention_artifact WHERE state <> 'erased' AND expires_at < now() - interval '3 seconds'"
    )
    until(lambda: stack.sql(query) == [(0,)], within=10, what="nothing overdue is there")


ONCE = {
    "artifact.recorded use.late use.unpermitted": "retention_artifact",
    "artifact.key_destroyed": "retention_artifact WHERE key_destroyed_at IS NOT NULL",
    "artifact.erased": "retention_artifact WHERE state = 'erased' AND custody = 'vault'",
    "artifact.erase_requested": "retention_artifact WHERE erase_requested_at IS NOT NULL",
    "artifact.erase_acknowledged": "retention_artifact WHERE state = 'erased' AND custody = 'app'",
    "artifact.lapsed": "retention_artifact WHERE state = 'erased' AND custody = 'none'",
    "session.opened": "consent_session",
    "consent.given": "consent_grant",
    "consent.withdrawn": "consent_grant WHERE state = 'withdrawn'",
    "erasure.requested": "retention_erasure",
    "erasure.completed": "retention_erasure WHERE completed_at IS NOT NULL",
    "hook.subscribed": "hooks_subscription",
    "hook.ended": "hooks_subscription WHERE state = 'ended'",
}
"""Kinds of entries, and the rows of which each has exactly one."""


def test_nothing_is_entered_twice(stack):
    assert stack.sql("SELECT count(*) - count(DISTINCT ref) FROM ledger_entry") == [(0,)]
    assert stack.sql(
        "SELECT count(*) FROM ledger_opening o WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.ref = o.ref)"
    ) == [(0,)]
    kind = "convert_from(leaf, 'UTF8')::json->>'kind'"
    for kinds, rows in ONCE.items():
        entered = f"SELECT count(*) FROM ledger_entry WHERE {kind} = ANY(%s)"
        until(
            lambda kinds=kinds, rows=rows, entered=entered: (
                stack.sql(entered, kinds.split()) == stack.sql(f"SELECT count(*) FROM {rows}")
            ),
            within=5,
            what=f"one entry {kinds} for each row of {rows}",
        )
