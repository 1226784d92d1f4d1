"""Bad input gets a problem document (RFC 9457) with the right status, and changes nothing."""

import io
import json
import secrets
import time
import uuid
import wave
from datetime import UTC, datetime

import httpx
import pytest
import soundfile
from standardwebhooks.webhooks import Webhook

from deploy.demo_hooks import Receiver
from tests.stack.service import until

NOBODY = "0190a1b2-0000-7000-8000-000000000000"
PROBLEM = "application/problem+json"


def tone(*, seconds: float, rate: int) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        frame = bytes(range(0, 256, 2)) * 2
        file.writeframes((frame * (int(seconds * rate * 2) // len(frame) + 1))[: int(seconds * rate) * 2])
    return made.getvalue()


def flac(clip: bytes) -> bytes:
    made = io.BytesIO()
    data, rate = soundfile.read(io.BytesIO(clip), dtype="int16")
    soundfile.write(made, data, rate, format="FLAC")
    return made.getvalue()


def is_problem(response, status, reason=None):
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith(PROBLEM)
    said = response.json()
    assert said["status"] == status
    assert {"type", "title", "detail"} <= said.keys()
    assert said.get("reason") == reason or reason is None
    return said


@pytest.fixture(scope="module")
def app(stack):
    return stack.app()


@pytest.fixture(scope="module")
def other_app(stack):
    return stack.app(stack.create_app("Other Booth", "other"))


@pytest.fixture(scope="module")
def speaker(stack):
    return stack.speaker()


@pytest.fixture(scope="module")
def new_grant(app, speaker):
    def make(choice="term", user=""):
        asked = app.ask(user or f"guest-{secrets.token_hex(8)}")
        speaker.answer(asked["url"], choice)
        return app.answer(asked["id"])["grant"]["id"]

    return make


@pytest.fixture(scope="module")
def session(app, new_grant):
    return app.open_session(new_grant()).json()["id"]


@pytest.fixture(scope="module")
def artifact(app, session, clips):
    return app.upload(session, clips["slt-1"]).json()["id"]


CALLS = [
    ("POST", "/api/v1/consent-requests"),
    ("GET", f"/api/v1/consent-requests/{NOBODY}"),
    ("POST", "/api/v1/sessions"),
    ("DELETE", f"/api/v1/sessions/{NOBODY}"),
    ("POST", "/api/v1/uploads"),
    ("GET", f"/api/v1/artifacts/{NOBODY}"),
    ("GET", f"/api/v1/artifacts/{NOBODY}/content"),
    ("DELETE", f"/api/v1/artifacts/{NOBODY}"),
    ("POST", f"/api/v1/artifacts/{NOBODY}/erasure-acks"),
    ("POST", "/api/v1/embeddings"),
    ("POST", "/api/v1/syntheses"),
    ("POST", "/api/v1/erasures"),
    ("GET", f"/api/v1/erasures/{NOBODY}"),
    ("GET", f"/api/v1/erasures/{NOBODY}/certificate"),
    ("DELETE", "/v1/voice/consent/guest-1"),
    ("GET", "/api/v1/hooks"),
    ("POST", "/api/v1/hooks"),
    ("GET", f"/api/v1/hooks/{NOBODY}"),
    ("DELETE", f"/api/v1/hooks/{NOBODY}"),
]


@pytest.mark.parametrize(("method", "path"), CALLS, ids=[f"{method} {path.split('/')[3]}" for method, path in CALLS])
@pytest.mark.parametrize("token", [None, "x", "🔑".encode(), "A" * 5000], ids=["none", "garbage", "bytes", "long"])
def test_no_token_or_a_foreign_one(stack, method, path, token):
    said = (
        {} if token is None else {"Authorization": b"Bearer " + (token if isinstance(token, bytes) else token.encode())}
    )
    with stack.unchanged(), stack.service().client() as client:
        response = client.request(method, path, headers=said)
    is_problem(response, 401)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_client_secret_gets_no_token(stack):
    login = {**stack.service().logins["app"], "client_secret": "x" * 40}
    with stack.unchanged(), stack.service().client() as client:
        response = client.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, auth=(login["client_id"], login["client_secret"])
        )
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_client"


def test_a_token_without_the_scope(stack, app, session, artifact, clips):
    narrow = stack.app()
    narrow.authenticate("consent")
    with stack.unchanged():
        is_problem(narrow.upload(session, clips["slt-1"]), 403)
        is_problem(narrow.content(artifact), 403)
        is_problem(narrow.record("embeddings", session, dimensions=192), 403)
        is_problem(narrow.http.delete(f"/api/v1/artifacts/{artifact}"), 403)
        is_problem(narrow.http.get("/api/v1/hooks"), 403)
    narrow.authenticate("record")
    with stack.unchanged():
        is_problem(narrow.open_session(str(uuid.uuid4())), 403)
        is_problem(narrow.http.delete("/v1/voice/consent/guest-1"), 403)
        is_problem(narrow.http.post("/api/v1/erasures", json={"subject_ref": "guest-1"}), 403)


def test_a_closed_session(stack, app, new_grant, clips):
    session = app.open_session(new_grant()).json()["id"]
    assert app.http.delete(f"/api/v1/sessions/{session}").status_code == 204
    with stack.unchanged(refusals=1):
        is_problem(app.upload(session, clips["slt-1"]), 403, "session_ended")


def test_a_session_that_never_was(stack, app, clips):
    with stack.unchanged():
        is_problem(app.upload(str(uuid.uuid4()), clips["slt-1"]), 404)


def test_what_is_another_apps(stack, app, other_app, new_grant, session, artifact, clips):
    grant = new_grant()
    asked = app.ask(f"guest-{secrets.token_hex(8)}")
    with stack.unchanged():
        is_problem(other_app.http.get(f"/api/v1/artifacts/{artifact}"), 404)
        is_problem(other_app.content(artifact), 404)
        is_problem(other_app.open_session(grant), 404)
        is_problem(other_app.upload(session, clips["slt-1"]), 404)
        is_problem(other_app.http.delete(f"/api/v1/sessions/{session}"), 404)
        is_problem(other_app.http.get(f"/api/v1/consent-requests/{asked['id']}"), 404)
    assert app.content(artifact).content == clips["slt-1"]


CLIP = tone(seconds=2, rate=16_000)
AUDIO = {
    "11 s": (tone(seconds=11, rate=16_000), "too_long"),
    "10.1 s": (tone(seconds=10.1, rate=16_000), "too_long"),
    "8 kHz": (tone(seconds=2, rate=8_000), "sample_rate_too_low"),
    "text": (b"this is not audio " * 1000, "not_audio"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(4000), "not_audio"),
    "program": (b"\x7fELF" + bytes(4000), "not_audio"),
    "empty": (b"", "empty"),
    "header alone": (CLIP[:44], "not_audio"),
    "half a header": (CLIP[:20], "not_audio"),
    "truncated": (flac(CLIP)[:-2000], "not_audio"),
    "no frames": (tone(seconds=0, rate=16_000), "not_audio"),
    "15 MB of noise": (secrets.token_bytes(15 * 1024 * 1024), "not_audio"),
}


@pytest.mark.parametrize(("data", "reason"), AUDIO.values(), ids=AUDIO.keys())
def test_audio_that_may_not_be_taken(stack, app, session, data, reason):
    with stack.unchanged():
        is_problem(app.upload(session, data), 422, reason)


def test_a_wav_is_as_long_as_what_is_there(app, session):
    """Recorders that stream write no length, or a wrong one; what is entered is what was decoded."""
    response = app.upload(session, CLIP[: 44 + 32_000], ttl="PT2S")
    assert response.status_code == 201
    assert response.json()["duration_ms"] == 1000


def test_ten_seconds_are_taken(app, session):
    assert app.upload(session, tone(seconds=10, rate=16_000), ttl="PT2S").status_code == 201


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_100_mb_are_refused_at_once(stack, app, session, declared):
    head = f'--b\r\nContent-Disposition: form-data; name="session"\r\n\r\n{session}\r\n--b\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'.encode()
    sent = 0

    def body():
        nonlocal sent
        yield head
        for _ in range(1600):
            sent += 65_536
            yield bytes(65_536)
        yield b"\r\n--b--\r\n"

    size = {"Content-Length": str(len(head) + 1600 * 65_536 + 9)} if declared else {}
    headers = {"Content-Type": "multipart/form-data; boundary=b", **size}
    began = time.monotonic()
    with stack.unchanged():
        try:
            response = app.http.post("/api/v1/uploads", content=body(), headers=headers)
        except httpx.TransportError:
            assert sent < 1600 * 65_536  # the service closed the connection long before the end
        else:
            assert response.status_code in {400, 411, 413, 422}
            is_problem(response, 413 if declared else response.status_code)
    assert time.monotonic() - began < 5
    with stack.service().client() as client:
        assert client.get("/readyz").status_code == 200


def test_a_connection_outlives_a_refused_upload(stack, session, clips):
    """A refusal that did not wait for the body leaves the connection usable, as its headers say."""
    narrow = stack.app()
    narrow.authenticate("consent")
    for _ in range(10):
        is_problem(narrow.upload(session, clips["slt-1"]), 403)
        assert narrow.http.get("/healthz").status_code == 200


def test_a_withdrawn_grant(stack, app, speaker, new_grant, clips):
    grant = new_grant()
    session = app.open_session(grant).json()["id"]
    speaker.withdraw(grant)
    with stack.unchanged(refusals=2):
        assert is_problem(app.open_session(grant), 403, "consent_withdrawn")["cure"]
        is_problem(app.upload(session, clips["slt-1"]), 403, "consent_withdrawn")


def test_a_grant_for_one_use_that_was_used(stack, app, new_grant, clips):
    grant = new_grant("once")
    session = app.open_session(grant).json()["id"]
    with stack.unchanged(refusals=1):
        is_problem(app.open_session(grant), 403, "uses_exhausted")
    assert app.upload(session, clips["slt-2"], ttl="PT2S").status_code == 201
    with stack.unchanged(refusals=1):
        is_problem(app.upload(session, clips["slt-2"], ttl="PT2S"), 403, "operation_spent")


ASK = {"subject_ref": "guest", "purpose": "voice-cloning", "operations": ["upload"], "term": "P1D"}
ASKED = {
    "array": [ASK],
    "string": "ask",
    "number": 7,
    "null": None,
    "nothing": {},
    "no user": {**ASK, "subject_ref": ""},
    "user is a list": {**ASK, "subject_ref": ["guest"]},
    "user has a null byte": {**ASK, "subject_ref": "a\0b"},
    "user has half a character": {**ASK, "subject_ref": "\ud800"},
    "state has half a character": {**ASK, "state": "\udfff"},
    "user too long": {**ASK, "subject_ref": "x" * 201},
    "purpose unknown": {**ASK, "purpose": "world-peace"},
    "purpose undeclared": {**ASK, "purpose": "text-to-speech"},
    "no operation": {**ASK, "operations": []},
    "operation unknown": {**ASK, "operations": ["sing"]},
    "operation undeclared": {**ASK, "operations": ["combine"]},
    "operation is a map": {**ASK, "operations": [{}]},
    "operations are a map": {**ASK, "operations": {"upload": True}},
    "term of words": {**ASK, "term": "for ever"},
    "term of zero": {**ASK, "term": "PT0S"},
    "term negative": {**ASK, "term": "-P1D"},
    "term too long": {**ASK, "term": "P367D"},
    "term past all calendars": {**ASK, "term": "P999999999999D"},
    "term a number": {**ASK, "term": 30},
    "return to a script": {**ASK, "return_url": "javascript:alert(1)"},
    "return in the clear": {**ASK, "return_url": "http://example.org/"},
}


@pytest.mark.parametrize("body", ASKED.values(), ids=ASKED.keys())
def test_a_consent_request_of_an_unknown_shape(stack, app, body):
    with stack.unchanged():
        sent = json.dumps(body)  # half a character travels escaped
        kind = {"Content-Type": "application/json"}
        is_problem(app.http.post("/api/v1/consent-requests", content=sent, headers=kind), 422)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"a":' * 20_000, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"<a/>", "application/xml", 415),
        (b"[" + b"1," * 1_000_000 + b"1]", "application/json", 413),
    ],
    ids=["broken", "not UTF-8", "deep", "text", "xml", "2 MB"],
)
def test_a_body_that_is_no_json(stack, app, body, kind, status):
    with stack.unchanged():
        is_problem(app.http.post("/api/v1/consent-requests", content=body, headers={"Content-Type": kind}), status)


@pytest.mark.parametrize("body", [[], {}, {"grant": "x"}, {"grant": None}, {"grant": [NOBODY]}], ids=str)
def test_a_session_request_of_an_unknown_shape(stack, app, body):
    with stack.unchanged():
        is_problem(app.http.post("/api/v1/sessions", json=body), 422)


@pytest.mark.parametrize("ttl", ["8", "PT0S", "-PT8S", "P", "soon", "P999999999999D"])
def test_a_time_to_live_that_is_none(stack, app, session, clips, ttl):
    with stack.unchanged():
        form = {"session": session, "ttl": ttl}
        is_problem(app.http.post("/api/v1/uploads", data=form, files={"audio": clips["slt-1"]}), 422)


def test_an_upload_of_an_unknown_shape(stack, app, session, clips):
    with stack.unchanged():
        is_problem(app.http.post("/api/v1/uploads", files={"audio": clips["slt-1"]}), 422)
        is_problem(app.http.post("/api/v1/uploads", data={"session": session}, files={"sound": clips["slt-1"]}), 422)
        is_problem(app.http.post("/api/v1/uploads", data={"session": "x"}, files={"audio": clips["slt-1"]}), 422)
        is_problem(app.http.post("/api/v1/uploads", json={"session": session}), 415)
        form = {"Content-Type": "multipart/form-data"}
        is_problem(app.http.post("/api/v1/uploads", content=b"--b\r\n", headers=form), 400)


def test_a_digest_that_is_offered_is_not_taken(stack, app, session, clips):
    form = {"session": session, "ttl": "PT2S", "sha256": "0" * 64}
    with stack.unchanged():
        is_problem(app.http.post("/api/v1/uploads", data=form, files={"audio": clips["slt-1"]}), 422)


WATERMARK = {"kind": "watermark", "watermark_id": "bad:wm-1"}
AIGC = {"Label": "1", "ContentProducer": "booth", "ProduceID": "clip-1"}
MADE = {
    "array": ("embeddings", []),
    "nothing": ("embeddings", {"session": None, "dimensions": None}),
    "no dimensions": ("embeddings", {}),
    "none at all": ("embeddings", {"dimensions": 0}),
    "too many": ("embeddings", {"dimensions": 65_537}),
    "half a dimension": ("embeddings", {"dimensions": 1.5}),
    "the vector itself": ("embeddings", {"dimensions": 3, "vector": [0.1, 0.2, 0.3]}),
    "digest of it": ("embeddings", {"dimensions": 192, "sha256": "0" * 64}),
    "source of nobody": ("embeddings", {"dimensions": 192, "derived_from": [str(uuid.uuid4())]}),
    "sources without end": ("embeddings", {"dimensions": 192, "derived_from": [str(uuid.uuid4())] * 101}),
    "source no id": ("embeddings", {"dimensions": 192, "derived_from": ["x"]}),
    "custody unknown": ("embeddings", {"dimensions": 192, "custody": "everybody"}),
    "in an app's custody": ("embeddings", {"dimensions": 192, "custody": "app"}),
    "vault without bytes": ("embeddings", {"dimensions": 192, "custody": "vault"}),
    "a telephone": ("embeddings", {"dimensions": 192, "model": "call +44 20 7946 0958"}),
    "a card": ("embeddings", {"dimensions": 192, "model": "6222020000112233"}),
    "half a character": ("embeddings", {"dimensions": 192, "model": "\ud800"}),
    "a null byte": ("embeddings", {"dimensions": 192, "model": "a\0b"}),
    "with itself": ("embeddings", {"dimensions": 192, "with_sessions": ["itself"]}),
    "with a crowd": ("embeddings", {"dimensions": 192, "with_sessions": [str(uuid.uuid4())] * 4}),
    "no mark": ("syntheses", {}),
    "mark is a list": ("syntheses", {"mark": [WATERMARK]}),
    "mark of no kind": ("syntheses", {"mark": {"watermark_id": "bad:wm-1"}}),
    "mark of another kind": ("syntheses", {"mark": {"kind": "stamp"}}),
    "mark is empty": ("syntheses", {"mark": {"kind": "watermark"}}),
    "mark is too long": ("syntheses", {"mark": {"kind": "watermark", "watermark_id": "w" * 65}}),
    "mark is mixed": ("syntheses", {"mark": {**WATERMARK, "manifest_digest": "sha256:" + "0" * 64}}),
    "digest of half": ("syntheses", {"mark": {"kind": "c2pa", "manifest_digest": "sha256:00"}}),
    "label not heard": ("syntheses", {"mark": {"kind": "aigc", "metadata": AIGC}}),
    "metadata in part": (
        "syntheses",
        {"mark": {"kind": "aigc", "metadata": {"Label": "1"}, "audible_label": "rhythm"}},
    ),
    "longer than a day": ("syntheses", {"mark": WATERMARK, "duration_ms": 86_400_001}),
    "lasts no time": ("syntheses", {"mark": WATERMARK, "duration_ms": 0}),
}


@pytest.mark.parametrize(("kind", "body"), MADE.values(), ids=MADE.keys())
def test_a_record_of_an_unknown_shape(stack, app, session, kind, body):
    if isinstance(body, dict):
        body = {"session": session, **body}
        body |= {"with_sessions": [session]} if body.get("with_sessions") == ["itself"] else {}
    with stack.unchanged():
        sent = json.dumps(body)
        is_problem(app.http.post(f"/api/v1/{kind}", content=sent, headers={"Content-Type": "application/json"}), 422)


@pytest.mark.parametrize(
    ("data", "fields", "reason"),
    [
        (b"this is not audio " * 1000, {}, "not_audio"),
        (secrets.token_bytes(15 * 1024 * 1024), {}, "not_audio"),
        (tone(seconds=2, rate=4_000), {}, "sample_rate_too_low"),
        (CLIP, {"mark": "{"}, None),
        (CLIP, {"mark": "[" * 5_000}, None),
        (CLIP, {"derived_from": "{}"}, None),
        (CLIP, {"custody": "app"}, None),
        (b"", {}, None),
    ],
    ids=[
        "text",
        "15 MB of noise",
        "4 kHz",
        "broken part",
        "deep part",
        "part of another kind",
        "not the vault's",
        "empty",
    ],
)
def test_speech_that_the_vault_does_not_take(stack, app, session, data, fields, reason):
    form = {"session": session, "custody": "vault", "mark": json.dumps(WATERMARK), **fields}
    with stack.unchanged():
        is_problem(app.http.post("/api/v1/syntheses", data=form, files={"content": data}), 422, reason)


def test_a_record_of_another_apps_session_or_source(stack, app, other_app, session, artifact):
    with stack.unchanged():
        is_problem(other_app.record("embeddings", session, dimensions=192), 404)
        is_problem(app.record("embeddings", str(uuid.uuid4()), dimensions=192), 404)
        is_problem(app.record("embeddings", session, dimensions=192, with_sessions=[str(uuid.uuid4())]), 404)
        is_problem(other_app.http.delete(f"/api/v1/artifacts/{artifact}"), 404)
        is_problem(app.http.delete(f"/api/v1/artifacts/{uuid.uuid4()}"), 404)


KEYS = {
    "empty": b"",
    "comma": b"a,b",
    "blank": b"a b",
    "two": b'"a" "b"',
    "too long": b"k" * 256,
    "not ASCII": "schlüssel".encode(),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_an_idempotency_key_that_is_none(stack, app, session, key):
    with stack.unchanged():
        headers = {"Idempotency-Key": key}
        body = {"session": session, "dimensions": 192}
        is_problem(app.http.post("/api/v1/embeddings", json=body, headers=headers), 422)


def test_an_idempotency_key_for_two_requests(stack, app, session):
    key = secrets.token_urlsafe(16)
    first = app.record("embeddings", session, key=key, dimensions=192)
    assert first.status_code == 201
    with stack.unchanged():
        assert app.record("embeddings", session, key=key, dimensions=192).json() == first.json()
        is_problem(app.record("embeddings", session, key=key, dimensions=193), 422)
        is_problem(app.record("syntheses", session, key=key, mark=WATERMARK), 422)


NOW = "2026-01-01T00:00:00Z"
SIGNED = {"signed_at": NOW, "signature": "v1," + "A" * 43 + "="}
ACKNOWLEDGED = {
    "array": [],
    "nothing": {},
    "outcome unknown": {"outcome": "perhaps", "deleted_at": NOW},
    "no time": {"outcome": "deleted"},
    "time of words": {"outcome": "deleted", "deleted_at": "yesterday"},
    "in the future": {"outcome": "deleted", "deleted_at": "2999-01-01T00:00:00Z"},
    "signed at no time": {"outcome": "deleted", "deleted_at": NOW, "signature": SIGNED["signature"]},
    "signature of another kind": {"outcome": "deleted", "deleted_at": NOW, **SIGNED, "signature": "v2,AAAA"},
    "a digest": {"outcome": "deleted", "deleted_at": NOW, "sha256": "0" * 64},
}


@pytest.fixture(scope="module")
def held(stack, app, session):
    """Something in the app's own custody."""
    return app.record("syntheses", session, custody="app", mark=WATERMARK).json()["id"]


@pytest.mark.parametrize("body", ACKNOWLEDGED.values(), ids=ACKNOWLEDGED.keys())
def test_an_acknowledgement_of_an_unknown_shape(stack, app, held, body):
    with stack.unchanged():
        is_problem(app.http.post(f"/api/v1/artifacts/{held}/erasure-acks", json=body), 422)


def test_an_acknowledgement_of_what_is_not_the_apps(stack, app, other_app, artifact, held):
    said = {"outcome": "deleted", "deleted_at": NOW}
    with stack.unchanged():
        is_problem(app.http.post(f"/api/v1/artifacts/{uuid.uuid4()}/erasure-acks", json=said), 404)
        is_problem(other_app.http.post(f"/api/v1/artifacts/{held}/erasure-acks", json=said), 404)
        is_problem(app.http.post(f"/api/v1/artifacts/{artifact}/erasure-acks", json=said), 409)


def test_an_acknowledgement_that_the_hooks_secret_did_not_sign(stack, app, held):
    receiver = Receiver()
    try:
        hook = app.subscribe("artifact.erase_requested", receiver.url)
        path = f"/api/v1/artifacts/{held}/erasure-acks"
        said = {"outcome": "deleted", "deleted_at": NOW}
        at = datetime.now(UTC)
        right = Webhook(hook["secret"]).sign(held, at, f"deleted.{int(datetime.fromisoformat(NOW).timestamp())}")
        with stack.unchanged():
            is_problem(app.http.post(path, json=said), 403)
            is_problem(app.http.post(path, json={**said, **SIGNED, "signed_at": at.isoformat()}), 403)
            is_problem(app.http.post(path, json={**said, **SIGNED}), 403)
            other = {**said, "outcome": "not_found", "signed_at": at.isoformat(), "signature": right}
            is_problem(app.http.post(path, json=other), 403)
        assert app.artifact(held)["state"] == "active"
    finally:
        app.unsubscribe(hook["id"])
        receiver.close()


@pytest.mark.parametrize(
    "ref",
    ["guest-nobody", "%00", "%ff", "..%2f..%2fadmin", "x" * 201, "%f0%9f%8e%99", "guest%0d%0aX-A:%20b", "%20"],
    ids=["nobody", "null", "not UTF-8", "path", "long", "picture", "header", "blank"],
)
def test_nobody_to_erase(stack, app, ref):
    with stack.unchanged():
        is_problem(app.http.delete(f"/v1/voice/consent/{ref}"), 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 422),
        ({}, 422),
        ({"subject_ref": ""}, 422),
        ({"subject_ref": "x" * 201}, 422),
        ({"subject_ref": "a\0b"}, 422),
        ({"subject_ref": ["guest"]}, 422),
        ({"subject_ref": "guest-nobody", "sha256": "0" * 64}, 422),
        ({"subject_ref": "guest-nobody"}, 404),
    ],
    ids=str,
)
def test_an_erasure_of_an_unknown_shape(stack, app, body, status):
    with stack.unchanged():
        is_problem(app.http.post("/api/v1/erasures", json=body), status)


def test_an_erasure_that_is_another_apps(stack, app, other_app, new_grant):
    user = f"guest-{secrets.token_hex(8)}"
    with stack.unchanged():
        is_problem(other_app.http.delete(f"/v1/voice/consent/{user}"), 404)
    new_grant(user=user)
    with stack.unchanged():
        is_problem(other_app.http.delete(f"/v1/voice/consent/{user}"), 404)
    erasure = app.erase(user)["id"]
    until(lambda: app.erasure(erasure)["state"] == "certified", within=20, what="it is certified")
    with stack.unchanged():
        is_problem(other_app.http.get(f"/api/v1/erasures/{erasure}"), 404)
        is_problem(other_app.http.get(f"/api/v1/erasures/{erasure}/certificate"), 404)
        is_problem(app.http.get(f"/api/v1/erasures/{uuid.uuid4()}/certificate"), 404)
        assert app.http.delete(f"/v1/voice/consent/{user}").json()["id"] == erasure


HOOKED = {
    "array": [],
    "nothing": {},
    "event unknown": {"event": "everything", "target_url": "http://127.0.0.1:1/"},
    "no address": {"event": "session.ended", "target_url": "booth"},
    "file": {"event": "session.ended", "target_url": "file:///etc/passwd"},
    "ftp": {"event": "session.ended", "target_url": "ftp://127.0.0.1/"},
    "password in it": {"event": "session.ended", "target_url": "http://booth:secret@127.0.0.1:1/"},
    "fragment": {"event": "session.ended", "target_url": "http://127.0.0.1:1/#there"},
    "header": {"event": "session.ended", "target_url": "http://127.0.0.1:1/\r\nX-A: b"},
    "too long": {"event": "session.ended", "target_url": "http://127.0.0.1:1/" + "x" * 2000},
    "nobody there": {"event": "session.ended", "target_url": "http://127.0.0.1:1/"},
    "no such port": {"event": "session.ended", "target_url": "http://127.0.0.1:99999/"},
    "no such name": {"event": "session.ended", "target_url": "http://booth.invalid/"},
}


@pytest.mark.parametrize("body", HOOKED.values(), ids=HOOKED.keys())
def test_a_hook_of_an_unknown_shape(stack, app, body):
    with stack.unchanged():
        is_problem(app.http.post("/api/v1/hooks", json=body), 422)


def test_a_hook_of_the_service_itself_or_of_another_app(stack, app, other_app):
    """An address that answers, and not the challenge."""
    with stack.unchanged():
        for path in ("/", "/readyz", "/api/v1/hooks", "/oauth/token"):
            body = {"event": "session.ended", "target_url": f"{stack.url}{path}"}
            is_problem(app.http.post("/api/v1/hooks", json=body), 422)
    receiver = Receiver()
    try:
        hook = app.subscribe("session.ended", receiver.url)["id"]
        with stack.unchanged():
            is_problem(other_app.http.get(f"/api/v1/hooks/{hook}"), 404)
            is_problem(other_app.http.delete(f"/api/v1/hooks/{hook}"), 404)
            assert other_app.http.get("/api/v1/hooks").json() == []
            assert "secret" not in app.http.get(f"/api/v1/hooks/{hook}").json()
        app.unsubscribe(hook)
    finally:
        receiver.close()


def test_entries_that_are_not_there(stack):
    with stack.unchanged(), stack.service().client() as client:
        is_problem(client.get(f"/api/v1/entries/{uuid.uuid4()}"), 404)
        is_problem(client.get(f"/api/v1/entries/{uuid.uuid4()}/proof", headers={"Prefer": "wait=1"}), 404)
        for path in (
            "consonant.local/demo/tile/0/../../../secrets/kek",
            "consonant.local/demo/tile/0/%2e%2e",
            "x/checkpoint",
        ):
            assert client.get(f"/log/{path}").status_code == 404
