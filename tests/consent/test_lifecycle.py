"""What becomes of a consent after its answer: paused, stale, confirmed, revoked; and what an app may ask when."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

import consent.lapse as consent_lapse
from consent.allow import allow
from consent.ask import ANSWER_WITHIN, COOL_DOWN, ask
from consent.defer import defer
from consent.errors import (
    AgeUnsaid,
    GrantEnded,
    GrantUnknown,
    GuardianNeeded,
    NeedsItsOwn,
    NoticeChanged,
    PurposeForbidden,
    RequestAnswered,
    RequestCooling,
    RequestExpired,
)
from consent.lapse import lapse
from consent.models import Assessment, ConsentRequest, Delegation, Grant, Notice, Screen, Session
from consent.move import GRACE
from consent.pause import pause, resume
from consent.queries import newest_notice
from consent.reaffirm import reaffirm
from consent.refuse import refuse
from consent.revoke import revoke
from consent.suspend import reinstate, suspend
from consent.withdraw import stop_all, withdraw
from keyring.keys import store
from retention.models import Artifact
from tests.conftest import kinds
from tests.factories import AppFactory, UserFactory

WORDS = {"subject_ref": "user-1", "purpose": "voice-cloning", "operations": ["upload"], "term": timedelta(days=30)}


def reason(answer):
    assert answer.status_code == 403, answer.content
    return answer.json()["reason"]


def opened(api, grant):
    return api.post("/api/v1/sessions", {"grant": str(grant.id)})


def change_notice(grant, *, operations=None):
    """Publish a second version that changes something that matters."""
    for old in Notice.objects.filter(app=grant.app, purpose=grant.purpose, version=1):
        Notice.objects.create(
            app=old.app,
            purpose=old.purpose,
            locale=old.locale,
            version=2,
            operations=operations or old.operations,
            body=old.body | {"other_use": "Yes."},
            published_at=timezone.now(),
        )
    grant.declaration.material_version = 2
    grant.declaration.save()


def test_paused_it_stops_use_destroys_nothing_and_goes_on(api, consent, user, clip):
    grant = consent()
    session = opened(api, grant).json()["id"]
    artifact = api.upload(session, clip).json()["id"]
    now = timezone.now()
    pause(grant_id=grant.id, user=user, now=now)
    assert reason(opened(api, grant)) == "consent_paused"
    assert reason(api.upload(session, clip)) == "consent_paused"
    assert Session.objects.get(id=session).closed_at == now
    assert Artifact.objects.get(id=artifact).state == "active"
    resume(grant_id=grant.id, user=user, now=now)
    assert opened(api, grant).status_code == 201
    assert [kind for kind in kinds() if kind in {"consent.paused", "consent.resumed"}] == [
        "consent.paused",
        "consent.resumed",
    ]


def test_nobody_pauses_or_resumes_for_somebody_else(consent, user):
    grant = consent()
    for verb in (pause, resume):
        with pytest.raises(GrantUnknown):
            verb(grant_id=grant.id, user=UserFactory(), now=timezone.now())
    with pytest.raises(GrantEnded):
        resume(grant_id=grant.id, user=user, now=timezone.now())


def test_a_paused_consent_lapses_with_its_term_and_cannot_be_resumed_after_it(consent, user):
    grant = consent(term=timedelta(days=1))
    pause(grant_id=grant.id, user=user, now=timezone.now())
    late = grant.valid_until
    with pytest.raises(GrantEnded):
        resume(grant_id=grant.id, user=user, now=late)
    lapse(now=late)
    assert Grant.objects.get(id=grant.id).state == "expired"


def test_a_notice_that_changed_stops_use_at_once_and_a_confirmation_lets_it_go_on(api, consent, user):
    grant = consent()
    assert opened(api, grant).status_code == 201
    change_notice(grant)
    assert reason(opened(api, grant)) == "consent_stale", "before anything else has run"
    now = timezone.now()
    lapse(now=now)
    grant.refresh_from_db()
    assert (grant.state, grant.end_reason, grant.ended_at) == ("stale", "notice_changed", None)
    assert grant.grace_until == now + GRACE or grant.grace_until == grant.valid_until
    assert not grant.sessions.filter(closed_at=None).exists()
    old = Notice.objects.get(app=grant.app, locale="en", version=1)
    with pytest.raises(NoticeChanged):
        reaffirm(grant_id=grant.id, user=user, notice_id=old.id, screen="<p>old</p>", now=now)
    new = newest_notice(app_id=grant.app_id, purpose_id="voice-cloning", locale="en")
    reaffirm(grant_id=grant.id, user=user, notice_id=new.id, screen="<p>new</p>", now=now)
    grant.refresh_from_db()
    assert (grant.state, grant.notice, grant.screen.html) == ("renewed", new, "<p>new</p>")
    assert opened(api, grant).status_code == 201


def test_what_is_not_confirmed_in_time_expires_and_what_is_refused_is_withdrawn(consent, user):
    one, two = consent(), consent(ref="user-2")
    change_notice(one)
    now = timezone.now()
    lapse(now=now)
    withdraw(grant_id=two.id, user=user, now=now)
    one.refresh_from_db()
    lapse(now=one.grace_until)
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.state, two.state) == ("expired", "withdrawn")


def test_an_old_consent_whose_operations_are_gone_cannot_be_confirmed(consent, user):
    grant = consent(operations=("upload", "embed"))
    change_notice(grant, operations=["upload"])
    new = newest_notice(app_id=grant.app_id, purpose_id="voice-cloning", locale="en")
    with pytest.raises(GrantEnded):
        reaffirm(grant_id=grant.id, user=user, notice_id=new.id, screen="<p>new</p>", now=timezone.now())


@pytest.mark.parametrize(("why", "state"), [("app_removed", "revoked"), ("fraud", "invalidated")])
def test_an_officer_ends_it_and_what_it_let_in_has_to_go(api, consent, clip, why, state):
    grant = consent()
    session = opened(api, grant).json()["id"]
    api.upload(session, clip)
    revoke(grant_id=grant.id, reason=why, officer="7", now=timezone.now())
    assert reason(opened(api, grant)) == f"consent_{state}"
    assert kinds()[-1] == "use.refused"
    assert f"consent.{state}" in kinds()
    with pytest.raises(GrantEnded):
        revoke(grant_id=grant.id, reason="controller", officer="7", now=timezone.now())


def test_there_is_no_other_reason(consent):
    grant = consent()
    with pytest.raises(ValueError, match="boredom"):
        revoke(grant_id=grant.id, reason="boredom", officer="7", now=timezone.now())
    assert Grant.objects.get(id=grant.id).state == "given"


def test_a_suspended_app_can_do_nothing_and_its_sessions_are_over(api, app, consent, clip):
    grant = consent()
    session = opened(api, grant).json()["id"]
    for _ in range(2):
        suspend(app_id=app.id, reason="complaints", officer="7", now=timezone.now())
    assert reason(opened(api, grant)) == "app_suspended"
    assert reason(api.upload(session, clip)) == "app_suspended"
    assert reason(api.ask()) == "app_suspended"
    assert Session.objects.get(id=session).closed_at
    assert kinds().count("app.suspended") == 1
    reinstate(app_id=app.id, officer="7", now=timezone.now())
    assert opened(api, grant).status_code == 201


def test_an_app_that_is_not_approved_can_ask_nobody(api, app, consent):
    grant = consent()
    app.approved_at = None
    app.save()
    assert reason(api.ask()) == "app_unapproved"
    assert reason(opened(api, grant)) == "app_unapproved"


def test_what_was_used_once_can_still_be_taken_back_and_ends_with_its_term(api, consent, user):
    one, two = consent("once"), consent("once", ref="user-2")
    for grant in (one, two):
        session = opened(api, grant).json()["id"]
        api.delete(f"/api/v1/sessions/{session}")
    assert stop_all(user=user, now=timezone.now()) == [], "no use can come of them"
    withdraw(grant_id=one.id, user=user, now=timezone.now())
    lapse(now=two.valid_until)
    assert [Grant.objects.get(id=grant.id).state for grant in (one, two)] == ["withdrawn", "expired"]


def test_put_off_it_can_be_answered_as_long_as_the_link_holds(app, user):
    now = timezone.now()
    asked = ask(app=app, now=now, **WORDS)
    for _ in range(2):
        assert defer(token=asked.token, now=now).state == "deferred"
    assert kinds().count("consent.deferred") == 1
    with pytest.raises(RequestExpired):
        defer(token=asked.token, now=now + ANSWER_WITHIN)
    grant = allow(token=asked.token, user=user, choice="term", locale="en", now=now)
    assert grant.state == "given"
    with pytest.raises(RequestAnswered):
        defer(token=asked.token, now=now)


def test_put_off_for_ever_it_expires(app):
    now = timezone.now()
    asked = ask(app=app, now=now, **WORDS)
    defer(token=asked.token, now=now)
    lapse(now=now + ANSWER_WITHIN)
    asked.request.refresh_from_db()
    assert (asked.request.state, asked.request.reference) == ("expired", None)


def test_who_said_no_is_not_asked_the_same_again_for_a_day(app, user):
    now = timezone.now()
    wide = WORDS | {"operations": ["upload", "embed"]}
    asked = ask(app=app, now=now, **wide)
    refuse(token=asked.token, user=user, locale="en", now=now)
    for words in (wide, WORDS):
        with pytest.raises(RequestCooling):
            ask(app=app, now=now + COOL_DOWN - timedelta(seconds=1), **words)
    ask(app=app, now=now, **(WORDS | {"operations": ["upload", "embed", "synthesize"]}))
    ask(app=app, now=now, **(WORDS | {"scope": ["portrait"]}))
    ask(app=app, now=now, **(WORDS | {"subject_ref": "user-2"}))
    ask(app=app, now=now + COOL_DOWN, **WORDS)


def test_what_needs_a_consent_of_its_own_is_asked_for_alone(tenant):
    words = WORDS | {"app": AppFactory(tenant=tenant, purposes=["digital-human"]), "purpose": "digital-human"}
    with pytest.raises(NeedsItsOwn):
        ask(now=timezone.now(), **(words | {"operations": ["combine", "upload"]}))
    ask(now=timezone.now(), **(words | {"operations": ["combine"]}))


def test_nobody_answers_whose_age_nobody_knows_and_no_child_alone(app):
    now = timezone.now()
    child = UserFactory(is_adult=False, born_on=date(2020, 1, 1), residence="DE")
    for ref, who, error in (("a", UserFactory(is_adult=False), AgeUnsaid), ("b", child, GuardianNeeded)):
        asked = ask(app=app, now=now, **(WORDS | {"subject_ref": ref}))
        with pytest.raises(error):
            allow(token=asked.token, user=who, choice="term", locale="en", now=now)
        assert not Grant.objects.exists()
        refuse(token=asked.token, user=who, locale="en", now=now)  # a no needs no age


def test_what_a_guardian_allowed_the_grown_up_confirms(api, app, user):
    """The decision knows the birthday by the clock; the record follows; the person's own yes lets it go on."""
    now = timezone.now()
    child = UserFactory(is_adult=False, born_on=date(2020, 1, 1), residence="DE")
    delegation = Delegation.objects.create(
        principal=child,
        delegate=user,
        relationship="guardian",
        label="my child",
        state="approved",
        requested_at=now,
        valid_until=now + timedelta(days=1),
    )
    asked = ask(app=app, now=now, **WORDS)
    grant = allow(token=asked.token, user=child, choice="term", locale="en", now=now, by=delegation)
    assert (grant.actor, grant.delegation, grant.jurisdiction) == ("guardian", delegation, "DE")
    assert opened(api, grant).status_code == 201
    delegation.valid_until = now
    delegation.save()
    assert reason(opened(api, grant)) == "consent_stale"
    lapse(now=now)
    grant.refresh_from_db()
    assert (grant.state, grant.end_reason) == ("stale", "majority")
    delegation.refresh_from_db()
    assert (delegation.state, delegation.end_reason) == ("ended", "majority")
    child.is_adult, child.born_on = True, None
    child.save()
    reaffirm(grant_id=grant.id, user=child, notice_id=grant.notice_id, screen="<p>again</p>", now=now)
    grant.refresh_from_db()
    assert (grant.state, grant.actor, grant.delegation) == ("renewed", "self", None)
    assert opened(api, grant).status_code == 201


@pytest.mark.parametrize(("residence", "forbidden"), [("US-IL", True), ("", True), ("US", True), ("US-TN", False)])
def test_b3_nobody_who_may_live_in_illinois_allows_trade_in_a_voiceprint(app, consent, residence, forbidden):
    purpose = consent().purpose
    purpose.trades_voiceprints = True
    purpose.save()
    asked = ask(app=app, now=timezone.now(), **(WORDS | {"subject_ref": "user-2"}))
    words = {"token": asked.token, "user": UserFactory(residence=residence), "choice": "term", "locale": "en"}
    if forbidden:
        with pytest.raises(PurposeForbidden):
            allow(now=timezone.now(), **words)
        assert Grant.objects.count() == 1
    else:
        assert allow(now=timezone.now(), **words).jurisdiction == residence


def test_what_was_published_or_shown_or_assessed_stays_as_it_is(consent):
    grant = consent()
    screen = Screen.objects.create(sha256="0" * 64, html="<p></p>", first_shown_at=timezone.now())
    kept = Assessment.objects.create(
        purpose=grant.purpose, reference="PIA-1", made_on=date(2026, 1, 1), keep_until=date(2099, 1, 1)
    )
    for change in (
        lambda: Notice.objects.filter(id=grant.notice_id).update(body={}),
        lambda: Notice.objects.filter(app=grant.app).update(published_at=None),
        lambda: Screen.objects.filter(sha256=screen.sha256).update(html=""),
        screen.delete,
        kept.delete,
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_an_answer_to_a_notice_that_has_changed_meanwhile_is_none(app, consent, user):
    first = consent()
    asked = ask(app=app, now=timezone.now(), **(WORDS | {"subject_ref": "user-2"}))
    change_notice(first)
    with pytest.raises(NoticeChanged):
        allow(
            token=asked.token,
            user=user,
            choice="term",
            locale="en",
            now=timezone.now(),
            notice_id=first.notice_id,
        )
    assert Grant.objects.count() == 1


def test_what_the_newest_notice_does_not_say_any_more_is_not_allowed(app, consent, user):
    first = consent()
    asked = ask(app=app, now=timezone.now(), **(WORDS | {"subject_ref": "user-2", "operations": ["upload", "embed"]}))
    change_notice(first, operations=["upload"])
    with pytest.raises(RequestExpired):
        allow(token=asked.token, user=user, choice="term", locale="en", now=timezone.now())
    assert Grant.objects.count() == 1
    assert refuse(token=asked.token, user=user, locale="en", now=timezone.now()).state == "refused"


def test_one_that_cannot_be_ended_holds_up_nothing_else(consent, caplog):
    """A key is lost: its consent cannot be entered any more. All else ends on time."""
    lost, *others = (consent(who=UserFactory(), ref=f"user-{number}", term=timedelta(hours=2)) for number in range(3))
    store().destroy([lost.subject.custody_name])
    for ref in ("user-3", "user-4"):
        ask(app=lost.app, now=timezone.now(), **(WORDS | {"subject_ref": ref}))
    lapse(now=timezone.now() + ANSWER_WITHIN)
    assert [Grant.objects.get(id=each.id).state for each in (lost, *others)] == ["given", "expired", "expired"]
    assert not ConsentRequest.objects.filter(state="requested").exists()
    assert "not_lapsed" in caplog.text
    assert str(lost.id) in caplog.text


def test_a_batch_at_a_time_until_nothing_is_left(consent, monkeypatch):
    grants = [consent(ref=f"user-{number}", term=timedelta(hours=2)) for number in range(3)]
    change_notice(grants[0])
    monkeypatch.setattr(consent_lapse, "BATCH", 2)
    now = timezone.now()
    assert [lapse(now=now) for _ in range(3)] == [2, 1, 0]
    assert set(Grant.objects.values_list("state", flat=True)) == {"stale"}
