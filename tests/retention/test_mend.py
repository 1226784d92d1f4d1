"""What lies apart is found, said and mended; what is whole is left alone."""

from datetime import timedelta

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

import vault.blobs
from consent.models import Grant
from keyring.errors import KeyStoreBroken
from keyring.keys import store
from retention import mend as mending
from retention.mend import Found, mend
from retention.models import Artifact, Erasure
from retention.open_erasures import open_withdrawn
from tests.retention.test_erasure import CONSENT, live, turn
from tests.retention.test_erasure_requests import hold_on
from vault.blobs import Kind

pytestmark = pytest.mark.django_db
NOTHING = Found(0, 0, 0, 0, 0)


@pytest.fixture
def recording(api, consent, clip):
    """A recording that the vault holds for a day more."""
    live(api, consent(operations=CONSENT), clip)
    far = timezone.now() + timedelta(days=1)
    Artifact.objects.filter(custody="vault").update(expires_at=far, latest_at=far)
    Artifact.objects.filter(custody="none").update(expires_at=far)
    return Artifact.objects.get(custody="vault")


def later():
    return timezone.now() + timedelta(minutes=10)


def mended():
    mend(clock=later)  # whatever other tests left in the storage and the key store, which outlive a rollback
    return mend(clock=later)


def test_what_is_whole_is_left_alone(recording):
    assert mended() == NOTHING
    recording.refresh_from_db()
    assert recording.state == "active"
    assert vault.blobs.read(blob=recording.id)


@pytest.mark.parametrize(
    ("lose", "found"),
    [
        (vault.blobs.shred, Found(1, 0, 1, 0, 0)),
        (vault.blobs.delete, Found(0, 1, 0, 0, 0)),
    ],
    ids=["key", "bytes"],
)
def test_a_row_that_lost_its_key_or_its_bytes_goes(recording, lose, found):
    mended()
    lose(blobs=[recording.id])
    assert mend(clock=later) == found
    turn(later())
    recording.refresh_from_db()
    assert recording.state == "erased"
    assert mend(clock=later) == NOTHING


def test_bytes_that_no_key_opens_are_deleted(db):
    mended()
    blob = uuid7()
    for kind in (Kind.VOICE, Kind.FACE, Kind.DOCUMENT):
        vault.blobs.put(blob=blob, data=b"x", now=timezone.now(), kind=kind)
    assert mend(clock=later).bytes_without_row == 0, "with its key it is the sweep's"
    for kind in (Kind.VOICE, Kind.FACE, Kind.DOCUMENT):
        vault.blobs.shred(blobs=[blob], kind=kind)
    assert mend(clock=timezone.now).bytes_without_row == 0, "it has a grace"
    assert mend(clock=later).bytes_without_row == 3
    assert mend(clock=later) == NOTHING


@pytest.mark.parametrize("prefix", ["processor", "certificate"])
def test_a_key_that_no_row_names_is_destroyed(db, prefix):
    mended()
    name = f"{prefix}:{uuid7()}"
    store().make(name, now=timezone.now())
    assert mend(clock=timezone.now).keys_without_use == 0
    assert mend(clock=later).keys_without_use == 1
    assert not store().has(name)


def test_a_storage_that_is_not_there_costs_nobody_a_key(recording, monkeypatch):
    mended()
    monkeypatch.setattr(mending, "FEW", 0)
    vault.blobs.delete(blobs=[recording.id])
    assert mend(clock=later) == Found(0, 1, 0, 0, 0)
    recording.refresh_from_db()
    assert recording.state == "active"
    assert vault.blobs.alive(blobs=[recording.id])


def test_what_a_hold_keeps_is_not_given_up_for_lost(recording):
    mended()
    hold_on(recording)
    vault.blobs.delete(blobs=[recording.id])
    assert mend(clock=later).rows_without_bytes == 1
    recording.refresh_from_db()
    assert recording.state == "active"
    assert vault.blobs.alive(blobs=[recording.id])


def test_a_key_store_that_is_not_our_own_proves_nothing(recording, tenant):
    """Put in by mistake, it knows no key: nothing that lies sealed may be taken for noise."""
    mended()
    vault.blobs.shred(blobs=[recording.id])
    key = store().get(f"log:{tenant.origin}")
    store().destroy([f"log:{tenant.origin}"])
    try:
        with pytest.raises(KeyStoreBroken):
            mend(clock=later)
    finally:
        store().put({f"log:{tenant.origin}": key}, now=timezone.now())
    recording.refresh_from_db()
    assert recording.state == "active"
    assert recording.id in {blob for kind in vault.blobs.ARTIFACTS for blob, _ in vault.blobs.stored(kind=kind)}


def test_a_withdrawal_that_nobody_saw_for_long_opens_its_erasure(recording):
    long_ago = timezone.now() - timedelta(days=9)
    Grant.objects.filter(id=recording.grant_id).update(state="withdrawn", ended_at=long_ago)
    assert open_withdrawn(now=timezone.now()) == 0
    mended()
    assert Erasure.objects.get().identified_by == "withdrawal"


def test_what_lives_past_its_deadline_is_told(recording):
    mended()
    past = timezone.now() - timedelta(hours=1)
    Artifact.objects.filter(id=recording.id).update(expires_at=past)
    assert mend(clock=timezone.now).overdue == 1
