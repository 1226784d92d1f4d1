"""The wallet's file: to the byte the format of the browser's wallet and of its backup, so that each opens the other's.

    {"type":"consonant/wallet/v1",
     "locks":[{"kind":"passphrase","salt","t","m","p","nonce","data"}, ...],
     "body":{"nonce","data"}}

Bytes are lower-case hex. `body` is the content (JSON) under a random key, AES-256-GCM; a lock is that key under AES-256-GCM again, of
Argon2id (RFC 9106, version 1.3) over the passphrase in NFKC. What each is for stands in its additional data, so that none can stand for
another. A browser adds locks of kind `passkey`; they are kept, and not opened here.

The file is replaced whole and synced, with its folder: a crash leaves the file of before. Two programs do not write over each other: whoever
finds the file changed since it was read writes nothing. Nothing of it is ever sent anywhere.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from consonant.zkp.core.errors import ZkpError
from consonant.zkp.tag import SEED_BYTES, Keys

TYPE: Final = "consonant/wallet/v1"
VERSION: Final = 1
SHORTEST: Final = 10
"""Characters of a passphrase."""

_COST: Final = {"t": 3, "m": 65_536, "p": 4}  # RFC 9106 section 4, second recommended choice: 64 MiB
_MOST: Final = {"t": 10, "m": 1_048_576, "p": 16}
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_SALT_BYTES: Final = 16
_MAX_BYTES: Final = 64 * 1024 * 1024
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")
_LOG: Final[dict[str, tuple[type, ...]]] = {
    "address": (str,),
    "vkey": (str,),
    "issuer": (str,),
    "account": (str, type(None)),
    "claimedRef": (str, type(None)),
    "claimedAt": (str, type(None)),
    "note": (str, type(None)),
    "scanned": (int,),
    "frontier": (list,),
    "earlier": (list,),
    "entries": (list,),
    "receipts": (list,),
    "saved": (bool,),
}


class SafeClosed(Exception):
    """This is no wallet's file, or the passphrase is another."""


class Meanwhile(Exception):
    """Something else has written the wallet's file meanwhile: nothing was kept. Try again."""


@dataclass
class Safe:
    """An open file. `state` is what it keeps, as the browser's wallet has it; `save` writes it back."""

    path: Path
    state: dict[str, Any] = field(repr=False)
    _box: dict[str, Any] = field(repr=False)
    _key: bytes = field(repr=False)
    _seen: bytes = field(repr=False)

    @property
    def seed(self) -> bytes:
        """The 32 bytes that the words stand for."""
        return bytes.fromhex(self.state["seed"])

    def log(self, origin: str) -> dict[str, Any] | None:
        """Return what is kept of a log."""
        found: dict[str, Any] | None = self.state["logs"].get(origin)
        return found

    def learn(self, origin: str, *, address: str, vkey: str, issuer: str) -> dict[str, Any]:
        """Return what is kept of a log; its keys are those that were seen first."""
        fresh = {"account": None, "claimedRef": None, "claimedAt": None, "note": None, "scanned": 0}
        lists: dict[str, list[Any]] = {"frontier": [], "earlier": [], "entries": [], "receipts": []}
        rest: dict[str, Any] = {"openings": {}, "told": None, "saved": False}
        made = {"address": address, "vkey": vkey, "issuer": issuer, **fresh, **lists, **rest}
        found: dict[str, Any] = self.state["logs"].setdefault(origin, made)
        return found

    def earlier(self, origin: str) -> tuple[Keys, ...]:
        """Return the keys that were handed over in a log."""
        log = self.log(origin)
        return tuple(_keys(each) for each in log["earlier"]) if log else ()

    def save(self) -> None:
        """Replace the file.

        Raises:
            Meanwhile: It was changed since it was read.
            OSError: It cannot be written.
        """
        box = {**self._box, "body": _seal(self._key, json.dumps(self.state).encode(), "body")}
        if _read(self.path) != self._seen:
            raise Meanwhile
        self._seen = _put(self.path, box, new=False)


def create(path: Path, seed: bytes, passphrase: str) -> Safe:
    """Make the file; it must not be there.

    Raises:
        FileExistsError: It is there.
        OSError: It cannot be written.
    """
    key, salt = os.urandom(_KEY_BYTES), os.urandom(_SALT_BYTES)
    state: dict[str, Any] = {"v": VERSION, "seed": seed.hex(), "logs": {}}
    lock = {"kind": "passphrase", "salt": salt.hex(), **_COST}
    lock |= _seal(_stretched(passphrase, lock), key, "passphrase")
    box = {"type": TYPE, "locks": [lock], "body": _seal(key, json.dumps(state).encode(), "body")}
    return Safe(path, state, box, key, _put(path, box, new=True))


def unlock(path: Path, passphrase: str) -> Safe:
    """Open the file.

    Raises:
        SafeClosed: It is no wallet's, or under another passphrase.
        OSError: It cannot be read.
    """
    data = _read(path)
    try:
        box = json.loads(data)
        if box["type"] != TYPE:
            raise SafeClosed
        lock = next(each for each in box["locks"] if each["kind"] == "passphrase")
        key = _open(_stretched(passphrase, lock), lock, "passphrase")
        state = json.loads(_open(key, box["body"], "body"))
        _check(state)
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError, InvalidTag, ZkpError):
        raise SafeClosed from None
    return Safe(path, state, box, key, data)


def _check(state: Any) -> None:
    if state["v"] != VERSION or len(_bytes(state["seed"])) != SEED_BYTES:
        raise SafeClosed
    for log in state["logs"].values():
        if not all(type(log[name]) in kinds for name, kinds in _LOG.items()) or log["scanned"] < 0:
            raise SafeClosed
        for each in log["earlier"]:
            _keys(each)
        whose = {None, *range(len(log["earlier"]))}
        if not {each["whose"] for each in [*log["entries"], *log["receipts"]]} <= whose:
            raise SafeClosed
        if [type(each["index"]) for each in log["entries"]] != [int] * len(log["entries"]):
            raise SafeClosed
        for each in log["frontier"]:
            _bytes(each)


def _keys(said: dict[str, str]) -> Keys:
    return Keys(_bytes(said["s"]), _bytes(said["ku"]))


def _stretched(passphrase: str, lock: dict[str, Any]) -> bytes:
    cost = {name: lock[name] for name in _COST}
    salt = _bytes(lock["salt"])
    bearable = all(type(value) is int and 0 < value <= _MOST[name] for name, value in cost.items())
    if not bearable or cost["m"] < 8 * cost["p"] or len(salt) != _SALT_BYTES:
        raise SafeClosed
    text = unicodedata.normalize("NFKC", passphrase).encode()
    kdf = Argon2id(salt=salt, length=_KEY_BYTES, iterations=cost["t"], memory_cost=cost["m"], lanes=cost["p"])
    return kdf.derive(text)


def _seal(key: bytes, data: bytes, what: str) -> dict[str, str]:
    nonce = os.urandom(_NONCE_BYTES)
    return {"nonce": nonce.hex(), "data": AESGCM(key).encrypt(nonce, data, f"{TYPE}|{what}".encode()).hex()}


def _open(key: bytes, sealed: dict[str, str], what: str) -> bytes:
    nonce = _bytes(sealed["nonce"])
    if len(nonce) != _NONCE_BYTES:
        raise SafeClosed
    return AESGCM(key).decrypt(nonce, _bytes(sealed["data"]), f"{TYPE}|{what}".encode())


def _bytes(said: str) -> bytes:
    if not _HEX.fullmatch(said):
        raise ValueError("lower-case hex")
    return bytes.fromhex(said)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise SafeClosed
    return data


def _put(path: Path, box: dict[str, Any], *, new: bool) -> bytes:
    """Write the whole file aside, for its owner alone, and put it in place; return its bytes."""
    data = json.dumps(box).encode()
    path = path.resolve()  # a link to the file stays one
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".wallet-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if new:
            os.link(aside, path)  # which refuses a file that is there
            Path(aside).unlink()
        else:
            Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    _sync(path.parent)
    return data


def _sync(folder: Path) -> None:
    """Make the name as lasting as the bytes; where a folder cannot be opened (Windows) there is nothing to do."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
