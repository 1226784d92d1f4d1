"""Append, sequence, publish: on a real database that commits, killed at every write, by two at once, from a backup."""

import json
import threading
import uuid

import pytest
from django.db import DatabaseError, close_old_connections, connection, transaction
from django.utils import timezone

import ledger.barrier
import ledger.publish
from keyring.keys import store
from keyring.seal import unseal
from ledger import checkpoint, files, folder, note
from ledger.append import About, append
from ledger.errors import Behind, InvalidLeaf
from ledger.leaf import commit, decode
from ledger.merkle import frontier_extend, frontier_of, leaf_hash
from ledger.models import Checkpoint, Entry, Log, Opening, Pending
from ledger.publish import publish
from ledger.sequence import sequence
from ledger.verify import verify_log
from tests.ledger.conftest import add, new_log


class Killed(BaseException):
    """The process is gone at this line."""


def run(origin):
    while sequence(origin=origin):
        pass
    return publish(origin=origin, now=timezone.now())


def findings(origin):
    verifier = note.Verifier.from_vkey(Log.objects.get(origin=origin).vkey)
    return [finding for finding in verify_log(folder.folder_of(origin), [verifier]) if finding.level == "error"]


def test_what_is_appended_is_in_the_signed_log(origin):
    about = About(ref=uuid.uuid4(), tag=b"t" * 96, salt=b"s" * 32, mark=b"m" * 16)
    add(origin, about=about)
    assert run(origin) == 1
    entry = Entry.objects.get()
    leaf = decode(bytes(entry.leaf))
    assert (leaf.ref, leaf.index, leaf.prev, leaf.mark) == (about.ref, 0, bytes(32), about.mark)
    assert leaf.subject == commit("subject", about.salt, about.tag)
    opening = Opening.objects.get()
    opened = json.loads(unseal(store().get(opening.holder), bytes(opening.sealed), context=opening.ref.bytes))
    salt, value = opened["payload"]
    assert leaf.payload == commit("payload", bytes.fromhex(salt), value.encode())
    assert findings(origin) == []


def test_across_tiles_and_batches(origin):
    refs = []
    for count in (1, 255, 1, 300):
        refs += add(origin, count)
        run(origin)
    entries = list(Entry.objects.order_by("index").values_list("ref", flat=True))
    assert entries == refs
    assert findings(origin) == []
    published = folder.folder_of(origin)
    assert (published / "tile/0/000").is_file()
    assert not (published / "tile/0/000.p").exists()
    assert Checkpoint.objects.count() == 4


@pytest.mark.parametrize("size", range(40))
def test_a_batch_extends_the_frontier_as_its_leaves_do_one_by_one(size):
    hashes = [leaf_hash(bytes([n])) for n in range(80)]
    for count in range(40):
        assert frontier_extend(frontier_of(hashes[:size]), size, hashes[size : size + count]) == frontier_of(
            hashes[: size + count]
        )
    with pytest.raises(ValueError, match="frontier of"):
        frontier_extend([bytes(32)], 3, [])


def test_one_log_never_takes_another_ones_entries(origin):
    other = new_log()
    refs = {log: [] for log in (origin, other)}
    for log in (origin, other, origin, other):
        refs[log] += add(log, 3)
    assert (sequence(origin=origin, batch=4), sequence(origin=other), sequence(origin=origin)) == (4, 6, 2)
    for log in (origin, other):
        assert list(Entry.objects.filter(log=log).order_by("index").values_list("ref", flat=True)) == refs[log]


def test_what_does_not_fit_the_leaf_stops_its_log_and_loses_nothing(origin):
    add(origin, 3)
    Pending.objects.filter(id=max(Pending.objects.values_list("id", flat=True))).update(mark=b"short")
    with pytest.raises(InvalidLeaf):
        sequence(origin=origin)
    assert (Pending.objects.count(), Entry.objects.count(), Log.objects.get(origin=origin).size) == (3, 0, 0)


def test_a_rolled_back_append_never_was(origin):
    def dies():
        with transaction.atomic():
            add(origin)
            raise Killed

    with pytest.raises(Killed):
        dies()
    assert (Pending.objects.count(), Opening.objects.count()) == (0, 0)
    assert run(origin) == 0


def test_two_sequencers_and_eight_writers_make_one_chain(origin):
    stop, errors = threading.Event(), []

    def guard(work):
        def run_it():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever it was, the test must see it
                errors.append(error)
            finally:
                connection.close()

        return run_it

    def sequencer():
        while not stop.is_set() or Pending.objects.exists():
            sequence(origin=origin, batch=7)
            publish(origin=origin, now=timezone.now())

    sequencers = [threading.Thread(target=guard(sequencer)) for _ in range(2)]
    writers = [threading.Thread(target=guard(lambda: add(origin, 40))) for _ in range(8)]
    for thread in sequencers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in sequencers:
        thread.join()
    assert errors == []
    assert list(Entry.objects.order_by("index").values_list("index", flat=True)) == list(range(320))
    assert run(origin) == 320
    assert findings(origin) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET leaf = ''",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry",
        "UPDATE ledger_checkpoint SET size = 9",
        "DELETE FROM ledger_checkpoint",
        "TRUNCATE ledger_checkpoint",
    ],
)
def test_the_database_refuses_to_forget(origin, statement):
    add(origin)
    run(origin)
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_database_from_before_signs_nothing(origin):
    add(origin, 5)
    run(origin)
    forget(origin, keep=3)
    with pytest.raises(Behind):
        publish(origin=origin, now=timezone.now())
    with pytest.raises(Behind):
        ledger.barrier.refuse_if_any_is_behind()
    add(origin, 4)
    sequence(origin=origin)
    assert Log.objects.get().size == 7
    with pytest.raises(Behind):
        ledger.barrier.refuse_if_any_is_behind()
    with pytest.raises(Behind):
        publish(origin=origin, now=timezone.now())
    head = checkpoint.open(files.read(origin, "checkpoint"), [note.Verifier.from_vkey(Log.objects.get().vkey)])
    assert head.size == 5


def forget(origin, keep):
    """Put the database back to where it was, as a restored backup would."""
    hashes = [bytes(hash_) for hash_ in Entry.objects.order_by("index").values_list("leaf_hash", flat=True)][:keep]
    with connection.cursor() as cursor:
        for table in ("ledger_entry", "ledger_checkpoint"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM ledger_entry WHERE index >= %s", [keep])
        cursor.execute("DELETE FROM ledger_checkpoint")
        for table in ("ledger_entry", "ledger_checkpoint"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    Log.objects.filter(origin=origin).update(size=keep, head=hashes[-1], frontier=frontier_of(hashes))


def test_a_lost_publication_is_published_again(origin):
    add(origin, 5)
    run(origin)
    (folder.folder_of(origin) / "checkpoint").unlink()
    assert publish(origin=origin, now=timezone.now()) == 5
    assert findings(origin) == []


def test_a_destroyed_key_leaves_the_log_whole(origin):
    now = timezone.now()
    store().make("subject:gone", now=now)
    append(origin=origin, kind="test.happened", actor="a", payload={}, holder="subject:gone", now=now)
    run(origin)
    store().destroy(["subject:gone"])
    assert findings(origin) == []
    with pytest.raises(Exception, match="subject"):
        append(origin=origin, kind="test.happened", actor="a", payload={}, holder="subject:gone", now=now)
    close_old_connections()
