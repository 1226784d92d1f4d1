"""`kill -9` in the middle of the tour: nothing acknowledged is lost, nothing that had to go is still there, the log verifies.

Apps and speakers walk the main job all the while, remember what was acknowledged, and try again while the service is away.
"""

import secrets
import signal
import sys
import threading
import time
from dataclasses import dataclass, field

import pytest

from deploy.demo_log import verifier_of
from deploy.demo_parties import Unexpected, expect
from ledger import proof
from tests.stack.service import ORPHAN_GRACE_SECONDS, until

WALKERS = 3
ORPHANS_WITHIN = 30 + ORPHAN_GRACE_SECONDS + 10
"""The sweep of orphans comes every 30 seconds."""


@dataclass
class Acknowledged:
    """What the service has said that it has."""

    given: dict[str, str] = field(default_factory=dict)
    """Consent request -> grant."""
    withdrawn: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    artifacts: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)


class Walker(threading.Thread):
    """Takes the tour again and again."""

    def __init__(self, stack, clips):
        super().__init__()
        self.known = Acknowledged()
        self.error = None
        self._stop_asked = threading.Event()
        self._app, self._speaker = stack.app(patient=True), stack.speaker(patient=True)
        self._clips = list(clips.values())

    def stop(self):
        self._stop_asked.set()

    def run(self):
        try:
            turn = 0
            while not self._stop_asked.is_set():
                self._tour(turn)
                turn += 1
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            self.error = error

    def _tour(self, turn):
        app, known = self._app, self.known
        asked = app.ask(f"guest-{secrets.token_hex(8)}")
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
        if turn % 3 == 2:
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
blobs.put(blob=uuid7(), data=bytes(1000), now=timezone.now())
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


@pytest.mark.parametrize("victim", ["worker", "sequencer", "redis", "postgres", "web worker"])
def test_killed_in_the_middle_of_the_tour(stack, clips, victim):
    walkers = [Walker(stack, clips) for _ in range(WALKERS)]
    for walker in walkers:
        walker.start()
    time.sleep(1.5)
    before = sum(len(walker.known.entries) for walker in walkers)
    assert before
    seconds = stack.kill(victim)
    time.sleep(1.5)
    for walker in walkers:
        walker.stop()
    for walker in walkers:
        walker.join()
        assert walker.error is None, repr(walker.error)
    entries = set().union(*(walker.known.entries for walker in walkers))
    assert len(entries) > before, "the tour went on"
    sys.stdout.write(f"{victim}: ready again after {seconds:.1f} s; {len(entries)} entries acknowledged\n")

    app = stack.app()
    provable(app, entries)
    for walker in walkers:
        for request, grant in walker.known.given.items():
            answer = app.answer(request)
            assert answer["state"] == "given"
            assert answer["grant"]["id"] == grant
            assert answer["grant"]["state"] == ("withdrawn" if grant in walker.known.withdrawn else "given")
        for artifact in walker.known.artifacts:
            until(
                lambda artifact=artifact: app.artifact(artifact)["state"] == "erased", within=15, what="it is destroyed"
            )
            assert app.content(artifact).status_code == 410
            assert artifact not in stack.vault_files()
            assert artifact not in stack.artifact_keys()
        held = {str(found) for (found,) in stack.sql("SELECT id FROM consent_session")}
        assert walker.known.sessions <= held
    assert "ok:" in stack.manage("verify_log")


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


def test_nothing_is_entered_twice(stack):
    assert stack.sql("SELECT count(*) - count(DISTINCT ref) FROM ledger_entry") == [(0,)]
    assert stack.sql(
        "SELECT count(*) FROM ledger_opening o WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.ref = o.ref)"
    ) == [(0,)]
    destroyed = "SELECT count(*) FROM ledger_opening WHERE kind = 'artifact.erased'"
    until(
        lambda: stack.sql(destroyed) == stack.sql("SELECT count(*) FROM retention_artifact WHERE state = 'erased'"),
        within=5,
        what="one entry for each destroyed artifact",
    )
