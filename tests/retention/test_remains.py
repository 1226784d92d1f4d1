"""What is left of a person after an erasure, for whoever has every file, every old backup and the key-encryption key: nothing that was planted.

Planted are the bytes of a recording, what the app calls its user, what it says of what it made, where it keeps it, and the person's own address. The search
takes each file of a PostgreSQL server of the test's own (tables, indexes, WAL) and a dump of it, the vault's storages, the key store, the
published logs and the log of the programs; then it opens what it finds there with every key that the key store gives.

It is run before, and finds each marker: so it would find what is left.
"""

import io
import json
import random
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import soundfile
from django.conf import settings
from django.db import connection
from django.utils import timezone

from consent.allow import allow
from consent.ask import ask
from consent.models import Binding
from keyring import stream
from keyring.errors import SealBroken
from keyring.keys import store
from keyring.seal import unseal
from ledger.models import Opening
from retention import certify
from retention.models import Artifact, Erasure
from tests.conftest import Api
from tests.factories import AppFactory, TenantFactory, UserFactory
from tests.ledger import test_forget

OPERATIONS = ["upload", "embed", "synthesize"]
cluster = test_forget.cluster


def noise(seed):
    """A second of speech that nobody else has, and its samples."""
    out, samples = io.BytesIO(), np.random.default_rng(seed).integers(-8_000, 8_000, 16_000, dtype=np.int16)
    soundfile.write(out, samples, 16_000, format="WAV", subtype="PCM_16")
    return out.getvalue(), samples.tobytes()


class Person:
    """Somebody, their life with one app, and what is planted in it."""

    def __init__(self, app, word, seed):
        self.api, self.ref = Api(app), f"user-{word}"
        self.user, now = UserFactory(email=f"{word}@planted.test.localhost"), timezone.now()
        clip, self.sound = noise(seed)
        asked = ask(
            app=app,
            subject_ref=self.ref,
            purpose="voice-cloning",
            operations=OPERATIONS,
            term=timedelta(days=9),
            now=now,
        )
        grant = allow(token=asked.token, user=self.user, choice="term", locale="en", now=now)
        session = self.api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
        recording = self.api.upload(session, clip).json()["id"]
        words = {"session": session, "derived_from": [recording]}
        self.api.post("/api/v1/embeddings", {**words, "dimensions": 192, "model": f"model-{word}"})
        mark = {"kind": "watermark", "watermark_id": f"mark-{word}"}
        place, lies = f"{seed:064x}", {"custody": "app", "places": [f"{seed:064x}"]}
        self.speech = self.api.post("/api/v1/syntheses", {**words, "mark": mark, **lies}).json()["id"]
        tie = Binding.objects.get(subject__user=self.user)
        self.subject, self.blob = tie.subject_id, Artifact.objects.get(id=recording).id
        self.raw = {
            "address": self.user.email.encode(),
            "reference": bytes(tie.reference),
            "place": bytes.fromhex(place),
        }
        """What stands in the database as it is."""
        self.sealed = {
            "sound": self.sound[8_000:8_032],
            "sound at the end": self.sound[-32:],
            "model": f"model-{word}".encode(),
            "mark": f"mark-{word}".encode(),
        }
        """What stands under a key."""
        self.never = {"the app's name of its user": self.ref.encode()}
        """What is nowhere."""
        holders = [tie.key_name, tie.subject.key_name, tie.subject.evidence_name]
        self.openings = {row.ref: bytes(row.sealed) for row in Opening.objects.filter(holder__in=holders)}

    @property
    def markers(self):
        return self.raw | self.sealed | self.never

    def forget(self):
        """Erase everything and let the time pass after which nothing has to be kept any more; the account is the person's own to end."""
        assert self.api.delete(f"/v1/voice/consent/{self.ref}").status_code == 202
        test_forget.turn()
        said = {"outcome": "deleted", "deleted_at": timezone.now().isoformat()}
        assert self.api.post(f"/api/v1/artifacts/{self.speech}/erasure-acks", said).status_code == 200
        for _ in range(3):
            test_forget.turn()
        assert Erasure.objects.get(user=self.user).state == "certified"
        later = timezone.now() + timedelta(days=4000)
        certify.drop_old(now=later)
        certify.drop_evidence(now=later)
        self.user.delete()


class Hoard:
    """Every byte there is at one moment, and what of it opens with the keys of another."""

    def __init__(self, cluster, suite_log):
        cluster.sql("CHECKPOINT")
        connection.close()
        folders = [
            Path(settings.STORAGES[name]["OPTIONS"]["location"]) for name in ("vault", "vault-voices", "vault-faces")
        ]
        folders += [Path(store()._path).parent, settings.LOG_FOLDER, settings.HEADS]
        files = [path for folder in folders if folder.exists() for path in folder.rglob("*") if path.is_file()]
        self.bytes = {str(path): path.read_bytes() for path in [*files, suite_log, *cluster.files()]}
        self.bytes["dump"] = cluster.dump()
        self.blobs = {path.name: path.read_bytes() for path in files if path.is_relative_to(folders[1])}

    def where(self, marker):
        """Where it stands, as it is or as PostgreSQL and JSON write bytes."""
        forms = (marker, marker.hex().encode())
        return {name for name, data in self.bytes.items() if any(form in data for form in forms)}

    def opens(self, person, keys):
        """Return the names of the markers that stand in what these keys open of the person's."""
        plain = []
        if sealed := self.blobs.get(str(person.blob)):
            plain += [text for key in keys if (text := _stream(sealed, key, person.blob.bytes))]
        there = {ref: sealed for ref, sealed in person.openings.items() if self.where(sealed)}
        plain += [text for ref, sealed in there.items() for key in keys if (text := _seal(sealed, key, ref.bytes))]
        # An entry's payload is a text in a text.
        plain += [json.loads(text)["payload"][1].encode() for text in plain if text.startswith(b"{")]
        return {name for name, marker in person.sealed.items() if any(marker in text for text in plain)}


def keys_now():
    """Every key of the key store, unwrapped by hand with the key-encryption key."""
    path = Path(store()._path)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as sql:
        wrapped = dict(sql.execute("SELECT name, wrapped FROM key"))
    return [store().get(name) for name in wrapped]


def _stream(sealed, key, context):
    try:
        return b"".join(stream.opened(key, io.BytesIO(sealed).read, context=context))
    except SealBroken:
        return b""


def _seal(sealed, key, context):
    try:
        return unseal(key, sealed, context=context)
    except SealBroken:
        return b""


def test_g13_of_who_is_erased_no_marker_is_left_and_no_backup_opens(cluster, suite_log):
    app, chance = AppFactory(tenant=TenantFactory()), random.SystemRandom()
    gone, stays = (Person(app, f"{chance.getrandbits(80):020x}", chance.getrandbits(60)) for _ in range(2))
    test_forget.turn()

    before, old_keys = Hoard(cluster, suite_log), keys_now()
    for person in (gone, stays):
        assert {name for name, marker in person.raw.items() if before.where(marker)} == set(person.raw)
        assert before.opens(person, old_keys) == set(person.sealed)
        assert not [name for name, marker in (person.sealed | person.never).items() if before.where(marker)]
    assert any("/pg_wal/" in place for place in before.where(next(iter(gone.openings.values())))), "WAL is searched"

    gone.forget()
    connection.close()
    cluster.sql("VACUUM FULL", "SELECT pg_switch_wal()", "CHECKPOINT", "SELECT pg_switch_wal()", "CHECKPOINT")
    after, keys = Hoard(cluster, suite_log), keys_now()
    assert {name: after.where(marker) for name, marker in gone.markers.items() if after.where(marker)} == {}
    assert not [ref for ref, sealed in gone.openings.items() if after.where(sealed)]
    assert str(gone.blob) not in after.blobs
    assert {name for name, marker in stays.raw.items() if after.where(marker)} == set(stays.raw)
    assert after.opens(stays, keys) == set(stays.sealed)

    # With every key there is now: nothing of the person's opens in the dump, the WAL and the vault of before.
    assert before.opens(gone, keys) == set()
    assert before.opens(stays, keys) == set(stays.sealed)
