"""The machine against the project's own table of states; the verbs against the machine."""

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent import lock
from consent.allow import allow
from consent.ask import ask
from consent.errors import GrantEnded
from consent.lapse import lapse
from consent.machine import ERASING, LIVING, PERMITTING, TERMINAL, WITHDRAWABLE, Event, MoveForbidden, State, move
from consent.make_stale import make_stale
from consent.models import Grant
from consent.open_session import Opened, open_session
from consent.pause import pause, resume
from consent.queries import newest_notice
from consent.reaffirm import reaffirm
from consent.revoke import revoke
from consent.withdraw import withdraw
from ledger.models import Opening
from tests.vectors import load

EVENTS = {
    "request": Event.REQUEST,
    "give": Event.GIVE,
    "refuse": Event.REFUSE,
    "defer": Event.DEFER,
    "pause": Event.PAUSE,
    "resume": Event.RESUME,
    "notice_material_change": Event.NOTICE_MATERIAL_CHANGE,
    "reaffirm": Event.REAFFIRM,
    "grace_elapsed": Event.GRACE_ELAPSED,
    "withdraw": Event.WITHDRAW,
    "term_reached": Event.TERM_REACHED,
    "uses_exhausted": Event.USES_EXHAUSTED,
    "revoke": Event.REVOKE,
    "invalidate": Event.INVALIDATE,
}


def table():
    """The project's table as {(state, event): target}."""
    machine = load("consent/spec/state-machines.json")["consent_grant"]
    found = {}
    for sources, act, target in machine["transitions"]:
        for name in act.split("|") if "(" not in act else [act.partition("(")[0]]:
            for source in sources.split("|"):
                found[source, EVENTS[name]] = target
    return machine, found


def test_every_move_of_the_table_is_the_machines_and_no_other():
    machine, theirs = table()
    assert set(State) - {State.EXHAUSTED} == set(machine["states"])
    assert {state for state, (_, permits) in machine["states"].items() if permits} == PERMITTING
    ours = {}
    for state in State:
        for event in Event:
            try:
                ours[str(state), event] = str(move(state, event))
            except MoveForbidden:
                continue
    new_records = {(state, Event.REQUEST) for state in ("refused", "withdrawn", "expired", "revoked")}
    for step in new_records:
        assert theirs.pop(step) == "requested"  # a request with an id of its own: no move of the old one
    # `exhausted` is ours: where the table says that spent uses end a consent, here its use ends, and it can still be ended.
    for state in ("given", "renewed"):
        assert theirs.pop((state, Event.USES_EXHAUSTED)) == "expired"
        assert ours.pop((state, Event.USES_EXHAUSTED)) == "exhausted"
    assert theirs.pop(("paused", Event.USES_EXHAUSTED)) == "expired"  # nothing is used while it is paused
    beside = {step for step in ours if step[0] == "exhausted"} | {("stale", Event.TERM_REACHED)}
    assert {step: ours.pop(step) for step in beside} == {
        ("exhausted", Event.WITHDRAW): "withdrawn",
        ("exhausted", Event.TERM_REACHED): "expired",
        ("exhausted", Event.REVOKE): "revoked",
        ("exhausted", Event.INVALIDATE): "invalidated",
        ("stale", Event.TERM_REACHED): "expired",
    }
    assert ours == theirs


@given(st.lists(st.sampled_from(list(Event)), max_size=30))
def test_what_has_ended_never_permits_again(events):
    state, ended = State.UNKNOWN, False
    for event in events:
        try:
            state = move(state, event)
        except MoveForbidden:
            continue
        ended = ended or state in TERMINAL
        assert not (ended and state in PERMITTING)
        assert (state in LIVING) <= (state in WITHDRAWABLE)
        assert not (state in ERASING and state in WITHDRAWABLE)


def test_an_unknown_state_moves_nowhere():
    for event in Event:
        with pytest.raises(MoveForbidden):
            move("invented", event)


VERBS = ("pause", "resume", "stale", "reaffirm", "withdraw", "revoke", "court", "term", "grace")
_OF = {
    "pause": Event.PAUSE,
    "resume": Event.RESUME,
    "stale": Event.NOTICE_MATERIAL_CHANGE,
    "reaffirm": Event.REAFFIRM,
    "withdraw": Event.WITHDRAW,
    "revoke": Event.REVOKE,
    "court": Event.INVALIDATE,
    "term": Event.TERM_REACHED,
    "grace": Event.GRACE_ELAPSED,
}


def do(verb, *, grant, user, now):
    """Try one verb; those that may not go ahead say so, or change nothing."""
    words = {"grant_id": grant.id, "user": user, "now": now}
    if verb == "pause":
        pause(**words)
    elif verb == "resume":
        resume(**words)
    elif verb == "stale":
        make_stale(now=now)
    elif verb == "reaffirm":
        notice = newest_notice(app_id=grant.app_id, purpose_id=grant.purpose_id, locale="en")
        reaffirm(**words, notice_id=notice.id, screen="<p>what was shown</p>")
    elif verb == "withdraw":
        withdraw(**words)
    elif verb in {"revoke", "court"}:
        revoke(grant_id=grant.id, reason={"revoke": "controller"}.get(verb, verb), officer="1", now=now)
    elif verb == "term":
        lapse(now=grant.valid_until)
    else:
        lapse(now=grant.grace_until or now)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verbs=st.lists(st.sampled_from(VERBS), max_size=8))
def test_the_verbs_do_what_the_machine_says_and_enter_each_move(db, app, user, verbs):
    """Against a real grant: each move appends one entry, and use is permitted exactly where the machine permits."""
    now = timezone.now()
    with transaction.atomic():
        asked = ask(
            app=app, subject_ref="u", purpose="voice-cloning", operations=["upload"], term=timedelta(days=90), now=now
        )
        grant = allow(token=asked.token, user=user, choice="term", locale="en", now=now)
        state = State.GIVEN
        for verb in verbs:
            grant = Grant.objects.get(id=grant.id)
            before = Opening.objects.filter(kind__startswith="consent.").count()
            try:
                expected = move(state, _OF[verb])
            except MoveForbidden:
                expected = state
            try:
                do(verb, grant=grant, user=user, now=now)
            except GrantEnded:
                assert expected == state
            moves = 1 if expected != state or (verb == "reaffirm" and expected == State.RENEWED) else 0
            assert Opening.objects.filter(kind__startswith="consent.").count() == before + moves
            state = expected
            found = lock.for_use(grant.id)
            assert re.fullmatch(found.state, state)
            opened = open_session(app=app, grant_id=grant.id, operations=None, now=now)
            assert isinstance(opened, Opened) == (state in PERMITTING)
        transaction.set_rollback(True)
