"""Subscribing: the challenge, whom the service may call, and what a subscription leaves where."""

import contextlib
import hashlib
import json
import os
import socket
import ssl
import threading
import time
from datetime import timedelta

import httpx
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection
from django.utils import timezone

from hooks import deliver as delivering
from hooks import target
from hooks.errors import TargetRefused
from hooks.models import Delivery, Subscription
from keyring.keys import store
from tests.conftest import Api, kinds
from tests.factories import AppFactory

pytestmark = pytest.mark.django_db


def hook_keys():
    return [name for batch in store().older_than(timezone.now(), prefix="hook:") for name in batch]


def ask(api, url, event="consent.given"):
    return api.post("/api/v1/hooks", {"event": event, "target_url": url})


def test_subscribed_after_the_challenge(api, receiver, subscribe):
    made = subscribe(receiver)
    assert made["state"] == "active"
    assert made["secret"].startswith("whsec_")
    shown = api.get(f"/api/v1/hooks/{made['id']}").json()
    assert "secret" not in shown
    assert api.get("/api/v1/hooks").json() == [shown]
    assert kinds()[-1] == "hook.subscribed"
    assert made["secret"] not in str(list(Subscription.objects.values()))


@pytest.mark.parametrize(
    "fault",
    ["wrong word", "no json", "a list", "status 500", "status 302", "too long", "nobody there"],
)
def test_without_the_right_answer_nothing_is_left(api, receiver, fault):
    url = receiver.url
    if fault == "wrong word":
        receiver.echo = lambda _: b'{"challenge": "another"}'
    elif fault == "no json":
        receiver.echo = lambda word: word.encode()
    elif fault == "a list":
        receiver.echo = lambda word: json.dumps([word]).encode()
    elif fault.startswith("status"):
        receiver.status = int(fault[-3:])
        receiver.headers = {"Location": receiver.url}
    elif fault == "too long":
        receiver.echo = lambda word: json.dumps({"challenge": word, "x": "x" * 70_000}).encode()
    else:
        receiver.close = lambda close=receiver.close: None
        receiver._server.shutdown()
        receiver._server.server_close()
    before, keys = kinds(), hook_keys()
    answer = ask(api, url)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:consonant:problem:hook-challenge-failed")
    assert (kinds(), hook_keys(), Subscription.objects.count()) == (before, keys, 0)
    if fault == "nobody there":
        receiver._thread.join()


@pytest.mark.parametrize("part", ["headers", "interim answers", "body"])
def test_a_target_that_drips_its_answer_is_given_up(api, monkeypatch, part):
    """A byte at a time, without end: each read is quick, and the whole never ends."""
    monkeypatch.setattr(target, "ANSWER_WITHIN", timedelta(seconds=0.4))
    over = threading.Event()

    def drip(connection):
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            if part == "body":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
            elif part == "headers":
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.05):
                connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" if part == "interim answers" else b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: drip(server.accept()[0]))
        thread.start()
        began = time.monotonic()
        answer = ask(api, f"http://127.0.0.1:{server.getsockname()[1]}/")
        took = time.monotonic() - began
        over.set()
        thread.join()
    assert answer.json()["type"].endswith("hook-challenge-failed")
    assert took < 2


def test_a_name_that_shares_an_address_is_asked_for_its_own_certificate(tmp_path):
    """A connection that was made for one name is never used for another."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "evil.test")])
    now = timezone.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("evil.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(pem)
    client_side = ssl.create_default_context(cafile=pem)
    served = []

    def serve(server):
        with contextlib.suppress(OSError):
            while True:
                raw, _ = server.accept()
                with contextlib.suppress(OSError), server_side.wrap_socket(raw, server_side=True) as connection:
                    while connection.recv(65_536):
                        served.append(1)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        port = server.getsockname()[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(target, "_tls", lambda: client_side)
            transport = target.CheckedTransport(private=True, resolver=lambda *_: ["127.0.0.1"])
        with httpx.Client(transport=transport, trust_env=False) as client:
            assert client.post(f"https://evil.test:{port}/").status_code == 200
            with pytest.raises(httpx.ConnectError):
                client.post(f"https://victim.test:{port}/")
        server.shutdown(socket.SHUT_RDWR)
    assert served == [1]


def test_one_challenge_of_an_app_at_a_time(api, app, receiver, subscribe):
    with psycopg.connect(os.environ["DATABASE_URL"], dbname=connection.settings_dict["NAME"]) as other:
        key = int.from_bytes(hashlib.sha256(b"hook" + app.id.bytes).digest()[:8], "big", signed=True)
        other.execute("SELECT pg_advisory_lock(%s)", [key])
        answer = ask(api, receiver.url)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:consonant:problem:hook-challenge-under-way")
    subscribe(receiver)


def test_the_kept_answer_dies_with_the_secret(api, receiver):
    headers = api.headers | {"Idempotency-Key": "hook-1"}

    def post():
        words = {"event": "consent.given", "target_url": receiver.url}
        return api.client.post("/api/v1/hooks", words, "application/json", headers=headers)

    first = post()
    assert post().json() == first.json()
    api.delete(f"/api/v1/hooks/{first.json()['id']}")
    assert post().status_code == 410


def test_only_known_events_and_addresses(api):
    assert ask(api, "https://app.test.localhost/", event="everything").status_code == 422
    assert ask(api, "no address").status_code == 422
    assert ask(api, "ftp://app.test.localhost/").status_code == 422


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "https://127.0.0.1:1/",
        "https://localhost:1/",
        "https://[::1]:1/",
        "https://169.254.169.254/latest/",
        "https://10.0.0.1/",
        "https://0.0.0.0/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://user:password@1.1.1.1/",
    ],
)
def test_what_lies_inside_is_no_target(api, settings, url):
    settings.HOOK_TARGETS_PRIVATE = False
    answer = ask(api, url)
    assert answer.status_code == 422
    assert answer.json()["type"] in {
        "urn:consonant:problem:hook-target-refused",
        "urn:consonant:problem:invalid-request",
    }
    assert Subscription.objects.count() == 0


@pytest.mark.parametrize(
    ("found", "allowed"),
    [
        (["93.184.215.14"], True),
        (["93.184.215.14", "10.0.0.1"], False),
        (["2606:4700::1111"], True),
        (["::ffff:10.0.0.1"], False),
        (["2002:0a00:0001::"], False),
        (["100.64.0.1"], False),
        (["224.0.0.1"], False),
        (["fe80::1%eth0"], False),
        (["64:ff9b::a00:1"], False),
        (["fec0::1"], False),
    ],
)
def test_every_address_of_a_name_is_looked_at(found, allowed):
    def resolver(host, port):
        return found

    if allowed:
        assert target.checked_addresses("app.test", 443, private=False, resolver=resolver) == found
    else:
        with pytest.raises(TargetRefused):
            target.checked_addresses("app.test", 443, private=False, resolver=resolver)


def test_the_connection_goes_to_the_address_that_was_looked_at(receiver):
    """A name server that answers differently the second time is not asked a second time."""
    asked = []

    def resolver(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    port = receiver.url.split(":")[2].split("/")[0]
    transport = target.CheckedTransport(private=True, resolver=resolver)
    with httpx.Client(transport=transport, trust_env=False) as client:
        body = '{"type":"hook.challenge","data":{"challenge":"w"}}'
        answer = client.post(f"http://app.test.localhost:{port}/x", content=body)
    assert answer.json() == {"challenge": "w"}
    assert asked == ["app.test.localhost"]


def test_others_subscriptions_are_unknown(api, app, receiver, subscribe):
    made = subscribe(receiver)
    theirs = Api(AppFactory(tenant=app.tenant), scope="hooks")
    assert theirs.get("/api/v1/hooks").json() == []
    for call in (theirs.get, theirs.delete):
        assert call(f"/api/v1/hooks/{made['id']}").json()["type"].endswith("hook-unknown")
    assert Subscription.objects.get().state == "active"


def test_unsubscribing_destroys_the_secret_and_can_be_repeated(api, receiver, subscribe, consent):
    made = subscribe(receiver)
    consent()
    assert Delivery.objects.get().state == "pending"
    for _ in range(2):
        assert api.delete(f"/api/v1/hooks/{made['id']}").status_code == 204
    assert api.get(f"/api/v1/hooks/{made['id']}").json()["state"] == "ended"
    assert f"hook:{made['id']}" not in hook_keys()
    assert Delivery.objects.get().state == "dead"
    assert kinds().count("hook.ended") == 1


def test_twenty_and_no_more(api, receiver, subscribe):
    for _ in range(20):
        subscribe(receiver)
    assert ask(api, receiver.url).json()["type"].endswith("too-many-hooks")


def test_a_secret_without_a_subscription_is_swept(api, receiver, subscribe):
    now = timezone.now()
    made = subscribe(receiver)
    store().put({"hook:01a1fd10-5873-723e-b720-247745468ff0": bytes(32)}, now=now - timedelta(hours=2))
    delivering.tidy(now=now)
    assert f"hook:{made['id']}" in hook_keys()
    assert "hook:01a1fd10-5873-723e-b720-247745468ff0" not in hook_keys()
