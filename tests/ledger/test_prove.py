"""An entry against what is published: what holds is said to hold, and nothing else is."""

import pytest
from django.utils import timezone

from ledger import note, proof, tiles
from ledger.errors import NotSealed
from ledger.folder import folder_of
from ledger.models import Entry
from ledger.prove import check, prove
from ledger.publish import publish
from ledger.sequence import sequence
from tests.ledger.conftest import add, new_log

pytestmark = pytest.mark.django_db


def entry(origin, index):
    return Entry.objects.select_related("log").get(log=origin, index=index)


@pytest.mark.parametrize("index", [0, 255, 256, 299])
def test_a_published_entry_verifies(log, index):
    found = entry(log, index)
    checked = check(found)
    assert (checked.size, checked.trouble, checked.published) == (300, "", True)
    proven = proof.verify(checked.proof, bytes(found.leaf), [note.Verifier.from_vkey(found.log.vkey)])
    assert proven.index == index


def test_one_that_no_checkpoint_covers_has_no_proof(log):
    add(log)
    sequence(origin=log)
    found = entry(log, 300)
    with pytest.raises(NotSealed):
        prove(found)
    assert not check(found).published
    assert not check(found).trouble


def test_before_the_first_checkpoint(db):
    origin = new_log()
    add(origin)
    sequence(origin=origin)
    assert not check(entry(origin, 0)).published


@pytest.mark.parametrize(
    ("path", "harm"),
    [
        ("checkpoint", "change"),
        (tiles.tile_path(0, 0), "change"),
        (tiles.tile_path(0, 1, 44), "change"),
        (tiles.tile_path(0, 0), "remove"),
        (tiles.bundle_path(0), "change"),
        (tiles.bundle_path(0), "remove"),
        (tiles.bundle_path(0), "cut"),
    ],
)
def test_any_published_file_that_is_not_what_it_was(log, path, harm):
    file = folder_of(log) / path
    data = bytearray(file.read_bytes())
    if harm == "remove":
        file.unlink()
    elif harm == "cut":
        file.write_bytes(bytes(data[:-1]))
    else:
        data[len(data) // 2 if path == "checkpoint" else 40] ^= 1
        file.write_bytes(bytes(data))
    checked = check(entry(log, 0))
    assert checked.trouble
    assert checked.published


def test_a_partial_bundle_that_was_dropped_for_the_full_one(log):
    add(log, 212)
    sequence(origin=log)
    publish(origin=log, now=timezone.now())
    assert not (folder_of(log) / f"{tiles.bundle_path(1)}.p").exists()
    assert check(entry(log, 299)).size == 512


def test_a_leaf_of_the_database_that_was_changed(log):
    found = entry(log, 7)
    found.leaf = bytes(found.leaf).replace(b'"index":7', b'"index":8')
    assert check(found).trouble
