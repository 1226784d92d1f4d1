"""What a witness remembers: one SQLite file, which nobody else writes, and the seeds of its own keys beside it.

A head is compared and replaced in one immediate transaction, synced before it returns (write-ahead log, `synchronous=FULL`), and only
then does anyone answer. A crash before the commit leaves the head before; a crash after it leaves a head whose cosignature nobody got, and the next
request is told its size. Triggers refuse a head that shrinks or changes its root, so that a bug here cannot roll back either.

Never restore this folder from an older copy: a witness that forgot cosigns what it must refuse. Make a new one, with new keys.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from keyring.secretfile import read_or_make, sync_folder
from ledger import note
from ledger.cosignature import CosignatureSigner
from ledger.witness import EQUIVOCATION, UNPROVEN, Evidence, Head, reconcile

ALGORITHMS: dict[str, Callable[[bytes], MLDSA44PrivateKey | Ed25519PrivateKey]] = {
    "ml-dsa-44": MLDSA44PrivateKey.from_seed_bytes,
    "ed25519": Ed25519PrivateKey.from_private_bytes,
}
MOST_EVIDENCE = 100
"""Of each kind and log. Of two histories the first hundred are kept, of unproven heads the last."""
_SEED_BYTES = 32
_BUSY_SECONDS = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS self (only INTEGER PRIMARY KEY CHECK (only = 1), name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS head (
    origin TEXT PRIMARY KEY, address TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, root BLOB NOT NULL,
    note TEXT NOT NULL, cosigned TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS evidence (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
    kept TEXT NOT NULL, offered TEXT NOT NULL, UNIQUE (origin, kind, kept, offered)
) STRICT;
CREATE TRIGGER IF NOT EXISTS head_never_rolls_back BEFORE UPDATE ON head
WHEN NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root) OR NEW.origin <> OLD.origin OR NEW.at < OLD.at
BEGIN SELECT RAISE(ABORT, 'a head never rolls back'); END;
CREATE TRIGGER IF NOT EXISTS head_never_goes BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'a head never goes'); END;
"""


@dataclass(frozen=True)
class Kept:
    """A piece of evidence as it is stored; `at` is in POSIX seconds."""

    origin: str
    at: int
    evidence: Evidence


class AnotherName(ValueError):
    """This folder belongs to a witness of another name: a cosigner's key serves one name only."""

    def __str__(self) -> str:
        return (self.__doc__ or "").strip()


class Forgotten(ValueError):
    """This folder has a witness's keys and not what it saw: it would cosign what it must refuse. Bring its file back, or make a new witness."""

    def __str__(self) -> str:
        return (self.__doc__ or "").strip()


class Locked:
    """The head of one log, which nobody else can replace meanwhile."""

    def __init__(self, connection: sqlite3.Connection, origin: str) -> None:
        self._connection = connection
        self._origin = origin
        row = connection.execute("SELECT size, root, note, at FROM head WHERE origin = ?", [origin]).fetchone()
        self.head = Head(*row[:3]) if row else None
        self.at: int = row[3] if row else 0
        """When it was cosigned, in POSIX seconds."""

    def replace(self, head: Head, *, cosigned: str, at: int) -> None:
        """Make this the head; `cosigned` is the note with our cosignatures."""
        self._connection.execute(
            "INSERT INTO head (origin, address, size, root, note, cosigned, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note,"
            " cosigned = excluded.cosigned, at = excluded.at",
            [self._origin, address_of(self._origin), head.size, head.root, head.note, cosigned, at],
        )

    def keep(self, evidence: Evidence, *, at: int) -> bool:
        """Keep evidence; tell whether it is new."""
        if evidence.kind == EQUIVOCATION and self._count(evidence.kind) >= MOST_EVIDENCE:
            return False
        kept = self._connection.execute(
            "INSERT OR IGNORE INTO evidence (origin, kind, at, kept, offered) VALUES (?, ?, ?, ?, ?)",
            [self._origin, evidence.kind, at, evidence.kept, evidence.offered],
        )
        self._connection.execute(
            "DELETE FROM evidence WHERE id IN (SELECT id FROM evidence WHERE origin = ? AND kind = ?"
            " ORDER BY id DESC LIMIT -1 OFFSET ?)",
            [self._origin, evidence.kind, MOST_EVIDENCE],
        )
        return kept.rowcount > 0

    def reconcile(self, head: Head, *, at: int) -> bool:
        """Look again at unproven heads now that this one was proven; tell whether one of them convicts the log."""
        query = "SELECT id, kept, offered FROM evidence WHERE origin = ? AND kind = ?"
        convicted = False
        for number, *notes in self._connection.execute(query, [self._origin, UNPROVEN]).fetchall():
            unproven = Evidence(UNPROVEN, *notes)
            left = reconcile(head, unproven)
            if left != unproven:
                self._connection.execute("DELETE FROM evidence WHERE id = ?", [number])
                convicted = (left is not None and self.keep(left, at=at)) or convicted
        return convicted

    def _count(self, kind: str) -> int:
        query = "SELECT count(*) FROM evidence WHERE origin = ? AND kind = ?"
        return int(self._connection.execute(query, [self._origin, kind]).fetchone()[0])


class State:
    """The folder of one witness."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._file = folder / "witness.sqlite3"
        self._keys = folder / "keys"
        self._threads = threading.local()
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        self._file.chmod(0o600)
        sync_folder(folder)

    def signers(self, name: str, algorithms: list[str]) -> list[CosignatureSigner]:
        """Return the witness's signers, making their keys at the first start.

        Raises:
            AnotherName: The folder is another witness's.
            Forgotten: The keys are there, and what they cosigned is not known any more.
            ledger.errors.InvalidKey: No cosignature may carry the name.
        """
        note.check_name(name)
        with closing(self._connect()) as connection:
            # The name first, then the keys: keys beside a file that knows no name are those of a witness that has forgotten.
            if connection.execute("SELECT 1 FROM self").fetchone() is None and any(self._keys.glob("*")):
                raise Forgotten
            connection.execute("INSERT OR IGNORE INTO self (only, name) VALUES (1, ?)", [name])
            if connection.execute("SELECT name FROM self").fetchone()[0] != name:
                raise AnotherName
        seeds = [read_or_make(self._keys / algorithm, lambda: os.urandom(_SEED_BYTES)) for algorithm in algorithms]
        return [
            CosignatureSigner(name, ALGORITHMS[algorithm](seed))
            for algorithm, seed in zip(algorithms, seeds, strict=True)
        ]

    @contextmanager
    def locked(self, origin: str) -> Iterator[Locked]:
        """Hold the log's head; what was done to it is durable when the block has ended, and undone when it raised."""
        connection = self._own()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield Locked(connection, origin)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def cosigned(self, address: str) -> str | None:
        """Return the latest cosigned checkpoint of the log with this address, or None."""
        row = self._own().execute("SELECT cosigned FROM head WHERE address = ?", [address]).fetchone()
        return str(row[0]) if row else None

    def evidence(self) -> list[Kept]:
        """Return what is kept against logs, oldest first."""
        with closing(self._connect()) as connection:
            rows = connection.execute("SELECT origin, at, kind, kept, offered FROM evidence ORDER BY id").fetchall()
        return [Kept(origin, at, Evidence(*notes)) for origin, at, *notes in rows]

    def _own(self) -> sqlite3.Connection:
        """Return the connection of this thread, which a later request uses again."""
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = self._threads.connection = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        return connection


def address_of(origin: str) -> str:
    """Return where a log's latest checkpoint is found: the SHA-256 of its origin in hex."""
    return sha256(origin.encode()).hexdigest()
