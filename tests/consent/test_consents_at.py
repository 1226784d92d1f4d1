"""What the entries alone say of a moment in the past."""

import hashlib
import json
from datetime import timedelta

import pytest

from consent.allow import allow
from consent.ask import ask
from consent.lapse import lapse
from consent.models import Delegation, Grant, Notice
from consent.pause import pause, resume
from consent.queries import consents_at, newest_notice
from consent.reaffirm import reaffirm
from consent.withdraw import withdraw
from keyring.keys import store
from tests.factories import AppFactory, UserFactory
from tests.portal.scene import reword

pytestmark = pytest.mark.django_db
HOUR, MOMENT = timedelta(hours=1), timedelta(milliseconds=2)
READ, READ_ANEW = "<p>what was read</p>", "<p>what was read anew</p>"


def body_hash(notice):
    said = json.dumps(notice.body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def test_g1_any_past_instant_says_who_consented_to_which_words_where_how_and_when(app, user, now):
    start = now - 30 * HOUR
    token = ask(
        app=app,
        subject_ref="u",
        purpose="voice-cloning",
        operations=["upload"],
        term=timedelta(days=2),
        now=start,
    ).token
    grant = allow(token=token, user=user, choice="term", locale="zh-hans", now=start + HOUR, screen=READ)
    first = Notice.objects.get(id=grant.notice_id)
    pause(grant_id=grant.id, user=user, now=start + 2 * HOUR)
    resume(grant_id=grant.id, user=user, now=start + 3 * HOUR)
    reword(app, "voice-cloning", now=start + 4 * HOUR, kept="Another time.")
    lapse(now=start + 5 * HOUR)
    second = newest_notice(app_id=app.id, purpose_id="voice-cloning", locale="en")
    reaffirm(grant_id=grant.id, user=user, notice_id=second.id, screen=READ_ANEW, now=start + 6 * HOUR)
    withdraw(grant_id=grant.id, user=user, now=start + 7 * HOUR)

    def at(hours, *, less=timedelta(0)):
        (found,) = consents_at(user=user, at=start + hours * HOUR - less)
        assert (found.grant, found.app, found.purpose, found.operations) == (
            grant.id,
            app.id,
            "voice-cloning",
            ("upload",),
        )
        assert (found.by, found.how) == ("subject", "portal")
        return found

    assert consents_at(user=user, at=start + HOUR - MOMENT) == []
    for hours, state in ((1, "given"), (2, "paused"), (3, "given"), (4, "given"), (5, "stale")):
        found = at(hours)
        assert found.state == state
        assert found.notice == {
            "id": str(first.id),
            "locale": "zh-hans",
            "version": 1,
            "sha256": body_hash(first),
        }
        assert found.screen == hashlib.sha256(READ.encode()).hexdigest()
        assert abs(found.at - (start + HOUR)) < MOMENT
    found = at(6)
    assert (found.state, found.notice["version"], found.notice["locale"]) == ("renewed", 2, "en")
    assert found.notice["sha256"] == body_hash(second)
    assert found.screen == hashlib.sha256(READ_ANEW.encode()).hexdigest()
    assert at(7, less=MOMENT).state == "renewed"
    assert at(7).state == at(40).state == "withdrawn", "what has ended stays as it ended"
    # The rows say how it stands now; the entries are what is asked.
    Grant.objects.filter(id=grant.id).update(state="given", notice=first)
    assert at(7).state == "withdrawn"


def test_a_term_is_over_at_its_instant(user, consent, now):
    grant = consent(at=now, term=timedelta(days=1))
    day = timedelta(days=1)
    assert [each.state for each in consents_at(user=user, at=now + day - MOMENT)] == ["given"]
    assert [each.state for each in consents_at(user=user, at=now + day)] == ["expired"]
    assert consents_at(user=user, at=now + day)[0].valid_until == grant.valid_until


def test_who_acted_is_in_it(app, now):
    child, guardian = UserFactory(is_adult=False), UserFactory()
    by = Delegation.objects.create(
        principal=child,
        delegate=guardian,
        relationship="guardian",
        label="my child",
        state=Delegation.State.APPROVED,
        requested_at=now,
        valid_until=now + timedelta(days=1000),
    )
    token = ask(
        app=app, subject_ref="c", purpose="voice-cloning", operations=["upload"], term=timedelta(days=2), now=now
    ).token
    allow(token=token, user=child, choice="once", locale="en", now=now, by=by)
    (found,) = consents_at(user=child, at=now)
    assert found.by == "guardian"
    assert consents_at(user=guardian, at=now) == []


def test_consents_stand_beside_each_other_and_nobody_elses(user, consent, app, now):
    one = consent(at=now - HOUR)
    two = consent(at=now, by=AppFactory(tenant=app.tenant))
    consent(at=now, who=UserFactory(), ref="user-2")
    assert [each.grant for each in consents_at(user=user, at=now)] == [one.id, two.id]


def test_what_was_shredded_is_not_told(user, consent, now):
    grant = consent(at=now)
    store().destroy([grant.subject.evidence_name])
    assert consents_at(user=user, at=now) == []
