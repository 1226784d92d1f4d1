"""A database from a backup: refused until it has been brought back from the published bundles."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from ledger import folder, note
from ledger.append import append
from ledger.errors import Behind, Diverged
from ledger.heads import signed_checkpoint, write_head
from ledger.models import Entry, Log, Opening, Pending
from ledger.publish import publish
from ledger.recover import LOST, recover
from ledger.sequence import sequence
from ledger.verify import verify_log
from tests.ledger.conftest import HOLDER, add
from tests.restore import restored_afterwards


def run(origin):
    while sequence(origin=origin):
        pass
    return publish(origin=origin, now=timezone.now())


def is_whole(origin):
    verifier = note.Verifier.from_vkey(Log.objects.get(origin=origin).vkey)
    return [f for f in verify_log(folder.folder_of(origin), [verifier]) if f.level == "error"] == []


@pytest.mark.parametrize(("before", "after"), [(0, 3), (5, 1), (250, 300), (256, 256)])
def test_brought_back(origin, before, after):
    kept = add(origin, before)
    run(origin)
    waiting = add(origin, 2)
    with restored_afterwards():
        lost = add(origin, after)
        run(origin)
    assert set(Pending.objects.values_list("ref", flat=True)) == set(waiting)
    with pytest.raises(Behind):
        add(origin)
    with pytest.raises(Behind):
        publish(origin=origin, now=timezone.now())

    [done] = recover(now=timezone.now())
    assert (done.entries, done.lost, done.withdrawn) == (after + 2, after, 2)
    refs = list(Entry.objects.order_by("index").values_list("ref", flat=True))
    assert refs == kept + waiting + lost
    assert set(Opening.objects.filter(holder=LOST).values_list("ref", flat=True)) == set(lost)
    assert not Pending.objects.exists()
    assert recover(now=timezone.now()) == []
    more = add(origin, 3)
    assert run(origin) == before + after + 5
    assert list(Entry.objects.order_by("index").values_list("ref", flat=True)) == [*refs, *more]
    assert is_whole(origin)


def test_a_head_that_only_was_signed_counts(origin, settings, tmp_path, monkeypatch):
    """Witnesses may have seen it: a database without it is behind, though nothing of it was published."""
    add(origin, 3)
    run(origin)
    with restored_afterwards():
        add(origin, 4)
        monkeypatch.setattr("ledger.publish._cosigned", lambda *_, **__: None)
        assert run(origin) == 3
        monkeypatch.undo()
    assert signed_checkpoint(Log.objects.get()).size == 7
    with pytest.raises(Behind):
        run(origin)
    recover(now=timezone.now())
    assert run(origin) == 7
    assert is_whole(origin)


def test_killed_in_between_it_is_done_again(origin, monkeypatch):
    add(origin, 3)
    run(origin)
    with restored_afterwards():
        add(origin, 300)
        run(origin)
    with monkeypatch.context() as patch:
        patch.setattr("ledger.recover.frontier_root", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            recover(now=timezone.now())
    assert (Entry.objects.count(), Log.objects.get().size) == (3, 3)
    recover(now=timezone.now())
    assert Entry.objects.count() == 303
    assert is_whole(origin)


def test_another_history_is_not_recovered(origin, monkeypatch):
    add(origin, 3)
    run(origin)
    with restored_afterwards():
        add(origin, 4)
        run(origin)
    with monkeypatch.context() as patch:  # a sequencer that does not look
        patch.setattr("ledger.append.refuse_if_restored", lambda _: connection.ensure_connection())
        add(origin, 2)
        sequence(origin=origin)
    with pytest.raises(Diverged):
        recover(now=timezone.now())
    with pytest.raises(CommandError, match="never signed"):
        call_command("recover", stdout=io.StringIO())
    assert Log.objects.get().size == 5


def test_changed_bundles_are_refused(origin):
    add(origin, 3)
    run(origin)
    with restored_afterwards():
        add(origin, 4)
        run(origin)
    path = folder.folder_of(origin) / "tile/entries/000.p/7"
    data = bytearray(path.read_bytes())
    at = data.rindex(b'"kind":"test') + 9
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(Diverged):
        recover(now=timezone.now())
    assert Entry.objects.count() == 3


def test_a_head_of_another_key_is_refused(origin):
    add(origin, 3)
    run(origin)
    write_head(origin, (folder.folder_of(origin) / "checkpoint").read_text().replace(origin, "test.local/other"))
    with pytest.raises(Exception, match=r"note|checkpoint"):
        signed_checkpoint(Log.objects.get())


def test_each_connection_looks_anew(origin):
    add(origin, 2)
    run(origin)
    with restored_afterwards():
        add(origin, 1)
        run(origin)
    for _ in range(2):
        with pytest.raises(Behind):
            append(origin=origin, kind="test.happened", actor="a", payload={}, holder=HOLDER, now=timezone.now())
    assert Pending.objects.count() == 0


def test_files_of_entries_that_were_never_signed_are_written_anew(origin, monkeypatch):
    add(origin, 3)
    run(origin)
    with restored_afterwards():
        add(origin, 300)
        monkeypatch.setattr("ledger.publish.write_head", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(origin)
        monkeypatch.undo()
    assert recover(now=timezone.now()) == [], "nobody has seen a head of them"
    add(origin, 300)
    assert run(origin) == 303
    assert is_whole(origin)
