"""A client that a foreign generator makes from the document does the whole job, and its types hold."""

import base64
import importlib
import io
import subprocess
import sys
import uuid
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from config.docs import _document
from consent.allow import allow
from tests.conftest import speech
from tests.factories import SECRET, AppFactory, UserFactory

PACKAGE = "generated_consonant"


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """The modules of the client, by name."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "document.json").write_bytes(_document())
    (folder / "config.yaml").write_text(
        "post_hooks: []\ncontent_type_overrides: {application/pdf: application/octet-stream, "
        "application/x-ndjson: application/octet-stream}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    command += ["--path", "document.json", "--config", "config.yaml", "--output-path", PACKAGE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def opened():
    with ExitStack() as stack:
        yield stack


def test_the_whole_job(generated, address, opened):
    app, person = AppFactory(), UserFactory()
    models, types, clients = generated("models"), generated("types"), generated("client")

    def call(operation, **words):
        return generated(f"api.{operation}").sync_detailed(client=client, **words)

    credentials = base64.b64encode(f"{app.client_id}:{SECRET}".encode()).decode()
    client = clients.AuthenticatedClient(base_url=address, token=credentials, prefix="Basic")
    with client:
        token = call("tokens.get_token", body=models.GetTokenBody(grant_type="client_credentials")).parsed
    assert token.token_type == "Bearer"
    client = clients.AuthenticatedClient(base_url=address, token=token.access_token, raise_on_unexpected_status=True)
    opened.enter_context(client)

    question = models.AskRequest(
        subject_ref="user-1",
        purpose="voice-cloning",
        operations=[models.Operation.UPLOAD, models.Operation.EMBED, models.Operation.SYNTHESIZE],
        term="P30D",
    )
    key = str(uuid.uuid4())
    first = call("consent.ask_for_consent", body=question, idempotency_key=key)
    again = call("consent.ask_for_consent", body=question, idempotency_key=key)
    asked = first.parsed
    assert isinstance(asked, models.Asked)
    assert asked.state is models.RequestState.REQUESTED
    assert asked.expires_at - datetime.now(asked.expires_at.tzinfo) > timedelta(hours=23)
    assert again.parsed == asked
    assert again.headers["Idempotency-Replayed"] == "true"

    poll = {"request_id": asked.id}
    assert call("consent.get_consent_request", **poll).parsed.grant is None
    link = asked.url.rstrip("/").rpartition("/")[2]
    allow(token=link, user=person, choice="term", locale="en", now=timezone.now())
    grant = call("consent.get_consent_request", **poll).parsed.grant
    assert isinstance(grant, models.Grant)
    assert (grant.state, grant.uses_left) == (models.GrantState.GIVEN, None)

    session = call("consent.open_session", body=models.SessionRequest(grant=grant.id)).parsed
    assert isinstance(session, models.Opened)
    clip = types.File(payload=io.BytesIO(speech()), file_name="clip.wav", mime_type="audio/wav")
    upload = call("retention.record_upload", body=models.UploadRequest(session=session.id, audio=clip)).parsed
    assert isinstance(upload, models.Recorded)
    assert (upload.kind, upload.custody, upload.duration_ms) == (models.Kind.UPLOAD, models.Custody.VAULT, 1000)
    assert call("retention.read_artifact", artifact_id=upload.id).parsed.payload.read() == speech()

    voiceprint = models.EmbeddingRequestJson(session=session.id, dimensions=192, derived_from=[upload.id])
    embedding = call("retention.record_embedding", body=voiceprint).parsed
    assert isinstance(embedding, models.Made)
    assert (embedding.derived_from, embedding.reason, embedding.others) == ([upload.id], None, [])
    mark = models.MarkRequest(kind=models.Marking.WATERMARK, watermark_id="wm-7")
    speaks = models.SynthesisRequestJson(
        session=session.id, mark=mark, derived_from=[embedding.id], custody=models.Custody.APP
    )
    synthesis = call("retention.record_synthesis", body=speaks).parsed
    assert (synthesis.marking, synthesis.audible_label) == (models.Marking.WATERMARK, None)

    unmarked = models.SynthesisRequestJson(session=session.id)
    refused = call("retention.record_synthesis", body=unmarked)
    assert isinstance(refused.parsed, models.Problem)
    assert (refused.status_code, refused.parsed.reason) == (422, "missing")
    nowhere = models.SubscribeRequest(event=models.Event.CONSENT_WITHDRAWN, target_url="http://127.0.0.1:9/hook")
    refused = call("hooks.subscribe", body=nowhere)
    assert (refused.status_code, refused.parsed.type_) == (422, "urn:consonant:problem:hook-challenge-failed")
    assert call("hooks.list_hooks").parsed == []

    erasure = call("retention.withdraw_and_erase", user_id="user-1").parsed
    assert isinstance(erasure, models.Erasure)
    assert erasure.state is models.ErasureState.APPROVED
    assert call("consent.get_consent_request", **poll).parsed.grant.state is models.GrantState.WITHDRAWN
    refused = call("consent.open_session", body=models.SessionRequest(grant=grant.id)).parsed
    assert (refused.status, refused.reason) == (403, "consent_withdrawn")
    assert {holder.custody for holder in erasure.holders} == set(models.Custody)
    unknown = call("retention.get_erasure", erasure_id=uuid.uuid4())
    assert (unknown.status_code, unknown.parsed.title) == (404, "Erasure unknown")
