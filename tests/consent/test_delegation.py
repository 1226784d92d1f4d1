"""Somebody acts for a person: asked for, decided on a document, used, ended; and what becomes of the document, whatever crashes."""

import json
from datetime import date, timedelta
from hashlib import sha256

import pytest
from django.utils import timezone

import vault.blobs
from accounts.models import User
from consent import delegate_end
from consent.act_for import name_of
from consent.allow import allow
from consent.ask import ask
from consent.capacity import Relationship
from consent.delegate import MOST_WAITING, Address, Child, Code, request_delegation
from consent.delegate_account import give_account
from consent.delegate_decide import approve, decide_again, refuse_delegation
from consent.delegate_end import end_by_officer, end_delegation
from consent.delegate_invite import agree, invite
from consent.errors import (
    AgeUnsaid,
    BirthdayImpossible,
    DelegationDecided,
    DelegationForbidden,
    DelegationUnknown,
    DocumentRefused,
    GuardianNeeded,
    InvitationUnknown,
    TooManyDelegations,
)
from consent.lapse import lapse
from consent.models import Binding, Delegation, Grant, Invitation, Session, Subject
from consent.open_session import open_session
from consent.queries import records_of
from consent.reaffirm import reaffirm
from consent.refuse import refuse
from consent.terms import Refusal
from consent.withdraw import withdraw
from keyring.errors import KeyGone
from keyring.keys import store
from keyring.seal import unseal
from ledger.models import Entry, Opening
from ledger.sequence import sequence
from retention import request_erasure
from retention.certify import EVIDENCE_KEPT
from retention.export import export
from retention.pursue import pursue
from retention.sweep import sweep_orphans
from tests.conftest import kinds
from tests.factories import AppFactory, OfficerFactory, UserFactory
from vault.blobs import Kind

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 a birth certificate that names somebody"
LABEL = "Little Bear"


class Killed(BaseException):
    pass


@pytest.fixture
def guardian(db):
    return UserFactory()


@pytest.fixture
def officer(db):
    return OfficerFactory()


def years_ago(years, now, days=0):
    return now.date().replace(day=1, year=now.date().year - years) + timedelta(days=days)


@pytest.fixture
def asking(guardian, now):
    def make(relationship=Relationship.GUARDIAN, whom=None, **changes):
        words = {
            "delegate": guardian,
            "relationship": relationship,
            "whom": whom or Child(years_ago(9, now), "DE"),
            "label": LABEL,
            "document": PDF,
            "now": now,
        }
        return request_delegation(**(words | changes))

    return make


@pytest.fixture
def answer(app, now):
    moment = now

    def make(by=None, *, who=None, ref="user-1", now=moment):
        asked = ask(
            app=app, subject_ref=ref, purpose="voice-cloning", operations=["upload"], term=timedelta(days=300), now=now
        )
        who = who or by.principal
        return allow(token=asked.token, user=who, choice="term", locale="en", now=now, by=by)

    return make


def is_kept(delegation):
    try:
        return vault.blobs.read(blob=delegation.id, kind=Kind.DOCUMENT) == PDF
    except vault.blobs.BlobGone:
        assert not vault.blobs.left(blobs=[delegation.id], kind=Kind.DOCUMENT)
        return False


def everything_entered():
    """All openings of the ledger, opened."""
    return " ".join(
        unseal(store().get(each.holder), bytes(each.sealed), context=each.ref.bytes).decode()
        for each in Opening.objects.all()
    )


# --- asking and deciding --------------------------------------------------------------------------------------------


def test_g5_a_child_below_the_age_of_consent_answers_only_through_a_verified_guardian(
    app, asking, answer, officer, guardian, now
):
    """GDPR 8(1) and (2): the yes is the guardian's, and reasonable efforts were made to verify it: an officer saw the document."""
    delegation = asking()
    child = delegation.principal
    assert (child.email, child.is_adult, child.has_usable_password()) == (None, False, False)
    with pytest.raises(GuardianNeeded):
        answer(who=child)
    with pytest.raises(DelegationUnknown):
        answer(delegation)
    approve(delegation_id=delegation.id, officer=officer, now=now)
    grant = answer(delegation)
    assert (grant.actor, grant.delegation, grant.jurisdiction) == ("guardian", delegation, "DE")
    assert not isinstance(open_session(app=app, grant_id=grant.id, operations=None, now=now), Refusal)
    given = next(record for record in records_of(user=child) if record.kind == "consent.given")
    assert given.payload["delegation"] == str(name_of(delegation, app=app.id))
    withdraw(grant_id=grant.id, user=child, now=now, by=delegation)
    grant.refresh_from_db()
    assert grant.end_reason == "withdrawn_by_guardian"


@pytest.mark.parametrize(("years", "alone"), [(13, False), (15, True)])
def test_p7_a_chinese_child_under_fourteen_needs_the_guardian(answer, asking, officer, now, years, alone):
    """PIPL 28 and 31."""
    child = UserFactory(is_adult=False, born_on=years_ago(years, now), residence="CN")
    if alone:
        assert answer(who=child).actor == "self"
        return
    with pytest.raises(GuardianNeeded):
        answer(who=child)
    code = invite(principal=child, relationship=Relationship.GUARDIAN, now=now)
    delegation = approve(delegation_id=asking(whom=Code(code, child.born_on)).id, officer=officer, now=now)
    assert answer(delegation).actor == "guardian"


def test_entries_say_who_decided_and_never_a_name(asking, answer, officer, guardian, now):
    first = asking()
    approve(delegation_id=first.id, officer=officer, now=now)
    answer(first)
    second = asking(relationship=Relationship.ATTORNEY, whom=Address(UserFactory().email))
    refuse_delegation(delegation_id=second.id, reason="not_shown", officer=officer, now=now)
    end_delegation(delegation_id=first.id, user=guardian, now=now)
    assert [kind for kind in kinds() if kind.startswith("delegation.")] == [
        "delegation.requested",
        "delegation.approved",
        "delegation.requested",
        "delegation.refused",
        "delegation.ended",
    ]
    (ended,) = [record for record in records_of(user=first.principal) if record.kind == "delegation.ended"]
    assert ended.payload == {"delegation": str(first.id), "relationship": "guardian", "reason": "by_delegate"}
    said = everything_entered()
    assert str(officer.id) in said
    names = [
        LABEL,
        guardian.email,
        second.principal.email,
        first.principal.born_on.isoformat(),
        str(first.principal.id),
    ]
    assert not [name for name in names if name in said]
    holders = set(Opening.objects.filter(kind="delegation.ended").values_list("holder", flat=True))
    assert holders == {Subject.objects.get(user=first.principal).evidence_name}


def test_a_person_with_an_account_lets_somebody_ask(asking, officer, now):
    principal = UserFactory()
    code = invite(principal=principal, relationship=Relationship.ATTORNEY, now=now)
    said = code.lower().replace("-", " ").replace("0", "o")
    delegation = asking(Relationship.ATTORNEY, Code(said))
    assert (delegation.principal, delegation.agreed_at) == (principal, now)
    with pytest.raises(InvitationUnknown):
        asking(Relationship.ATTORNEY, Code(code))
    approved = approve(delegation_id=delegation.id, officer=officer, now=now)
    assert approved.valid_until is None
    assert approved.stands(now + timedelta(days=9999))


def test_a_code_is_for_one_hour_and_one_thing_and_the_newest_one(asking, now):
    principal = UserFactory()
    old = invite(principal=principal, relationship=Relationship.ATTORNEY, now=now)
    code = invite(principal=principal, relationship=Relationship.ATTORNEY, now=now)
    bad = [
        {"whom": Code(old)},
        {"whom": Code("0000-0000-0000")},
        {"whom": Code(code), "now": now + timedelta(hours=1)},
        {"whom": Code(code, years_ago(9, now)), "relationship": Relationship.GUARDIAN},
    ]
    for words in bad:
        with pytest.raises(InvitationUnknown):
            asking(**({"relationship": Relationship.ATTORNEY} | words))
    assert not Delegation.objects.exists()
    assert code.replace("-", "").encode() not in bytes(Invitation.objects.get().digest)
    assert asking(Relationship.ATTORNEY, Code(code)).principal == principal


def test_nobody_learns_whether_there_is_an_account(asking, officer, guardian, now):
    """What the delegate sees of a request about an account and about none is the same, also when it is asked again."""
    known, unknown = UserFactory(), "nobody@test.localhost"
    for email in (known.email, known.email, unknown, unknown):
        asking(Relationship.ATTORNEY, Address(email))
    seen = [
        (each.relationship, each.label, each.state, each.agreed_at, each.born_on, each.end_reason)
        for each in Delegation.objects.filter(delegate=guardian)
    ]
    assert len(seen) == 4
    assert len(set(seen)) == 1
    nobody = Delegation.objects.order_by("id").last()
    assert nobody.principal.email is None
    with pytest.raises(DelegationForbidden):
        approve(delegation_id=nobody.id, officer=officer, now=now)


def test_the_person_agrees_or_ends_what_was_asked_without_them(asking, guardian, now):
    principal = UserFactory()
    first, second = (asking(Relationship.ATTORNEY, Address(principal.email.upper())) for _ in range(2))
    for somebody in (guardian, UserFactory()):
        with pytest.raises(DelegationUnknown):
            agree(delegation_id=first.id, principal=somebody, now=now)
    assert agree(delegation_id=first.id, principal=principal, now=now).agreed_at == now
    assert end_delegation(delegation_id=second.id, user=principal, now=now).end_reason == "by_subject"
    assert is_kept(first)
    assert not is_kept(second)
    with pytest.raises(DelegationDecided):
        end_delegation(delegation_id=second.id, user=principal, now=now)
    with pytest.raises(DelegationUnknown):
        end_delegation(delegation_id=first.id, user=UserFactory(), now=now)


def test_p9_relatives_act_for_who_has_died_unless_arranged_otherwise(asking, answer, officer, now):
    """PIPL 49. With the death powers of attorney end."""
    died = UserFactory()
    attorney = asking(Relationship.ATTORNEY, Code(invite(principal=died, relationship=Relationship.ATTORNEY, now=now)))
    approve(delegation_id=attorney.id, officer=officer, now=now)
    estate = asking(Relationship.ESTATE, Address(died.email))
    for died_on in (None, now.date() + timedelta(days=1)):
        with pytest.raises(DelegationForbidden):
            approve(delegation_id=estate.id, officer=officer, now=now, died_on=died_on)
    approve(delegation_id=estate.id, officer=officer, now=now, died_on=now.date())
    attorney.refresh_from_db()
    assert (attorney.state, attorney.end_reason) == ("ended", "death")
    estate.refresh_from_db()
    assert estate.died_on == now.date()
    grant = answer(estate)
    assert withdraw(grant_id=grant.id, user=died, now=now, by=estate).end_reason == "withdrawn_by_estate"
    private = UserFactory(relatives_may_act=False)
    refused = asking(Relationship.ESTATE, Address(private.email))
    with pytest.raises(DelegationForbidden):
        approve(delegation_id=refused.id, officer=officer, now=now, died_on=now.date())
    refused.refresh_from_db()
    assert (refused.state, refused.died_on) == ("requested", None)


def test_who_may_not_come_to_act(asking, guardian, officer, now):
    cases = [
        (DelegationForbidden, {"relationship": Relationship.ATTORNEY, "whom": Address(guardian.email)}),
        (DelegationForbidden, {"relationship": Relationship.ATTORNEY}),
        (DelegationForbidden, {"delegate": UserFactory(is_adult=False, born_on=years_ago(15, now))}),
        (AgeUnsaid, {"delegate": UserFactory(is_adult=False)}),
        (AgeUnsaid, {"whom": Address(UserFactory().email)}),
        (BirthdayImpossible, {"whom": Child(years_ago(19, now))}),
        (BirthdayImpossible, {"whom": Child(now.date() + timedelta(days=2))}),
    ]
    for error, words in cases:
        with pytest.raises(error):
            asking(**words)
    assert not Delegation.objects.exists()
    assert not User.objects.filter(email=None).exists()


def test_an_officer_decides_nothing_about_themselves_and_nothing_twice(asking, officer, guardian, now):
    about = asking(Relationship.ATTORNEY, Address(officer.email))
    own = asking(delegate=officer)
    for delegation in (about, own):
        with pytest.raises(DelegationForbidden):
            approve(delegation_id=delegation.id, officer=officer, now=now)
        with pytest.raises(DelegationForbidden):
            refuse_delegation(delegation_id=delegation.id, reason="forbidden", officer=officer, now=now)
    other = OfficerFactory()
    approve(delegation_id=about.id, officer=other, now=now)
    with pytest.raises(DelegationDecided):
        approve(delegation_id=about.id, officer=other, now=now)
    twice = asking(Relationship.ATTORNEY, Address(officer.email))
    with pytest.raises(DelegationForbidden):
        approve(delegation_id=twice.id, officer=other, now=now)
    with pytest.raises(ValueError, match="because"):
        refuse_delegation(delegation_id=twice.id, reason="because", officer=other, now=now)
    with pytest.raises(DelegationUnknown):
        approve(delegation_id=officer.id, officer=other, now=now)


def test_only_a_minor_gets_a_guardian(asking, officer, now):
    grown = UserFactory(is_adult=False, born_on=years_ago(19, now))
    delegation = asking(whom=Address(grown.email, years_ago(9, now)))
    with pytest.raises(DelegationForbidden):
        approve(delegation_id=delegation.id, officer=officer, now=now)
    claims = UserFactory(is_adult=True)
    delegation = asking(whom=Address(claims.email, years_ago(9, now)))
    approve(delegation_id=delegation.id, officer=officer, now=now)
    claims.refresh_from_db()
    assert (claims.is_adult, claims.born_on) == (False, years_ago(9, now))


def test_so_many_wait_and_no_more(asking, guardian, now):
    made = [asking() for _ in range(MOST_WAITING)]
    with pytest.raises(TooManyDelegations):
        asking()
    end_delegation(delegation_id=made[0].id, user=guardian, now=now)
    asking()


# --- the document ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"", None),
        (b" %PDF-1.7", None),
        (b"<html>%PDF-", None),
        (b"GIF89a", None),
        (b"%PDF-" + bytes(10 * 1024 * 1024), None),
    ],
)
def test_a_document_is_what_is_in_it(asking, data, found):
    if found is None:
        with pytest.raises(DocumentRefused):
            asking(document=data)
        assert not Delegation.objects.exists()
    else:
        assert asking(document=data).document_type == found


def test_a_document_lies_sealed_under_a_key_of_its_own(asking):
    delegation = asking()
    assert is_kept(delegation)
    assert store().has(f"document:{delegation.id}")
    with vault.blobs._storage(Kind.DOCUMENT).open(vault.blobs._path(delegation.id)) as file:
        assert b"certificate" not in file.read()


def test_a_request_killed_between_vault_and_row_leaves_an_orphan_that_is_swept(asking, now, monkeypatch):
    def dying(*_args, **_words):
        raise Killed

    before = set(names("document:"))
    monkeypatch.setattr(Delegation, "save", dying)
    with pytest.raises(Killed):
        asking()
    (orphan,) = set(names("document:")) - before
    sweep_orphans(now=timezone.now() + timedelta(seconds=100))
    assert store().has(orphan)
    assert sweep_orphans(now=timezone.now() + timedelta(seconds=400)) >= 1
    assert not store().has(orphan)


def names(prefix):
    later = timezone.now() + timedelta(days=1)
    return [name for batch in store().older_than(later, prefix=prefix) for name in batch]


def test_the_orphan_sweep_spares_a_document_that_a_row_names(asking, now):
    delegation = asking()
    sweep_orphans(now=timezone.now() + timedelta(seconds=400))
    assert is_kept(delegation)


@pytest.mark.parametrize("name", ["delete", "shred"])
def test_a_refusal_killed_before_the_document_is_gone_is_finished_by_the_sweep(asking, officer, now, monkeypatch, name):
    delegation = asking()

    def dying(**_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(vault.blobs, name, dying)
        with pytest.raises(Killed):
            refuse_delegation(delegation_id=delegation.id, reason="unreadable", officer=officer, now=now)
    delegation.refresh_from_db()
    assert (delegation.state, delegation.document_type) == ("refused", "")
    sweep_orphans(now=timezone.now() + timedelta(seconds=400))
    assert not is_kept(delegation)


def test_a_refused_document_is_destroyed(asking, officer, now):
    delegation = asking()
    refused = refuse_delegation(delegation_id=delegation.id, reason="unreadable", officer=officer, now=now)
    assert (refused.state, refused.end_reason, refused.decided_by) == ("refused", "unreadable", officer)
    assert not is_kept(delegation)
    with pytest.raises(KeyGone):
        store().get(f"document:{delegation.id}")


def test_a_document_under_which_nothing_was_allowed_goes_with_its_delegation(asking, officer, now):
    delegation = asking()
    approve(delegation_id=delegation.id, officer=officer, now=now)
    assert end_by_officer(delegation_id=delegation.id, officer=officer, now=now).end_reason == "by_officer"
    assert not is_kept(delegation)


def test_what_proves_a_guardians_consent_is_kept_as_long_as_the_proof_of_consent(
    asking, answer, officer, guardian, now
):
    """GDPR 7(1): also when the person has confirmed it since; and from the erasure on no row says whose consent it was."""
    delegation = asking()
    approve(delegation_id=delegation.id, officer=officer, now=now)
    grant = answer(delegation)
    end_delegation(delegation_id=delegation.id, user=guardian, now=now)
    assert is_kept(delegation)
    child = delegation.principal
    request_erasure.by_subject(user=child, app_id=None, now=now)
    done = now + timedelta(minutes=1)
    for _ in range(2):
        pursue(clock=lambda: done)
    assert not Subject.objects.filter(user=child).exists()
    grant.refresh_from_db()
    assert grant.delegation is None
    pursue(clock=lambda: done + EVIDENCE_KEPT - timedelta(seconds=1))
    assert is_kept(delegation)
    pursue(clock=lambda: done + EVIDENCE_KEPT)
    assert not is_kept(delegation)
    delegation.refresh_from_db()
    assert delegation.document_type == ""


def test_a_document_goes_when_nothing_was_ever_known_of_the_person(asking, officer, guardian, now):
    delegation = asking()
    approve(delegation_id=delegation.id, officer=officer, now=now)
    export(user=delegation.principal, by=delegation, now=now)
    end_delegation(delegation_id=delegation.id, user=guardian, now=now)
    assert is_kept(delegation)
    pursue(clock=lambda: now)
    assert not is_kept(delegation)


def test_a_document_stays_while_anything_else_is_known_of_the_person(asking, answer, officer, guardian, now):
    delegation = asking()
    approve(delegation_id=delegation.id, officer=officer, now=now)
    grant = answer(delegation)
    other = AppFactory(tenant=grant.app.tenant)
    asked = ask(
        app=other, subject_ref="x", purpose="voice-cloning", operations=["upload"], term=timedelta(days=9), now=now
    )
    allow(token=asked.token, user=delegation.principal, choice="term", locale="en", now=now, by=delegation)
    end_delegation(delegation_id=delegation.id, user=guardian, now=now)
    request_erasure.by_subject(user=delegation.principal, app_id=grant.app_id, now=now)
    for _ in range(2):
        pursue(clock=lambda: now)
    pursue(clock=lambda: now + 2 * EVIDENCE_KEPT)
    assert is_kept(delegation)


# --- acting, and its end --------------------------------------------------------------------------------------------


def test_nobody_acts_after_the_end(asking, answer, officer, guardian, now):
    delegation = asking()
    approve(delegation_id=delegation.id, officer=officer, now=now)
    grant = answer(delegation)
    end_delegation(delegation_id=delegation.id, user=guardian, now=now)
    for act in (
        lambda: answer(delegation, ref="again"),
        lambda: withdraw(grant_id=grant.id, user=delegation.principal, now=now, by=delegation),
        lambda: request_erasure.by_subject(user=delegation.principal, app_id=None, now=now, by=delegation),
    ):
        with pytest.raises(DelegationUnknown):
            act()
    grant.refresh_from_db()
    assert grant.state == "given"


def test_nobody_acts_by_somebody_elses_delegation(asking, officer, answer, now):
    delegation = asking()
    approve(delegation_id=delegation.id, officer=officer, now=now)
    with pytest.raises(DelegationUnknown):
        answer(delegation, who=UserFactory())
    assert not Grant.objects.exists()


def test_a_guardian_has_the_child_erased(asking, answer, officer, now):
    delegation = asking()
    approve(delegation_id=delegation.id, officer=officer, now=now)
    answer(delegation)
    (erasure,) = request_erasure.by_subject(user=delegation.principal, app_id=None, now=now, by=delegation)
    assert erasure.asked_by == "guardian"
    assert Grant.objects.get().end_reason == "withdrawn_by_guardian"


def test_at_majority_the_guardians_time_is_over_and_the_person_is_asked(app, asking, answer, officer, now):
    """At eighteen, to the minute: refused at once, stale with the next look, and the person's own yes lets it go on."""
    birthday = now.date() + timedelta(days=2)
    born_on = birthday.replace(year=birthday.year - 18)
    delegation = asking(whom=Child(born_on, "DE"))
    approved = approve(delegation_id=delegation.id, officer=officer, now=now)
    assert approved.valid_until.isoformat() == f"{birthday.isoformat()}T00:00:00+00:00"
    grant = answer(delegation)
    last = approved.valid_until - timedelta(seconds=1)
    assert not isinstance(open_session(app=app, grant_id=grant.id, operations=None, now=last), Refusal)
    refused = open_session(app=app, grant_id=grant.id, operations=None, now=approved.valid_until)
    assert isinstance(refused, Refusal)
    assert refused.reason == "consent_stale"
    with pytest.raises(DelegationUnknown):
        answer(delegation, ref="again", now=approved.valid_until)
    lapse(now=approved.valid_until)
    grant.refresh_from_db()
    assert (grant.state, grant.end_reason) == ("stale", "majority")
    ended = next(record for record in records_of(user=delegation.principal) if record.kind == "delegation.ended")
    assert ended.payload["reason"] == "majority"
    reaffirm(
        grant_id=grant.id,
        user=delegation.principal,
        notice_id=grant.notice_id,
        screen="<p>again</p>",
        now=approved.valid_until,
    )
    grant.refresh_from_db()
    assert (grant.state, grant.actor, grant.delegation) == ("renewed", "self", None)
    assert is_kept(delegation)
    assert lapse(now=approved.valid_until + timedelta(hours=2)) <= 1
    assert kinds().count("delegation.ended") == 1


def test_after_a_restore_an_officer_decides_again(asking, answer, officer, now):
    """The database may not know that it was ended; the document is still there to decide on."""
    delegation = asking()
    refused = asking()
    refuse_delegation(delegation_id=refused.id, reason="unreadable", officer=officer, now=now)
    approve(delegation_id=delegation.id, officer=officer, now=now)
    grant = answer(delegation)
    assert decide_again(now=now) == 1
    with pytest.raises(DelegationUnknown):
        withdraw(grant_id=grant.id, user=delegation.principal, now=now, by=delegation)
    assert [kind for kind in kinds() if kind.startswith("delegation.")][-1] == "delegation.requested"
    approve(delegation_id=delegation.id, officer=officer, now=now)
    withdraw(grant_id=grant.id, user=delegation.principal, now=now, by=delegation)
    assert decide_again(now=now) == 1


def test_born_on_the_29th_of_february(asking, officer, now):
    delegation = asking(whom=Child(date(2012, 2, 29)))
    approved = approve(delegation_id=delegation.id, officer=officer, now=now)
    assert approved.valid_until.date() == date(2030, 3, 1)


def test_who_had_no_account_gets_one(asking, officer, guardian, now):
    delegation = asking()
    words = {"delegation_id": delegation.id, "delegate": guardian}
    with pytest.raises(DelegationUnknown):
        give_account(email="bear@test.localhost", **words)
    approve(delegation_id=delegation.id, officer=officer, now=now)
    assert not give_account(email=guardian.email.upper(), **words)
    assert give_account(email="typo@test.localhost", **words)
    assert give_account(email="Bear@test.localhost", **words)
    child = delegation.principal
    child.refresh_from_db()
    assert child.email == "bear@test.localhost"
    assert [(each.email, each.verified) for each in child.emailaddress_set.all()] == [("bear@test.localhost", False)]
    with pytest.raises(DelegationUnknown):
        give_account(email="x@test.localhost", delegation_id=delegation.id, delegate=UserFactory())
    lapse(now=now + timedelta(days=3650))
    assert give_account(email="bear@test.localhost", **words)
    child.set_password("a password of one's own")
    child.save()
    with pytest.raises(DelegationForbidden):
        give_account(email="x@test.localhost", **words)


def test_no_guardian_who_was_sent_away_gives_an_account(asking, officer, guardian, now):
    delegation = asking()
    approve(delegation_id=delegation.id, officer=officer, now=now)
    end_by_officer(delegation_id=delegation.id, officer=officer, now=now)
    with pytest.raises(DelegationUnknown):
        give_account(email="x@test.localhost", delegation_id=delegation.id, delegate=guardian)


def test_t1_a_voice_is_cloned_only_under_a_live_grant_of_the_person_the_guardian_or_the_heirs(
    app, asking, answer, officer, user, now
):
    """Tenn. Code 47-25-1105: a tool that makes a likeness of a voice refuses without it."""
    died = UserFactory(residence="US-TN")
    guardian, estate = asking(), asking(Relationship.ESTATE, Address(died.email))
    approve(delegation_id=guardian.id, officer=officer, now=now)
    approve(delegation_id=estate.id, officer=officer, now=now, died_on=now.date())
    for ref, who in (("a", {"who": user}), ("b", {"by": guardian}), ("c", {"by": estate})):
        grant = answer(ref=ref, **who)
        assert grant.purpose_id == "voice-cloning"
        assert not isinstance(open_session(app=app, grant_id=grant.id, operations=None, now=now), Refusal)
        withdraw(grant_id=grant.id, user=grant.subject.user, now=now, by=who.get("by"))
        assert isinstance(open_session(app=app, grant_id=grant.id, operations=None, now=now), Refusal)


def test_s1_8_the_log_holds_no_user_id_but_keyed_hashes_and_fresh_marks(app, asking, answer, officer, guardian, now):
    """Neither ours nor the app's: a leaf holds commitments under random salts, and a mark that only the holder of a key finds."""
    ref = "user-2345678"
    delegation = asking()
    approve(delegation_id=delegation.id, officer=officer, now=now)
    answer(delegation, ref=ref)
    stored = bytes(Binding.objects.get().reference)
    assert stored == Binding.reference_of(app, ref)
    assert stored not in {sha256(ref.encode()).digest(), sha256(app.id.bytes + ref.encode()).digest()}
    while sequence(origin=app.tenant.origin):
        pass
    leaves = b"".join(bytes(leaf) for leaf in Entry.objects.values_list("leaf", flat=True))
    ids = [ref, delegation.principal.id, guardian.id, officer.id, Subject.objects.get().id, stored.hex()]
    assert leaves
    assert not [each for each in ids if str(each).encode() in leaves]
    marks = [json.loads(bytes(leaf))["mark"] for leaf in Entry.objects.values_list("leaf", flat=True)]
    assert len(set(marks)) == len(marks)


def test_s2_3_no_id_is_tied_to_a_telephone_or_a_device(app, answer, user, now):
    """Ids of people and sessions are made at random; no column keeps what a device is, and the app's name for its user is in none."""
    ref = "+49 151 2345678"
    grant = answer(who=user, ref=ref)
    opened = open_session(app=app, grant_id=grant.id, operations=None, now=now)
    again = open_session(app=app, grant_id=grant.id, operations=None, now=now)
    assert opened.session.id.bytes[8:] != again.session.id.bytes[8:]
    columns = {field.name for model in (User, Subject, Binding, Grant, Session) for field in model._meta.fields}
    assert not [name for name in columns for word in ("phone", "device", "imei", "address") if word in name]
    assert "2345678" not in everything_entered()
    stored = [bytes(each) if isinstance(each, memoryview) else each for each in Binding.objects.values_list().get()]
    assert bytes(Binding.objects.get().reference) in stored
    assert "2345678" not in repr(stored)


def test_two_apps_do_not_find_out_that_the_same_person_acts(app, asking, answer, officer, now):
    """What an app may see of an entry holds no id that another app sees too."""
    delegation = approve(delegation_id=asking().id, officer=officer, now=now)
    answer(delegation)
    other = AppFactory(tenant=app.tenant)
    asked = ask(
        app=other, subject_ref="x", purpose="voice-cloning", operations=["upload"], term=timedelta(days=9), now=now
    )
    refuse(token=asked.token, user=delegation.principal, locale="en", now=now, by=delegation)
    records = records_of(user=delegation.principal)
    named = [each.payload["delegation"] for each in records if each.kind in {"consent.given", "consent.refused"}]
    assert len(set(named)) == 2
    assert str(delegation.id) not in named


@pytest.mark.parametrize("where", ["document_type", "delete", "shred"])
def test_an_end_killed_before_an_unused_document_is_gone_is_finished_whatever_else_is_known(
    asking, answer, officer, guardian, now, monkeypatch, where
):
    """Also of a person of whom consents are known: another guardian's."""
    child = UserFactory(is_adult=False, born_on=years_ago(9, now), residence="DE")
    unused, other = (
        approve(
            delegation_id=asking(delegate=each, whom=Address(child.email, years_ago(9, now))).id,
            officer=officer,
            now=now,
        )
        for each in (guardian, UserFactory())
    )
    answer(other)

    def dying(*_args, **_words):
        raise Killed

    with monkeypatch.context() as patch:
        if where == "document_type":
            patch.setattr(delegate_end, "drop_unneeded", dying)
        else:
            patch.setattr(vault.blobs, where, dying)
        with pytest.raises(Killed):
            end_delegation(delegation_id=unused.id, user=guardian, now=now)
    assert Delegation.objects.get(id=unused.id).state == "ended"
    pursue(clock=lambda: now)
    sweep_orphans(now=timezone.now() + timedelta(seconds=400))
    assert not is_kept(unused)
    assert is_kept(other)


def test_what_a_child_allowed_who_said_to_be_grown_up_is_found_invalid(asking, answer, officer, now):
    """The state machine's "minor found". What they were old enough for stands, and so does what a guardian allowed."""
    claims = UserFactory(is_adult=True, residence="DE")
    grant = answer(who=claims)
    fifteen = UserFactory(is_adult=True, residence="FR")
    other = answer(who=fifteen, ref="user-2")
    for person, years in ((claims, 15), (fifteen, 16)):
        delegation = asking(whom=Address(person.email, years_ago(years, now)))
        approve(delegation_id=delegation.id, officer=officer, now=now)
    grant.refresh_from_db()
    other.refresh_from_db()
    assert (grant.state, grant.end_reason) == ("invalidated", "minor_found")
    assert other.state == "given"
    assert kinds().count("consent.invalidated") == 1
