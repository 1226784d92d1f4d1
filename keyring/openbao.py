"""The key store on a server: OpenBao or HashiCorp Vault, secrets engine KV version 2, through `hvac`. For a service on many machines.

Keys lie there wrapped, as everywhere: the server alone opens nothing. Paths in the mount: `keys/<kind>/<rest of the name>` and
`epochs/<number>`. API: https://openbao.org/api-docs/secret/kv/kv-v2/

- `put` writes with check-and-set 0, so the first writer of a name wins. There are no transactions over several keys: a crash may leave
  some of them, which are keys without use like any other.
- `destroy` deletes the metadata and all versions. A soft delete, which can be undone, is never used.
- `rewrap` writes the next version by check-and-set, so it can never bring back what was destroyed meanwhile, and then destroys the
  older versions. A crash between the two leaves an older version under the older epoch; the next call finds and destroys it.
- The server's own storage and snapshots may hold deleted bytes for as long as the operator keeps them. What is in them is wrapped under
  an epoch's key, and ends with it.

The token comes from a file of mode 600. It is read again when the server refuses it, so it can be renewed while the service runs.
"""

import base64
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import hvac
import hvac.exceptions
import requests
from requests.adapters import HTTPAdapter

from keyring.errors import KeyGone, KeyStoreAway, KeyStoreBroken
from keyring.kek import Epoch, Ring
from keyring.seal import KEY_BYTES
from keyring.secretfile import read_private

TIMEOUT_SECONDS = 10
AT_ONCE = 8
_T = TypeVar("_T")
_R = TypeVar("_R")


class OpenBaoStore:
    """One mount of a KV version 2 engine."""

    def __init__(self, *, address: str, mount: str, token_file: Path, ring: Ring, ca_file: str = "") -> None:
        self._address = address
        self._mount = mount
        self._token_file = token_file
        self._ring = ring
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._pid = 0
        self._client: Any = None

    @property
    def ring(self) -> Ring:
        """The key-encryption keys by which it wraps."""
        return self._ring

    def put(self, keys: Mapping[str, bytes], *, now: datetime) -> None:
        """Store the keys. A name that is there keeps its key: names are never reused. A crash may leave some of them."""
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError("a key has 32 bytes")
        paths = {name: _path(name) for name in keys}
        epoch = self._newest(now)

        def put_one(name: str) -> None:
            wrapped = self._ring.wrap(epoch, name, keys[name])
            self._write(paths[name], _row(wrapped, epoch.number, now.timestamp()), version=0)

        self._each(put_one, keys)
        newest = self._newest(now)
        if newest.number != epoch.number:  # a rotation went by, and may have passed these names before they were there
            self._each(lambda name: self._rewrap_one(name, newest), keys)

    def make(self, name: str, *, now: datetime) -> bytes:
        """Return the key of that name, making a random one when there is none."""
        self.put({name: os.urandom(KEY_BYTES)}, now=now)
        return self.get(name)

    def get(self, name: str) -> bytes:
        """Return the key of that name."""
        found = self._read(_path(name))
        if found is None:
            raise KeyGone(name.partition(":")[0])
        row, _ = found
        return self._ring.unwrap(row["epoch"], name, _bytes(row["wrapped"]), find=self._epoch)

    def has(self, name: str) -> bool:
        """Say whether there is a key of that name."""
        return self._read(_path(name)) is not None

    def destroy(self, names: Iterable[str]) -> None:
        """Delete the keys with all their versions. A crash leaves those that were not reached; it can be repeated."""
        self._each(lambda path: self._kv("delete_metadata_and_all_versions", path), [_path(name) for name in names])

    def older_than(self, moment: datetime, *, prefix: str, batch: int = 500) -> Iterator[list[str]]:
        """Yield the names with that prefix whose keys were made before `moment`. Reads each of them once."""
        names = sorted(name for name in self._names(prefix.partition(":")[0]) if name.startswith(prefix))
        for start in range(0, len(names), batch):
            some = names[start : start + batch]
            rows = self._each(lambda name: self._read(_path(name)), some)
            old = [
                name
                for name, found in zip(some, rows, strict=True)
                if found is not None and found[0]["made_at"] < moment.timestamp()
            ]
            if old:
                yield old

    def epochs(self) -> list[Epoch]:
        """Return all epochs that ever were, the newest last."""
        numbers = sorted(int(each) for each in self._list("epochs"))
        return [self._epoch(number) for number in numbers]

    def add_epoch(self, epoch: Epoch) -> bool:
        """List an epoch and wrap new keys under it from now on; say no if its number is taken."""
        row = {
            "kind": epoch.kind,
            "material": _text(epoch.material),
            "proof": _text(epoch.proof),
            "made_at": epoch.made_at,
            "rewrapped_at": epoch.rewrapped_at,
            "destroyed_at": epoch.destroyed_at,
        }
        return self._write(f"epochs/{epoch.number}", row, version=0)

    def note_rewrapped(self, number: int, *, now: datetime) -> None:
        """Note that no key was left under an older epoch."""
        self._note(number, rewrapped_at=now.timestamp())

    def note_destroyed(self, number: int, *, now: datetime) -> None:
        """Note that the epoch's key was destroyed, and destroy what was needed to find it."""
        self._note(number, destroyed_at=now.timestamp(), material="", proof="")

    def rewrap(self, *, batch: int = 500) -> Iterator[int]:
        """Wrap every key anew that is not under the newest epoch; yield how many, a batch at a time."""
        epoch = self._newest(None)

        for kind in self._kinds():
            names = self._names(kind)
            for start in range(0, len(names), batch):
                yield sum(self._each(lambda name: self._rewrap_one(name, epoch), names[start : start + batch]))

    def counts(self) -> dict[int, int]:
        """Return how many keys each epoch wraps. Reads every key once."""
        counts: dict[int, int] = {}
        for kind in self._kinds():
            for found in self._each(lambda name: self._read(_path(name)), self._names(kind)):
                if found is not None:
                    counts[found[0]["epoch"]] = counts.get(found[0]["epoch"], 0) + 1
        return counts

    def _rewrap_one(self, name: str, epoch: Epoch) -> bool:
        path = _path(name)
        found = self._read(path)
        if found is None:
            return False
        row, version = found
        if row["epoch"] < epoch.number:
            key = self._ring.unwrap(row["epoch"], name, _bytes(row["wrapped"]), find=self._epoch)
            anew = _row(self._ring.wrap(epoch, name, key), epoch.number, row["made_at"])
            if not self._write(path, anew, version=version):
                return False  # destroyed meanwhile, or done by another
            self._destroy_before(path, version + 1)
            return True
        self._destroy_before(path, version)
        return False

    def _newest(self, now: datetime | None) -> Epoch:
        """Return the newest epoch; begin the first one in an empty store.

        Only an empty store may make a key-encryption key, for a new one would orphan every key.
        """
        numbers = [int(each) for each in self._list("epochs")]
        if not numbers:
            filled = self._kinds()
            numbers = [
                int(each) for each in self._list("epochs")
            ]  # again: another node may have begun, and then put keys
            if not numbers and (now is None or filled):
                raise KeyStoreBroken("the server lists keys and no epoch: restore it whole")
        if not numbers and now is not None:
            self.add_epoch(self._ring.begin(1, now=now))  # where two nodes begin at once, one key stands
            numbers = [1]
        epoch = self._epoch(max(numbers))
        self._ring.newest_is(epoch)
        return epoch

    def _epoch(self, number: int) -> Epoch:
        found = self._read(f"epochs/{number}")
        if found is None:
            raise KeyStoreBroken(f"the key store does not list epoch {number}")
        row, _ = found
        return Epoch(
            number,
            row["kind"],
            _bytes(row["material"]),
            _bytes(row["proof"]),
            row["made_at"],
            row["rewrapped_at"],
            row["destroyed_at"],
        )

    def _note(self, number: int, **changes: object) -> None:
        path = f"epochs/{number}"
        found = self._read(path)
        if found is None:
            raise KeyStoreBroken(f"the key store does not list epoch {number}")
        row, version = found
        if not self._write(path, row | changes, version=version):
            raise KeyStoreBroken(f"epoch {number} was changed by another process meanwhile; repeat")
        self._destroy_before(path, version + 1)

    def _kinds(self) -> list[str]:
        return [_unescape(each.rstrip("/")) for each in self._list("keys")]

    def _names(self, kind: str) -> list[str]:
        return [f"{kind}:{_unescape(each)}" for each in self._list(f"keys/{_escape(kind)}")]

    def _list(self, path: str) -> list[str]:
        try:
            return list(self._kv("list_secrets", path)["data"]["keys"])
        except hvac.exceptions.InvalidPath:
            return []

    def _read(self, path: str) -> tuple[dict[str, Any], int] | None:
        """Return what stands at the path and its version."""
        try:
            data = self._kv("read_secret_version", path, raise_on_deleted_version=True)["data"]
        except hvac.exceptions.InvalidPath:
            return None
        return data["data"], data["metadata"]["version"]

    def _write(self, path: str, row: Mapping[str, object], *, version: int) -> bool:
        """Write the version after `version`; say no if another stands there."""
        try:
            self._kv("create_or_update_secret", path, secret=row, cas=version)
        except hvac.exceptions.InvalidRequest as error:
            if "check-and-set" in str(error):
                return False
            raise KeyStoreAway("the server of keys refuses a write (InvalidRequest)") from None
        return True

    def _destroy_before(self, path: str, version: int) -> None:
        if version > 1:
            self._kv("destroy_secret_versions", path, versions=list(range(1, version)))

    def _kv(self, verb: str, path: str, **words: object) -> Any:
        """Ask the server; a refused token is read again, once.

        Raises:
            KeyStoreAway: It does not answer, or not as KV version 2 does.
            hvac.exceptions.InvalidPath: Nothing stands there.
            hvac.exceptions.InvalidRequest: It refuses the request.
        """
        try:
            try:
                answer = self._call(verb, path, words)
            except hvac.exceptions.Forbidden:
                self._client_of_this_process().token = self._token()
                answer = self._call(verb, path, words)
        except hvac.exceptions.InvalidPath as error:
            if error.errors:  # no such engine: nothing is known of any key. A path without a secret has no errors.
                raise KeyStoreAway("the server of keys has no engine at this mount") from None
            raise
        except hvac.exceptions.InvalidRequest:
            raise
        except (hvac.exceptions.VaultError, requests.RequestException) as error:
            raise KeyStoreAway(f"the server of keys does not serve us ({type(error).__name__})") from None
        if not isinstance(answer, dict) and answer.status_code != requests.codes.no_content:
            raise KeyStoreAway(f"the server of keys answers {answer.status_code}")  # a redirect: the token stays here
        return answer

    def _call(self, verb: str, path: str, words: Mapping[str, object]) -> Any:
        kv = self._client_of_this_process().secrets.kv.v2
        return getattr(kv, verb)(path=path, mount_point=self._mount, **words)

    def _client_of_this_process(self) -> Any:
        """Return the client; a process that forked makes its own connections."""
        with self._lock:
            if self._pid != os.getpid():
                session = requests.Session()
                session.trust_env = False  # no proxy and no .netrc of the environment sees the token
                session.verify = self._ca_file or True
                for scheme in ("https://", "http://"):
                    session.mount(scheme, HTTPAdapter(pool_maxsize=AT_ONCE * 4))
                self._client = hvac.Client(
                    url=self._address,
                    token=self._token(),
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                    session=session,
                )
                self._pid = os.getpid()
            return self._client

    def _token(self) -> str:
        return read_private(self._token_file).decode().strip()

    @staticmethod
    def _each(do: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
        """Do it for each, some at once; raise the first trouble after all were tried."""
        todo = list(items)
        if len(todo) < 2:
            return [do(item) for item in todo]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(do, todo))


def _row(wrapped: bytes, epoch: int, made_at: float) -> dict[str, object]:
    return {"wrapped": _text(wrapped), "epoch": epoch, "made_at": made_at}


def _path(name: str) -> str:
    kind, _, rest = name.partition(":")
    if not kind or not rest:
        raise ValueError("a key's name is `kind:rest`")
    return f"keys/{_escape(kind)}/{_escape(rest)}"


def _escape(text: str) -> str:
    """Return a path segment that stands for the text alone: what is not a letter, digit, `-` or `_` becomes `=XX`, byte by byte."""
    return re.sub(rb"[^A-Za-z0-9_-]", lambda found: b"=" + found[0].hex().upper().encode(), text.encode()).decode()


def _unescape(segment: str) -> str:
    return re.sub(rb"=([0-9A-F]{2})", lambda found: bytes.fromhex(found[1].decode()), segment.encode()).decode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
