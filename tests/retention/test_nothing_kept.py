"""What is not kept: no digest of a voice, no card number, no voiceprint of a session."""

import base64
import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

import vault.blobs
from keyring.keys import store
from retention.models import Artifact
from retention.sweep import sweep
from vault.blobs import ARTIFACTS

pytestmark = pytest.mark.django_db
CARD = "6222 0212 3456 7890 128"


@pytest.fixture
def session(api, consent):
    grant = consent(operations=("upload", "embed", "synthesize"))
    return api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]


def all_rows():
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            for (row,) in cursor.fetchall():
                yield table, row


def held():
    """Which blobs and keys of artifacts there are."""
    later = timezone.now() + timedelta(days=1)
    blobs = {blob for kind in ARTIFACTS for blob, _ in vault.blobs.stored(kind=kind)}
    names = {name for kind in ARTIFACTS for batch in store().older_than(later, prefix=kind.prefix) for name in batch}
    return blobs, names


def test_s2_5_no_digest_of_a_voice_is_kept_anywhere(api, session, clip, suite_log):
    made = api.upload(session, clip)
    assert made.status_code == 201
    digests = [hashlib.new(name, clip).digest() for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "sm3")]
    digests += [hashlib.blake2b(clip).digest(), hashlib.blake2s(clip).digest()]
    written = {text for each in digests for text in (each.hex(), each.hex().upper(), base64.b64encode(each).decode())}
    # A digest that is cut is a digest: sixteen letters are looked for.
    traces = {text[:16] for text in written}
    rows = list(all_rows())
    assert any(made.json()["id"] in row for _, row in rows)
    assert [table for table, row in rows if any(text in row for text in traces)] == []
    assert not any(text in made.content.decode() for text in traces)
    logs = suite_log.read_text(encoding="utf-8")
    names = "\n".join(path.name for path in Path(settings.VAR).rglob("*"))
    assert not any(text in logs or text in names for text in traces)


def test_s2_5_no_card_number_is_kept(api, session):
    said = {"session": session, "dimensions": 192, "model": f"for {CARD}"}
    refused = api.post("/api/v1/embeddings", said)
    assert refused.status_code == 422
    assert "6222" not in refused.content.decode()
    assert [table for table, row in all_rows() if "6222 0212" in row or "622202123456" in row] == []


def test_s0_5_a_voiceprint_is_in_memory_only_and_over_with_its_session(api, session):
    before = held()
    made = api.post("/api/v1/embeddings", {"session": session, "dimensions": 192}).json()
    assert (made["custody"], made["dimensions"]) == ("none", 192)
    assert held() == before
    artifact = Artifact.objects.get(id=made["id"])
    assert artifact.expires_at <= artifact.session.expires_at
    assert api.get(f"/api/v1/artifacts/{made['id']}/content").status_code == 410
    api.delete(f"/api/v1/sessions/{session}")
    sweep(clock=timezone.now)
    artifact.refresh_from_db()
    assert artifact.state == "erased"


@pytest.mark.parametrize("custody", ["vault", "app"])
def test_s0_5_no_voiceprint_is_stored_where_cloning_is_the_purpose(api, session, custody):
    body = {"session": session, "dimensions": 192, "custody": custody}
    before = held()
    if custody == "vault":
        form = {**body, "content": io.BytesIO(json.dumps([0.1] * 192).encode())}
        answer = api.client.post("/api/v1/embeddings", form, headers=api.headers)
    else:
        answer = api.post("/api/v1/embeddings", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:consonant:problem:no-retention-policy")
    assert held() == before
    assert not Artifact.objects.exists()
