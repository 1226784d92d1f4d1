"""`consonant status`, and receipts and certificates, by the wheel alone."""

import json
import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from consent import receipt, status_token
from consent.jose import Signer, write_jwks
from tests.consent import test_receipt as made
from tests.retention import test_certificate
from tests.sdk.conftest import parsed

ACME = Signer("consonant.local/acme", b"a" * 32)
TTS = "https://tts.example"


def token(now=None, signer=ACME):
    now = now or datetime.now(UTC)
    return status_token.issue(
        signer=signer,
        audience=TTS,
        purpose="voice-cloning",
        operations=["synthesize"],
        now=now,
        ends=now + timedelta(days=1),
        jti=uuid.uuid4(),
    )[0]


@pytest.fixture(scope="module")
def jwks(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    path.write_text(json.dumps(write_jwks([ACME.key])))
    return path


def test_a_status_token_offline(consonant, jwks, tmp_path):
    said = token()
    (tmp_path / "token").write_text(said + "\n")
    for given in (said, tmp_path / "token"):
        status, lines = consonant("status", given, "--jwks", jwks, "--audience", TTS)
        assert status == 0
        assert lines[0].startswith(
            "ok: token.verified: consonant.local/acme: consent to voice-cloning (synthesize) stood at "
        )
    status, lines = consonant("status", "-", "--jwks", jwks, "--audience", TTS, "--json", given=said.encode())
    assert (status, parsed(lines)) == (0, [("ok", "token.verified", None)])


@pytest.mark.parametrize(
    ("said", "audience", "what"),
    [
        (token(), "https://other.example", "token.audience"),
        (token(datetime.now(UTC) - timedelta(minutes=6)), TTS, "token.expired"),
        (token(datetime.now(UTC) + timedelta(minutes=60)), TTS, "token.early"),
        (token(signer=Signer("x", b"x" * 32)), TTS, "token.key"),
        (token()[:-8] + "AAAAAAAA", TTS, "token.signature"),
        ("eyJx.x.x", TTS, "token.malformed"),
    ],
)
def test_a_status_token_that_shows_nothing(consonant, jwks, said, audience, what):
    status, lines = consonant("status", said, "--jwks", jwks, "--audience", audience, "--json")
    assert (status, parsed(lines)) == (1, [("error", what, None)])


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("status", "eyJx.x.x"),
        ("status", "nowhere", "--audience=x", "--jwks=nowhere"),
        ("status", "eyJx.x.x", "--audience=x", "--jwks=nowhere"),
        ("status", "eyJx.x.x", "--audience=x", "--jwks=http://evil.example/jwks.json"),
        ("verify", "receipt", "nowhere", "--vkey=junk"),
        ("verify", "receipt", "nowhere"),
        ("verify", "certificate", "nowhere", "--policy=nowhere"),
    ],
    ids=" ".join,
)
def test_what_is_not_understood(consonant, words):
    assert consonant(*words) == (2, [])


def test_false_keys(consonant, tmp_path):
    (tmp_path / "jwks").write_text("{}")
    status, lines = consonant("status", token(), "--jwks", tmp_path / "jwks", "--audience", TTS, "--json")
    assert (status, parsed(lines)) == (1, [("error", "token.keys", None)])


def test_keys_from_an_address(target, jwks):
    """In this process: the fixture that runs the wheel refuses every socket."""
    import importlib
    import sys

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302 if self.path == "/moved" else 200)
            if self.path == "/moved":
                self.send_header("Location", "/")
            self.end_headers()
            if self.path != "/moved":
                self.wfile.write(jwks.read_bytes())

        def log_message(self, *_):
            pass

    sys.path.insert(0, str(target))
    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        cli = importlib.import_module("consonant.cli")
        address = f"http://127.0.0.1:{server.server_port}/"
        assert cli.main(["status", token(), "--jwks", address, "--audience", TTS]) == 0
        with pytest.raises(SystemExit) as stopped:
            cli.main(["status", token(), "--jwks", f"{address}moved", "--audience", TTS])
        assert stopped.value.code == 2
    finally:
        server.shutdown()
        server.server_close()
        sys.path.remove(str(target))
        for name in [name for name in sys.modules if name.partition(".")[0] == "consonant"]:
            del sys.modules[name]


VKEYS = [f"--vkey={key.vkey}" for key in made.KEYS]


def test_a_receipt(consonant, tmp_path):
    path = tmp_path / "receipt.jsonld"
    path.write_bytes(made.SIGNED)
    status, lines = consonant("verify", "receipt", path, *VKEYS, "--json")
    assert (status, parsed(lines)) == (0, [("ok", "receipt.verified", None)])
    path.write_bytes(made.SIGNED.replace(b"withdrawn_by_subject", b"withdrawn_by_someone"))
    assert consonant("verify", "receipt", path, *VKEYS)[0] == 1
    path.write_bytes(made.SIGNED)
    status, lines = consonant("verify", "receipt", path, VKEYS[0], "--json")
    assert (status, parsed(lines)) == (1, [("error", "receipt.key_unknown", None)])
    path.write_bytes(receipt.sign(made.build(replace(made.FACTS), [], ""), signer=made.ISSUER))
    status, lines = consonant("verify", "receipt", path, *VKEYS, "--json")
    assert (status, parsed(lines)) == (0, [("warning", "entry.not_shown", None), ("ok", "receipt.signed", None)])
    assert consonant("verify", "receipt", "-", *VKEYS, given=b"{}")[0] == 1


def test_a_receipt_whose_checkpoint_no_quorum_has_seen(consonant, tmp_path):
    path, policy = tmp_path / "receipt.jsonld", tmp_path / "policy"
    path.write_bytes(made.SIGNED)
    witness = "witness.example/w"
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ledger.cosignature import CosignatureSigner

    seen = CosignatureSigner(witness, Ed25519PrivateKey.from_private_bytes(b"w" * 32)).verifier().vkey
    policy.write_text(f"log {made.KEYS[0].vkey}\nwitness w {seen}\ngroup all all w\nquorum all\n")
    status, lines = consonant("verify", "receipt", path, *VKEYS, "--policy", policy, "--json")
    assert (status, ("error", "checkpoint.quorum", None) in parsed(lines)) == (1, True)


real = test_certificate.real
"""One of the service's own."""


@pytest.mark.django_db
def test_a_certificate(consonant, real, tmp_path):
    signed, signer, log = real
    path = tmp_path / "certificate.json"
    path.write_bytes(signed)
    vkeys = [f"--vkey={log.vkey}", f"--vkey={signer.verifier().vkey}"]
    status, lines = consonant("verify", "certificate", path, *vkeys, "--json")
    assert (status, parsed(lines)) == (0, [("ok", "certificate.verified", None)])
    path.write_bytes(signed.replace(b'"everything"', b'"app"').replace(b'"app"', b'"everything"'))
    assert consonant("verify", "certificate", path, *vkeys)[0] == 1
    status, lines = consonant("verify", "certificate", path, vkeys[0], "--json")
    assert (status, parsed(lines)) == (1, [("error", "certificate.key_unknown", None)])


def test_a_certificate_that_is_none(consonant, tmp_path):
    path = tmp_path / "certificate.json"
    path.write_text("{}")
    status, lines = consonant("verify", "certificate", path, *VKEYS, "--json")
    assert (status, parsed(lines)) == (1, [("error", "certificate.broken", None)])
