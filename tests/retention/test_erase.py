"""Destruction: on time, in order, resumed after a crash at any step, and said only when it has happened."""

import os
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
from retention import queries
from retention import sweep as sweeping
from retention.erase import LEASE
from retention.models import Artifact, Change
from retention.record import upload
from tests.conftest import kinds
from tests.factories import UserFactory

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
        store().get(f"voice:{artifact.id}")
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
    ("after the claim", "shred_claimed", "before"),
    ("before the key", "shred", "before"),
    ("after the key", "shred", "after"),
    ("before the bytes", "delete_each", "before"),
    ("after the bytes", "delete_each", "after"),
    ("before the first entry", "enter", "before"),
    ("before the last entry", "enter", "second"),
]


@pytest.mark.parametrize(("where", "name", "when"), STEPS, ids=[step[0] for step in STEPS])
def test_killed_at_each_step_and_resumed(artifact, now, monkeypatch, where, name, when):
    module = {"shred_claimed": sweeping, "enter": retention.erase}.get(name, vault.blobs)
    name = name.removesuffix("_claimed")
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
            store().get(f"voice:{artifact.id}")
    if "artifact.erased" in said:
        assert not vault.blobs.left(blobs=[artifact.id])
    sweep(at + LEASE)
    artifact.refresh_from_db()
    assert artifact.state == "erased"
    assert is_gone(artifact)
    assert kinds().count("artifact.key_destroyed") == kinds().count("artifact.erased") == 1


def test_an_upload_killed_before_its_commit_is_swept(app, session, clip, now, monkeypatch):
    monkeypatch.setattr("retention.record._upload", lambda **_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        upload(app=app, session_id=session, data=clip, ttl=None, now=now)
    orphans = [name for batch in store().older_than(now + timedelta(seconds=1), prefix="voice:") for name in batch]
    assert orphans
    sweeping.sweep_orphans(now=now + timedelta(seconds=100))
    assert store().get(orphans[-1])
    assert sweeping.sweep_orphans(now=now + timedelta(seconds=400)) >= 1
    assert not [name for batch in store().older_than(now + timedelta(seconds=1), prefix="voice:") for name in batch]


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
    real = os.unlink

    def stubborn(path, *, dir_fd=None):
        if str(artifact.id) in str(path):
            raise PermissionError
        real(path, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", stubborn)
        for seconds in (8, 9, 10):
            sweep(now + timedelta(seconds=seconds))
    artifact.refresh_from_db()
    other.refresh_from_db()
    assert (artifact.state, artifact.tries, other.state) == ("erase_failed", 1, "erased")
    assert artifact.key_destroyed_at == now + timedelta(seconds=8)
    sweep(artifact.retry_at - timedelta(seconds=1))
    assert vault.blobs.left(blobs=[artifact.id]) == {artifact.id}
    sweep(artifact.retry_at)
    assert is_gone(artifact)
    artifact.refresh_from_db()
    assert artifact.state == "erased"
    assert kinds().count("artifact.key_destroyed") == kinds().count("artifact.erased") == 2


def test_a_key_store_that_does_not_answer_is_tried_again(artifact, now, monkeypatch):
    def silent(*, blobs, kind=None):
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(vault.blobs, "shred", silent)
        sweep(now + timedelta(seconds=8))
    artifact.refresh_from_db()
    assert (artifact.state, artifact.key_destroyed_at) == ("erase_failed", None)
    assert "artifact.key_destroyed" not in kinds()
    sweep(artifact.retry_at)
    artifact.refresh_from_db()
    assert (artifact.state, is_gone(artifact)) == ("erased", True)


def test_one_that_cannot_be_entered_keeps_no_other(api, app, session, artifact, consent, clip, now):
    """A key that seals what is said of one person was lost, and no erasure took it: its own steps wait, and say nothing that is not so."""
    other = consent(who=UserFactory(), ref="user-2")
    theirs = uuid.UUID(api.post("/api/v1/sessions", {"grant": str(other.id)}).json()["id"])
    made = upload(app=app, session_id=theirs, data=clip, ttl=timedelta(seconds=8), now=timezone.now()).artifact
    store().destroy([artifact.grant.binding.key_name])
    assert sweep(made.expires_at) == 2
    states = dict(Artifact.objects.values_list("id", "state"))
    assert states == {artifact.id: "erase_failed", made.id: "erased"}
    assert not vault.blobs.alive(blobs=[artifact.id, made.id]), "the key comes first, whatever is entered"
    artifact.refresh_from_db()
    assert (artifact.key_destroyed_at, artifact.tries) == (None, 1)
    assert kinds().count("artifact.key_destroyed") == kinds().count("artifact.erased") == 1


def test_what_cannot_be_followed_keeps_nothing_from_going(artifact, now):
    Change.objects.create(what="nonsense", ref="x")
    with pytest.raises(KeyError):
        sweep(now + timedelta(seconds=8))
    assert is_gone(artifact)
    assert Artifact.objects.get().state == "erased"


def test_what_an_app_cannot_be_asked_for_is_put_off_and_keeps_no_other(api, app, session, now, monkeypatch):
    """Not tried twenty times a second, and not in the way of what comes after it."""
    first, second = (
        Artifact.objects.get(id=api.post("/api/v1/models", {"session": str(session), "custody": "app"}).json()["id"])
        for _ in range(2)
    )
    at = max(first.expires_at, second.expires_at)
    real, asked = sweeping.ask_holder, []

    def asking(*, artifact_id, now):
        asked.append(artifact_id)
        if artifact_id == first.id:
            raise RuntimeError
        return real(artifact_id=artifact_id, now=now)

    monkeypatch.setattr(sweeping, "ask_holder", asking)
    for _ in range(3):
        sweep(at)
    assert asked == [first.id, second.id]
    assert queries.next_deadline(now=at) is None
    assert dict(Artifact.objects.values_list("id", "state")) == {first.id: "active", second.id: "erasing"}
    monkeypatch.setattr(sweeping, "ask_holder", real)
    sweep(at + timedelta(seconds=5))
    assert set(Artifact.objects.values_list("state", flat=True)) == {"erasing"}


def test_all_that_a_long_outage_left_is_taken_up_in_one_go(app, session, clip, now, monkeypatch):
    for _ in range(3):
        upload(app=app, session_id=session, data=clip, ttl=timedelta(seconds=1), now=now)
    Artifact.objects.update(state="erasing", retry_at=now)
    monkeypatch.setattr(sweeping, "BATCH", 1)
    sweeping.resume(clock=lambda: now)
    assert set(Artifact.objects.values_list("state", flat=True)) == {"erased"}


def test_destroyed_at_is_after_the_destruction(artifact, now, monkeypatch):
    ticks = iter(range(8, 100))
    shred, seen = vault.blobs.shred, []

    def watching(*, blobs, kind=None):
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
