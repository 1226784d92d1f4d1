"""Hooks as an app takes them: verified, erased, acknowledged under their signature; by itself, as WSGI, and in FastAPI."""

import asyncio
import io
import json
import threading
import time
from datetime import datetime, timezone
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
from django.db import connection
from django.utils import timezone as django_time
from standardwebhooks.webhooks import Webhook

from hooks.deliver import deliver
from retention.models import Artifact
from retention.sweep import sweep
from tests.conftest import kinds, speech

SECRET = "whsec_" + "c2VjcmV0LW9mLWEtaG9vay1vZi1hLXRlc3Q="
MARK = {"kind": "watermark", "watermark_id": "wm-1"}


def signed(event, *, secret=SECRET, at=None, number="evt-1"):
    body = json.dumps(event)
    at = at or datetime.now(timezone.utc)
    header = Webhook(secret).sign(number, at, body)
    names = {"Webhook-Id": number, "Webhook-Timestamp": str(int(at.timestamp())), "Webhook-Signature": header}
    return names, body.encode()


class Silent(WSGIRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    """Serve a WSGI application; return its address."""
    made = []

    def serve(app):
        server = make_server("127.0.0.1", 0, app, handler_class=Silent)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        made.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/consonant/hooks"

    yield serve
    for server, thread in made:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_erasure_reaches_the_file_and_the_acknowledgement_the_ledger(served, address, tmp_path):
    """From the person's withdrawal to `erased`: delivered, unlinked, acknowledged under the hook's secret."""
    from consonant.receiver import Receiver

    clip, secrets, heard = tmp_path / "out.wav", [], []
    with served.client() as client:
        receiver = Receiver(client, secrets=lambda: secrets, on=lambda event: heard.append(event["type"]))
        url = address(receiver.wsgi)
        hook = {"event": "artifact.erase_requested", "target_url": url}
        secrets.append(client.call("POST", "/api/v1/hooks", hook)["secret"])
        grant = served.consent()
        with client.grant(grant) as use:
            clip.write_bytes(speech())
            made = use.synthesize(clip, mark=MARK)
        assert client.held.paths(made.id) == [str(clip)]
        served.switch_off(grant)
        sweep(clock=django_time.now)
        assert clip.exists()
        deliver(clock=django_time.now)
        assert not clip.exists()
        assert client.held.paths(made.id) == []
    assert heard == ["artifact.erase_requested"]
    assert Artifact.objects.get(id=made.id).state == "erased"
    assert "artifact.erase_acknowledged" in kinds()


def test_what_is_not_signed_now_by_the_service_changes_nothing(served):
    from consonant.receiver import Receiver

    done = []
    with served.client() as client:
        receiver = Receiver(client, secrets=[SECRET], erase=lambda *_: done.append(1))
        event = {"type": "artifact.erase_requested", "data": {"artifact": "01a1fc84-0000-7000-8000-000000000000"}}
        names, body = signed(event)
        assert receiver.receive({}, body).status == 401
        assert receiver.receive(names, body.replace(b"7000", b"7001")).status == 401
        assert receiver.receive({**names, "Webhook-Id": "evt-2"}, body).status == 401
        assert receiver.receive(*signed(event, secret="whsec_" + "b3RoZXI=")).status == 401
        assert (
            receiver.receive(*signed(event, at=datetime.fromtimestamp(time.time() - 400, timezone.utc))).status == 401
        )
        assert (
            receiver.receive({"Webhook-Id": "1", "Webhook-Timestamp": "x", "Webhook-Signature": "v1,"}, body).status
            == 401
        )
        assert receiver.receive(names, b"x" * 2_000_000).status == 413
        assert done == []
        assert receiver.receive(*signed(event)).status == 200, "what nobody holds is over"
        assert done == [1]
        said = receiver.receive({}, json.dumps({"type": "hook.challenge", "data": {"challenge": "word"}}).encode())
        assert json.loads(said.body) == {"challenge": "word"}


def test_where_it_cannot_be_done_the_service_has_to_say_it_again(served):
    from consonant.receiver import Receiver

    event = {"type": "artifact.erase_requested", "data": {"artifact": "01a1fc84-0000-7000-8000-000000000000"}}

    def fail(*_):
        raise OSError

    with served.client() as client:
        assert Receiver(client, secrets=[SECRET], erase=fail).receive(*signed(event)).status == 503
        client.login._token = ""
        served.go_away()
        assert Receiver(client, secrets=[SECRET]).receive(*signed(event)).status == 503


def test_files_that_cannot_be_told_are_not_said_to_be_gone(served, tmp_path):
    from consonant.receiver import Receiver

    artifact, clip = "01a1fc84-0000-7000-8000-000000000000", tmp_path / "clip.wav"
    clip.write_bytes(b"sound")
    event = {"type": "artifact.erase_requested", "data": {"artifact": artifact}}
    with served.client() as client:
        client.held.keep(artifact, clip)
        key = (served.state / "queue.key").read_bytes()
        (served.state / "queue.key").write_bytes(bytes(32))
        assert Receiver(client, secrets=[SECRET]).receive(*signed(event)).status == 503
        assert clip.exists()
        (served.state / "queue.key").write_bytes(key)
        assert Receiver(client, secrets=[SECRET]).receive(*signed(event)).status == 200
    assert not clip.exists()


def test_signatures_are_those_of_the_library(sdk_path):
    from consonant.receiver import acknowledgement, verified

    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    said = acknowledgement(SECRET, "an-artifact", "deleted", at=at)
    assert said["signature"] == Webhook(SECRET).sign("an-artifact", at, f"deleted.{int(at.timestamp())}")
    names, body = signed({"type": "x", "data": {}}, at=at)
    event, secret = verified(["whsec_b3RoZXI=", SECRET], names, body, now=at.timestamp())
    assert (event["type"], secret) == ("x", SECRET)


def test_wsgi_takes_nothing_but_a_delivery(served):
    from consonant.receiver import Receiver

    answers = []
    with served.client() as client:
        receiver = Receiver(client, secrets=[SECRET])
        environ = {"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO(b""), "CONTENT_LENGTH": ""}
        receiver.wsgi(environ, lambda status, headers: answers.append(status))
        environ = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(b"{}"), "CONTENT_LENGTH": "2"}
        receiver.wsgi(environ, lambda status, headers: answers.append(status))
    assert answers == ["401 Unauthorized"] * 2


def test_fastapi_gates_its_endpoints_and_takes_hooks(served, monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the test looks into the database from its loop
    from typing import Annotated

    fastapi = pytest.importorskip("fastapi")
    from consonant import AsyncClient, AsyncGrant, Grant, Rejected
    from consonant.adapters.fastapi import answer_errors, granted, hooks
    from consonant.receiver import Receiver

    app, ran = fastapi.FastAPI(), []
    client, threaded = AsyncClient(served.settings()), served.client()
    answer_errors(app)
    app.include_router(hooks(Receiver(threaded, secrets=[SECRET])))

    def who(request):
        return request.headers.get("x-user")

    speaking = fastapi.Depends(granted(client, "voice-cloning", ("synthesize",), who))
    enrolling = fastapi.Depends(granted(threaded, "voice-cloning", ("embed",), who))

    @app.post("/speak")
    async def speak(use: Annotated[AsyncGrant, speaking]):
        ran.append("speak")
        return {"session": use.session}

    @app.post("/enrol")
    def enrol(use: Annotated[Grant, enrolling]):
        ran.append("enrol")
        return {"entry": use.embed(dimensions=192).entry}

    @app.post("/long")
    async def long():
        raise Rejected(422, "audio-refused", "It is too long.", "too_long")

    async def use_it():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://app") as browser:
            wrong = await browser.post("/long")
            assert (wrong.status_code, wrong.json()["reason"]) == (422, "too_long")
            assert wrong.json()["type"] == "urn:consonant:problem:audio-refused"
            await talk(browser)
        await client.close()
        connection.close()  # Django keeps one of its own for this loop

    async def talk(browser):
        refused = await browser.post("/speak", headers={"x-user": "user-1"})
        assert (refused.status_code, refused.json()["reason"]) == (403, "consent_missing")
        assert (await browser.post("/enrol")).json()["reason"] == "subject_missing"
        assert ran == []
        grant = served.consent()
        assert (await browser.post("/speak", headers={"x-user": "user-1"})).status_code == 200
        assert (await browser.post("/enrol", headers={"x-user": "user-1"})).json()["entry"]
        assert kinds().count("session.closed") == 2
        served.switch_off(grant)
        assert (await browser.post("/speak", headers={"x-user": "user-1"})).json()["reason"] == "consent_withdrawn"
        names, body = signed({"type": "app.resumed", "data": {}})
        assert (await browser.post("/consonant/hooks", content=body, headers=names)).status_code == 200
        assert (await browser.post("/consonant/hooks", content=body)).status_code == 401
        served.go_away()
        away = await browser.post("/enrol", headers={"x-user": "user-1"})
        assert (away.status_code, away.headers["Retry-After"]) == (503, "5")

    asyncio.run(use_it())
    threaded.close()
    assert ran == ["speak", "enrol"]


def test_a_gradio_handler_is_gated_and_leaves_no_input(served, tmp_path, monkeypatch):
    from consonant import NotAllowed
    from consonant.adapters.gradio import governed

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setitem(__import__("sys").modules, "gradio", None)  # as where it is not installed
    prompt, mine = tmp_path / "gradio" / "a1b2" / "prompt.wav", tmp_path / "mine.wav"
    prompt.parent.mkdir(parents=True)
    ran = []

    def speak(user, path, other):
        ran.append(path)
        return "done"

    def stream(user, path, other):
        for number in range(50):
            time.sleep(0.15)
            yield number

    with served.client() as client:
        words = {"purpose": "voice-cloning", "operations": ("synthesize",), "subject": lambda user, *_: user}
        prompt.write_bytes(b"sound")
        mine.write_bytes(b"sound")
        with pytest.raises(NotAllowed):
            governed(client, speak, **words)("user-1", str(prompt), str(mine))
        assert ran == []
        grant = served.consent()
        assert governed(client, speak, **words)("user-1", str(prompt), str(mine)) == "done"
        assert not prompt.exists()
        assert mine.exists()
        chunks = governed(client, stream, **words)("user-1", "", "")
        assert next(chunks) == 0
        served.switch_off(grant)
        with pytest.raises(NotAllowed):
            list(chunks)
