"""What only a server has: versions, tokens, outages; and the fake's own check-and-set, against `hvac`."""

import os
from datetime import UTC, datetime

import hvac
import pytest
from hvac.exceptions import InvalidPath, InvalidRequest

from keyring.errors import KeyGone, KeyStoreAway, KeyStoreBroken
from keyring.openbao import _escape, _path, _unescape
from keyring.rotate import rotate

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(openbao):
    return openbao.open()


def test_the_fake_keeps_versions_as_the_server_does(kv):
    client = hvac.Client(url=kv.address, token=kv.token).secrets.kv.v2
    words = {"path": "a/b", "mount_point": "consonant"}
    client.create_or_update_secret(secret={"n": 1}, cas=0, **words)
    for cas in (0, 2):
        with pytest.raises(InvalidRequest, match="check-and-set"):
            client.create_or_update_secret(secret={"n": 2}, cas=cas, **words)
    client.create_or_update_secret(secret={"n": 2}, cas=1, **words)
    assert client.read_secret_version(version=1, raise_on_deleted_version=True, **words)["data"]["data"] == {"n": 1}
    client.delete_latest_version_of_secret(**words)
    with pytest.raises(InvalidPath):
        client.read_secret_version(raise_on_deleted_version=True, **words)
    with pytest.raises(InvalidRequest, match="check-and-set"):
        client.create_or_update_secret(secret={"n": 3}, cas=0, **words)
    client.undelete_secret_versions(versions=[2], **words)
    assert client.read_secret_version(raise_on_deleted_version=True, **words)["data"]["data"] == {"n": 2}
    client.destroy_secret_versions(versions=[1], **words)
    with pytest.raises(InvalidPath):
        client.read_secret_version(version=1, raise_on_deleted_version=True, **words)
    assert client.list_secrets(path="", mount_point="consonant")["data"]["keys"] == ["a/"]
    assert client.read_secret_metadata(**words)["data"]["current_version"] == 2
    client.update_metadata(max_versions=1, **words)
    client.create_or_update_secret(secret={"n": 3}, cas=2, **words)
    assert list(client.read_secret_metadata(**words)["data"]["versions"]) == ["3"]
    client.delete_metadata_and_all_versions(**words)
    with pytest.raises(InvalidPath):
        client.list_secrets(path="", mount_point="consonant")


@pytest.mark.parametrize("text", ["a", "a/b", "..", ".", "Ä b", "=41", "a=b", "%2F", "a//b", "0198c5f0-aa-7"])
def test_a_name_is_one_segment_of_a_path(text):
    segment = _escape(text)
    assert "/" not in segment
    assert "." not in segment
    assert "%" not in segment
    assert _unescape(segment) == text


def test_names_that_look_alike_are_apart(openbao, store):
    names = ["log:a/b", "log:a", "log:a=2Fb", "log:a/b/c", "artifact:A", "artifact:a"]
    keys = {name: os.urandom(32) for name in names}
    store.put(keys, now=NOON)
    assert {name: openbao.open().get(name) for name in names} == keys
    found = store.older_than(datetime.now(UTC), prefix="log:")
    assert {name for batch in found for name in batch} == set(names[:4])


def test_destroyed_is_more_than_deleted(kv, store):
    store.make("artifact:a", now=NOON)
    rotate(store=store, now=NOON)
    store.destroy(["artifact:a"])
    assert _path("artifact:a") not in kv.secrets
    assert all(not path.startswith("/v1/consonant/delete") for _, path in kv.calls)


def test_an_interrupted_rewrap_leaves_no_older_version(kv, store, monkeypatch):
    store.make("artifact:a", now=NOON)
    monkeypatch.setattr(type(store), "_destroy_before", lambda *_: None)  # killed before it
    rotate(store=store, now=NOON)
    assert len(kv.secrets[_path("artifact:a")].versions) == 2
    monkeypatch.undo()
    store._note(2, rewrapped_at=None)
    rotate(store=store, now=NOON)
    versions = kv.secrets[_path("artifact:a")].versions
    assert [version["destroyed"] for version in versions.values()] == [True, False]


def test_a_key_destroyed_while_it_is_wrapped_anew_stays_so(kv, store, monkeypatch):
    store.make("artifact:a", now=NOON)
    wrap = store.ring.wrap

    def destroyed_meanwhile(*words):
        store.destroy(["artifact:a"])
        return wrap(*words)

    monkeypatch.setattr(store.ring, "wrap", destroyed_meanwhile)
    assert rotate(store=store, now=NOON).rewrapped == 0
    assert not store.has("artifact:a")
    assert _path("artifact:a") not in kv.secrets


def test_a_renewed_token_is_read(openbao, kv, store):
    store.make("artifact:a", now=NOON)
    kv.token = "s.renewed"
    with pytest.raises(KeyStoreAway, match="Forbidden"):
        store.get("artifact:a")
    openbao.token_file.write_text("s.renewed\n")
    assert store.get("artifact:a")


def test_a_token_that_others_may_read_is_refused(openbao, store):
    openbao.token_file.chmod(0o640)
    with pytest.raises(KeyStoreBroken, match="mode 640"):
        store.get("artifact:a")


def test_a_server_that_is_sealed_moved_or_away_is_no_answer(kv, store):
    store.make("artifact:a", now=NOON)
    verbs = (
        lambda: store.get("artifact:a"),
        lambda: store.has("artifact:a"),
        lambda: store.make("artifact:b", now=NOON),
        lambda: store.destroy(["artifact:a", "artifact:b"]),
        lambda: list(store.older_than(NOON, prefix="artifact:")),
    )
    kv.sealed = True
    for verb in verbs:
        with pytest.raises(KeyStoreAway, match="VaultDown"):
            verb()
    kv.sealed, kv.moved = False, "http://127.0.0.1:9/elsewhere"
    for verb in verbs:
        with pytest.raises(KeyStoreAway, match="307"):
            verb()
    kv.moved = ""
    assert store.get("artifact:a")
    kv.close()
    store._client.adapter.session.close()
    for verb in verbs:
        with pytest.raises(KeyStoreAway, match="ConnectionError"):
            verb()


def test_keys_without_an_epoch_are_not_written_over(kv, store):
    store.make("artifact:a", now=NOON)
    del kv.secrets["epochs/1"]
    with pytest.raises(KeyStoreBroken, match="restore it whole"):
        store.make("artifact:b", now=NOON)


def test_a_node_with_another_key_encryption_key_writes_nothing(openbao, store):
    store.make("artifact:a", now=NOON)
    openbao.kek = openbao.folder / "elsewhere" / "kek"
    with pytest.raises(KeyStoreBroken, match="missing"):
        openbao.open().make("artifact:b", now=NOON)
    assert not store.has("artifact:b")


def test_a_soft_delete_by_hand_reads_as_gone(kv, store):
    store.make("artifact:a", now=NOON)
    client = hvac.Client(url=kv.address, token=kv.token).secrets.kv.v2
    client.delete_latest_version_of_secret(path=_path("artifact:a"), mount_point="consonant")
    with pytest.raises(KeyGone):
        store.get("artifact:a")
    store.destroy(["artifact:a"])
    assert _path("artifact:a") not in kv.secrets


def test_a_mount_that_is_not_there_says_nothing_of_any_key(store):
    """After a disaster the engine may be missing: that its keys were destroyed nobody said."""
    store.put({"subject:a": bytes(32)}, now=NOON)
    store._mount = "elsewhere"
    for ask in (
        lambda: store.has("subject:a"),
        lambda: store.get("subject:a"),
        lambda: store.destroy(["subject:a"]),
        lambda: store.put({"subject:b": bytes(32)}, now=NOON),
        store.epochs,
    ):
        with pytest.raises(KeyStoreAway):
            ask()


def test_a_key_written_while_a_rotation_goes_by_ends_under_the_newest_epoch(store, openbao, monkeypatch):
    store.put({"subject:a": bytes(32)}, now=NOON)
    real = store._each

    def goes_by(do, items):
        monkeypatch.setattr(store, "_each", real)
        rotate(store=openbao.open(), now=NOON)
        return real(do, items)

    monkeypatch.setattr(store, "_each", goes_by)
    store.put({"subject:b": bytes(32)}, now=NOON)
    assert store.counts() == {2: 2}
    assert store.get("subject:b") == bytes(32)
