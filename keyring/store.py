"""The key store: 32-byte keys by name, wrapped, outside PostgreSQL and outside its backups.

A wrapped key deleted from PostgreSQL is still in dead tuples, in recycled WAL and in every backup. So keys live in an SQLite file
with `secure_delete` (freed bytes are overwritten), `journal_mode=TRUNCATE` and `synchronous=FULL`: when `put` or `destroy` returns,
it has happened on disk; a crash inside either leaves all of it or none. Each key is sealed under the key-encryption key (32 bytes in
a file of mode 600) with its name as context.

Names say what a key is for: `artifact:<uuid>`, `subject:<uuid>` (of a person, or of one app's tie to a person), `evidence:<uuid>`,
`custody:<uuid>`, `certificate:<uuid>`, `hook:<uuid>`, `tenant:<uuid>`,
`log:<origin>`, `certificates:<origin>`.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from keyring.errors import KeyGone, KeyStoreBroken, SealBroken
from keyring.seal import KEY_BYTES, seal, unseal
from keyring.secretfile import read_or_make

_SCHEMA = """
CREATE TABLE IF NOT EXISTS key (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL, made_at REAL NOT NULL) WITHOUT ROWID;
"""


class KeyStore:
    """One SQLite file of wrapped keys and the file of the key that wraps them."""

    def __init__(self, path: Path, kek_file: Path) -> None:
        self._path = path
        self._kek_file = kek_file
        self._local = threading.local()

    def put(self, keys: Mapping[str, bytes], *, now: datetime) -> None:
        """Store the keys, synced. A name that is there keeps its key: names are never reused.

        Raises:
            ValueError: A key is not 32 bytes.
        """
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError("a key has 32 bytes")
        kek = self._kek()
        rows = [(name, seal(kek, key, context=name.encode()), now.timestamp()) for name, key in keys.items()]
        with self._transaction() as sql:
            sql.executemany("INSERT OR IGNORE INTO key (name, wrapped, made_at) VALUES (?, ?, ?)", rows)

    def make(self, name: str, *, now: datetime) -> bytes:
        """Return the key of that name, making a random one when there is none."""
        self.put({name: os.urandom(KEY_BYTES)}, now=now)
        return self.get(name)

    def get(self, name: str) -> bytes:
        """Return the key of that name.

        Raises:
            KeyGone: It was destroyed, or never was.
            KeyStoreBroken: It is there and the key-encryption key does not open it.
        """
        row = self._connection().execute("SELECT wrapped FROM key WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise KeyGone(name.partition(":")[0])
        try:
            return unseal(self._kek(), row[0], context=name.encode())
        except SealBroken:
            raise KeyStoreBroken("the key-encryption key does not open this key store") from None

    def has(self, name: str) -> bool:
        """Say whether there is a key of that name."""
        return self._connection().execute("SELECT 1 FROM key WHERE name = ?", (name,)).fetchone() is not None

    def destroy(self, names: Iterable[str]) -> None:
        """Overwrite and remove the keys, synced. Names that are not there are no error: this can be repeated."""
        with self._transaction() as sql:
            sql.executemany("DELETE FROM key WHERE name = ?", [(name,) for name in names])

    def older_than(self, moment: datetime, *, prefix: str, batch: int = 500) -> Iterator[list[str]]:
        """Yield the names with that prefix whose keys were made before `moment`, a batch at a time."""
        last = prefix
        while True:
            found = [
                row[0]
                for row in self._connection().execute(
                    "SELECT name FROM key WHERE name > ? AND name < ? AND made_at < ? ORDER BY name LIMIT ?",
                    (last, prefix + "\U0010ffff", moment.timestamp(), batch),
                )
            ]
            if not found:
                return
            yield found
            last = found[-1]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        sql = self._connection()
        sql.execute("BEGIN IMMEDIATE")
        try:
            yield sql
            sql.execute("COMMIT")
        except BaseException:
            if sql.in_transaction:  # SQLite ends it by itself when the disk is full
                sql.execute("ROLLBACK")
            raise

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection; a process that forked opens its own."""
        if getattr(self._local, "pid", None) != os.getpid():
            self._local.connection = self._open()
            self._local.pid = os.getpid()
        connection: sqlite3.Connection = self._local.connection
        return connection

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        os.close(descriptor)
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode=TRUNCATE")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute(_SCHEMA)
        return connection

    def _kek(self) -> bytes:
        """Return the key-encryption key; only an empty store may make one, for a new one would orphan every key."""
        missing = not self._kek_file.exists() and self._connection().execute("SELECT 1 FROM key LIMIT 1").fetchone()
        if (
            missing and not self._kek_file.exists()
        ):  # looked at again: another process may have made it and then the first key
            raise KeyStoreBroken(
                f"the key-encryption key {self._kek_file} is missing; put it back: without it no key opens"
            )
        kek = read_or_make(self._kek_file, lambda: os.urandom(KEY_BYTES))
        if len(kek) != KEY_BYTES:
            raise KeyStoreBroken(f"the key-encryption key {self._kek_file} does not have 32 bytes")
        return kek
