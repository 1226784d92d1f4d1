"""Every write of the sequencer and of the publisher fails once, in each way a write can fail; then the ordinary rounds go on.

Nothing acknowledged is lost, nothing is there twice, no two histories are ever signed, and at every moment whoever reads the published
log finds it whole. The writes are found by counting them (`tests.ledger.faults`), so none has to be listed here.
"""

import itertools
import os
import re
import shutil
import sys
import uuid
from collections import Counter
from pathlib import Path

import django.db
import pytest
from django.db import connection
from django.utils import timezone

from ledger import checkpoint, folder, merkle, note
from ledger.cosign import Answer, Collected
from ledger.enter_heads import enter_heads, open_platform_log
from ledger.heads import published_checkpoint, signed_checkpoint
from ledger.management.loop import WRONG
from ledger.models import Alarm, Checkpoint, Entry, Log, Opening, Pending, Witnessing
from ledger.publish import publish
from ledger.sequence import sequence
from ledger.verify import verify_log
from tests.ledger.conftest import add, new_log
from tests.ledger.faults import CUT, FAILED, HOWS, KILLED, PERSISTED, Faults

SOAK = os.environ.get("CONSONANT_SOAK") == "1"
SURVIVED = (django.db.Error, *WRONG)
"""What the loop of the sequencer and of the publisher goes on after."""
AROUND_A_TILE = (250, 260)
AROUND_A_TILE_OF_TILES = (65_530, 65_540)


QUEUE = """
WITH new AS (
    INSERT INTO ledger_pending (log_id, ref, at, kind, mark, actor, subject, payload)
    SELECT %s, gen_random_uuid(), now(), 'test.before', substr(sha256('m'), 1, 16), sha256('a'), sha256('s'), sha256('p')
    FROM generate_series(1, %s) RETURNING id, ref
) SELECT ref FROM new ORDER BY id
"""


def every_kind_of_write(hit):
    """The counting sees what is known to be written: else it would prove nothing."""
    for what in (
        r"sql .*DELETE FROM ledger_pending",
        r"sql .*COPY ledger_entry",
        r"sql copy_to",
        r"sql copy_end",
        r"sql .*UPDATE .ledger_log",
        r"sql _commit_gen",
        r"link .*tile/entries/",
        r"link .*tile/0/",
        r"sync .*tile/",
        r"link .*tile/1/",
        r"write .*\.new",
        r"replace .*head",
        r"sql .*INSERT INTO .ledger_checkpoint",
        r"replace .*checkpoint",
        r"unlink .*tile/0/000\.p/",
        r"rmdir .*tile/entries/000\.p",
    ):
        assert any(re.search(what, name) for name in hit), f"{what} is among {hit}"


def queue(origin, count):
    """Put entries into the queue quickly, without openings; return their refs."""
    with connection.cursor() as cursor:
        cursor.execute(QUEUE, [origin, count])
        return [ref for (ref,) in cursor.fetchall()]


def run(origin):
    while sequence(origin=origin):
        pass
    return publish(origin=origin, now=timezone.now())


def whole(origin):
    """Say whether what is published now verifies, from its files alone; before the first checkpoint nothing is."""
    log = Log.objects.get(origin=origin)
    if not (folder.folder_of(origin) / "checkpoint").exists():
        return True
    verifier = note.Verifier.from_vkey(log.vkey)
    return [each for each in verify_log(folder.folder_of(origin), [verifier]) if each.level == "error"] == []


@pytest.fixture
def signed(monkeypatch):
    """Every text that any key signed, also when the process did not live to keep it."""
    texts = []
    real = note.Signer.sign

    def sign(self, text):
        made = real(self, text)
        texts.append((self.name, text if isinstance(text, str) else text.decode()))
        return made

    monkeypatch.setattr(note.Signer, "sign", sign)
    return texts


def no_fork(origin, texts):
    """Whatever was signed for this log is a beginning of what the log is."""
    hashes = [bytes(each) for (each,) in Entry.objects.filter(log=origin).order_by("index").values_list("leaf_hash")]
    heads = {checkpoint.parse(text) for name, text in texts if name == origin}
    heads |= {checkpoint.parse(note.read_text(row.note)) for row in Checkpoint.objects.filter(log=origin)}
    sizes = Counter(head.size for head in heads)
    assert heads
    assert max(sizes.values()) == 1
    frontier, roots = [], {}
    for size, leaf_hash in enumerate(hashes):
        if size in sizes:
            roots[size] = merkle.frontier_root(frontier)
        frontier = merkle.frontier_append(frontier, size, leaf_hash)
    roots[len(hashes)] = merkle.frontier_root(frontier)
    assert {head.size: head.root for head in heads} == {size: roots[size] for size in sizes}


def spoil(origin, at, how, settings, *, work=run):
    """Let write number `at` fail; return the faults. What the process survives it survives here, as its loop does."""
    with Faults(at, how, settings.LOG_FOLDER, settings.HEADS) as faults:
        try:
            work(origin)
        except SURVIVED:
            connection.close()
    return faults


def recovered(origin, refs, texts, *, head_before):
    """Check what a reader sees at once, then what ordinary rounds make of it."""
    log = Log.objects.get(origin=origin)
    assert whole(origin), "at this very moment"
    published, signed = published_checkpoint(log), signed_checkpoint(log)
    seen = published.size if published else 0
    assert seen >= head_before
    assert (signed.size if signed else 0) >= seen
    assert run(origin) == len(refs)
    assert list(Entry.objects.filter(log=origin).order_by("index").values_list("ref", flat=True)) == refs
    assert not Pending.objects.filter(log=origin).exists()
    assert whole(origin)
    assert Checkpoint.objects.filter(log=origin, size=len(refs)).exists()
    assert signed_checkpoint(log).size == published_checkpoint(log).size == len(refs)
    no_fork(origin, texts)


def prepared(before, after):
    """A log of `before` entries, published, with more waiting; return it and all refs."""
    origin = new_log()
    refs = queue(origin, before)
    run(origin)
    return origin, refs + add(origin, after - before)


@pytest.mark.parametrize("how", HOWS)
def test_every_write_fails_once(committed, settings, signed, how):
    before, after = AROUND_A_TILE
    # Killed before a write is what failed is, but for what cleans up.
    step = 1 if SOAK else {PERSISTED: 1, FAILED: 2}.get(how, 4)
    hit = {}
    at = 1
    while True:
        origin, refs = prepared(before, after)
        faults = spoil(origin, at, how, settings)
        recovered(origin, refs, signed, head_before=before)
        if faults.hit is None:
            break
        hit[at] = faults.hit
        at += step
    sys.stdout.write("".join(f"  {number} {name}\n" for number, name in hit.items()))
    sys.stdout.write(f"{how}: {len(hit)} of {len(faults.seen)} writes failed once\n")
    every_kind_of_write(faults.seen)


@pytest.mark.parametrize("how", HOWS if SOAK else [PERSISTED, CUT])
def test_every_write_of_a_first_checkpoint(committed, settings, signed, how):
    for at in itertools.count(1, 1 if SOAK else 3):
        origin, refs = prepared(0, 3)
        faults = spoil(origin, at, how, settings)
        recovered(origin, refs, signed, head_before=0)
        if faults.hit is None:
            break


class Witnesses:
    """Stands for `ledger.cosign.collect`: one witness cosigns, the other when it is there."""

    def __init__(self):
        self.all_there = True

    def collect(self, *, signed, **_):
        size = checkpoint.parse(note.read_text(signed)).size
        absent = Answer(witness="w.example/2", size=0, ok=False, trouble="it is away", disagrees=False)
        second = Answer(witness="w.example/2", size=size, ok=True, trouble="", disagrees=False)
        first = Answer(witness="w.example/1", size=size, ok=True, trouble="", disagrees=False)
        return Collected(note=signed, answers=(first, second if self.all_there else absent), satisfied=self.all_there)


@pytest.mark.parametrize("all_there", [True, False], ids=["with a quorum", "without a quorum"])
@pytest.mark.parametrize("how", HOWS if SOAK else [PERSISTED, CUT])
def test_every_write_with_witnesses(committed, settings, signed, monkeypatch, how, all_there):
    """What they answered and what is wrong is written too. Without a quorum a head is signed, kept, and not published."""
    witnesses = Witnesses()
    monkeypatch.setattr("ledger.publish.witness_policy", object)
    monkeypatch.setattr("ledger.publish.collect", witnesses.collect)
    for at in itertools.count(1, 1 if SOAK else 4):
        origin, refs = prepared(250, 260)
        witnesses.all_there = all_there
        faults = spoil(origin, at, how, settings)
        if not all_there:
            assert published_checkpoint(Log.objects.get(origin=origin)).size == 250
        witnesses.all_there = True
        recovered(origin, refs, signed, head_before=250)
        assert not Alarm.objects.filter(log=origin, ended_at=None).exists()
        assert set(Witnessing.objects.filter(log=origin).values_list("size", flat=True)) == {260}
        if faults.hit is None:
            break
    assert any("ledger_witnessing" in name for name in faults.seen)


def every_write_around_a_tile_of_tiles(committed, settings, signed, how):
    """For each write copies 65,530 entries."""
    before, after = AROUND_A_TILE_OF_TILES
    origin, refs = prepared(before, after)
    database, copy = connection.settings_dict["NAME"], f"copy_{uuid.uuid4().hex}"
    folders = [Path(settings.LOG_FOLDER), Path(settings.HEADS)]

    def put(source, target):
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')

    def put_files(suffix_from, suffix_to):
        for each in folders:
            shutil.rmtree(f"{each}{suffix_to}", ignore_errors=True)
            shutil.copytree(f"{each}{suffix_from}", f"{each}{suffix_to}")

    put(database, copy)
    put_files("", ".copy")
    try:
        for at in itertools.count(1):
            faults = spoil(origin, at, how, settings)
            recovered(origin, refs, signed, head_before=before)
            if faults.hit is None:
                break
            put(copy, database)
            put_files(".copy", "")
    finally:
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{copy}" WITH (FORCE)')


if SOAK:
    test_every_write_around_a_tile_of_tiles = pytest.mark.parametrize("how", [FAILED, PERSISTED])(
        every_write_around_a_tile_of_tiles
    )


@pytest.mark.parametrize("how", HOWS if SOAK else [PERSISTED])
def test_every_write_of_entering_a_head(committed, settings, signed, how):
    """A tenant's head stands in the platform's log once, and under its checkpoint."""
    settings.PLATFORM_SECONDS = 0
    settings.PLATFORM_ORIGIN = f"test.local/{uuid.uuid4().hex}"  # its files outlive this test's database
    open_platform_log(now=timezone.now())
    origin = new_log()
    for at in itertools.count(1):
        add(origin)
        size = run(origin)
        faults = spoil(origin, at, how, settings, work=lambda _: enter_heads(now=timezone.now()))
        enter_heads(now=timezone.now())
        run(settings.PLATFORM_ORIGIN)
        openings = Opening.objects.filter(log=settings.PLATFORM_ORIGIN)
        assert openings.count() == Entry.objects.filter(log=settings.PLATFORM_ORIGIN).count() == size
        assert Log.objects.get(origin=origin).entered_size == size
        assert whole(settings.PLATFORM_ORIGIN)
        if faults.hit is None:
            break
    assert any("INSERT INTO ledger_pending" in name for name in faults.seen)
    no_fork(settings.PLATFORM_ORIGIN, signed)


def in_place(self, files):
    """What a hasty `Folder.write` would do."""
    paths = []
    for path, data in files:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        paths.append(path)
    return paths


CARELESS = {
    "no folder is synced": (CUT, "ledger.folder.sync_folder", lambda _: None),
    "files are written in place": (KILLED, "ledger.folder.Folder.write", in_place),
}


@pytest.mark.parametrize("what", CARELESS)
def test_the_faults_find_what_is_careless(committed, settings, signed, monkeypatch, what):
    """Without the care that the code takes, some fault breaks something: else these tests would prove nothing."""
    how, name, careless = CARELESS[what]

    def breaks(at):
        origin, refs = prepared(250, 260)
        with monkeypatch.context() as patch:
            patch.setattr(name, careless)
            faults = spoil(origin, at, how, settings)
        try:
            recovered(origin, refs, signed, head_before=250)
        except (AssertionError, *SURVIVED):
            connection.close()
            return True, faults
        return False, faults

    broken, faults = breaks(0)
    assert not broken
    assert any(breaks(at)[0] for at in range(len(faults.seen), 0, -1))
