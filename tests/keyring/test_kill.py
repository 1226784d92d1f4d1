"""Killed at every step: what lives opens, what was destroyed stays so, and the same work done again comes to its end."""

import os
import shutil
from itertools import count

import pytest

from keyring.errors import KeyGone
from keyring.rotate import status
from tests.keyring.backends import Backend
from tests.keyring.crash import NOON, killed_at, work

DEAD = "artifact:dead"
DYING = ["artifact:0", "artifact:1"]


def _stride(*, token=False):
    """Every step at full size; else every third, or seventh, where a token logs in slowly. Steps come in pairs, before and after."""
    return 1 if os.environ.get("CONSONANT_SOAK") == "1" else 7 if token else 3


class Scene:
    """One store with keys that live and one that was destroyed, set anew for each kill."""

    def __init__(self, folder, kv, token):
        self.folder, self.kv, self.token = folder, kv, token

    def set(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        if self.kv:
            self.kv.secrets.clear()
        self.backend = Backend(self.folder, self.kv)
        self.keys = {f"artifact:{n}": os.urandom(32) for n in range(3)} | {"subject:s": os.urandom(32)}
        self.do("put", self.keys | {DEAD: os.urandom(32)})
        self.do("destroy", [DEAD])

    def words(self, job, argument=None):
        return job, self.backend, self.token, argument

    def do(self, job, argument=None):
        work(*self.words(job, argument))

    def store(self):
        from keyring.hsm import TokenKeks
        from keyring.kek import FileKeks

        return self.backend.open(*([TokenKeks(**self.token)] if self.token else []), FileKeks(self.backend.kek))

    def living(self):
        """The names that open, each to its own key; whatever else happens is an error."""
        store, found = self.store(), set()
        for name, key in self.keys.items():
            try:
                assert store.get(name) == key
            except KeyGone:
                assert not store.has(name)
                continue
            found.add(name)
        with pytest.raises(KeyGone):
            store.get(DEAD)
        return found

    def each_kill(self, job, argument=None, before=lambda: None):
        """Yield once a step, after a kill there; say at the end that there were steps."""
        stride = _stride(token=bool(self.token))
        for step in count(1, stride):
            self.set()
            before()
            if not killed_at(step, *self.words(job, argument)):
                assert step > 3
                return
            yield step


@pytest.fixture(params=["local", "openbao"])
def scene(request, tmp_path):
    kv = request.getfixturevalue("kv") if request.param == "openbao" else None
    return Scene(tmp_path / "scene", kv, None)


@pytest.fixture(params=["local", "openbao"])
def token_scene(request, tmp_path, token):
    kv = request.getfixturevalue("kv") if request.param == "openbao" else None
    return Scene(tmp_path / "scene", kv, token)


def rotated(scene):
    for _ in scene.each_kill("rotate"):
        assert scene.living() == set(scene.keys)
        assert scene.store().make("artifact:new", now=NOON) == scene.store().get("artifact:new")
        scene.do("rotate")
        store = scene.store()
        newest = store.epochs()[-1].number
        assert store.counts() == {newest: len(scene.keys) + 1}
        assert scene.living() == set(scene.keys)


def ended(scene):
    for _ in scene.each_kill("destroy_epochs", before=lambda: scene.do("rotate")):
        assert scene.living() == set(scene.keys)
        scene.do("destroy_epochs")
        first, second = status(store=scene.store())
        assert first.epoch.destroyed_at is not None
        assert (first.there, second.there) == (False, True)
        assert scene.living() == set(scene.keys)


def test_killed_while_rotating(scene):
    rotated(scene)


def test_killed_while_destroying_an_epoch(scene):
    ended(scene)


def test_killed_while_rotating_with_a_token(token_scene):
    rotated(token_scene)


def test_killed_while_destroying_a_tokens_epoch(token_scene):
    ended(token_scene)


def test_killed_while_destroying_keys(scene):
    seen = set()
    for _ in scene.each_kill("destroy", DYING):
        living = scene.living()
        assert living >= set(scene.keys) - set(DYING)
        left = living & set(DYING)
        seen.add(len(left))
        if scene.kv is None:
            assert len(left) in {0, len(DYING)}
        work(*scene.words("rotate"))  # nothing comes back by it
        assert scene.living() == living
        scene.do("destroy", DYING)
        assert scene.living() == set(scene.keys) - set(DYING)
    assert len(DYING) in seen


def test_killed_while_putting(scene):
    new = {f"evidence:{n}": bytes([n]) * 32 for n in range(2)}
    for _ in scene.each_kill("put", new):
        store = scene.store()
        there = [name for name in new if store.has(name)]
        assert all(store.get(name) == new[name] for name in there)
        if scene.kv is None:
            assert len(there) in {0, len(new)}
        scene.do("put", new)
        assert all(scene.store().get(name) == key for name, key in new.items())
        assert scene.living() == set(scene.keys)


def test_killed_while_the_first_key_is_put(scene):
    """The key-encryption key is made with it: whatever is left, the store can be used, and by one key."""
    for step in count(1, _stride()):
        shutil.rmtree(scene.folder, ignore_errors=True)
        scene.folder.mkdir()
        if scene.kv:
            scene.kv.secrets.clear()
        scene.backend = Backend(scene.folder, scene.kv)
        if not killed_at(step, *scene.words("put", {"subject:s": bytes(32)})):
            assert step > 3
            return
        assert scene.store().make("subject:t", now=NOON) == scene.store().get("subject:t")
        scene.do("put", {"subject:s": bytes(32)})
        assert scene.store().get("subject:s") == bytes(32)
        assert scene.store().counts() == {1: 2}


def test_killed_while_an_old_store_is_brought_up_to_date(tmp_path):
    from keyring.local import LocalStore

    scene = Scene(tmp_path / "scene", None, None)

    def age():
        """Make it the store of before there were epochs."""
        sql = LocalStore(scene.folder / "keys" / "keys.sqlite3", None)._connection()
        sql.execute("DROP TABLE epoch")
        sql.execute("ALTER TABLE key DROP COLUMN epoch")
        sql.execute("PRAGMA user_version = 0")

    for _ in scene.each_kill("put", {"evidence:0": bytes(32)}, before=age):
        assert scene.living() == set(scene.keys)
        scene.do("put", {"evidence:0": bytes(32)})
        assert scene.store().counts() == {1: len(scene.keys) + 1}
