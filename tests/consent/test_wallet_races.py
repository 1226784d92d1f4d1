"""Wallets against withdrawals, verifications and each other, over real connections, on a database of its own."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from consent import claim, lock
from consent.errors import AlreadyClaimed, KeyUsedBefore, Refused
from consent.machine import Event
from consent.models import Subject
from consent.move import move
from consent.withdraw import withdraw
from ledger.models import Opening
from tests.consent.test_races import all_at_once, scene  # noqa: F401 - the fixture
from tests.consent.test_wallets import SEED, Killed, credential, kept, offer, take_over
from tests.factories import UserFactory
from tests.portal.scene import seal
from zkp import judge as judging
from zkp import wallet
from zkp.ask_proof import Wanted, ask_proof
from zkp.core import active
from zkp.core.context import read_moment
from zkp.document import parse
from zkp.errors import ChallengeUnknown
from zkp.issuer import issuer_of
from zkp.models import Challenge, Spent, Verdict

LONG = 30


@pytest.fixture
def person(scene):  # noqa: F811
    """A person with a standing grant and a wallet that has claimed."""
    _, user, allowed = scene
    grant = allowed("term")
    mine = wallet.Wallet(SEED, grant.subject.tenant.origin)
    take_over(user, mine)
    seal()
    return user, grant, mine


def aside(job):
    """Do a job in a thread with a connection of its own; return its future."""

    def run():
        try:
            return job()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run)
    pool.shutdown(wait=False)
    return future


def waits_for_a_lock():
    """Wait until somebody waits for an advisory lock, or for another's row."""
    for _ in range(LONG * 20):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return True
        threading.Event().wait(0.05)
    return False


def test_who_waits_for_a_withdrawal_gets_no_credential(person):
    user, grant, mine = person
    with transaction.atomic():
        held = lock.for_ending(grant.id)
        move(grant=held, event=Event.WITHDRAW, reason="withdrawn_by_subject", actor="subject", now=timezone.now())
        waiting = aside(lambda: credential(user, mine, grant))
        assert waits_for_a_lock()
        assert not waiting.done()
    with pytest.raises(Refused) as refused:
        waiting.result(LONG)
    assert refused.value.refusal.reason == "consent_withdrawn"


def test_a_withdrawal_waits_for_the_credential_and_is_outlived_by_five_minutes_at_most(person, monkeypatch):
    user, grant, mine = person
    begun, go_on, issue = threading.Event(), threading.Event(), active.issue

    def slowly(**words):
        begun.set()
        assert go_on.wait(LONG)
        return issue(**words)

    monkeypatch.setattr(active, "issue", slowly)
    issuing = aside(lambda: credential(user, mine, grant))
    assert begun.wait(LONG)
    withdrawing = aside(lambda: withdraw(grant_id=grant.id, user=user, now=timezone.now()))
    assert waits_for_a_lock()
    assert not withdrawing.done()
    go_on.set()
    made = issuing.result(LONG)
    withdrawing.result(LONG)
    until = read_moment(made.attributes["valid_until"])
    assert until <= timezone.now() + active.LIFETIME
    with pytest.raises(Refused):
        credential(user, mine, grant)


def test_no_credential_is_issued_after_the_withdrawal_has_committed(person):
    """Six ask as fast as they can, one withdraws: whoever asks after that is refused, and nothing lives five minutes longer."""
    user, grant, mine = person
    withdrawn, ended = threading.Event(), []

    def job(number):
        if number == 0:
            threading.Event().wait(0.5)
            withdraw(grant_id=grant.id, user=user, now=timezone.now())
            ended.append(timezone.now())
            withdrawn.set()
            return []
        found = []
        while True:
            was_withdrawn = withdrawn.is_set()
            try:
                found.append((was_withdrawn, credential(user, mine, grant)))
            except Refused:
                return found

    found = [each for one in all_at_once(job, 7) for each in one]
    assert found, "some came before"
    assert not any(was_withdrawn for was_withdrawn, _ in found)
    [end] = ended
    assert max(read_moment(made.attributes["valid_until"]) for _, made in found) <= end + active.LIFETIME


def shown(person, made):
    """A challenge of one verifier in this epoch, and the answer."""
    _, grant, mine = person
    wanted = Wanted(active.STATEMENT, (), str(grant.app_id), "synthesize")
    asked = ask_proof(
        origin=None, wanted=wanted, purpose="once", verifier="https://one.example", app=None, now=timezone.now()
    )
    document = wallet.prove_active(
        s=mine.keys.s,
        issuer=issuer_of(mine.origin, now=timezone.now()).pk,
        issued=made.issued,
        attributes=made.attributes,
        epoch=asked.epoch,
        context=asked.context(),
    )
    return asked.id, parse(document)


def answer(question, document):
    return judging.judge(challenge_id=question, proof=document, now=timezone.now())


def entered():
    return Opening.objects.filter(kind="proof.verified").count()


def test_a_pseudonym_is_spent_once_however_many_answer_at_once(person):
    user, grant, mine = person
    made = credential(user, mine, grant)
    questions = [shown(person, made) for _ in range(6)]
    verdicts = all_at_once(lambda number: answer(*questions[number]), 6)
    assert sorted(each.reason for each in verdicts) == ["", "spent", "spent", "spent", "spent", "spent"]
    assert Spent.objects.count() == entered() == 1


@pytest.mark.parametrize("dies", [False, True])
def test_who_shows_what_another_is_about_to_spend_waits_for_its_verdict(person, monkeypatch, dies):
    user, grant, mine = person
    made = credential(user, mine, grant)
    first, second = shown(person, made), shown(person, made)
    spent, go_on, enter = threading.Event(), threading.Event(), judging._enter

    def slowly(challenge, now):
        if challenge.id == first[0]:
            spent.set()
            assert go_on.wait(LONG)
            if dies:
                raise Killed
        return enter(challenge, now)

    monkeypatch.setattr(judging, "_enter", slowly)
    one = aside(lambda: answer(*first))
    assert spent.wait(LONG)
    two = aside(lambda: answer(*second))
    assert waits_for_a_lock()
    go_on.set()
    if dies:
        with pytest.raises(Killed):
            one.result(LONG)
        assert two.result(LONG).holds
    else:
        assert one.result(LONG).holds
        assert two.result(LONG).reason == "spent"
    assert Spent.objects.count() == entered() == 1
    assert Verdict.objects.filter(holds=True).count() == 1
    assert not Challenge.objects.exists(), "both were answered"


def test_a_challenge_is_answered_once_however_many_do_at_once(person):
    user, grant, mine = person
    question, document = shown(person, credential(user, mine, grant))

    def job(_):
        try:
            return answer(question, document)
        except ChallengeUnknown:
            return None

    verdicts = [each for each in all_at_once(job, 6) if each]
    assert [each.holds for each in verdicts] == [True]
    assert Verdict.objects.count() == entered() == 1


def test_of_wallets_that_claim_at_once_one_does(scene):  # noqa: F811
    _, user, allowed = scene
    origin, now = allowed("term").subject.tenant.origin, timezone.now()
    wallets = [wallet.Wallet(bytes([number]) * 32, origin) for number in range(1, 5)]
    asked = [claim.ask(user=user, origin=origin, now=now) for _ in wallets]
    before = kept(now)

    def job(number):
        brought = offer(wallets[number], asked[number])
        try:
            return claim.claim(user=user, origin=origin, offer=brought, now=now)
        except AlreadyClaimed:
            return None

    done = [each for each in all_at_once(job, 4) if each]
    subject = Subject.objects.get(user=user)
    assert [each.wallet_name for each in done] == [subject.wallet_name]
    assert kept(now) - before == {subject.wallet_name}
    assert Opening.objects.filter(kind=claim.CLAIMED).count() == 1


def test_words_given_up_at_this_moment_are_nobody_elses(person, scene, monkeypatch):  # noqa: F811
    """Another claims with the first wallet's words while the person is replacing it: the row is free, the words are not."""
    from consent.allow import allow
    from consent.ask import ask

    user, grant, mine = person
    app, other, now = scene[0], UserFactory(), timezone.now()
    request = ask(
        app=app,
        subject_ref="user-2",
        purpose="voice-cloning",
        operations=["upload"],
        term=timedelta(days=1),
        now=now,
    )
    allow(token=request.token, user=other, choice="term", locale="en", now=now)
    begun, go_on, enter = threading.Event(), threading.Event(), claim.enter

    def slowly(**words):
        if words["subject"].id == grant.subject_id:
            begun.set()
            assert go_on.wait(LONG)
        return enter(**words)

    monkeypatch.setattr(claim, "enter", slowly)
    replacing = aside(lambda: take_over(user, wallet.Wallet(SEED[::-1], mine.origin), replace=True))
    assert begun.wait(LONG)
    stealing = aside(lambda: take_over(other, mine))
    assert waits_for_a_lock()
    go_on.set()
    replacing.result(LONG)
    with pytest.raises(KeyUsedBefore):
        stealing.result(LONG)
    assert Subject.objects.get(user=other).claimed_at is None
    assert uuid.UUID(str(Subject.objects.get(user=user).claimed_ref))
