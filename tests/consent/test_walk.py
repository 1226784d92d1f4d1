"""Every move of the project's table of states, made by the verbs on rows; and who may make it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consent.allow import allow
from consent.ask import COOL_DOWN, ask
from consent.defer import defer
from consent.delegate_end import end_delegation
from consent.errors import DelegationUnknown, GuardianNeeded, RequestCooling
from consent.lapse import lapse
from consent.machine import TERMINAL
from consent.make_stale import make_stale
from consent.models import ConsentRequest, Delegation, Grant
from consent.open_session import Opened, open_session
from consent.pause import pause, resume
from consent.queries import newest_notice
from consent.reaffirm import reaffirm
from consent.refuse import refuse
from consent.revoke import revoke
from consent.withdraw import withdraw
from ledger.models import Opening
from tests.consent.test_machine import table
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
MOVES = sorted(table()[1].items())
ENTRY = {"resume": "consent.resumed", "request": "consent.requested"}


class Life:
    """One consent, and what can be done with it."""

    def __init__(self, app, user, *, by=None, once=False):
        self.app, self.user, self.by, self.once = app, user, by, once
        self.now, self.token, self.request, self.grant = timezone.now(), "", None, None

    @property
    def state(self):
        if self.grant:
            return Grant.objects.get(id=self.grant.id).state
        return ConsentRequest.objects.get(id=self.request.id).state if self.request else "unknown"

    def request_(self):
        asked = ask(
            app=self.app,
            subject_ref="user-1",
            purpose="voice-cloning",
            operations=["upload"],
            term=timedelta(days=90),
            now=self.now,
        )
        self.token, self.request, self.grant = asked.token, asked.request, None

    def give(self):
        choice = "once" if self.once else "term"
        self.grant = allow(token=self.token, user=self.user, choice=choice, locale="en", now=self.now, by=self.by)

    def refuse(self):
        if self.grant:
            self.withdraw()  # the button says stop
        else:
            refuse(token=self.token, user=self.user, locale="en", now=self.now, by=self.by)

    def defer(self):
        defer(token=self.token, now=self.now)

    def pause(self):
        pause(grant_id=self.grant.id, user=self.user, now=self.now, by=self.by)

    def resume(self):
        resume(grant_id=self.grant.id, user=self.user, now=self.now, by=self.by)

    def notice_material_change(self):
        make_stale(now=self.now)

    def reaffirm(self):
        notice = newest_notice(app_id=self.app.id, purpose_id="voice-cloning", locale="en")
        reaffirm(
            grant_id=self.grant.id,
            user=self.user,
            notice_id=notice.id,
            screen="<p>again</p>",
            now=self.now,
            by=self.by,
        )

    def grace_elapsed(self):
        lapse(now=Grant.objects.get(id=self.grant.id).grace_until)

    def term_reached(self):
        lapse(now=self.grant.valid_until)

    def uses_exhausted(self):
        open_session(app=self.app, grant_id=self.grant.id, operations=None, now=self.now)
        lapse(now=self.now + timedelta(hours=1))

    def withdraw(self):
        withdraw(grant_id=self.grant.id, user=self.user, now=self.now, by=self.by)

    def revoke(self):
        revoke(grant_id=self.grant.id, reason="controller", officer="1", now=self.now)

    def invalidate(self):
        revoke(grant_id=self.grant.id, reason="fraud", officer="1", now=self.now)

    def do(self, event):
        getattr(self, {"request": "request_"}.get(event, event))()

    def permits(self):
        return isinstance(open_session(app=self.app, grant_id=self.grant.id, operations=None, now=self.now), Opened)


WAY = {
    "unknown": (),
    "requested": ("request",),
    "deferred": ("request", "defer"),
    "refused": ("request", "refuse"),
    "given": ("request", "give"),
    "renewed": ("request", "give", "reaffirm"),
    "paused": ("request", "give", "pause"),
    "stale": ("request", "give", "notice_material_change"),
    "withdrawn": ("request", "give", "withdraw"),
    "expired": ("request", "give", "term_reached"),
    "revoked": ("request", "give", "revoke"),
}


@pytest.mark.parametrize(
    ("move", "target"), MOVES, ids=lambda each: "-".join(each) if isinstance(each, tuple) else each
)
def test_every_move_of_the_table_is_made_and_entered_once(app, user, move, target):
    source, event = move
    life = Life(app, user, once=event == "uses_exhausted")
    for each in WAY[source]:
        life.do(each)
    assert life.state == source
    before, old = Opening.objects.filter(kind__startswith="consent.").count(), life.request
    if (source, event) == ("paused", "uses_exhausted"):
        return  # nothing is used while it is paused
    if (source, event) == ("deferred", "request"):
        life.give()  # the link still holds: to open it again is to be asked again
        assert life.state == "given"
        return
    if (source, event) == ("refused", "request"):
        with pytest.raises(RequestCooling):
            life.do(event)
        life.now += COOL_DOWN
    life.do(event)
    assert life.state == {"uses_exhausted": "exhausted"}.get(event, target)
    moved = 0 if (source, event) == ("stale", "refuse") else 1
    assert Opening.objects.filter(kind__startswith="consent.").count() == before + 1
    if moved:
        kind = ENTRY.get(event, f"consent.{life.state}")
        assert Opening.objects.filter(kind=kind).exists()
    if event == "request":
        assert life.request != old, "a new record"
    elif life.grant:
        assert life.permits() == (life.state in {"given", "renewed"})


@pytest.mark.parametrize("end", ["withdraw", "term_reached", "revoke"])
def test_a_new_record_replaces_the_one_that_ended(app, user, end):
    life = Life(app, user)
    for each in ("request", "give", end):
        life.do(each)
    old = life.grant
    assert Grant.objects.get(id=old.id).state in TERMINAL
    life.do("request")
    life.do("give")
    assert (life.grant.replaces, life.grant.id != old.id) == (old, True)


def test_one_that_stands_is_not_replaced_nor_one_for_something_else(app, user):
    life = Life(app, user)
    for each in ("request", "give"):
        life.do(each)
    for each in ("request", "give"):
        life.do(each)
    assert life.grant.replaces is None
    life.do("withdraw")
    now = timezone.now()
    asked = ask(
        app=app, subject_ref="user-1", purpose="voice-cloning", operations=["embed"], term=timedelta(days=1), now=now
    )
    assert allow(token=asked.token, user=user, choice="term", locale="en", now=now).replaces is None


@pytest.fixture
def guarded(app, user):
    """A child's consent, given by the guardian."""
    now = timezone.now()
    child = UserFactory(is_adult=False, born_on=now.date() - timedelta(days=9 * 366), residence="DE")
    delegation = Delegation.objects.create(
        principal=child,
        delegate=user,
        relationship="guardian",
        label="my child",
        state="approved",
        requested_at=now,
        valid_until=now + timedelta(days=3000),
    )
    life = Life(app, child, by=delegation)
    for each in ("request", "give"):
        life.do(each)
    return life


@pytest.mark.parametrize(
    "way",
    [("pause", "resume"), ("notice_material_change", "reaffirm"), ("reaffirm",), ("withdraw",), ("pause", "withdraw")],
)
def test_a_guardian_makes_the_moves_that_are_the_persons(guarded, way):
    for each in way:
        guarded.do(each)
    assert guarded.permits() == (way[-1] != "withdraw")


@pytest.mark.parametrize("move", ["pause", "reaffirm", "withdraw", "give", "refuse"])
def test_when_the_guardians_time_has_ended_they_move_nothing_and_what_was_allowed_stands(guarded, user, move):
    end_delegation(delegation_id=guarded.by.id, user=user, now=guarded.now)
    grant = guarded.grant
    if move in {"give", "refuse"}:
        guarded.do("request")
    with pytest.raises(DelegationUnknown):
        guarded.do(move)
    guarded.grant = grant
    assert (guarded.state, guarded.permits()) == ("given", True)


def test_a_child_alone_stops_and_pauses_and_neither_resumes_nor_confirms(guarded):
    guarded.by = None
    guarded.do("pause")
    with pytest.raises(GuardianNeeded):
        guarded.do("resume")
    guarded.do("withdraw")
    assert guarded.state == "withdrawn"


@pytest.mark.parametrize("way", [(), ("pause",), ("reaffirm",), ("notice_material_change",)], ids=str)
@pytest.mark.parametrize("ended", [False, True])
def test_at_majority_every_consent_of_a_guardians_waits_for_the_persons_own_word(guarded, user, way, ended):
    """Also of a guardian who was sent away before: the birthday is what counts."""
    for each in way:
        guarded.do(each)
    grown = guarded.now + timedelta(days=30)
    Delegation.objects.update(valid_until=grown)
    guarded.by.refresh_from_db()
    if ended:
        end_delegation(delegation_id=guarded.by.id, user=user, now=guarded.now)
    guarded.now, guarded.by = grown, None
    assert not guarded.permits()
    type(guarded.user).objects.filter(id=guarded.user.id).update(is_adult=True, born_on=None)
    if way == ("pause",):
        guarded.do("resume")
        assert not guarded.permits(), "to resume is not to confirm"
    lapse(now=grown - timedelta(days=1) if way == ("notice_material_change",) else grown)
    assert guarded.state == "stale"
    guarded.do("reaffirm")
    found = Grant.objects.get(id=guarded.grant.id)
    assert (found.state, found.actor, found.delegation) == ("renewed", "self", None)
    assert guarded.permits()
