"""The key store as an SQLite file, for a service on one machine.

With `secure_delete` (freed bytes are overwritten), `journal_mode=TRUNCATE` and `synchronous=FULL`: when `put` or `destroy` returns, it
has happened on disk; a crash inside either leaves all of it or none.

A store of before there were epochs is brought up to date when it is opened, in one transaction: its keys are those of epoch 1, whose
key is the one file there was.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from keyring.errors import KeyGone, KeyStoreBroken, SealBroken
from keyring.kek import Epoch, Ring
from keyring.seal import KEY_BYTES, unseal

_VERSION = 1
_EPOCH = "number, kind, material, proof, made_at, rewrapped_at, destroyed_at"


_making = threading.Lock()


class LocalStore:
    """One SQLite file of wrapped keys."""

    def __init__(self, path: Path, ring: Ring) -> None:
        self._path = path
        self._ring = ring
        self._local = threading.local()

    @property
    def ring(self) -> Ring:
        """The key-encryption keys by which it wraps."""
        return self._ring

    def put(self, keys: Mapping[str, bytes], *, now: datetime) -> None:
        """Store the keys, all or none, synced. A name that is there keeps its key: names are never reused."""
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError("a key has 32 bytes")
        if not all(all(name.partition(":")) for name in keys):
            raise ValueError("a key's name is `kind:rest`")
        with self._transaction() as sql:
            # Under the lock that a rotation needs too: no key can be wrapped under an epoch that has just been left.
            epoch = self._newest(sql, now)
            rows = [
                (name, self._ring.wrap(epoch, name, key), now.timestamp(), epoch.number) for name, key in keys.items()
            ]
            sql.executemany("INSERT OR IGNORE INTO key (name, wrapped, made_at, epoch) VALUES (?, ?, ?, ?)", rows)

    def make(self, name: str, *, now: datetime) -> bytes:
        """Return the key of that name, making a random one when there is none."""
        self.put({name: os.urandom(KEY_BYTES)}, now=now)
        return self.get(name)

    def get(self, name: str) -> bytes:
        """Return the key of that name."""
        row = self._connection().execute("SELECT wrapped, epoch FROM key WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise KeyGone(name.partition(":")[0])
        return self._ring.unwrap(row[1], name, row[0], find=self._epoch)

    def has(self, name: str) -> bool:
        """Say whether there is a key of that name."""
        return self._connection().execute("SELECT 1 FROM key WHERE name = ?", (name,)).fetchone() is not None

    def destroy(self, names: Iterable[str]) -> None:
        """Overwrite and remove the keys, all or none, synced."""
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

    def epochs(self) -> list[Epoch]:
        """Return all epochs that ever were, the newest last."""
        sql = self._connection()
        if sql.execute("SELECT 1 FROM epoch").fetchone() is None and sql.execute("SELECT 1 FROM key").fetchone():
            with self._transaction():
                self._newest(sql, None)
        return [Epoch(*row) for row in sql.execute(f"SELECT {_EPOCH} FROM epoch ORDER BY number")]  # noqa: S608 - a constant

    def add_epoch(self, epoch: Epoch) -> bool:
        """List an epoch, synced, and wrap new keys under it from now on; say no if its number is taken."""
        with self._transaction() as sql:
            return _insert(sql, epoch)

    def note_rewrapped(self, number: int, *, now: datetime) -> None:
        """Note that no key was left under an older epoch."""
        with self._transaction() as sql:
            sql.execute("UPDATE epoch SET rewrapped_at = ? WHERE number = ?", (now.timestamp(), number))

    def note_destroyed(self, number: int, *, now: datetime) -> None:
        """Note that the epoch's key was destroyed, and overwrite what was needed to find it."""
        with self._transaction() as sql:
            sql.execute(
                "UPDATE epoch SET destroyed_at = ?, material = x'', proof = x'' WHERE number = ?",
                (now.timestamp(), number),
            )

    def rewrap(self, *, batch: int = 500) -> Iterator[int]:
        """Wrap every key anew that is not under the newest epoch: one transaction a batch, so other writers get their turn.

        A row that was destroyed is not there to be updated; one that is updated is overwritten in place.
        """
        last = ""
        while True:
            with self._transaction() as sql:
                epoch = self._newest(sql, None)
                rows = sql.execute(
                    "SELECT name, wrapped, epoch FROM key WHERE name > ? AND epoch < ? ORDER BY name LIMIT ?",
                    (last, epoch.number, batch),
                ).fetchall()
                for name, wrapped, number in rows:
                    key = self._ring.unwrap(number, name, wrapped, find=self._epoch)
                    sql.execute(
                        "UPDATE key SET wrapped = ?, epoch = ? WHERE name = ?",
                        (self._ring.wrap(epoch, name, key), epoch.number, name),
                    )
            if not rows:
                return
            yield len(rows)
            last = rows[-1][0]

    def counts(self) -> dict[int, int]:
        """Return how many keys each epoch wraps."""
        return dict(self._connection().execute("SELECT epoch, COUNT(*) FROM key GROUP BY epoch").fetchall())

    def copy_to(self, path: Path) -> None:
        """Copy the whole store to a new file while it is in use (SQLite's online backup), synced."""
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(path)) as copy:
            self._connection().backup(copy)
        with path.open("rb+") as file:
            os.fsync(file.fileno())

    def _newest(self, sql: sqlite3.Connection, now: datetime | None) -> Epoch:
        """Return the newest epoch; begin the first one in an empty store, adopt the one key of an old store.

        Inside a transaction. Only an empty store may make a key-encryption key, for a new one would orphan every key.
        """
        living = [
            Epoch(*row)
            for row in sql.execute(f"SELECT {_EPOCH} FROM epoch WHERE destroyed_at IS NULL ORDER BY number")  # noqa: S608
        ]
        if living:
            self._ring.newest_is(living[-1])
            return living[-1]
        known = sql.execute("SELECT name, wrapped, (SELECT min(made_at) FROM key) FROM key LIMIT 1").fetchone()
        if known is None:
            if now is None:
                raise KeyStoreBroken("the key store is empty: there is nothing to wrap")
            epoch = self._ring.begin(1, now=now)
        else:
            name, wrapped, made_at = known
            epoch = self._ring.adopt(1, made_at=made_at, opens=lambda kek: _opens(kek, name, wrapped))
        _insert(sql, epoch)
        return epoch

    def _epoch(self, number: int) -> Epoch:
        for epoch in self.epochs():
            if epoch.number == number:
                return epoch
        raise KeyStoreBroken(f"the key store does not list epoch {number}")

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
        # Once the file is there nothing but SQLite opens it: closing it would drop the locks that this process's other threads hold
        # (POSIX), and a reader would take a write that is under way for one that crashed, and roll it back.
        with _making, suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode=TRUNCATE")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            connection.close()
            raise KeyStoreBroken("this key store was written by a newer version of the service")
        if version < _VERSION:
            _bring_up_to_date(connection)
        return connection


def _bring_up_to_date(sql: sqlite3.Connection) -> None:
    """Give a new file its tables, or an old one what it lacks; a crash leaves it as it was."""
    sql.execute("BEGIN IMMEDIATE")
    try:
        if sql.execute("PRAGMA user_version").fetchone()[0] < _VERSION:  # another process may have done it
            sql.execute(
                "CREATE TABLE IF NOT EXISTS key"
                " (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL, made_at REAL NOT NULL) WITHOUT ROWID"
            )
            sql.execute("ALTER TABLE key ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1")
            sql.execute(
                "CREATE TABLE epoch (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, material BLOB NOT NULL,"
                " proof BLOB NOT NULL, made_at REAL NOT NULL, rewrapped_at REAL, destroyed_at REAL)"
            )
            sql.execute(f"PRAGMA user_version = {_VERSION}")
        sql.execute("COMMIT")
    except BaseException:
        if sql.in_transaction:
            sql.execute("ROLLBACK")
        sql.close()
        raise


def _insert(sql: sqlite3.Connection, epoch: Epoch) -> bool:
    row = (
        epoch.number,
        epoch.kind,
        epoch.material,
        epoch.proof,
        epoch.made_at,
        epoch.rewrapped_at,
        epoch.destroyed_at,
    )
    return sql.execute(f"INSERT OR IGNORE INTO epoch ({_EPOCH}) VALUES (?, ?, ?, ?, ?, ?, ?)", row).rowcount == 1  # noqa: S608


def _opens(kek: bytes, name: str, wrapped: bytes) -> bool:
    try:
        unseal(kek, wrapped, context=name.encode())
    except SealBroken:
        return False
    return True
