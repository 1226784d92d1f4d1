"""A dump of the database and the programs' logs after the tour: what may not stand there does not."""

import hashlib
import re
import secrets
from dataclasses import dataclass

import pytest

from deploy.demo_hooks import Receiver
from keyring.seal import unseal
from tests.stack.service import until
from tests.stack.words import secret_words, writings


def tables_of(dump: str) -> dict[str, str]:
    """Rows by table."""
    return dict(re.findall(r"^COPY public\.\"?(\w+)\"? .*?;\n(.*?)^\\\.$", dump, re.DOTALL | re.MULTILINE))


@dataclass
class Forgotten:
    """What the database held of somebody who was erased, and no longer may."""

    reference: bytes
    sealed: list[bytes]
    keys: set[str]
    subject: str


@pytest.fixture(scope="module")
def forgotten(stack, clips):
    """Everything an app can say of a person, once; then the person is erased by the bank's address, and certified."""
    login = stack.create_app("Forgetful Booth", "forgetful")
    app, speaker, receiver = stack.app(login), stack.speaker(), Receiver()
    receiver.trust(app.subscribe("artifact.erase_requested", receiver.url)["secret"])
    user = f"guest-{secrets.token_hex(8)}"
    asked = app.ask(user)
    speaker.answer(asked["url"], "term")
    session = app.open_session(app.answer(asked["id"])["grant"]["id"]).json()["id"]
    taken = app.upload(session, clips["rms-1"], key=secrets.token_urlsafe(16)).json()
    marks = (
        {"kind": "watermark", "watermark_id": f"wm-{secrets.token_hex(8)}"},
        {"kind": "c2pa", "manifest_digest": f"sha256:{secrets.token_hex(32)}"},
    )
    for mark in marks:
        facts = {"custody": "app", "mark": mark, "derived_from": [taken["id"]]}
        made = app.record("syntheses", session, key=secrets.token_urlsafe(16), **facts).json()
        assert made["standing"] == "permitted"
    ((subject, reference, key),) = stack.sql(
        "SELECT g.subject_id, b.reference, b.key_name FROM consent_binding b"
        " JOIN consent_grant g ON g.binding_id = b.id WHERE g.request_id = %s",
        asked["id"],
    )
    sealed = [found for (found,) in stack.sql("SELECT sealed FROM ledger_opening WHERE holder = %s", key)]
    assert len(sealed) >= 4
    before = stack.dump()
    assert reference.hex() in before
    assert all(each.hex() in before for each in sealed)
    assert {key} <= set(stack.keys())
    erasure = app.erase(user)["id"]
    for (artifact,) in stack.sql(
        "SELECT id FROM retention_artifact WHERE subject_id = %s AND custody = 'app'", subject
    ):
        receiver.take(str(artifact), within=20)
        app.acknowledge(str(artifact), secret=receiver.secret)
    until(lambda: app.erasure(erasure)["state"] == "certified", within=20, what="it is certified")
    app.unsubscribe(app.http.get("/api/v1/hooks").json()[0]["id"])
    receiver.close()
    return Forgotten(reference, sealed, {key, f"subject:{subject}", f"custody:{subject}"}, str(subject))


@pytest.fixture(scope="module")
def dump(stack, demo, forgotten, clips):
    """The database after the demo, a person's erasure, a tour with an upload that still lives, and whatever the other tests did."""
    app, speaker = stack.app(), stack.speaker()
    asked = app.ask(f"guest-{secrets.token_hex(8)}")
    speaker.answer(asked["url"], "term")
    session = app.open_session(app.answer(asked["id"])["grant"]["id"]).json()["id"]
    assert app.upload(session, clips["rms-2"]).status_code == 201
    assert stack.artifact_keys()
    return stack.dump()


@pytest.fixture(scope="module")
def logs(stack, dump):
    """Everything that the programs wrote."""
    return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in (stack.var / "log").iterdir()}


@pytest.fixture(scope="module")
def people(stack):
    logins = stack.service().logins
    return {who: logins[who] for who in ("speaker", "actor", "officer")}


def test_the_dump_is_whole_and_what_is_there_is_found(stack, dump, people):
    tables = tables_of(dump)
    assert tables["ledger_entry"].count("\n") > 20
    assert tables["retention_artifact"]
    assert people["speaker"]["email"] in tables["accounts_user"]
    public_key = stack.sql("SELECT public_key FROM consent_subject LIMIT 1")[0][0]
    assert any(word in dump for word in writings(public_key))


def test_no_name_that_an_app_gives_its_user(stack, dump):
    refs = {value for value in stack.secrets if value.startswith(("guest-", "visitor-"))}
    assert len(refs) >= 4
    for prefix in ("guest-", "visitor-"):
        assert prefix not in dump
        assert prefix.encode().hex() not in dump
    for ref in sorted(refs)[:40]:
        digests = (hashlib.new(kind, ref.encode()).digest() for kind in ("sha256", "sha1", "md5"))
        assert not [word for value in (ref.encode(), *digests) for word in writings(value) if word in dump]


def test_no_token_no_hooks_secret_no_idempotency_key_and_no_mark(stack, dump):
    tokens = {value for value in stack.secrets if not value.startswith(("guest-", "visitor-"))}
    for kind in ("whsec_", "wm-", "sha256:"):
        assert any(value.startswith(kind) for value in tokens)
    assert len(tokens) >= 12
    assert [token for token in tokens if any(word in dump for word in writings(token.encode()))] == []


def test_an_erased_persons_openings_and_tie_are_gone(stack, dump, forgotten):
    assert forgotten.reference.hex() not in dump
    assert not [each for each in forgotten.sealed if each.hex() in dump]
    assert not forgotten.keys & set(stack.keys())
    assert stack.sql("SELECT user_id FROM consent_subject WHERE id = %s", forgotten.subject) == [(None,)]
    assert forgotten.subject not in tables_of(dump)["ledger_opening"].replace(f"evidence:{forgotten.subject}", "")


def test_no_digest_of_a_voice(dump, clips):
    for clip in clips.values():
        for kind in ("sha256", "sha1", "md5", "sha512", "sha3_256", "blake2b", "blake2s"):
            assert not [word for word in writings(hashlib.new(kind, clip).digest()) if word in dump]


def test_no_person_in_the_ledgers_tables(dump, people):
    for table, rows in tables_of(dump).items():
        for login in people.values():
            name = login["email"].partition("@")[0]
            if table.startswith("ledger_"):
                assert not re.search(rf"\b{name}\b", rows)
                assert "@" not in rows
            if table not in {"accounts_user", "account_emailaddress"}:
                assert login["email"] not in rows


def test_no_person_behind_a_reference_in_the_ledgers_tables(stack, dump):
    """Neither ids of people nor of subjects but in the names of keys, which say whose sealed openings they open."""
    ledger = {table: rows for table, rows in tables_of(dump).items() if table.startswith("ledger_")}
    users = [str(found) for (found,) in stack.sql("SELECT id FROM accounts_user")]
    assert not [found for found in users for rows in ledger.values() if found in rows]
    subjects = [str(found) for (found,) in stack.sql("SELECT id FROM consent_subject")]
    assert not [
        found for found in subjects for table, rows in ledger.items() if table != "ledger_opening" and found in rows
    ]


def test_no_key_material(stack, dump):
    kek = (stack.var / "secrets" / "kek").read_bytes()
    found = []
    for name, wrapped in stack.keys().items():
        plain = unseal(kek, wrapped, context=name.encode())
        found += [name for word in (*writings(wrapped), *writings(plain)) if word in dump]
    assert found == []


def test_no_secret(stack, dump):
    words = secret_words(stack)
    assert {"kek", "django", "reference", "app client_secret", "speaker password"} <= words.keys()
    assert [name for name, value in words.items() if any(word in dump for word in writings(value))] == []


def test_the_logs_name_nobody_and_no_secret(stack, logs, people):
    assert any(name.startswith("web") for name in logs)
    words = {word: name for name, value in secret_words(stack).items() for word in writings(value)}
    words |= dict.fromkeys(stack.secrets, "a token or a user's name")
    words |= {login["email"]: "an e-mail address" for login in people.values()}
    assert [(log, name) for log, text in logs.items() for word, name in words.items() if word in text] == []


def test_what_holds_secrets_is_closed_to_others(stack):
    for folder in (stack.var / "secrets", stack.var / "keys", *stack.var.glob("vault*")):
        for path in (folder, *folder.rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, path
    assert (stack.var / "run" / "service.env").stat().st_mode & 0o077 == 0
