"""Known answers that every suite must give before this process seals or opens anything.

Sources: AES-256-GCM: test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", as NIST SP 800-38D took it up.
SM4-GCM: RFC 8998, appendix A.1. Two seals of our own keep the form and the derivation of SM4's key as they were first written.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm

from keyring.errors import SealBroken, SelfTestFailed
from keyring.seal import AES_256_GCM, sm4_gcm_decrypt, sm4_gcm_encrypt, unseal

_Cipher = Callable[[bytes, bytes, bytes, bytes], bytes]


@dataclass(frozen=True)
class Vector:
    """One published answer of a cipher."""

    name: str
    encrypt: _Cipher
    decrypt: _Cipher
    key: bytes
    nonce: bytes
    plain: bytes
    context: bytes
    body: bytes


_CONTEXT = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
VECTORS = (
    Vector(
        name="AES-256-GCM",
        encrypt=AES_256_GCM.encrypt,
        decrypt=AES_256_GCM.decrypt,
        key=bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2),
        nonce=bytes.fromhex("cafebabefacedbaddecaf888"),
        plain=bytes.fromhex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ),
        context=_CONTEXT,
        body=bytes.fromhex(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
            "76fc6ece0f4e1768cddf8853bb2d551b"
        ),
    ),
    Vector(
        name="SM4-GCM",
        encrypt=sm4_gcm_encrypt,
        decrypt=sm4_gcm_decrypt,
        key=bytes.fromhex("0123456789abcdeffedcba9876543210"),
        nonce=bytes.fromhex("00001234567800000000abcd"),
        plain=bytes.fromhex(
            "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
            "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"
        ),
        context=_CONTEXT,
        body=bytes.fromhex(
            "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
            "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
            "83de3541e4c2b58177e065a9bf7b62ec"
        ),
    ),
)
# Seals of b"consonant" under the bytes 0 to 31 in the context b"self-test", as the first version of each suite made them.
SEALS = {
    "aes-256-gcm": bytes.fromhex("01ac26cb842fef418c8ad1bf641002019ae8057fe43ecfa569db25f8f0eaf307150efc94c202"),
    "sm4-gcm": bytes.fromhex("02192816cc2bf6287e11567b0f346fd15b4c18e86827ca1c01b66adef55aee8f9b1264c8f601"),
}


def run() -> None:
    """Ask every suite for what it must answer.

    Raises:
        SelfTestFailed: One answers otherwise, or is not there, or opens what was changed.
    """
    for vector in VECTORS:
        try:
            _check(vector)
        except UnsupportedAlgorithm:
            raise SelfTestFailed(f"{vector.name} is not there: this machine's OpenSSL is built without it") from None
    for name, sealed in SEALS.items():
        try:
            opened = unseal(bytes(range(32)), sealed, context=b"self-test")
        except SealBroken:
            raise SelfTestFailed(f"a seal of {name} made before does not open") from None
        if opened != b"consonant":
            raise SelfTestFailed(f"a seal of {name} made before opens to something else")


def _check(vector: Vector) -> None:
    words = (vector.key, vector.nonce)
    if vector.encrypt(*words, vector.plain, vector.context) != vector.body:
        raise SelfTestFailed(f"{vector.name} does not encrypt as published")
    try:
        opened = vector.decrypt(*words, vector.body, vector.context)
    except InvalidTag:
        raise SelfTestFailed(f"{vector.name} refuses what was published") from None
    if opened != vector.plain:
        raise SelfTestFailed(f"{vector.name} does not decrypt as published")
    for body, context in (
        (vector.body[:-1] + bytes([vector.body[-1] ^ 1]), vector.context),
        (vector.body, vector.context + b"\x00"),
    ):
        try:
            vector.decrypt(*words, body, context)
        except InvalidTag:
            continue
        raise SelfTestFailed(f"{vector.name} opens what was changed")
