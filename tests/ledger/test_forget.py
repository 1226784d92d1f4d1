"""A person is erased: the log stays valid to its last proof, and what was said of them can be read from no file any more.

The search takes everything there is: each file of a PostgreSQL server of the test's own (tables, indexes, WAL), a dump of all of it, each
file of the key store, and the key-encryption key. What it looks for it remembers from before: the keys, as they are and as they lie
wrapped in the key store; the sealed openings; the salts inside them. Whatever sealed opening is found is tried with every key that
the key store gives.

A search that finds nothing proves something only if it finds what is there: it is run before the erasure, on somebody who stays, and on
somebody whose rows were deleted while the key lives.
"""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from consent.allow import allow
from consent.ask import ask
from consent.models import Binding, Subject
from keyring.errors import KeyGone, SealBroken
from keyring.keys import store
from keyring.seal import unseal
from ledger import checkpoint, folder, merkle, note, proof, tiles
from ledger.models import Checkpoint, Entry, Log, Opening
from ledger.publish import publish
from ledger.queries import logs
from ledger.sequence import sequence
from ledger.verify import verify_log
from retention import certify, pursue
from retention import sweep as sweeping
from retention.models import Artifact
from tests.conftest import Api
from tests.factories import AppFactory, TenantFactory, UserFactory
from tests.ledger.cluster import durable_cluster

OPERATIONS = ["upload", "embed", "synthesize"]


def address_of(database):
    """The test database's address for libpq."""
    database.ensure_connection()
    info = database.connection.info
    return psycopg.conninfo.make_conninfo(host=info.host, user=info.user, dbname=info.dbname, port=info.port)


@pytest.fixture
def cluster(django_db_setup, django_db_blocker):
    """A durable server with our tables, which Django talks to."""
    with django_db_blocker.unblock(), durable_cluster() as running:
        before = dict(connection.settings_dict)
        running.fill_from(address_of(connection))
        connection.close()
        connection.settings_dict |= {"NAME": "consonant", "HOST": str(running.sockets)}
        try:
            yield running
        finally:
            connection.close()
            connection.settings_dict.clear()
            connection.settings_dict.update(before)


class Person:
    """Somebody, their life with one app, and what must be unreadable when they are forgotten."""

    def __init__(self, app, ref, clip):
        self.user, self.ref, self.api = UserFactory(), ref, Api(app)
        now = timezone.now()
        asked = ask(
            app=app, subject_ref=ref, purpose="voice-cloning", operations=OPERATIONS, term=timedelta(days=30), now=now
        )
        grant = allow(token=asked.token, user=self.user, choice="term", locale="en", now=now)
        session = self.api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
        recording = self.api.upload(session, clip).json()["id"]
        words = {"session": session, "derived_from": [recording]}
        self.api.post("/api/v1/embeddings", {**words, "dimensions": 192})
        mark = {"kind": "watermark", "watermark_id": "wm-7"}
        self.speech = self.api.post("/api/v1/syntheses", {**words, "mark": mark, "custody": "app"}).json()["id"]

        subject = Subject.objects.get(user=self.user)
        names = {subject.key_name, subject.custody_name, subject.evidence_name}
        names |= set(Binding.objects.filter(subject=subject).values_list("key_name", flat=True))
        names |= {f"{each.stored_as}:{each.id}" for each in Artifact.objects.filter(subject=subject, custody="vault")}
        wrapped = wrapped_keys()
        self.keys = {name: (store().get(name), wrapped[name]) for name in names if name in wrapped}
        self.openings = {
            row.ref: (bytes(row.sealed), row.holder) for row in Opening.objects.filter(holder__in=self.keys)
        }
        self.salts = set()
        for entry, (sealed, holder) in self.openings.items():
            opened = json.loads(unseal(self.keys[holder][0], sealed, context=entry.bytes))
            self.salts |= {salt for salt, _ in opened.values() if set(salt) != {"0"}}

    def forget(self):
        """Erase everything, as the app and the service do; let the time pass after which nothing has to be kept any more."""
        assert self.api.delete(f"/v1/voice/consent/{self.ref}").status_code == 202
        turn()
        said = {"outcome": "deleted", "deleted_at": timezone.now().isoformat()}
        assert self.api.post(f"/api/v1/artifacts/{self.speech}/erasure-acks", said).status_code == 200
        turn()
        turn()
        later = timezone.now() + timedelta(days=4000)
        certify.drop_old(now=later)
        certify.drop_evidence(now=later)


def turn():
    sweeping.sweep(clock=timezone.now)
    pursue.pursue(clock=timezone.now)
    for log in logs():
        while sequence(origin=log.origin):
            pass
        publish(origin=log.origin, now=timezone.now())


def key_files():
    """Every file beside the key store, and of the secrets but for the keys under test themselves."""
    return [path for path in Path(store()._path).parent.rglob("*") if path.is_file()]


def wrapped_keys():
    with closing(sqlite3.connect(f"file:{store()._path}?mode=ro", uri=True)) as sql:
        return dict(sql.execute("SELECT name, wrapped FROM key"))


class Everything:
    """All bytes that an attacker with every file, every dump and the key-encryption key has."""

    def __init__(self, cluster):
        cluster.sql("CHECKPOINT")
        files = [*cluster.files(), *key_files()]
        self.bytes = {
            str(path): path.read_bytes().rstrip(bytes(1)) for path in files
        }  # a WAL segment ends in megabytes of zeros
        self.bytes["dump"] = cluster.dump()
        self.keys = {}
        for name in wrapped_keys():
            self.keys[name] = store().get(name)

    def where(self, needle):
        """Where these bytes are, or their hexadecimal."""
        forms = (needle, needle.hex().encode())
        return {name for name, data in self.bytes.items() if any(form in data for form in forms)}

    def found_keys(self, person):
        return {name for name, forms in person.keys.items() if any(self.where(form) for form in forms)}

    def found_salts(self, person):
        return {salt for salt in person.salts if self.where(bytes.fromhex(salt))}

    def found_openings(self, person):
        return {ref: sealed for ref, (sealed, _) in person.openings.items() if self.where(sealed)}

    def read(self, person):
        """Open what is found with whatever key there is; return the refs of what was opened."""
        return {
            ref
            for ref, sealed in self.found_openings(person).items()
            if any(opens(key, sealed, ref) for key in self.keys.values())
        }


def opens(key, sealed, ref):
    try:
        return bool(unseal(key, sealed, context=ref.bytes))
    except SealBroken:
        return False


def proofs_now(origin):
    """A proof of every entry under the checkpoint that is published now, each with its leaf."""
    published = folder.folder_of(origin)
    signed = (published / "checkpoint").read_text(encoding="utf-8")
    size = checkpoint.parse(note.read_text(signed)).size
    reader = tiles.TileReader(lambda path: (published / path).read_bytes(), size)
    return [
        (
            proof.format(
                proof.Proof(index, tuple(merkle.prove_inclusion(index=index, size=size, reader=reader)), signed)
            ),
            bytes(leaf),
        )
        for index, leaf in Entry.objects.filter(log=origin, index__lt=size).values_list("index", "leaf")
    ]


def test_erased_and_nothing_can_be_read_and_everything_verifies(cluster, clip):
    app = AppFactory(tenant=TenantFactory())
    origin = app.tenant.origin
    old_proofs, old_checkpoints = [], []

    def remember():
        turn()
        old_proofs.extend(proofs_now(origin))
        old_checkpoints.append((folder.folder_of(origin) / "checkpoint").read_text(encoding="utf-8"))

    gone, stays, careless = [], [], []
    for people, ref in ((gone, "user-gone"), (stays, "user-stays"), (careless, "user-careless")):
        people.append(Person(app, ref, clip))
        remember()
    (gone,), (stays,), (careless,) = gone, stays, careless
    for person in (gone, stays, careless):
        assert len(person.keys) >= 4
        assert len(person.openings) >= 4
        assert len(person.salts) >= 10

    # The search finds what is there, and opens it.
    everything = Everything(cluster)
    for person in (gone, stays, careless):
        assert everything.found_keys(person) == set(person.keys)
        assert everything.read(person) == set(person.openings)
    assert not everything.found_salts(gone), "what is inside a seal stands nowhere else"

    gone.forget()
    remember()
    assert not any(store().has(name) for name in gone.keys)

    # Somebody whose rows go while the key lives: that alone forgets nothing.
    Opening.objects.filter(ref__in=careless.openings).delete()
    everything = Everything(cluster)
    assert everything.read(careless), "a deleted row is still in the files"
    assert everything.read(gone) == set(), "also before anything is cleaned up"
    assert everything.found_keys(gone) == set()

    connection.close()
    cluster.sql("VACUUM FULL", "SELECT pg_switch_wal()", "CHECKPOINT", "SELECT pg_switch_wal()", "CHECKPOINT")
    everything = Everything(cluster)
    assert everything.found_keys(gone) == set()
    assert everything.found_salts(gone) == set()
    assert everything.found_openings(gone) == {}
    assert everything.read(gone) == set()
    assert everything.read(stays) == set(stays.openings)
    for name in gone.keys:
        with pytest.raises(KeyGone):
            store().get(name)

    # The log is as valid as before.
    log = Log.objects.get(origin=origin)
    verifier = note.Verifier.from_vkey(log.vkey)
    assert [each for each in verify_log(folder.folder_of(origin), [verifier]) if each.level == "error"] == []
    assert len(old_proofs) > 60
    for text, leaf in old_proofs:
        proof.verify(text, leaf, [verifier])
    old_checkpoints.extend(Checkpoint.objects.filter(log=log).values_list("note", flat=True))
    newest = checkpoint.open((folder.folder_of(origin) / "checkpoint").read_text(encoding="utf-8"), [verifier])
    reader = tiles.TileReader(lambda path: (folder.folder_of(origin) / path).read_bytes(), newest.size)
    for signed in old_checkpoints:
        old = checkpoint.open(signed, [verifier])
        hashes = merkle.prove_consistency(first=old.size, second=newest.size, reader=reader)
        merkle.verify_consistency(
            first=old.size, second=newest.size, proof=hashes, first_root=old.root, second_root=newest.root
        )
