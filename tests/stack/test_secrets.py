"""A dump of the database and the programs' logs after the tour: what may not stand there does not."""

import base64
import hashlib
import json
import re
import secrets

import pytest

from keyring.seal import unseal


def writings(value: bytes) -> set[str]:
    """How bytes can stand in a text: as they are, in hex (bytea too), in base64."""
    written = {
        value.hex(),
        base64.b64encode(value).decode().rstrip("="),
        base64.urlsafe_b64encode(value).decode().rstrip("="),
    }
    text = value.decode(errors="replace").strip()
    return written | ({text} if text.isprintable() and len(text) >= 8 else set())


def tables_of(dump: str) -> dict[str, str]:
    """Rows by table."""
    return dict(re.findall(r"^COPY public\.\"?(\w+)\"? .*?;\n(.*?)^\\\.$", dump, re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def dump(stack, demo, clips):
    """The database after the demo, a tour with an upload that still lives, and whatever the other tests did."""
    said, _ = demo
    stack.secrets |= set(re.findall(r"visitor-\w+", said)) | set(re.findall(r"/consent/([\w-]+)/", said))
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
    return {who: logins[who] for who in ("speaker", "officer")}


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


def test_no_token_of_a_link_or_an_app(stack, dump):
    tokens = {value for value in stack.secrets if not value.startswith(("guest-", "visitor-"))}
    assert len(tokens) >= 4
    assert [token for token in tokens if any(word in dump for word in writings(token.encode()))] == []


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


def secret_words(stack) -> dict[str, bytes]:
    """What the secrets' files hold; of the logins, what is secret."""
    words = {}
    for path in (stack.var / "secrets").iterdir():
        if path.name == "demo.json":
            for who, login in json.loads(path.read_text()).items():
                words |= {
                    f"{who} {name}": text.encode() for name, text in login.items() if name not in {"email", "client_id"}
                }
        else:
            words[path.name] = path.read_bytes()
    return words


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
    for name in ("secrets", "keys", "vault"):
        for path in (stack.var / name, *(stack.var / name).rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, path
    assert (stack.var / "run" / "service.env").stat().st_mode & 0o077 == 0
