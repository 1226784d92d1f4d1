"""A wallet takes over a person's keys, takes receipts and credentials, and is forgotten like everything else."""

import json
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from consent import attest_grant, claim, count_entries
from consent.end_custody import end_all_custody
from consent.enter import enter
from consent.errors import AlreadyClaimed, KeyUsedBefore, NotClaimed
from consent.models import Subject
from consent.withdraw import withdraw
from keyring.errors import KeyGone
from keyring.keys import store
from ledger import signed_json
from ledger.models import Entry, Opening
from ledger.queries import leaves
from ledger.signing import published_certifier
from retention.mend import mend
from tests.conftest import Api
from tests.factories import UserFactory, sign_in_just_now
from tests.portal.scene import seal
from zkp import tag, wallet
from zkp.core import active, receipt
from zkp.core.enrol import Enrolled
from zkp.errors import EnrolmentRefused, EnrolmentStale
from zkp.issuer import issuer_of
from zkp.models import Enrolment

pytestmark = pytest.mark.django_db
SEED = bytes(range(1, 33))


@pytest.fixture
def grant(consent):
    return consent(operations=("upload", "synthesize"))


@pytest.fixture
def origin(grant):
    return grant.subject.tenant.origin


@pytest.fixture
def mine(origin):
    return wallet.Wallet(SEED, origin)


def offer(mine, asked, **change):
    """What a wallet brings to a claim."""
    keys = mine.keys
    said = wallet.show_key(keys=keys, shown=tag.day_tag(keys, asked.day), context=asked.bound().octets().decode())
    words = {
        "context": said["context"],
        "enrolled": enrolled(said),
        "k_u": keys.k_u,
        "box": mine.box,
    }
    return claim.Offer(**words | change)


def enrolled(said):
    return Enrolled(*(bytes.fromhex(said[name]) for name in ("public_key", "key_commitment", "proof")))


def take_over(user, mine, now=None, replace=False):
    """Claim with a wallet; return the subject and the wallet that holds what was handed over."""
    now = now or timezone.now()
    asked = claim.ask(user=user, origin=mine.origin, replace=replace, now=now)
    subject = claim.claim(user=user, origin=mine.origin, offer=offer(mine, asked), now=now)
    if replace:
        return subject, mine
    earlier = mine.open_handed(bytes(subject.handed), str(subject.claimed_ref))
    return subject, wallet.Wallet(mine.seed, mine.origin, (earlier,))


def found(mine):
    seal()
    return mine.find(leaves(mine.origin, 0, 1_000))


def test_a_wallet_takes_over_and_finds_what_was_before_and_after(user, grant, mine):
    custody = store().get(grant.subject.custody_name)
    subject, held = take_over(user, mine)
    assert held.earlier == (tag.derive(custody, mine.origin),)
    assert bytes(subject.handed_public_key) == tag.public_key(held.earlier[0].s)
    assert bytes(subject.public_key) == tag.public_key(mine.keys.s)
    assert not store().has(subject.custody_name)
    assert subject.custody_ended_at is not None
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    own = {each.leaf.kind: each.claimed for each in found(held)}
    assert own["consent.given"] is False
    assert own["subject.claimed"] is True
    assert own["consent.withdrawn"] is True
    assert len(own) == len(found(held)) == Entry.objects.filter(ref__in=_refs(user)).count()
    assert {each.leaf.kind for each in found(mine)} == {"subject.claimed", "consent.withdrawn"}


def _refs(user):
    from consent.queries import records_of

    return [each.ref for each in records_of(user=user)]


def test_what_was_handed_over_is_for_this_wallet_alone_and_goes_when_it_says_so(user, mine):
    subject, _ = take_over(user, mine)
    with pytest.raises(Exception, match="not a proof"):
        raise_of(wallet.Wallet(SEED[::-1], mine.origin), subject)
    claim.confirm(user=user, origin=mine.origin)
    subject.refresh_from_db()
    assert subject.handed is None
    assert subject.handed_public_key is None


def raise_of(other, subject):
    from zkp.errors import DocumentBroken

    try:
        other.open_handed(bytes(subject.handed), str(subject.claimed_ref))
    except DocumentBroken as error:
        raise AssertionError(DocumentBroken.__doc__) from error


def test_a_question_is_answered_once_and_by_whom_it_was_asked(user, mine, now):
    asked = claim.ask(user=user, origin=mine.origin, now=now)
    brought = offer(mine, asked)
    wrong = brought.enrolled._replace(proof=bytes(64))
    with pytest.raises(EnrolmentRefused):
        claim.claim(user=user, origin=mine.origin, offer=offer(mine, asked, enrolled=wrong), now=now)
    with pytest.raises(EnrolmentStale):
        claim.claim(user=user, origin=mine.origin, offer=brought, now=now)
    asked = claim.ask(user=user, origin=mine.origin, now=now)
    with pytest.raises(EnrolmentStale):
        claim.claim(user=user, origin=mine.origin, offer=offer(mine, asked), now=now + timedelta(minutes=11))
    with pytest.raises(NotClaimed):
        claim.ask(user=UserFactory(), origin=mine.origin, now=now)
    assert Subject.objects.get(user=user).claimed_at is None


@pytest.mark.parametrize("change", [{"k_u": bytes(32)}, {"box": bytes(32)}])
def test_a_key_that_does_not_belong_to_the_proof_is_refused(user, mine, now, change):
    asked = claim.ask(user=user, origin=mine.origin, now=now)
    with pytest.raises(EnrolmentRefused):
        claim.claim(user=user, origin=mine.origin, offer=offer(mine, asked, **change), now=now)
    assert store().has(Subject.objects.get(user=user).custody_name)


def test_a_wallet_claims_once_and_no_two_people_share_a_key(user, mine, app, consent, now):
    take_over(user, mine)
    with pytest.raises(AlreadyClaimed):
        claim.ask(user=user, origin=mine.origin, now=now)
    other = UserFactory()
    consent(who=other, ref="user-2")
    asked, before = claim.ask(user=other, origin=mine.origin, now=now), kept(now)
    with pytest.raises(KeyUsedBefore):
        claim.claim(user=other, origin=mine.origin, offer=offer(mine, asked), now=now)
    assert Subject.objects.get(user=other).claimed_at is None
    assert kept(now) - before == set()


def test_no_key_is_destroyed_by_a_database_that_is_older_than_the_log(user, grant, mine, now, monkeypatch):
    """Beside a database from before the claims the key store holds wallets' keys that no row names."""
    from ledger.errors import Behind

    subject, _ = take_over(user, mine)
    seal()
    Subject.objects.filter(id=subject.id).update(wallet_name="", custody_ended_at=None)
    from consent import end_custody
    from retention import mend as mending

    def behind():
        raise Behind(mine.origin)

    for module in (end_custody, mending):
        monkeypatch.setattr(module, "refuse_if_any_is_behind", behind)
    with pytest.raises(Behind):
        end_all_custody(now=now + timedelta(days=2))
    with pytest.raises(Behind):
        mend(clock=lambda: now + timedelta(days=2))
    assert store().has(subject.wallet_name)


def kept(now):
    """The wallets' keys in the key store, which the tests share."""
    return {name for names in store().older_than(now + timedelta(days=9), prefix="wallet:") for name in names}


class Killed(BaseException):
    """The process is gone at this line."""


@pytest.mark.parametrize("at", ["put", "hand over", "save", "enter", "destroy", "note"])
def test_a_crash_at_each_line_leaves_the_keys_whole_and_is_mended(user, mine, now, monkeypatch, at):
    """1 to 3: nothing happened, and the person claims anew. 4 and 5: it has happened, and the sweep ends it."""
    asked = claim.ask(user=user, origin=mine.origin, now=now)

    def die(*_args, **_more):
        raise Killed

    with monkeypatch.context() as patch:
        if at == "put":
            patch.setattr(type(store()), "put", die)
        elif at == "destroy":
            patch.setattr(type(store()), "destroy", die)
        elif at == "note":
            real = store().destroy
            patch.setattr(type(store()), "destroy", lambda _self, names: (real(names), die()))
        else:
            name = {"hand over": "_hand_over", "save": "public_key", "enter": "enter"}[at]
            patch.setattr(claim, name, die)
        with pytest.raises(Killed):
            claim.claim(user=user, origin=mine.origin, offer=offer(mine, asked), now=now)
    subject = Subject.objects.get(user=user)
    done = at in {"destroy", "note"}
    assert (subject.claimed_at is not None) is done
    assert subject.custody_ended_at is None
    if not done:
        assert store().has(subject.custody_name)
        enter(subject=subject, kind="access.viewed", actor="service", payload={}, now=now)
        take_over(user, mine)
    end_all_custody(now=now + timedelta(days=2))
    mend(clock=lambda: now + timedelta(days=2))
    subject.refresh_from_db()
    assert not store().has(subject.custody_name)
    assert subject.custody_ended_at is not None
    assert mine.open_handed(bytes(subject.handed), str(subject.claimed_ref))
    assert kept(now) == {subject.wallet_name}
    enter(subject=subject, kind="access.viewed", actor="service", payload={}, now=now)


def test_a_row_read_before_the_claim_marks_with_the_wallets_key(user, grant, mine, now):
    stale = Subject.objects.select_related("tenant").get(id=grant.subject_id)
    _, held = take_over(user, mine)
    ref = enter(subject=stale, kind="access.viewed", actor="service", payload={}, now=now)
    assert [each.claimed for each in found(held) if each.leaf.ref == ref] == [True]


def attest(user, mine, own):
    """Take a receipt of an entry, as a browser does; return the answer."""
    client = Client()
    client.force_login(user)
    send = lambda path, said: client.post(path, said, content_type="application/json")  # noqa: E731
    asked = send("/wallet/challenges", {"origin": mine.origin, "for": "receipt", "ref": str(own.leaf.ref)}).json()
    said = wallet.show_key(keys=own.keys, shown=own.tag, context=asked["context"])
    body = {"origin": mine.origin, "ref": str(own.leaf.ref), "tag": own.tag.hex(), "salt": own.salt.hex(), **said}
    return send("/wallet/receipts", body)


def test_a_receipt_is_given_for_what_is_ones_own_also_under_the_earlier_key(user, grant, mine):
    _, held = take_over(user, mine)
    own = next(each for each in found(held) if each.leaf.kind == "consent.given")
    answer = attest(user, mine, own)
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert said["attributes"] == {
        "kind": "consent.given",
        "app": str(grant.app_id),
        "purpose": "voice-cloning",
        "operation": "",
        "day": own.leaf.at.date().isoformat(),
        "status": "given",
        "within_ttl": "",
    }
    pk = issuer_of(mine.origin, now=timezone.now()).pk
    made = bytes.fromhex(said["receipt"])
    assert receipt.check(pk=pk, receipt=made, s=own.keys.s, attributes=said["attributes"])
    assert not receipt.check(pk=pk, receipt=made, s=mine.keys.s, attributes=said["attributes"])
    stranger = UserFactory()
    client = Client()
    client.force_login(stranger)
    asked = {"origin": mine.origin, "for": "receipt", "ref": str(own.leaf.ref)}
    assert client.post("/wallet/challenges", asked, content_type="application/json").status_code == 404


def test_a_receipt_takes_the_entrys_own_key(user, mine):
    _, held = take_over(user, mine)
    own = next(each for each in found(held) if each.leaf.kind == "consent.given")
    other = wallet.Own(own.leaf, mine.keys, tag.day_tag(mine.keys, own.leaf.at.date()), own.salt, claimed=True)
    answer = attest(user, mine, other)
    assert (answer.status_code, answer.json()["problem"]) == (422, "not-proven")


def credential(user, mine, grant, operation="synthesize", keys=None):
    now, keys = timezone.now(), keys or mine.keys
    asked = attest_grant.ask(user=user, origin=mine.origin, now=now)
    said = wallet.show_key(keys=keys, shown=tag.day_tag(keys, asked.day), context=asked.bound().octets().decode())
    return attest_grant.attest_grant(
        user=user,
        origin=mine.origin,
        grant_id=grant.id,
        operation=operation,
        context=said["context"],
        enrolled=enrolled(said),
        now=now,
    )


def test_a_credential_stands_for_five_minutes_and_only_while_the_grant_does(user, grant, mine):
    from consent.errors import Refused
    from zkp.core.context import read_moment

    with pytest.raises(NotClaimed):
        attest_grant.ask(user=user, origin=mine.origin, now=timezone.now())
    _, held = take_over(user, mine)
    made = credential(user, mine, grant)
    until = read_moment(made.attributes["valid_until"])
    assert timedelta(minutes=3, seconds=59) < until - timezone.now() <= timedelta(minutes=5)
    pk = issuer_of(mine.origin, now=timezone.now()).pk
    assert active.check(pk=pk, issued=made.issued, s=mine.keys.s, attributes=made.attributes)
    with pytest.raises(EnrolmentRefused):  # only to the key that is current
        credential(user, mine, grant, keys=held.earlier[0])
    with pytest.raises(Refused):
        credential(user, mine, grant, operation="combine")
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    with pytest.raises(Refused):
        credential(user, mine, grant)
    assert not Enrolment.objects.exists()


def test_the_count_is_signed_and_an_entry_that_is_not_marked_shows(user, grant, mine, monkeypatch):
    subject, held = take_over(user, mine)
    now = timezone.now() + timedelta(minutes=5)
    enter(subject=subject, kind="access.viewed", actor="service", payload={}, now=now)
    seal()
    made = count_entries.count_entries(user=user, origin=mine.origin, now=now)
    since = made.body["since"]
    marked = [each for each in found(held) if each.claimed and each.leaf.at.isoformat() >= since[:-1]]
    assert made.body["count"] == len(marked) == 1
    certifier = published_certifier(mine.origin)
    signed_json.check(made.note, made.body, kind=made.body["type"], identity=made.body["key"], verifiers=[certifier])
    with pytest.raises(Exception, match="not the one"):
        signed_json.check(
            made.note,
            made.body | {"count": 0},
            kind=made.body["type"],
            identity=made.body["key"],
            verifiers=[certifier],
        )
    import consent.enter as entering

    monkeypatch.setattr(entering, "mark", lambda _k_u, _ref: bytes(16))
    enter(subject=subject, kind="access.viewed", actor="service", payload={}, now=now)
    seal()
    made = count_entries.count_entries(user=user, origin=mine.origin, now=now)
    marked = [each for each in found(held) if each.claimed and each.leaf.at.isoformat() >= since[:-1]]
    assert (made.body["count"], len(marked)) == (2, 1)


def test_after_the_erasure_no_key_is_left_and_the_wallet_still_finds_its_own(user, grant, mine, app):
    from retention import pursue
    from retention import sweep as sweeping

    subject, held = take_over(user, mine)
    before = {each.leaf.ref for each in found(held)}
    api = Api(app)
    assert api.delete("/v1/voice/consent/user-1").status_code in {200, 202}
    for _ in range(4):
        sweeping.sweep(clock=timezone.now)
        pursue.pursue(clock=timezone.now)
        seal()
    kept = Subject.objects.get(id=subject.id)
    assert kept.user is None
    assert kept.handed is None
    assert kept.wallet_name == ""
    for name in (subject.wallet_name, subject.custody_name, subject.key_name):
        assert not store().has(name)
    with pytest.raises(KeyGone):
        store().get(subject.wallet_name)
    assert before <= {each.leaf.ref for each in found(held)}
    assert not Opening.objects.filter(holder=subject.key_name).exists()


def test_words_that_were_used_before_an_erasure_are_refused(user, grant, mine, app, consent, now):
    test_after_the_erasure_no_key_is_left_and_the_wallet_still_finds_its_own(user, grant, mine, app)
    consent(ref="user-9")
    asked = claim.ask(user=user, origin=mine.origin, now=now)
    with pytest.raises(KeyUsedBefore):
        claim.claim(user=user, origin=mine.origin, offer=offer(mine, asked), now=now)


def test_the_pages_calls_want_a_person_and_a_whole_body(user, grant, mine, mailoutbox):
    client = Client()
    assert client.post("/wallet/claims", {}, content_type="application/json").json()["problem"] == "signed-out"
    assert [log["origin"] for log in client.get("/wallet/state").json()["logs"]] == [mine.origin]
    sign_in_just_now(client, user)
    [log] = client.get("/wallet/state").json()["logs"]
    assert (log["held"], log["public_key"]) == ("custodial", bytes(grant.subject.public_key).hex())
    for body in ({}, {"origin": mine.origin}, {"origin": mine.origin, "for": "rob"}, []):
        answer = client.post("/wallet/challenges", json.dumps(body), content_type="application/json")
        assert answer.status_code == 422, body
    asked = client.post(
        "/wallet/challenges", {"origin": mine.origin, "for": "claim"}, content_type="application/json"
    ).json()
    row = Enrolment.objects.get(ref=uuid.UUID(asked["ref"]))
    brought = offer(mine, row)
    body = {
        "origin": mine.origin,
        "context": asked["context"],
        "k_u": brought.k_u.hex(),
        "box": brought.box.hex(),
        **{name: value.hex() for name, value in brought.enrolled._asdict().items()},
    }
    answer = client.post("/wallet/claims", body, content_type="application/json").json()
    [letter] = mailoutbox
    assert letter.to == [user.email]
    assert "A wallet has taken over" in letter.subject
    assert "/wallet/" in letter.body
    assert mine.open_handed(bytes.fromhex(answer["handed"]), answer["ref"])
    [log] = client.get("/wallet/state").json()["logs"]
    assert (log["held"], log["handed"]) == ("wallet", answer["handed"])
    assert client.post("/wallet/claims/kept", {"origin": mine.origin}, content_type="application/json").json() == {}
    [log] = client.get("/wallet/state").json()["logs"]
    assert log["handed"] is None
    seal()
    given = client.get("/wallet/openings", {"origin": mine.origin}).json()["openings"]
    assert {each["kind"] for each in given} >= {"consent.given", "subject.claimed"}
    [standing] = client.get("/wallet/grants", {"origin": mine.origin}).json()["grants"]
    assert standing["grant"] == str(grant.id)
    assert client.get("/wallet/count", {"origin": mine.origin}).json()["body"]["count"] == 0


def test_a_call_of_another_site_is_refused_and_a_code_calls_for_its_person(user, mine):
    browser = Client(enforce_csrf_checks=True)
    sign_in_just_now(browser, user)
    body = {"origin": mine.origin, "for": "claim"}
    assert browser.post("/wallet/challenges", body, content_type="application/json").status_code == 403
    assert not Enrolment.objects.exists()
    client = Client()
    sign_in_just_now(client, user)
    page = client.post("/wallet/code").content.decode()
    code = page.partition('id="code">')[2].partition("<")[0].strip()
    program = Client(enforce_csrf_checks=True, headers={"Authorization": f"Wallet {code}"})
    assert program.get("/wallet/state").json()["logs"][0]["held"] == "custodial"
    assert program.post("/wallet/challenges", body, content_type="application/json").status_code == 200
    forged = Client(headers={"Authorization": f"Wallet {code[:-1]}{'A' if code[-1] != 'A' else 'B'}"})
    assert forged.post("/wallet/challenges", body, content_type="application/json").status_code == 401
    assert "held" not in forged.get("/wallet/state").json()["logs"][0]
    user.set_password("another one")
    user.save()
    assert program.post("/wallet/challenges", body, content_type="application/json").status_code == 401
    sign_in_just_now(client, user)
    code = client.post("/wallet/code").content.decode().partition('id="code">')[2].partition("<")[0].strip()
    program = Client(headers={"Authorization": f"Wallet {code}"})
    assert program.post("/wallet/challenges", body, content_type="application/json").status_code == 200
    user.is_active = False
    user.save()
    assert program.post("/wallet/challenges", body, content_type="application/json").status_code == 401


@pytest.fixture
def second(origin):
    """Another wallet of the same person."""
    return wallet.Wallet(SEED[::-1], origin)


def test_a_wallet_takes_the_place_of_one_that_was_lost_and_the_earlier_entries_stay_provable(user, grant, mine, second):
    subject, held = take_over(user, mine)
    earlier_key, earlier_ref = subject.wallet_name, subject.claimed_ref
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    with pytest.raises(AlreadyClaimed):
        claim.ask(user=user, origin=mine.origin, now=timezone.now())
    subject, _ = take_over(user, second, replace=True)
    assert bytes(subject.public_key) == tag.public_key(second.keys.s)
    assert (subject.handed, subject.handed_public_key) == (None, None)
    assert subject.replaced_at == subject.claimed_at
    assert not store().has(earlier_key)
    assert store().has(subject.wallet_name)
    ref = enter(subject=subject, kind="access.viewed", actor="service", payload={}, now=timezone.now())
    by_old = {each.leaf.kind for each in found(held)}
    by_new = {each.leaf.ref: each.leaf.kind for each in found(second)}
    assert by_old >= {"consent.given", "subject.claimed", "consent.withdrawn"}
    assert "access.viewed" not in by_old
    assert by_new == {subject.claimed_ref: "subject.claimed", ref: "access.viewed"}
    [said] = [each.payload for each in _records(user) if each.ref == subject.claimed_ref]
    assert said == {"subject": str(subject.id), "replaces": str(earlier_ref)}


def _records(user):
    from consent.queries import records_of

    return records_of(user=user)


def test_words_whose_wallet_was_replaced_are_never_taken_again(user, grant, mine, second, consent, now):
    with pytest.raises(NotClaimed):  # there is nothing to replace
        claim.ask(user=user, origin=mine.origin, replace=True, now=now)
    take_over(user, mine)
    before = kept(now)
    with pytest.raises(KeyUsedBefore):
        take_over(user, mine, replace=True)
    assert kept(now) == before
    take_over(user, second, replace=True)
    other = UserFactory()
    consent(who=other, ref="user-2")
    for who, replace in ((user, True), (other, False)):
        with pytest.raises(KeyUsedBefore):
            take_over(who, mine, replace=replace)
    assert Subject.objects.get(user=other).claimed_at is None


def test_a_claim_that_was_asked_before_another_does_not_replace_it(user, mine, second, now):
    asked = claim.ask(user=user, origin=mine.origin, now=now)
    take_over(user, mine)
    with pytest.raises(AlreadyClaimed):
        claim.claim(user=user, origin=mine.origin, offer=offer(second, asked), now=now)


def test_a_replaced_key_shows_no_consent_twice_in_an_epoch(user, grant, mine, second, monkeypatch):
    """Two keys are two pseudonyms: the second gets its first credential when no challenge of the first one's epoch lives any more."""
    from consent.errors import ReplacedJustNow

    take_over(user, mine)
    credential(user, mine, grant)
    subject, _ = take_over(user, second, replace=True)
    with pytest.raises(ReplacedJustNow):
        credential(user, second, grant)
    Subject.objects.filter(id=subject.id).update(replaced_at=timezone.now() - timedelta(days=1, minutes=10))
    assert credential(user, second, grant)
    with pytest.raises(EnrolmentRefused):
        credential(user, mine, grant)


@pytest.mark.parametrize("at", ["put", "save", "enter", "destroy", "custody"])
def test_a_crash_while_a_wallet_is_replaced_leaves_one_of_them_whole(user, mine, second, now, monkeypatch, at):
    _, held = take_over(user, mine)
    asked = claim.ask(user=user, origin=mine.origin, replace=True, now=now)

    def die(*_args, **_more):
        raise Killed

    with monkeypatch.context() as patch:
        if at in {"put", "destroy"}:
            patch.setattr(type(store()), at, die)
        else:
            patch.setattr(claim, {"save": "_check_standing", "enter": "enter", "custody": "end_custody"}[at], die)
        with pytest.raises(Killed):
            claim.claim(user=user, origin=mine.origin, offer=offer(second, asked), now=now)
    after = Subject.objects.get(user=user)
    done = at in {"destroy", "custody"}
    assert (bytes(after.public_key) == tag.public_key(second.keys.s)) is done
    ref = enter(subject=after, kind="access.viewed", actor="service", payload={}, now=now)
    assert ref in {each.leaf.ref for each in found(second if done else held)}
    end_all_custody(now=now + timedelta(days=2))
    mend(clock=lambda: now + timedelta(days=2))
    assert kept(now) == {after.wallet_name}


def test_a_row_read_before_the_replacement_marks_with_the_new_key(user, grant, mine, second, now):
    take_over(user, mine)
    stale = Subject.objects.select_related("tenant").get(id=grant.subject_id)
    take_over(user, second, replace=True)
    ref = enter(subject=stale, kind="access.viewed", actor="service", payload={}, now=now)
    assert ref in {each.leaf.ref for each in found(second)}


def test_whoever_claims_has_just_shown_that_it_is_them(user, mine):
    """A session that was left open gives nobody the keys to all that was before."""
    client = Client()
    client.force_login(user)
    for use in ("claim", "replace"):
        answer = client.post("/wallet/challenges", {"origin": mine.origin, "for": use}, content_type="application/json")
        assert (answer.status_code, answer.json()["problem"]) == (403, "identity")
    assert client.post("/wallet/code")["Location"] == "/wallet/code"
    assert client.get("/wallet/code")["Location"].startswith("/accounts/reauthenticate/?next=")
    went = client.get("/wallet/again")["Location"]
    assert went == "/accounts/reauthenticate/?next=%2Fwallet%2Fagain"
    assert not Enrolment.objects.exists()
    sign_in_just_now(client, user)
    assert client.get("/wallet/again")["Location"] == "/wallet/"


def test_who_acts_for_somebody_takes_no_wallet_over_and_makes_no_code(user, grant, mine, monkeypatch):
    from consent.models import Delegation

    delegate = UserFactory()
    delegation = Delegation.objects.create(
        principal=user,
        delegate=delegate,
        relationship="attorney",
        state="approved",
        requested_at=timezone.now(),
        decided_at=timezone.now(),
    )
    client = Client()
    sign_in_just_now(client, delegate)
    client.post("/act-for/", {"delegation": str(delegation.id)})
    assert client.session.get("acting_for") == str(delegation.id)
    body = {"origin": mine.origin, "for": "claim", "ref": str(uuid.uuid4())}
    for path in ("challenges", "claims", "claims/kept", "receipts", "credentials"):
        answer = client.post(f"/wallet/{path}", body, content_type="application/json")
        assert (answer.status_code, answer.json()["problem"]) == (403, "acting"), path
    for path in ("grants", "openings", "count"):
        assert client.get(f"/wallet/{path}", body).json()["problem"] == "acting"
    assert client.get("/wallet/state").json()["account"] is None
    assert client.post("/wallet/code").status_code == 403
    assert not Enrolment.objects.exists()


def test_no_answer_to_a_wallet_is_kept_and_strange_bodies_are_told_so(user, grant, mine):
    client = Client()
    sign_in_just_now(client, user)
    for path in ("", "state", "prove", "code", "grants", "openings", "count"):
        assert "no-store" in client.get(f"/wallet/{path}", {"origin": mine.origin})["Cache-Control"], path
    asked = client.post("/wallet/challenges", {"origin": mine.origin, "for": "claim"}, content_type="application/json")
    assert "no-store" in asked["Cache-Control"]
    good = {
        "origin": mine.origin,
        "public_key": "00" * 48,
        "key_commitment": "00" * 48,
        "proof": "00" * 64,
        "k_u": "00" * 32,
        "box": "00" * 32,
    }
    context = asked.json()["context"]
    for odd in (context[:-1] + ',"x":"\ud800"}', "[" * 4000, '{"nonce":7}', '{"nonce":[]}', "\0", "7", '{"nonce":"0"}'):
        answer = client.post("/wallet/claims", json.dumps({**good, "context": odd}), content_type="application/json")
        assert (answer.status_code, answer.json()["problem"]) in {(422, "invalid"), (422, "stale")}, odd
    for name in good:
        odd = json.dumps({**good, "context": context, name: "\ud800" * 32})
        assert client.post("/wallet/claims", odd, content_type="application/json").status_code in {409, 422}
    answer = client.post("/wallet/claims", json.dumps({**good, "context": context}), content_type="application/json")
    assert answer.json()["problem"] == "not-proven"


def test_whoever_asks_too_often_waits(user, mine, settings):
    from django.core.cache import cache

    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "wallet": "2/m/user"}
    cache.clear()
    client = Client()
    client.force_login(user)
    codes = [client.get("/wallet/grants", {"origin": mine.origin}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    cache.clear()


@pytest.mark.parametrize(("late", "said"), [(timedelta(0), "yes"), (timedelta(minutes=2), "no")])
def test_a_receipt_of_a_destruction_says_whether_it_was_in_time(app, user, consent, clip, mine, late, said):
    from retention import sweep as sweeping
    from retention.models import Artifact

    grant = consent(operations=("upload", "synthesize"))
    _, held = take_over(user, mine)
    api = Api(app)
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    assert api.upload(session, clip).status_code == 201
    now = timezone.now()
    Artifact.objects.update(expires_at=now - late, latest_at=now - late)
    sweeping.sweep(clock=timezone.now)
    told = {each.leaf.kind: attest(user, mine, each).json()["attributes"] for each in found(held) if each.claimed}
    assert told["artifact.key_destroyed"]["within_ttl"] == said
    assert told["artifact.erased"]["within_ttl"] == said
    assert {told[kind]["within_ttl"] for kind in ("artifact.recorded", "session.opened")} == {""}
    assert told["artifact.erased"]["operation"] == "upload"


def test_after_a_restore_from_before_a_claim_entries_are_marked_and_the_same_words_claim_anew(user, grant, mine, now):
    """The database has forgotten the claim, and the seed that it names was destroyed with it."""
    from retention.bury import bury

    before = Subject.objects.filter(id=grant.subject_id).values().get()
    subject, held = take_over(user, mine)
    Subject.objects.filter(id=subject.id).update(**before)
    restored = Subject.objects.select_related("tenant").get(id=subject.id)
    with pytest.raises(KeyGone):
        enter(subject=restored, kind="access.viewed", actor="service", payload={}, now=now)
    assert bury(now=now).ties == 0
    restored.refresh_from_db()
    ref = enter(subject=restored, kind="access.viewed", actor="service", payload={}, now=now)
    _, again = take_over(user, mine)
    assert ref in {each.leaf.ref for each in found(again) if not each.claimed}
    assert {each.leaf.kind for each in found(held)} >= {"consent.given", "subject.claimed"}
    assert bury(now=now).ties == 0
    assert Subject.objects.get(id=subject.id).claimed_at
