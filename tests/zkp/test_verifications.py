"""Somebody asks for a proof, a wallet answers, and nobody learns who it was."""

import dataclasses
import html
import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone

from consent.enter import enter
from ledger.models import Opening, Pending
from ledger.queries import leaves
from tests.consent.test_wallets import SEED, attest, credential, take_over
from tests.portal.scene import seal
from tests.zkp.given import prove_own
from zkp import wallet
from zkp.core.context import Context
from zkp.core.errors import InvalidWitness
from zkp.document import Opened
from zkp.issuer import issuer_of
from zkp.models import Challenge, Spent, Verdict, epoch_of
from zkp.tidy import tidy

pytestmark = pytest.mark.django_db
CHALLENGES, VERIFICATIONS = "/api/v1/challenges", "/api/v1/verifications"


@pytest.fixture
def told(consent, user):
    """A person with a wallet, entries before and after it claimed, and what the log has."""
    grant = consent(operations=("upload", "synthesize"))
    mine = wallet.Wallet(SEED, grant.subject.tenant.origin)
    subject, held = take_over(user, mine)
    enter(subject=subject, kind="access.viewed", actor="service", payload={}, now=timezone.now())
    seal()
    entries = held.find(leaves(mine.origin, 0, 1_000))
    return SimpleNamespace(user=user, grant=grant, mine=mine, entries=entries)


def ask(statement="own", headers=None, **more):
    named = {"verifier": "https://door.example"} if statement == "active" else {}
    body = {"statement": statement, "purpose": "to let you in", **named, **more}
    return Client().post(CHALLENGES, body, content_type="application/json", headers=headers or {})


def answer(document, asked):
    body = {**document, "challenge": asked["id"]}
    return Client().post(VERIFICATIONS, body, content_type="application/json")


def context_of(asked):
    return Context.read(asked["context"].encode())


def mine_only(told):
    return [each for each in told.entries if each.claimed]


def own(told, asked, entries=None):
    return prove_own(entries=entries or mine_only(told), context=context_of(asked))


def test_an_own_entry_is_proven_once_and_the_log_says_so_without_anyones_name(told):
    asked = ask().json()
    assert Client().get(f"{CHALLENGES}/{asked['id']}").json() == asked
    document = own(told, asked)
    said = answer(document, asked).json()
    assert said["verdict"] == "holds"
    assert said["says"]["key"] == "wallet"
    assert {each["kind"] for each in said["says"]["entries"]} == {"subject.claimed", "access.viewed"}
    entry = Pending.objects.get(ref=said["entry"])
    assert entry.kind == "proof.verified"
    opening = Opening.objects.get(ref=said["entry"])
    assert opening.holder == told.grant.subject.tenant.key_name
    assert Client().get(f"{VERIFICATIONS}/{asked['id']}").json() == said
    again = answer(document, asked)
    assert (again.status_code, again.json()["type"]) == (404, "urn:consonant:problem:challenge-unknown")
    assert Client().get(f"{CHALLENGES}/{asked['id']}").status_code == 404


def test_what_the_operator_once_held_is_said(told):
    asked = ask().json()
    earlier = [each for each in told.entries if not each.claimed]
    assert answer(own(told, asked, earlier), asked).json()["says"]["key"] == "unknown"


def test_entries_of_several_keys_are_proven_by_none_of_them(told):
    assert len({each.keys for each in told.entries}) > 1
    for keys in {each.keys for each in told.entries}:
        asked = ask().json()
        opened = [Opened(each.leaf.index, str(each.leaf.ref), each.tag, each.salt) for each in told.entries]
        with pytest.raises(InvalidWitness):
            wallet.prove_opened(s=keys.s, entries=opened, context=context_of(asked))


@pytest.mark.parametrize("spoil", ["proof", "tag", "salt", "index", "ref", "context", "size", "late", "other"])
def test_whatever_is_changed_is_refused_and_the_challenge_is_spent(told, spoil):
    asked = ask().json()
    document = own(told, asked)
    if spoil == "proof":
        document["proof"] = document["proof"][:-2] + f"{int(document['proof'][-2:], 16) ^ 1:02x}"
    elif spoil == "tag":
        document["entries"][0]["tag"] = document["entries"][0]["tag"][96:] + document["entries"][0]["tag"][:96]
    elif spoil == "salt":
        document["entries"][0]["salt"] = "00" * 32
    elif spoil == "index":
        document["entries"][0]["index"] -= 1
    elif spoil == "ref":
        document["entries"][0]["ref"] = "00000000-0000-4000-8000-000000000000"
    elif spoil == "context":
        document["context"] = document["context"].replace("to let you in", "to let me in")
    elif spoil == "size":
        Challenge.objects.update(size=document["entries"][-1]["index"])
    elif spoil == "late":
        Challenge.objects.update(expires_at=timezone.now().replace(microsecond=0) - timedelta(seconds=1))
    elif spoil == "other":
        document = own(told, ask().json())
    said = answer(document, asked).json()
    assert said["verdict"] == "refused", said
    assert said["says"] == {}
    assert said["entry"] is None
    assert not Challenge.objects.filter(id=asked["id"]).exists()
    assert not Pending.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"entries": []},
        {"entries": [{}]},
        {"proof": "zz"},
        {"proof": ""},
        {"v": 2},
        {"statement": "member"},
        {"statement": "receipt"},
        {"context": "{}"},
        {"extra": 1},
        {"disclosed": {}},
        {"entries": "no"},
    ],
)
def test_a_body_that_is_no_proof_spends_nothing(told, change):
    asked = ask().json()
    assert answer({**own(told, asked), **change}, asked).status_code == 422
    assert Challenge.objects.filter(id=asked["id"]).exists()


ODD = (None, True, -1, 1.5, 10**30, "", "x", "\ud800", "0" * 5_000, [], {}, [[]], {"x": "\ud800"}, "\u202e")


def all_three(told):
    """A question and its good answer for each statement."""
    asked = ask().json()
    yield asked, own(told, asked, mine_only(told)[:1])
    asked = ask("active", app=str(told.grant.app_id), operation="synthesize").json()
    yield asked, active(told, asked, credential(told.user, told.mine, told.grant))
    asked = ask("receipt").json()
    entry = next(each for each in told.entries if each.leaf.kind == "consent.given")
    made = attest(told.user, told.mine, entry).json()
    yield (
        asked,
        wallet.prove_receipt(
            s=entry.keys.s,
            issuer=bytes.fromhex(asked["issuer"]),
            made=bytes.fromhex(made["receipt"]),
            attributes=made["attributes"],
            disclosed=["kind", "app"],
            context=context_of(asked),
        ),
    )


def spoiled(document):
    """The document with something odd in each place."""
    for name in document:
        for odd in ODD:
            yield {**document, name: odd}
    for name in document.get("disclosed", {}):
        for odd in ODD:
            yield {**document, "disclosed": {**document["disclosed"], name: odd}}
    yield {**document, "disclosed": {"\ud800": "x", **document.get("disclosed", {})}}
    for name in document["entries"][0] if "entries" in document else ():
        for odd in ODD:
            yield {**document, "entries": [{**document["entries"][0], name: odd}]}
    said = json.loads(document["context"])
    for name in said:
        for odd in ODD:
            yield {**document, "context": json.dumps({**said, name: odd}, sort_keys=True, separators=(",", ":"))}


def test_whatever_odd_thing_is_sent_is_told_so(told, settings):
    """Neither the call nor the Verify page fails on it, and nothing of it holds."""
    settings.ACCOUNT_RATE_LIMITS = {"verify": "100000/m/ip"}
    for asked, document in list(all_three(told)):
        question = Challenge.objects.get(id=asked["id"])
        for odd in spoiled(document):
            if odd == document:
                continue
            said = answer(odd, asked)
            assert said.status_code in {200, 422}, odd
            if said.status_code == 200:  # it was judged: ask the same once more
                assert said.json()["verdict"] == "refused", odd
                Verdict.objects.all().delete()
                question.save(force_insert=True)
            page = Client().post("/verify", {"text": json.dumps(odd)})
            assert page.status_code in {200, 422}, odd
            assert 'verdict holds"' not in page.content.decode(), odd


def test_points_that_are_none_are_refused(told):
    """The identity, a point off the group, another encoding: each under a commitment that was made for it."""
    for tag in ("c0" + "00" * 95, "e0" + "00" * 95, "ff" * 96, "80" + "00" * 46 + "04" + "80" + "00" * 46 + "04"):
        asked = ask().json()
        document = own(told, asked)
        document["entries"][0]["tag"] = tag
        assert answer(document, asked).json()["verdict"] == "refused"


def test_a_receipt_shows_what_was_asked_for_and_no_more(told):
    entry = next(each for each in told.entries if each.leaf.kind == "consent.given")
    made = attest(told.user, told.mine, entry).json()
    issuer = issuer_of(told.mine.origin, now=timezone.now()).pk

    def show(asked, disclosed):
        return wallet.prove_receipt(
            s=entry.keys.s,
            issuer=issuer,
            made=bytes.fromhex(made["receipt"]),
            attributes=made["attributes"],
            disclosed=disclosed,
            context=context_of(asked),
        )

    asked = ask("receipt", attributes=["kind", "day"]).json()
    assert asked["issuer"] == issuer.hex()
    said = answer(show(asked, ["kind", "day"]), asked).json()
    assert said["verdict"] == "holds"
    assert said["says"] == {"shown": {"kind": "consent.given", "day": made["attributes"]["day"]}}
    asked = ask("receipt", attributes=["kind", "day"]).json()
    assert answer(show(asked, ["kind"]), asked).json()["reason"] == "not_shown"
    asked = ask("receipt").json()
    document = show(asked, ["kind"])
    document["disclosed"]["kind"] = "artifact.recorded"
    assert answer(document, asked).json()["reason"] == "not_proven"
    asked = ask("receipt").json()
    assert answer({**show(asked, []), "disclosed": {}}, asked).json()["verdict"] == "holds"


def active(told, asked, made, epoch=None):
    return wallet.prove_active(
        s=told.mine.keys.s,
        issuer=issuer_of(told.mine.origin, now=timezone.now()).pk,
        issued=made.issued,
        attributes=made.attributes,
        epoch=asked["epoch"] if epoch is None else epoch,
        context=context_of(asked),
    )


def test_a_credential_counts_once_for_a_verifier_in_an_epoch(told):
    made = credential(told.user, told.mine, told.grant)
    wanted = {"app": str(told.grant.app_id), "operation": "synthesize"}
    asked = ask("active", **wanted).json()
    assert asked["epoch"] == epoch_of(timezone.now())
    said = answer(active(told, asked, made), asked).json()
    assert said["verdict"] == "holds"
    assert said["says"]["shown"]["valid_until"] == made.attributes["valid_until"]
    asked = ask("active", **wanted).json()
    assert answer(active(told, asked, made), asked).json()["reason"] == "spent"
    asked = ask("active", **wanted, verifier="https://another.example").json()
    assert answer(active(told, asked, made), asked).json()["verdict"] == "holds"
    asked = ask("active", **wanted | {"operation": "upload"}).json()
    assert answer(active(told, asked, made), asked).json()["reason"] == "other_scope"
    asked = ask("active", **wanted, verifier="https://third.example").json()
    assert answer(active(told, asked, made, epoch=1), asked).json()["reason"] == "other_scope"
    assert Spent.objects.count() == 2


def test_a_credential_runs_out(told, monkeypatch):
    from zkp import api

    made = credential(told.user, told.mine, told.grant)
    asked = ask("active", app=str(told.grant.app_id), operation="synthesize").json()
    document = active(told, asked, made)
    later = timezone.now() + timedelta(minutes=6)
    monkeypatch.setattr(api.timezone, "now", lambda: later)
    assert answer(document, asked).json()["reason"] == "not_proven"


def test_an_app_that_shows_its_credentials_is_named_and_nobody_else(told, api):
    asked = ask(headers=api.headers).json()
    assert (asked["verifier_known"], asked["verifier_name"]) == (True, told.grant.app.name)
    assert context_of(asked).verifier == f"app:{told.grant.app_id}"
    asked = ask(verifier="https://bank.example").json()
    assert (asked["verifier_known"], asked["verifier_name"]) == (False, None)
    assert ask(verifier=f"app:{told.grant.app_id}").status_code == 422
    for wrong in ("Bearer wrong", "Basic eDp5", "wrong"):
        refused = ask(headers={"Authorization": wrong})
        assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Bearer realm="api"'), wrong
    wanted = {"app": str(told.grant.app_id), "operation": "synthesize"}
    assert ask("active", headers=api.headers, **wanted).json()["verifier"] == f"app:{told.grant.app_id}"
    nobody = {"statement": "active", "purpose": "to let you in", **wanted}
    assert Client().post(CHALLENGES, nobody, content_type="application/json").status_code == 422


@pytest.mark.parametrize(
    "change",
    [
        {"statement": "member"},
        {"purpose": ""},
        {"purpose": "two\nlines"},
        {"purpose": "to let you in\u202e ni uoy tel ot"},
        {"purpose": "half a character \ud83d"},
        {"log": "nowhere.example/log"},
        {"verifier": "not an origin"},
        {"attributes": ["kind"]},
        {"statement": "active"},
        {"statement": "active", "operation": "embed", "verifier": "https://verifier.example", "app": 1856523},
        {"statement": "active", "operation": "embed", "verifier": "https://verifier.example", "app": "0" * 32},
        {"statement": "receipt", "attributes": ["name"]},
        {"nonce": "00" * 32},
        {"statement": "\ud800"},
        {"\ud800": "which a refusal would cite"},
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(told, change):
    assert ask(**{"statement": "own", **change}).status_code in {404, 422}
    assert not Challenge.objects.exists()


def test_who_calls_too_often_waits(told, api, settings):
    from django.core.cache import cache

    from config import rates

    cache.clear()
    settings.API_RATES = {**settings.API_RATES, "proofs": rates.parse("2/day")}
    codes = [ask().status_code for _ in range(3)]
    assert codes == [201, 201, 429]
    asked = Client().get(f"{CHALLENGES}/{Challenge.objects.first().id}")
    assert (asked.status_code, asked.json()["type"]) == (429, "urn:consonant:problem:too-many-requests")
    assert ask(headers=api.headers).status_code == 201, "an app is counted by itself"
    cache.clear()


def test_what_is_over_goes(told, now):
    asked = ask().json()
    answer(own(told, asked), asked)
    ask()
    Spent.objects.create(scope=bytes(32), pseudonym=bytes(48), epoch=epoch_of(now) - 2)
    tidy(now=now + timedelta(hours=2))
    assert not Challenge.objects.exists()
    assert not Verdict.objects.exists()
    assert not Spent.objects.exists()


def test_the_keys_are_published(told):
    [log] = Client().get("/.well-known/consonant-proofs.json").json()["logs"]
    assert log == {"origin": told.mine.origin, "issuer": issuer_of(told.mine.origin, now=timezone.now()).pk.hex()}


def test_the_verifiers_pages_ask_and_tell(told):
    client = Client()
    assert client.get("/verify/ask").status_code == 200
    assert client.post("/verify/ask", {"statement": "own", "purpose": ""}).status_code == 422
    went = client.post("/verify/ask", {"statement": "own", "purpose": "to let you in", "log": told.mine.origin})
    page = client.get(went["Location"]).content.decode()
    assert "/wallet/prove#challenge=" in page
    assert client.get(f"{went['Location']}/qr.svg")["Content-Type"] == "image/svg+xml"
    asked = Client().get(f"{CHALLENGES}/{went['Location'].rpartition('/')[2]}").json()
    answer(own(told, asked), asked)
    page = client.get(went["Location"]).content.decode()
    assert "Somebody who holds the one key to 2 entries" in page
    assert "proved it to you" in page
    assert told.user.email not in page


@pytest.mark.parametrize("statement", ["own", "receipt", "active"])
def test_the_verify_page_reads_a_finished_proof(told, statement):
    if statement == "own":
        asked = ask().json()
        document = own(told, asked, [mine_only(told)[0]])
    elif statement == "active":
        asked = ask("active", app=str(told.grant.app_id), operation="synthesize").json()
        document = active(told, asked, credential(told.user, told.mine, told.grant))
    else:
        asked = ask("receipt").json()
        entry = next(each for each in told.entries if each.leaf.kind == "consent.given")
        made = attest(told.user, told.mine, entry).json()
        document = wallet.prove_receipt(
            s=entry.keys.s,
            issuer=bytes.fromhex(asked["issuer"]),
            made=bytes.fromhex(made["receipt"]),
            attributes=made["attributes"],
            disclosed=["kind", "app"],
            context=context_of(asked),
        )
    page = Client().post("/verify", {"text": json.dumps(document)}).content.decode()
    assert 'verdict holds"' in page
    assert "only whoever asked the question knows that" in page
    assert "whoever made the proof could write that" in page
    broken = {**document, "proof": document["proof"][:-2] + f"{int(document['proof'][-2:], 16) ^ 1:02x}"}
    page = Client().post("/verify", {"text": json.dumps(broken)}).content.decode()
    assert 'verdict broken"' in page
    assert Challenge.objects.filter(id=asked["id"]).exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"verifier": "you. Their passport was checked: it is them"}, "cannot be read"),
        ({"verifier": "app:anybody"}, "cannot be read"),
        ({"purpose": "to let you in\u202e ni uoy tel ot"}, "cannot be read"),
        ({"root": bytes(32)}, "a history that is not this log"),
        ({"size": 0}, "a history that is not this log"),
        ({"size": 2**53 - 1}, "more entries than the log has published here"),
    ],
)
def test_what_the_maker_of_a_proof_wrote_is_not_said_as_ours(told, change, says):
    """Whoever holds a key can make a proof for a question that nobody asked."""
    context = dataclasses.replace(context_of(ask().json()), **change)
    document = prove_own(entries=mine_only(told)[:1], context=context)
    page = Client().post("/verify", {"text": json.dumps(document)}).content.decode()
    assert says in html.unescape(page)
    assert 'verdict holds"' not in page
    assert "passport" not in page.partition('id="verdict"')[2]


class Killed(BaseException):
    """The process is gone at this line."""


@pytest.mark.parametrize("at", ["_look", "_spend", "_enter"])
def test_a_crash_while_it_is_judged_leaves_a_spent_challenge_and_nothing_else(told, monkeypatch, at):
    """Before the verdict nothing is spent but the nonce: the verifier asks anew, and the same credential still counts."""
    from zkp import judge

    made = credential(told.user, told.mine, told.grant)
    wanted = {"app": str(told.grant.app_id), "operation": "synthesize"}
    asked = ask("active", **wanted).json()
    document = active(told, asked, made)

    def die(*_args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(judge, at, die)
        with pytest.raises(Killed):
            answer(document, asked)
    for left in (Challenge, Spent, Verdict, Pending):
        assert not left.objects.exists(), left
    assert answer(document, asked).status_code == 404
    asked = ask("active", **wanted).json()
    assert answer(active(told, asked, made), asked).json()["verdict"] == "holds"


def test_no_line_of_the_log_tells_of_a_proof_or_a_person(told, caplog):
    import logging

    entry = next(each for each in told.entries if each.leaf.kind == "consent.given")
    with caplog.at_level(logging.DEBUG):
        made = attest(told.user, told.mine, entry).json()
        asked = ask().json()
        document = own(told, asked)
        answer(document, asked)
        answer({**document, "proof": "zz"}, ask().json())
        Client().get(f"{VERIFICATIONS}/{asked['id']}")
        Client().get(f"/verify/asked/{asked['id']}")
    said = "\n".join(str(record.__dict__) for record in caplog.records if record.name.partition(".")[0] != "django")
    assert "zkp:verifications" in said
    assert "portal:wallet_receipt" in said
    opened = [text for each in document["entries"] for text in (each["ref"], each["tag"], each["salt"])]
    for secret in (*opened, document["proof"], asked["id"], str(entry.leaf.ref), entry.tag.hex(), made["receipt"]):
        assert secret not in said
    for whom in (str(told.user.id), str(told.grant.subject_id), told.user.email):
        assert whom not in said


def test_a_proof_is_of_one_wallet_and_says_whose_key_it_was(told):
    """After another wallet took the first one's place: each proves its own, and neither the other's."""
    second = wallet.Wallet(SEED[::-1], told.mine.origin)
    take_over(told.user, second, replace=True)
    seal()
    log = leaves(told.mine.origin, 0, 1_000)
    for found, key in (
        (told.mine.find(log), "wallet"),
        (second.find(log), "wallet"),
        ([each for each in told.entries if not each.claimed], "unknown"),
    ):
        asked = ask().json()
        said = answer(own(told, asked, found), asked).json()
        assert (said["verdict"], said["says"]["key"]) == ("holds", key)
    asked = ask().json()
    document = own(told, asked, second.find(log))
    document["entries"] += own(told, asked, told.mine.find(log))["entries"]
    assert answer(document, asked).json()["reason"] == "not_proven"


def rows():
    """Every row of every table, as text, by table."""
    from django.db import connection

    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            found[table] = [text for (text,) in cursor.fetchall()]
    return found


def naming(*texts):
    """The tables with a row in which all of these stand."""
    return {table for table, said in rows().items() if any(all(text in row for text in texts) for row in said)}


def test_the_same_wallet_proves_after_its_erasure_and_nothing_here_links_it(told, app):
    from retention import certify, pursue
    from retention import sweep as sweeping
    from tests.conftest import Api

    Api(app).delete("/v1/voice/consent/user-1")
    for _ in range(4):
        sweeping.sweep(clock=timezone.now)
        pursue.pursue(clock=timezone.now)
        seal()
    from consent.models import Subject

    subject = Subject.objects.get(id=told.grant.subject_id)
    assert subject.user is None
    assert (subject.claimed_ref, subject.claimed_at, subject.custody_ended_at, subject.handed) == (None,) * 4
    found = wallet.Wallet(SEED, told.mine.origin).find(leaves(told.mine.origin, 0, 1_000))
    assert {"subject.claimed", "access.viewed"} <= {each.leaf.kind for each in found}
    log = {"ledger_entry", "ledger_pending", "ledger_opening"}
    for each in told.entries:
        # Of what consent was, the proof of it keeps a sealed opening for six months. All else has only its place in the log.
        evidence = each.leaf.kind.startswith(("consent.", "erasure."))
        places = {name for name in naming(str(each.leaf.ref)) if not name.startswith("ledger_entry_")}
        assert places <= (log if evidence else {"ledger_entry"}), each.leaf.kind
        for secret in (each.tag, each.salt, each.keys.k_u, each.keys.s):
            assert not naming(secret.hex())
            assert not naming(secret[:48].hex())
    # For a week the person may fetch their certificate, and the row of the erasure names them; then nothing does.
    assert naming(str(subject.id), str(told.user.id)) == {"retention_erasure"}
    certify.drop_old(now=timezone.now() + timedelta(days=8))
    assert naming(str(subject.id), str(told.user.id)) == set()
    assert naming(told.user.email, told.mine.origin) == set()
    asked = ask().json()
    said = answer(own(told, asked, found), asked).json()
    assert (said["verdict"], said["says"]["key"]) == ("holds", "wallet")
    for who in (str(subject.id), str(told.user.id), bytes(subject.public_key).hex()):
        assert "zkp_verdict" not in naming(who)
        assert naming(who, said["entry"]) == set()
        assert naming(who, asked["id"]) == set()
    tidy(now=timezone.now() + timedelta(hours=2))
    assert naming(asked["id"]) == set()
    assert {name for name in naming(said["entry"]) if not name.startswith("ledger_")} == set()
