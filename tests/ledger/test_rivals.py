"""Two sequencers and two publishers on several logs at once, under load, with a clock that goes back: one history a log."""

import itertools
import threading
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

from ledger import checkpoint, folder, merkle, note, tiles
from ledger.append import append
from ledger.leaf import decode
from ledger.models import Checkpoint, Entry, Log, Pending
from ledger.publish import publish
from ledger.sequence import sequence
from ledger.verify import verify_log
from tests.ledger.conftest import HOLDER, add, new_log

EACH = 60
WRITERS = 4


class Crew:
    """Threads whose errors are told."""

    def __init__(self):
        self.errors = []
        self.threads = []

    def start(self, work):
        def guarded():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever it was, the test must see it
                self.errors.append(error)
            finally:
                connection.close()

        self.threads.append(threading.Thread(target=guarded))
        self.threads[-1].start()

    def join(self):
        for thread in self.threads:
            thread.join()
        self.threads.clear()


class Scene:
    """Logs, and what is done to them at once."""

    def __init__(self):
        self.origins = [new_log() for _ in range(3)]
        rows = Log.objects.filter(origin__in=self.origins)
        self.verifiers = {row.origin: note.Verifier.from_vkey(row.vkey) for row in rows}
        self.refs = {origin: [] for origin in self.origins}
        self.seen = {origin: [] for origin in self.origins}
        self.appended, self.published = threading.Event(), threading.Event()
        self._ticks, self._start = itertools.count(), timezone.now()

    def now(self):
        """The clock goes back as often as forth."""
        return self._start + timedelta(minutes=(7 * next(self._ticks)) % 11 - 5)

    def write(self):
        for _ in range(EACH):
            for origin in self.origins:
                self.refs[origin] += add(origin)

    def order(self):
        while not self.appended.is_set() or Pending.objects.exists():
            for origin in self.origins:
                sequence(origin=origin, batch=7)

    def sign(self):
        sizes = [0]
        while not self.appended.is_set() or min(sizes) < EACH * WRITERS:
            sizes = [publish(origin=origin, now=self.now()) for origin in self.origins]

    def read(self):
        while not self.published.is_set():
            for origin in self.origins:
                look(origin, self.verifiers[origin], self.seen[origin])


def test_two_of_each_on_several_logs(committed):
    scene = Scene()
    writers, others, readers = Crew(), Crew(), Crew()
    readers.start(scene.read)
    for _ in range(2):
        others.start(scene.order)
        others.start(scene.sign)
    for _ in range(WRITERS):
        writers.start(scene.write)
    writers.join()
    scene.appended.set()
    others.join()
    scene.published.set()
    readers.join()
    assert writers.errors + others.errors + readers.errors == []
    for origin, verifier in scene.verifiers.items():
        rows = list(Entry.objects.filter(log=origin).order_by("index").values_list("index", "ref"))
        assert [index for index, _ in rows] == list(range(EACH * WRITERS))
        assert sorted(ref for _, ref in rows) == sorted(scene.refs[origin])
        assert [each for each in verify_log(folder.folder_of(origin), [verifier]) if each.level == "error"] == []
        signed = Checkpoint.objects.filter(log=origin).values_list("note", flat=True)
        assert len({checkpoint.parse(note.read_text(each)).size for each in signed}) == len(signed)
        assert len(scene.seen[origin]) > 1


def look(origin, verifier, seen):
    """What a reader does while the load runs: take the checkpoint, prove one entry and that it extends what was there before."""
    published = folder.folder_of(origin)
    try:
        head = checkpoint.open((published / "checkpoint").read_bytes(), [verifier])
    except FileNotFoundError:
        return
    if not head.size or (seen and head == seen[-1]):
        return
    reader = tiles.TileReader(lambda path: (published / path).read_bytes(), head.size)
    index = head.size // 2
    (leaf_hash,) = reader.read_nodes([(0, index)])
    hashes = merkle.prove_inclusion(index=index, size=head.size, reader=reader)
    merkle.verify_inclusion(leaf_hash=leaf_hash, index=index, size=head.size, proof=hashes, root=head.root)
    if seen:
        old = seen[-1]
        hashes = merkle.prove_consistency(first=old.size, second=head.size, reader=reader)
        merkle.verify_consistency(
            first=old.size, second=head.size, proof=hashes, first_root=old.root, second_root=head.root
        )
    seen.append(head)


def test_a_clock_set_back_changes_no_order(origin):
    """The index is the order; the time is what the clock said, and may go back. Also to before the last signed head."""
    years = [2026, 2031, 2020, 2026, 2000]
    for number, year in enumerate(years):
        at = datetime(year, 1, 1, tzinfo=UTC)
        append(origin=origin, kind="test.happened", actor="a", payload={"n": number}, holder=HOLDER, now=at)
        assert sequence(origin=origin) == 1
        assert publish(origin=origin, now=at) == number + 1
    leaves = [decode(bytes(each)) for each in Entry.objects.order_by("index").values_list("leaf", flat=True)]
    assert [leaf.at.year for leaf in leaves] == years
    verifier = note.Verifier.from_vkey(Log.objects.get().vkey)
    assert [each for each in verify_log(folder.folder_of(origin), [verifier]) if each.level == "error"] == []
    assert list(Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [1, 2, 3, 4, 5]
