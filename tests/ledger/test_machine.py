"""Any order of appending, crashing, sequencing, publishing and erasing: the log stays what it promised to be.

Hypothesis chooses the order. After each step whatever is published verifies; at the end so does every proof and every checkpoint that
was ever published, and each checkpoint is a beginning of the last.
"""

import os
from datetime import timedelta
from itertools import pairwise

import django.db
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as search
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from keyring.errors import KeyGone
from keyring.keys import store
from keyring.seal import unseal
from ledger import checkpoint, folder, merkle, note, proof, tiles
from ledger.append import append
from ledger.management.loop import WRONG
from ledger.models import Entry, Log, Opening, Pending
from ledger.publish import publish
from ledger.sequence import sequence
from ledger.verify import verify_log
from tests.ledger.conftest import new_log
from tests.ledger.faults import HOWS, Faults

SOAK = os.environ.get("CONSONANT_SOAK") == "1"
PEOPLE = 3


class TheLog(RuleBasedStateMachine):
    """One log, three people, and what anyone could have kept of it."""

    @initialize()
    def open(self):
        self.origin = new_log()
        self.verifier = note.Verifier.from_vkey(Log.objects.get(origin=self.origin).vkey)
        self.folder = folder.folder_of(self.origin)
        self.clock = timezone.now()
        self.refs, self.holders = [], {}
        self.people = [f"subject:{self.origin}-{number}" for number in range(PEOPLE)]
        self.dead = set()
        store().put({name: os.urandom(32) for name in self.people}, now=self.clock)
        self.checkpoints, self.proofs = [], []

    def _append(self, person, count):
        return [
            append(
                origin=self.origin,
                kind="test.happened",
                actor="a",
                payload={"n": number},
                holder=person,
                now=self.clock,
            )
            for number in range(count)
        ]

    @rule(person=st.integers(0, PEOPLE - 1), count=st.sampled_from([1, 2, 7, 60, 255, 256]))
    def append(self, person, count):
        name = self.people[person]
        if name in self.dead:
            with pytest.raises(KeyGone):
                self._append(name, 1)
            return
        with transaction.atomic():
            added = self._append(name, count)
        self.refs += added
        self.holders |= dict.fromkeys(added, name)

    @rule(person=st.integers(0, PEOPLE - 1))
    def crash_while_appending(self, person):
        if self.people[person] not in self.dead:
            transaction.set_autocommit(False)
            self._append(self.people[person], 2)
            connection.close()

    @rule(seconds=st.integers(-3600, 3600))
    def set_the_clock(self, seconds):
        self.clock += timedelta(seconds=seconds)

    @rule(batch=st.sampled_from([1, 3, 100, 1024]))
    def sequence(self, batch):
        sequence(origin=self.origin, batch=batch)

    @rule()
    def publish(self):
        size = publish(origin=self.origin, now=self.clock)
        assert size == Log.objects.get(origin=self.origin).size
        self._remember()

    @rule(at=st.integers(1, 70), how=st.sampled_from(HOWS))
    def fail(self, at, how):
        with Faults(at, how, settings.LOG_FOLDER, settings.HEADS):
            try:
                sequence(origin=self.origin)
                publish(origin=self.origin, now=self.clock)
            except (django.db.Error, *WRONG):
                connection.close()
        self._remember()

    @rule(person=st.integers(0, PEOPLE - 1))
    def erase(self, person):
        name = self.people[person]
        store().destroy([name])
        Opening.objects.filter(holder=name).delete()
        self.dead.add(name)

    def _remember(self):
        """Keep what anyone could have kept: the checkpoint, and a proof under it."""
        if not (self.folder / "checkpoint").exists():
            return
        signed = (self.folder / "checkpoint").read_text(encoding="utf-8")
        if signed in self.checkpoints:
            return
        self.checkpoints.append(signed)
        size = checkpoint.parse(note.read_text(signed)).size
        for index in {0, size // 2, size - 1} if size else ():
            hashes = merkle.prove_inclusion(index=index, size=size, reader=self._reader(size))
            leaf = bytes(Entry.objects.get(log=self.origin, index=index).leaf)
            self.proofs.append((proof.format(proof.Proof(index, tuple(hashes), signed)), leaf))

    def _reader(self, size):
        return tiles.TileReader(lambda path: (self.folder / path).read_bytes(), size)

    @precondition(lambda self: (self.folder / "checkpoint").exists())
    @invariant()
    def what_is_published_verifies(self):
        found = [each for each in verify_log(self.folder, [self.verifier]) if each.level == "error"]
        assert found == []

    def teardown(self):
        if not hasattr(self, "origin"):
            return
        while sequence(origin=self.origin):
            pass
        self.publish()
        self.what_is_published_verifies()
        assert list(Entry.objects.filter(log=self.origin).order_by("index").values_list("ref", flat=True)) == self.refs
        assert not Pending.objects.filter(log=self.origin).exists()
        for text, leaf in self.proofs:
            proof.verify(text, leaf, [self.verifier])
        heads = [checkpoint.open(signed, [self.verifier]) for signed in self.checkpoints]
        assert [head.size for head in heads] == sorted({head.size for head in heads}), "it never shrinks"
        for old, new in pairwise(heads):
            hashes = merkle.prove_consistency(first=old.size, second=new.size, reader=self._reader(new.size))
            merkle.verify_consistency(
                first=old.size, second=new.size, proof=hashes, first_root=old.root, second_root=new.root
            )
        living = {ref for ref, holder in self.holders.items() if holder not in self.dead}
        openings = Opening.objects.filter(log=self.origin)
        assert set(openings.values_list("ref", flat=True)) == living
        for opening in openings.order_by("ref")[:5]:
            assert unseal(store().get(opening.holder), bytes(opening.sealed), context=opening.ref.bytes)


def test_any_order(committed):
    run_state_machine_as_test(
        TheLog,
        settings=search(
            max_examples=300 if SOAK else 12,
            stateful_step_count=40 if SOAK else 15,
            deadline=None,
            derandomize=not SOAK,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
