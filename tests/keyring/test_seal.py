"""The seal, and the known answers without which no process starts."""

import dataclasses
import os
import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm

from keyring import seal as sealing
from keyring import selftest
from keyring.errors import SealBroken, SelfTestFailed
from keyring.seal import AES_256_GCM, SM4_GCM, SUITES, seal, unseal
from tests.docs.pages import PROJECT


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_the_seal(suite):
    key, other = os.urandom(32), os.urandom(32)
    sealed = seal(key, b"voice", context=b"here", suite=suite)
    assert unseal(key, sealed, context=b"here") == b"voice"
    assert sealed[:1] == suite.code
    assert len(sealed) == len(b"voice") + sealing.OVERHEAD_BYTES
    assert seal(key, b"voice", context=b"here", suite=suite) != sealed
    assert unseal(key, seal(key, b"", context=b"", suite=suite), context=b"") == b""
    broken = [(other, sealed, b"here"), (key, sealed, b"there"), (key, b"\x03" + sealed[1:], b"here"), (key, b"", b"")]
    broken += [(key, sealed[:n], b"here") for n in range(len(sealed))]
    broken += [(key, sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :], b"here") for n in range(len(sealed))]
    broken += [(key, bytes([sealed[0] ^ 3]) + sealed[1:], b"here")]  # the other suite
    for wrong_key, bytes_, context in broken:
        with pytest.raises(SealBroken):
            unseal(wrong_key, bytes_, context=context)


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_a_key_has_32_bytes(suite):
    with pytest.raises(ValueError):
        seal(bytes(15), b"", context=b"", suite=suite)


def test_new_seals_have_the_chosen_suite_and_all_open(monkeypatch):
    monkeypatch.setattr(sealing._New, "suite", AES_256_GCM)
    first = seal(bytes(32), b"old", context=b"")
    sealing.use("sm4-gcm")
    second = seal(bytes(32), b"new", context=b"")
    assert (first[:1], second[:1]) == (AES_256_GCM.code, SM4_GCM.code)
    assert (unseal(bytes(32), first, context=b""), unseal(bytes(32), second, context=b"")) == (b"old", b"new")
    with pytest.raises(ValueError, match="aes-256-gcm, sm4-gcm"):
        sealing.use("rot13")


def test_a_store_holds_keys_of_both_suites(backend, now, monkeypatch):
    monkeypatch.setattr(sealing._New, "suite", AES_256_GCM)
    first = backend.open().make("subject:a", now=now)
    sealing.use("sm4-gcm")
    second = backend.open().make("subject:b", now=now)
    assert (backend.open().get("subject:a"), backend.open().get("subject:b")) == (first, second)


def test_the_known_answers_are_given():
    selftest.run()
    assert {vector.name for vector in selftest.VECTORS} == {"AES-256-GCM", "SM4-GCM"}
    assert selftest.SEALS.keys() == SUITES.keys()


@pytest.mark.parametrize("vector", selftest.VECTORS, ids=lambda vector: vector.name)
@pytest.mark.parametrize("field", ["key", "nonce", "plain", "context", "body"])
def test_an_answer_that_is_one_bit_off_fails(vector, field, monkeypatch):
    value = getattr(vector, field)
    off = dataclasses.replace(vector, **{field: bytes([value[0] ^ 1]) + value[1:]})
    monkeypatch.setattr(selftest, "VECTORS", (off,))
    with pytest.raises(SelfTestFailed, match=vector.name):
        selftest.run()


def _raises(error):
    def cipher(*_):
        raise error

    return cipher


@pytest.mark.parametrize("vector", selftest.VECTORS, ids=lambda vector: vector.name)
@pytest.mark.parametrize(
    ("field", "cipher"),
    [
        ("encrypt", _raises(UnsupportedAlgorithm("no SM4"))),
        ("encrypt", lambda *_: b""),
        ("decrypt", _raises(InvalidTag())),
        ("decrypt", lambda *_: b""),
    ],
)
def test_a_cipher_that_is_wrong_fails(vector, field, cipher, monkeypatch):
    monkeypatch.setattr(selftest, "VECTORS", (dataclasses.replace(vector, **{field: cipher}),))
    with pytest.raises(SelfTestFailed, match=vector.name):
        selftest.run()


@pytest.mark.parametrize("vector", selftest.VECTORS, ids=lambda vector: vector.name)
def test_a_cipher_that_checks_no_tag_fails(vector, monkeypatch):
    lax = dataclasses.replace(vector, decrypt=lambda *_: vector.plain)
    monkeypatch.setattr(selftest, "VECTORS", (lax,))
    with pytest.raises(SelfTestFailed, match="opens what was changed"):
        selftest.run()


@pytest.mark.parametrize("name", SUITES)
def test_a_seal_of_before_that_opens_no_more_fails(name, monkeypatch):
    monkeypatch.setitem(selftest.SEALS, name, seal(bytes(32), b"consonant", context=b"self-test", suite=SUITES[name]))
    with pytest.raises(SelfTestFailed, match=name):
        selftest.run()
    other = seal(bytes(range(32)), b"another", context=b"self-test", suite=SUITES[name])
    monkeypatch.setitem(selftest.SEALS, name, other)
    with pytest.raises(SelfTestFailed, match=name):
        selftest.run()


BROKEN = """
import sys
from keyring import seal
seal.{what}
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "check"])
"""


@pytest.mark.parametrize(
    ("what", "environment", "said"),
    [
        ("sm4_gcm_encrypt = lambda key, nonce, plain, context: plain", {}, "SelfTestFailed"),
        ("SUITES", {"CONSONANT_SUITE": "rot13"}, "CONSONANT_SUITE"),
        ("SUITES", {"CONSONANT_SUITE": "sm4-gcm"}, None),
    ],
)
def test_no_process_starts_with_a_wrong_cipher_or_an_unknown_suite(what, environment, said):
    command = [sys.executable, "-c", BROKEN.format(what=what)]
    words = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"} | environment
    done = subprocess.run(command, cwd=PROJECT, env=words, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (said is None), done.stderr
    assert said is None or said in done.stderr
