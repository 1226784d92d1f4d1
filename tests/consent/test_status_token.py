"""Status tokens and session tokens: what is in them, what is refused, and when the service gives them."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from consent import session_token, status_token
from consent.errors import TokenRefused
from consent.jose import Key, Signer, read_jwks, write_jwks
from consent.models import Grant
from consent.pause import pause, resume
from consent.suspend import suspend
from consent.token_keys import key_of
from consent.withdraw import withdraw
from retention.models import Artifact
from tests.conftest import Api, kinds
from tests.factories import AppFactory

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TTS = "https://tts.example"
ACME = Signer("consonant.local/acme", b"a" * 32)
OTHER = Signer("consonant.local/other", b"o" * 32)
KEYS = {signer.key.kid: signer.key for signer in (ACME, OTHER)}


def issued(signer=ACME, **changes):
    said = {"audience": TTS, "purpose": "voice-cloning", "operations": ["synthesize", "embed"], "now": NOW}
    said["ends"] = NOW + timedelta(days=1)
    return status_token.issue(signer=signer, jti=uuid.UUID(int=7), **(said | changes))[0]


def refused(token, *, audience=TTS, now=NOW, keys=KEYS):
    with pytest.raises(TokenRefused) as refusal:
        status_token.verify(token, keys=keys, audience=audience, now=now)
    return refusal.value.reason


def forged(claims=None, header=None, key=b"a" * 32):
    """A token with other claims or another header, signed all the same."""
    _, body, _ = issued().split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "==")) | (claims or {})
    said = {name: value for name, value in said.items() if value is not None}
    head = {"typ": status_token.KIND, "kid": ACME.key.kid} | (header or {})
    private = Ed25519PrivateKey.from_private_bytes(key)
    return jwt.encode(said, private, algorithm="EdDSA", headers=head)


def test_what_it_shows():
    standing = status_token.verify(issued(), keys=KEYS, audience=TTS, now=NOW)
    assert standing == status_token.Standing(
        "consonant.local/acme", "voice-cloning", ("embed", "synthesize"), NOW, NOW + timedelta(minutes=5)
    )
    header, body, _ = issued().split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {
        "alg": "EdDSA",
        "typ": "consonant-status+jwt",
        "kid": ACME.key.kid,
    }
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert set(claims) == {"iss", "aud", "iat", "exp", "jti", "standing", "purpose", "operations"}
    assert (claims["standing"], claims["exp"] - claims["iat"]) == (True, 300)


@pytest.mark.parametrize(("left", "good"), [(299, 299), (300, 300), (301, 300), (1, 1), (0.4, 1)])
def test_it_is_good_no_longer_than_the_consent(left, good):
    standing = status_token.verify(
        issued(ends=NOW + timedelta(seconds=left)), keys=KEYS, audience=TTS, now=NOW + timedelta(seconds=good - 1)
    )
    assert standing.until == NOW + timedelta(seconds=good)


def test_the_thumbprint_is_that_of_rfc_8037():
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

    key = Key("issuer", base64.urlsafe_b64decode(x + "="))
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert key.jwk()["x"] == x


def test_the_example_of_rfc_8037_verifies_by_the_library_that_we_use():
    """Appendix A.4: the same library and key make the signature that the RFC shows."""
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    signed = jwt.PyJWS().encode(
        b"Example of Ed25519 signing",
        Ed25519PrivateKey.from_private_bytes(seed),
        algorithm="EdDSA",
        headers={"typ": None},
    )
    assert signed == (
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCj"
        "P0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "malformed"),
        ("a.b", "malformed"),
        ("a.b.c.d", "malformed"),
        (issued() + "=", "malformed"),
        (issued() + "A", "signature"),
        ("A" * 5000, "malformed"),
        (forged(header={"typ": "JWT"}), "type"),
        (forged(header={"typ": "consonant-session+jwt"}), "type"),
        (forged(header={"kid": "none"}), "key"),
        (forged(header={"kid": OTHER.key.kid}), "signature"),
        (forged(header={"jku": "https://evil.example"}), "algorithm"),
        (forged(key=b"z" * 32), "signature"),
        (forged({"iss": "consonant.local/other"}), "issuer"),
        (forged({"iss": None}), "issuer"),
        (forged({"aud": [TTS]}), "audience"),
        (forged({"aud": None}), "audience"),
        (forged({"standing": False}), "claims"),
        (forged({"standing": 1}), "claims"),
        (forged({"standing": None}), "claims"),
        (forged({"grant": "x"}), "claims"),
        (forged({"exp": int(NOW.timestamp()) + 301}), "claims"),
        (forged({"exp": None}), "claims"),
        (forged({"iat": True}), "claims"),
        (forged({"iat": -1}), "claims"),
        (forged({"iat": 2**60, "exp": 2**60 + 300}), "claims"),
        (forged({"operations": []}), "claims"),
        (forged({"operations": "embed"}), "claims"),
        (forged({"operations": [7]}), "claims"),
        (jwt.encode({"aud": TTS}, "k" * 32, algorithm="HS256", headers={"kid": ACME.key.kid}), "algorithm"),
        (jwt.encode({"aud": TTS}, None, algorithm="none", headers={"kid": ACME.key.kid}), "malformed"),
    ],
)
def test_what_is_refused(token, reason):
    assert refused(token) == reason


def test_a_public_key_is_no_secret_of_an_hmac():
    """The key confusion of old: signed by HMAC, with the public key for the secret."""
    header = base64.urlsafe_b64encode(
        json.dumps({"alg": "HS256", "typ": status_token.KIND, "kid": ACME.key.kid}).encode()
    ).rstrip(b"=")
    assert refused(f"{header.decode()}.{issued().split('.')[1]}.AAAA") == "algorithm"


def test_the_wrong_audience_time_or_keys():
    assert refused(issued(), audience="https://tts.example/") == "audience"
    assert refused(issued(), now=NOW + timedelta(seconds=300)) == "expired"
    assert refused(issued(), now=NOW - timedelta(seconds=31)) == "early"
    assert refused(issued(), keys={OTHER.key.kid: OTHER.key}) == "key"
    at_the_end = NOW + timedelta(seconds=299)
    assert status_token.verify(issued(), keys=KEYS, audience=TTS, now=at_the_end).until > at_the_end
    assert status_token.verify(issued(), keys=KEYS, audience=TTS, now=NOW - timedelta(seconds=29))


@given(
    st.integers(0, len(issued()) - 1),
    st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
)
def test_no_character_of_it_can_be_another(place, character):
    token = issued()
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        refused(changed)


@given(st.text(max_size=200))
def test_no_text_gets_through(token):
    refused(token)


def test_a_set_of_keys_goes_round():
    assert read_jwks(json.dumps(write_jwks([ACME.key, OTHER.key])).encode()) == KEYS
    foreign = [{"kty": "RSA", "n": "AQAB"}, {**ACME.key.jwk(), "iss": None}, 7]
    assert read_jwks(json.dumps({"keys": foreign}).encode()) == {}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": 7}',
        b'{"keys": [], "keys": []}',
        b"[" * 100_000,
        json.dumps({"keys": [{**ACME.key.jwk(), "x": "AA"}]}).encode(),
        json.dumps({"keys": [{**ACME.key.jwk(), "kid": OTHER.key.kid}]}).encode(),
        json.dumps(
            {"keys": [{**ACME.key.jwk(), "x": base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")}]}
        ).encode(),
        json.dumps({"keys": [ACME.key.jwk(), {**ACME.key.jwk(), "iss": "another"}]}).encode(),
    ],
)
def test_false_keys_are_refused(data):
    with pytest.raises(TokenRefused) as refusal:
        read_jwks(data)
    assert refusal.value.reason == "keys"


def test_a_signer_shows_no_secret():
    assert "aaaa" not in repr(ACME)
    assert (b"a" * 32).hex() not in repr(ACME)


SESSION = {"session": uuid.UUID(int=1), "grant": uuid.UUID(int=2), "operations": ["upload"]}


def test_a_session_token_names_its_session_even_after_its_hour():
    token = session_token.issue(
        signer=ACME, client_id="app-1", **SESSION, opened_at=NOW, expires_at=NOW + timedelta(hours=1)
    )
    named = session_token.verify(token, keys=KEYS, client_id="app-1")
    assert named == session_token.Named(uuid.UUID(int=1), uuid.UUID(int=2), ("upload",), NOW, NOW + timedelta(hours=1))
    for changes in ({"client_id": "app-2"}, {"keys": {}}):
        with pytest.raises(TokenRefused):
            session_token.verify(token, **{"keys": KEYS, "client_id": "app-1"} | changes)
    with pytest.raises(TokenRefused):
        session_token.verify(issued(), keys=KEYS, client_id=TTS)
    assert refused(token, audience="app-1") == "type"
    with pytest.raises(ValueError, match="hour"):
        session_token.issue(
            signer=ACME, client_id="a", **SESSION, opened_at=NOW, expires_at=NOW + timedelta(hours=1, seconds=1)
        )


@pytest.mark.parametrize(
    "claims", [{"jti": "x"}, {"jti": 7}, {"operations": None}, {"exp": "x"}, {"more": 1}, {"iat": 10**30}]
)
def test_a_session_token_that_says_something_else(claims):
    said = {
        "aud": "a",
        "jti": str(uuid.UUID(int=1)),
        "grant": str(uuid.UUID(int=2)),
        "operations": [],
        "iat": 1,
        "exp": 2,
    }
    assert session_token.verify(ACME.sign(said, kind=session_token.KIND), keys=KEYS, client_id="a")
    with pytest.raises(TokenRefused) as refusal:
        session_token.verify(ACME.sign(said | claims, kind=session_token.KIND), keys=KEYS, client_id="a")
    assert refusal.value.reason == "claims"


# What the service does.


@pytest.fixture
def keys(client):
    """The published keys, as a stranger reads them."""
    return lambda: read_jwks(client.get("/.well-known/jwks.json").content)


def status(api, grant, audience=TTS):
    return api.get(f"/api/v1/grants/{grant.id}/status-token?audience={audience}")


@pytest.mark.django_db
def test_a_token_while_it_stands_and_a_refusal_when_not(api, app, user, consent, keys):
    grant = consent(operations=("upload", "synthesize"))
    before = kinds()
    answer = status(api, grant)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    standing = status_token.verify(answer.json()["token"], keys=keys(), audience=TTS, now=timezone.now())
    assert (standing.issuer, standing.operations) == (app.tenant.origin, ("synthesize", "upload"))
    assert answer.json()["expires_at"].startswith(standing.until.isoformat()[:19])
    for word in (str(grant.id), str(grant.subject_id), str(app.id), user.email, "user-1", app.client_id):
        body = answer.json()["token"].split(".")[1]
        assert word.encode() not in base64.urlsafe_b64decode(body + "==")
    pause(grant_id=grant.id, user=user, now=timezone.now())
    assert status(api, grant).json()["reason"] == "consent_paused"
    resume(grant_id=grant.id, user=user, now=timezone.now())
    assert status(api, grant).status_code == 200
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    answer = status(api, grant)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:consonant:problem:use-refused")
    assert answer.json()["reason"] == "consent_withdrawn"
    assert "use.refused" not in kinds()[len(before) :]


@pytest.mark.django_db
def test_a_suspended_app_another_app_and_a_nameless_audience(api, app, tenant, consent):
    grant = consent()
    assert status(Api(AppFactory(tenant=tenant)), grant).status_code == 404
    for audience in ("", "%20", "a%20b", "x" * 201, "%00", "%E4%B8%AD"):
        assert status(api, grant, audience).status_code == 422, audience
    assert api.get(f"/api/v1/grants/{grant.id}/status-token").status_code == 422
    app.suspended_at = timezone.now()
    app.save()
    assert status(api, grant).json()["reason"] == "app_suspended"


@pytest.mark.django_db
def test_time_ends_it_before_the_sweep_has_noticed(api, consent):
    grant = consent(at=timezone.now() - timedelta(days=30, seconds=1))
    assert Grant.objects.get(id=grant.id).state == "given"
    assert status(api, grant).json()["reason"] == "term_over"


@pytest.mark.django_db
def test_it_ends_with_the_term(api, consent):
    grant = consent(at=timezone.now() - timedelta(days=30) + timedelta(minutes=1))
    assert status(api, grant).json()["expires_at"][:19] == grant.valid_until.isoformat()[:19]


@pytest.mark.django_db
def test_the_keys_are_published_and_named(api, app, consent, client, keys):
    assert key_of(app.tenant) is None
    status(api, consent())
    answer = client.get("/.well-known/jwks.json")
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert b'"d"' not in answer.content
    assert key_of(app.tenant) in keys().values()
    assert client.get("/.well-known/consonant.json").json()["jwks_uri"].endswith("/.well-known/jwks.json")


@pytest.mark.django_db
def test_a_record_names_its_session_by_the_token(api, app, tenant, consent, clip):
    grant = consent(operations=("upload", "embed"))
    opened = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()
    token = opened["token"]
    key = key_of(tenant)
    named = session_token.verify(token, keys={key.kid: key}, client_id=app.client_id)
    assert str(named.session) == opened["id"]
    assert named.grant == grant.id
    assert api.upload(token, clip).json()["session"] == opened["id"]
    said = {"session": token, "dimensions": 192}
    assert api.post("/api/v1/embeddings", said).json()["standing"] == "permitted"
    api.delete(f"/api/v1/sessions/{opened['id']}")
    assert api.upload(token, clip).json()["reason"] == "session_ended"
    late = api.post("/api/v1/embeddings", said)
    assert (late.status_code, late.json()["standing"]) == (201, "late")
    assert Artifact.objects.filter(session_id=opened["id"]).count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda grant, user: withdraw(grant_id=grant.id, user=user, now=timezone.now()), "consent_withdrawn"),
        (lambda grant, user: pause(grant_id=grant.id, user=user, now=timezone.now()), "consent_paused"),
        (
            lambda grant, _: suspend(app_id=grant.app_id, reason="complaint", officer="7", now=timezone.now()),
            "app_suspended",
        ),
    ],
    ids=["withdrawal", "pause", "suspension"],
)  # fmt: skip
def test_a_session_token_is_dead_with_its_session(api, user, consent, clip, end, reason):
    """Its signature and its hour are as good as before: what decides is the database."""
    grant = consent(operations=("upload", "embed"))
    token = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["token"]
    assert api.upload(token, clip).status_code == 201
    end(grant, user)
    refused_ = api.upload(token, clip)
    assert (refused_.status_code, refused_.json()["reason"]) == (403, reason)
    assert api.post("/api/v1/embeddings", {"session": token, "dimensions": 192}).json()["standing"] == "unpermitted"


@pytest.mark.django_db
def test_a_token_that_is_none_of_this_app_names_no_session(api, app, tenant, consent, clip):
    session = api.post("/api/v1/sessions", {"grant": str(consent().id)}).json()
    tampered = session["token"][:-4] + ("AAAA" if session["token"][-4:] != "AAAA" else "BBBB")
    vouched = status(api, Grant.objects.get(), app.client_id).json()["token"]
    for token in (tampered, vouched, "a.b.c", session["token"] + "x"):
        answer = api.upload(token, clip)
        assert answer.status_code == 422
        assert "session" in answer.json()["errors"]
    other = Api(AppFactory(tenant=tenant))
    assert other.upload(session["token"], clip).status_code == 422
    assert not Artifact.objects.exists()
