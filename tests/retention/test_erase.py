"""Destruction: on time, in order, resumed after a crash at any step, and said only when it has happened."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

import retention.erase
import vault.blobs
from consent.withdraw import withdraw
from keyring.errors import KeyGone
from keyring.keys import store
from ledger.errors import Behind
from retention import sweep as sweeping
from retention.models import Artifact
from retention.record import upload
from tests.conftest import kinds

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The process is gone at this line."""


@pytest.fixture
def session(api, consent):
    return uuid.UUID(api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()["id"])


@pytest.fixture
def now(session):
    return timezone.now()


@pytest.fixture
def artifact(app, session, clip, now):
    return upload(app=app, session_id=session, data=clip, ttl=timedelta(seconds=8), now=now).artifact


def sweep(at):
    return sweeping.sweep(clock=lambda: at)


def is_gone(artifact):
    with pytest.raises(KeyGone):
        store().get(f"artifact:{artifact.id}")
    return not vault.blobs.left(blobs=[artifact.id])


def test_not_before_its_time(artifact, now):
    assert sweep(now + timedelta(seconds=7)) == 0
    assert vault.blobs.read(blob=artifact.id)


def test_on_time_key_first(artifact, now):
    at = now + timedelta(seconds=8)
    assert sweep(at) == 1
    artifact.refresh_from_db()
    assert (artifact.state, artifact.key_destroyed_at, artifact.erased_at) == ("erased", at, at)
    assert is_gone(artifact)
    assert kinds()[-2:] == ["artifact.key_destroyed", "artifact.erased"]
    assert sweep(at) == 0
    assert kinds().count("artifact.erased") == 1


def test_withdrawal_takes_what_was_collected(artifact, user, now):
    withdraw(grant_id=artifact.grant_id, user=user, now=now)
    assert sweep(now) == 1
    assert is_gone(artifact)


STEPS = [
    ("after the claim", "carry_out", "before"),
    ("before the key", "shred", "before"),
    ("after the key", "shred", "after"),
    ("before the bytes", "delete", "before"),
    ("after the bytes", "delete", "after"),
    ("before the first entry", "_advance", "before"),
    ("before the last entry", "_advance", "second"),
]


@pytest.mark.parametrize(("where", "name", "when"), STEPS, ids=[step[0] for step in STEPS])
def test_killed_at_each_step_and_resumed(artifact, now, monkeypatch, where, name, when):
    module = {"carry_out": sweeping, "_advance": retention.erase}.get(name, vault.blobs)
    real, calls = getattr(module, name), []

    def dying(*args, **words):
        calls.append(1)
        if when == "before" or (when == "second" and len(calls) == 2):
            raise Killed
        real(*args, **words)
        if when == "after":
            raise Killed

    at = now + timedelta(seconds=8)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, dying)
        with pytest.raises(Killed):
            sweep(at)
    said = kinds()
    if "artifact.key_destroyed" in said:
        with pytest.raises(KeyGone):
            store().get(f"artifact:{artifact.id}")
    if "artifact.erased" in said:
        assert not vault.blobs.left(blobs=[artifact.id])
    sweep(at + timedelta(seconds=1))
    artifact.refresh_from_db()
    assert artifact.state == "erased"
    assert is_gone(artifact)
    assert kinds().count("artifact.key_destroyed") == kinds().count("artifact.erased") == 1


def test_an_upload_killed_before_its_commit_is_swept(app, session, clip, now, monkeypatch):
    monkeypatch.setattr("retention.record._upload", lambda **_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        upload(app=app, session_id=session, data=clip, ttl=None, now=now)
    orphans = [name for batch in store().older_than(now + timedelta(seconds=1), prefix="artifact:") for name in batch]
    assert orphans
    sweeping.sweep_orphans(now=now + timedelta(seconds=100))
    assert store().get(orphans[-1])
    assert sweeping.sweep_orphans(now=now + timedelta(seconds=400)) >= 1
    assert not [name for batch in store().older_than(now + timedelta(seconds=1), prefix="artifact:") for name in batch]


def test_the_orphan_sweep_spares_what_is_recorded(artifact, now):
    sweeping.sweep_orphans(now=now + timedelta(seconds=400))
    assert vault.blobs.read(blob=artifact.id)


def test_a_database_that_is_behind_orphans_nothing(artifact, monkeypatch, now):
    monkeypatch.setattr(sweeping, "refuse_if_any_is_behind", lambda: (_ for _ in ()).throw(Behind("x")))
    Artifact.objects.all().delete()
    with pytest.raises(Behind):
        sweeping.sweep_orphans(now=now + timedelta(seconds=400))
    assert vault.blobs.read(blob=artifact.id)


def test_many_at_once_in_batches(app, session, clip, now, monkeypatch):
    for seconds in (3, 1, 2):
        upload(app=app, session_id=session, data=clip, ttl=timedelta(seconds=seconds), now=now)
    monkeypatch.setattr(sweeping, "BATCH", 2)
    assert sweep(now + timedelta(seconds=5)) == 3
    assert set(Artifact.objects.values_list("state", flat=True)) == {"erased"}


def test_a_file_that_cannot_be_deleted_keeps_no_other(app, session, artifact, clip, now, monkeypatch):
    other = upload(app=app, session_id=session, data=clip, ttl=timedelta(seconds=9), now=now).artifact
    real = vault.blobs.delete

    def stubborn(*, blobs):
        if artifact.id in blobs:
            raise PermissionError
        real(blobs=blobs)

    with monkeypatch.context() as patch:
        patch.setattr(vault.blobs, "delete", stubborn)
        for seconds in (8, 9, 10):
            sweep(now + timedelta(seconds=seconds))
    artifact.refresh_from_db()
    other.refresh_from_db()
    assert (artifact.state, other.state) == ("shredded", "erased")
    sweep(now + timedelta(seconds=11))
    assert is_gone(artifact)


def test_destroyed_at_is_after_the_destruction(artifact, now, monkeypatch):
    ticks = iter(range(8, 100))
    shred, seen = vault.blobs.shred, []

    def watching(*, blobs):
        seen.append(next(ticks))
        shred(blobs=blobs)

    monkeypatch.setattr(vault.blobs, "shred", watching)
    sweeping.sweep(clock=lambda: now + timedelta(seconds=next(ticks)))
    artifact.refresh_from_db()
    assert artifact.key_destroyed_at > now + timedelta(seconds=seen[0])
    assert artifact.erased_at > artifact.key_destroyed_at


def test_the_orphan_sweep_killed_between_bytes_and_key(app, session, clip, now, monkeypatch):
    monkeypatch.setattr("retention.record._upload", lambda **_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        upload(app=app, session_id=session, data=clip, ttl=None, now=now)
    with monkeypatch.context() as patch:
        patch.setattr(vault.blobs, "shred", lambda **_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            sweeping.sweep_orphans(now=now + timedelta(seconds=400))
    assert sweeping.sweep_orphans(now=now + timedelta(seconds=500)) >= 1
