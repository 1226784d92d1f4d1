"""Who keeps key-encryption keys: files, the environment, a token; and moving from one to another without touching data."""

import base64
import os
from datetime import UTC, datetime

import pytest

from keyring.errors import KeyStoreAway, KeyStoreBroken, NotOurs
from keyring.hsm import TokenKeks, _find
from keyring.kek import EnvironmentKeks, FileKeks
from keyring.rotate import rotate, status

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def environment(**keks):
    return ",".join(f"{number[1:]}:{base64.b64encode(kek).decode()}" for number, kek in keks.items())


@pytest.fixture(params=["file", "environment", "pkcs11"])
def make(request, tmp_path):
    """Open the same provider as another process does."""
    if request.param == "file":
        return lambda: FileKeks(tmp_path / "secrets" / "kek")
    if request.param == "environment":
        value = environment(_1=os.urandom(32), _2=os.urandom(32))
        return lambda: EnvironmentKeks(value)
    words = request.getfixturevalue("token")
    return lambda: TokenKeks(**words)


def test_every_provider_keeps_a_key_an_epoch(make):
    materials = {epoch: make().make(epoch) for epoch in (1, 2)}
    keks = {epoch: make().read(epoch, material) for epoch, material in materials.items()}
    assert len(set(keks.values())) == 2
    assert all(len(kek) == 32 for kek in keks.values())
    assert {epoch: make().read(epoch, material) for epoch, material in materials.items()} == keks
    assert make().has(1)
    assert not make().has(3)
    with pytest.raises(KeyStoreBroken, match="missing"):
        make().read(3, materials[1])
    assert not any(kek in material for kek in keks.values() for material in materials.values())


@pytest.mark.parametrize("make", ["file", "pkcs11"], indirect=True)
def test_what_is_destroyed_is_gone_and_the_rest_stays(make):
    materials = {epoch: make().make(epoch) for epoch in (1, 2)}
    second = make().read(2, materials[2])
    make().destroy(1)
    make().destroy(1)
    assert not make().has(1)
    with pytest.raises(KeyStoreBroken):
        make().read(1, materials[1])
    assert make().read(2, materials[2]) == second


def test_a_destroyed_file_is_overwritten(tmp_path):
    keks = FileKeks(tmp_path / "kek")
    keks.make(1)
    with (tmp_path / "kek").open("rb") as held:  # the same bytes on the disk, whatever its name
        keks.destroy(1)
        assert held.read() == bytes(32)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o700, 0o666])
def test_a_file_that_others_may_use_is_refused(local, mode):
    local.open().make("artifact:a", now=NOON)
    local.kek.chmod(mode)
    with pytest.raises(KeyStoreBroken, match=f"mode {mode:o}"):
        local.open().get("artifact:a")
    local.kek.chmod(0o400)
    assert local.open().get("artifact:a")


@pytest.mark.parametrize(
    "value", ["1", "x:" + "A" * 44, "1:AAAA", environment(_1=bytes(32)) + "," + environment(_1=bytes(32)), "0:=", "1:!"]
)
def test_an_environment_that_says_nonsense_is_refused(value):
    with pytest.raises(KeyStoreBroken, match="CONSONANT_KEK"):
        EnvironmentKeks(value)


def test_the_environment_is_not_ours_to_change(local):
    first, second = os.urandom(32), os.urandom(32)
    store = local.open(EnvironmentKeks(environment(_1=first)))
    key = store.make("artifact:a", now=NOON)
    with pytest.raises(NotOurs, match="add `2:"):
        rotate(store=store, now=NOON)
    both = EnvironmentKeks(environment(_1=first, _2=second))
    assert rotate(store=local.open(both), now=NOON).epoch == 2
    with pytest.raises(NotOurs, match="remove epoch 1"):
        both.destroy(1)
    left = EnvironmentKeks(environment(_2=second))
    left.destroy(1)
    assert local.open(left).get("artifact:a") == key


def test_keys_move_from_file_to_token_to_file(backend, token):
    files, hsm = FileKeks(backend.kek), TokenKeks(**token)
    keys = {f"artifact:{n}": os.urandom(32) for n in range(3)}
    backend.open(files).put(keys, now=NOON)
    for providers, kind in (((hsm, files), "pkcs11"), ((files, hsm), "file")):
        store = backend.open(*providers)
        rotate(store=store, now=NOON)
        assert {name: store.get(name) for name in keys} == keys
        assert status(store=store)[-1].epoch.kind == kind
    assert {name: backend.open(files).get(name) for name in keys} == keys
    rotate(store=backend.open(hsm, files), now=NOON)
    with pytest.raises(KeyStoreBroken, match="`pkcs11`"):
        backend.open(files).get("artifact:0")


def test_s2_7_keys_come_from_hardware_which_gives_none_away(token):
    import pkcs11

    keks = TokenKeks(**token)
    keks.make(1)
    with keks._session() as session:
        (key,) = _find(session, 1)
        assert key[pkcs11.Attribute.EXTRACTABLE] is False
        with pytest.raises(pkcs11.AttributeSensitive):
            key[pkcs11.Attribute.VALUE]


def test_what_was_wrapped_for_another_epoch_or_changed_does_not_open(token):
    keks = TokenKeks(**token)
    first, _ = keks.make(1), keks.make(2)
    for epoch, material in ((2, first), (1, first[:-1] + bytes([first[-1] ^ 1])), (1, b"")):
        with pytest.raises(KeyStoreBroken):
            keks.read(epoch, material)


def test_an_unused_key_of_a_crash_is_taken_up(token):
    keks = TokenKeks(**token)
    keks.make(1)
    keks.make(1)
    with keks._session() as session:
        assert len(_find(session, 1)) == 1


def test_a_token_that_refuses_or_is_not_there(token, tmp_path):
    wrong = tmp_path / "pin"
    wrong.touch(mode=0o600)
    wrong.write_text("0000")
    for words in (token | {"pin_file": wrong}, token | {"token": "nothing"}, token | {"module": "/nothing.so"}):
        with pytest.raises(KeyStoreAway):
            TokenKeks(**words).has(1)
    wrong.chmod(0o644)
    with pytest.raises(KeyStoreBroken, match="mode 644"):
        TokenKeks(**token | {"pin_file": wrong}).has(1)


def test_a_process_that_forked_uses_the_token_too(token):
    keks = TokenKeks(**token)
    material = keks.make(1)
    kek = keks.read(1, material)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if keks.read(1, material) == kek else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert keks.read(1, material) == kek
