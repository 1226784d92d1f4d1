"""A passphrase of one's own: what is taken from then on opens only while its person lets it."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

import vault.blobs
from consent.queries import records_of
from keyring.errors import KeyStoreAway
from keyring.keys import store
from keyring.local import LocalStore
from retention.errors import PassphraseWrong, TooManyTries
from retention.export import export
from retention.lock_up import (
    LONGEST,
    MOST_TRIES,
    change_passphrase,
    close,
    close_over,
    make_locker,
    switch,
    unlock,
)
from retention.make_exports import make_exports
from retention.models import Artifact, Locker
from retention.sweep import sweep
from tests.conftest import kinds
from tests.factories import UserFactory
from vault.errors import BlobLocked

pytestmark = pytest.mark.django_db
WORDS, OTHERS = "four harbours of grey wool", "nine lanterns under the quay"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """64 MiB a try is right for people, not for a hundred tests."""
    monkeypatch.setattr("keyring.passphrase.MEMORY_BITS", 13)
    monkeypatch.setattr("keyring.passphrase.PASSES", 1)


@pytest.fixture
def session(api, consent):
    return api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"]


@pytest.fixture
def locker(user):
    return make_locker(user=user, passphrase=WORDS, now=timezone.now())


def content(api, artifact):
    return api.get(f"/api/v1/artifacts/{artifact}/content")


def test_s1_6_only_the_person_can_open_what_is_locked(api, user, session, clip, locker):
    made = api.upload(session, clip).json()["id"]
    refused = content(api, made)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:consonant:problem:locked-by-person")
    assert "portal" in refused.json()["detail"]
    with pytest.raises(BlobLocked):
        vault.blobs.read(blob=uuid.UUID(made))
    unlock(user=user, passphrase=WORDS, lasts=HOUR, now=timezone.now())
    assert content(api, made).content == clip
    close(user=user, now=timezone.now())
    assert content(api, made).status_code == 409
    assert not store().has(locker.key_name)
    for other in (OTHERS, "", WORDS.upper()):
        with pytest.raises(PassphraseWrong):
            unlock(user=user, passphrase=other, lasts=HOUR, now=timezone.now())
    assert content(api, made).status_code == 409


def test_it_closes_by_the_clock_and_the_key_goes(api, user, session, clip, locker):
    made = api.upload(session, clip).json()["id"]
    now = timezone.now()
    opened = unlock(user=user, passphrase=WORDS, lasts=timedelta(days=9), now=now)
    assert opened.unlocked_until == now + LONGEST
    Locker.objects.update(unlocked_until=now)
    assert content(api, made).status_code == 409
    assert store().has(locker.key_name)
    assert close_over(now=timezone.now()) == 1
    assert not store().has(locker.key_name)
    assert Locker.objects.get().unlocked_until is None


def test_a_key_that_no_row_ends_is_swept(locker):
    store().put({locker.key_name: bytes(32), f"unlocked:{uuid.uuid4()}": bytes(32)}, now=timezone.now())
    close_over(now=timezone.now() + timedelta(seconds=1))
    later = timezone.now() + timedelta(seconds=1)
    assert not [name for names in store().older_than(later, prefix="unlocked:") for name in names]


def test_it_is_closed_though_the_key_store_is_away(api, user, session, clip, locker, monkeypatch):
    made = api.upload(session, clip).json()["id"]
    now = timezone.now()
    unlock(user=user, passphrase=WORDS, lasts=HOUR, now=now)

    def away(*_):
        raise KeyStoreAway

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "destroy", away)
        with pytest.raises(KeyStoreAway):
            close(user=user, now=now)
    assert content(api, made).status_code == 409
    assert store().has(locker.key_name)
    close_over(now=timezone.now())
    assert not store().has(locker.key_name)


def test_what_was_there_before_and_what_comes_after_it_is_off_is_not_locked(api, user, session, clip):
    before = api.upload(session, clip).json()["id"]
    make_locker(user=user, passphrase=WORDS, now=timezone.now())
    locked = api.upload(session, clip).json()["id"]
    with pytest.raises(PassphraseWrong):
        switch(user=user, passphrase=OTHERS, on=False, now=timezone.now())
    switch(user=user, passphrase=WORDS, on=False, now=timezone.now())
    after = api.upload(session, clip).json()["id"]
    assert [content(api, each).status_code for each in (before, locked, after)] == [200, 409, 200]
    unlock(user=user, passphrase=WORDS, lasts=HOUR, now=timezone.now())
    assert content(api, locked).content == clip


def test_another_passphrase_opens_the_same_things(api, user, session, clip, locker):
    made = api.upload(session, clip).json()["id"]
    change_passphrase(user=user, passphrase=WORDS, new=OTHERS, now=timezone.now())
    with pytest.raises(PassphraseWrong):
        unlock(user=user, passphrase=WORDS, lasts=HOUR, now=timezone.now())
    unlock(user=user, passphrase=OTHERS, lasts=HOUR, now=timezone.now())
    assert content(api, made).content == clip


def test_who_lost_it_begins_anew_and_what_was_locked_stays_so_until_it_goes(api, user, session, clip, locker):
    lost = api.upload(session, clip).json()["id"]
    unlock(user=user, passphrase=WORDS, lasts=HOUR, now=timezone.now())
    make_locker(user=user, passphrase=OTHERS, now=timezone.now())
    assert not store().has(locker.key_name)
    new = api.upload(session, clip).json()["id"]
    unlock(user=user, passphrase=OTHERS, lasts=HOUR, now=timezone.now())
    assert [content(api, each).status_code for each in (lost, new)] == [409, 200]
    later = timezone.now() + timedelta(hours=2)
    sweep(clock=lambda: later)
    assert {each.state for each in Artifact.objects.all()} == {"erased"}
    assert vault.blobs.left(blobs=[uuid.UUID(lost), uuid.UUID(new)]) == set()


def test_guessing_is_slow(user, locker):
    now = timezone.now()

    def tried(words, at):
        return unlock(user=user, passphrase=words, lasts=HOUR, now=at)

    for _ in range(MOST_TRIES):
        with pytest.raises(PassphraseWrong):
            tried(OTHERS, now)
    with pytest.raises(TooManyTries) as refused:
        tried(WORDS, now)
    assert refused.value.again_at == now + timedelta(minutes=1)
    with pytest.raises(PassphraseWrong):
        tried(OTHERS, now + timedelta(minutes=1))
    with pytest.raises(TooManyTries):
        tried(WORDS, now + timedelta(minutes=2, seconds=59))
    assert tried(WORDS, now + timedelta(minutes=3))
    with pytest.raises(PassphraseWrong):
        tried(OTHERS, now + timedelta(minutes=3))


def test_each_act_is_entered_and_says_nothing_of_the_passphrase(user, consent, locker):
    consent()
    now = timezone.now()
    unlock(user=user, passphrase=WORDS, lasts=HOUR, now=now)
    close(user=user, now=now)
    switch(user=user, passphrase=WORDS, on=False, now=now)
    change_passphrase(user=user, passphrase=WORDS, new=OTHERS, now=now)
    assert {"locker.opened", "locker.closed", "locker.switched", "locker.changed"} <= set(kinds())
    assert WORDS not in str([record.payload for record in records_of(user=user)])
    row = Locker.objects.get()
    assert WORDS.encode() not in bytes(row.sealed) + bytes(row.public)


def test_nobody_elses_things_are_touched(api, session, clip):
    make_locker(user=UserFactory(), passphrase=WORDS, now=timezone.now())
    assert content(api, api.upload(session, clip).json()["id"]).content == clip


def test_an_export_leaves_out_what_is_locked_and_is_locked_itself(api, user, session, clip, locker):
    api.upload(session, clip)
    now = timezone.now()
    asked = export(user=user, by=None, now=now)
    make_exports(clock=lambda: now)
    asked.refresh_from_db()
    assert asked.left_out == {"locked": 1}
    assert vault.blobs.lock_of(blob=asked.blob, kind=vault.blobs.Kind.EXPORT) == locker.id
    unlock(user=user, passphrase=WORDS, lasts=HOUR, now=now)
    again = export(user=user, by=None, now=now)
    make_exports(clock=lambda: now)
    again.refresh_from_db()
    assert again.left_out == {}
