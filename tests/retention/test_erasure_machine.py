"""The states of an erasure are those of the project's state machine, whatever happens in whatever order; and the clocks are the laws'."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from retention.erasure_clock import Law, can_extend, due, law_of, months_after
from retention.erasure_machine import CANCELLABLE, CLOSED, MOVES, Event, MoveForbidden, State, move, path
from tests import vectors

FACTS = ("ours_gone", "theirs_gone", "acks_overdue", "out_of_time")


def spec():
    said = vectors.load("consent/spec/state-machines.json")["erasure_request"]
    moves = {(start, end) for starts, _, end in said["transitions"] for start in starts.split("|")}
    return said, moves


def test_states_and_moves_are_exactly_those_of_the_state_machine():
    said, moves = spec()
    assert {str(state) for state in State} == {name for name in said["states"] if "flag" not in name}
    assert {(str(start), str(end)) for start, end in MOVES} == moves
    assert said["initial"] == State.RECEIVED


def test_whatever_is_open_has_a_way_to_an_end():
    reached = set(CLOSED)
    while more := {start for start, end in MOVES if end in reached} - reached:
        reached |= more
    assert reached == set(State)
    assert not any(start in CLOSED for start, _ in MOVES)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_an_event_leads_where_the_state_machine_says_or_nowhere(state, event):
    _, moves = spec()
    try:
        assert (state, move(state, event)) in moves
    except MoveForbidden:
        assert not any(event is Event.CANCEL and state in CANCELLABLE for _ in (1,))


class Lives(RuleBasedStateMachine):
    """An erasure that people, officers, apps and time move in any order."""

    @initialize()
    def received(self):
        self.state, self.seen, self.facts = State.RECEIVED, [State.RECEIVED], dict.fromkeys(FACTS, False)
        _, self.moves = spec()

    def _to(self, state):
        if state != self.state:
            assert (self.state, state) in self.moves
            self.seen.append(state)
            self.state = state

    @rule(event=st.sampled_from(Event))
    def happens(self, event):
        try:
            self._to(move(self.state, event))
        except MoveForbidden:
            assert not any(
                end for start, end in self.moves if start == self.state and event == Event.CANCEL and end == "cancelled"
            )

    @rule(name=st.sampled_from(FACTS), holds=st.booleans())
    def the_world_changes(self, name, holds):
        self.facts[name] = holds

    @rule()
    def the_worker_looks(self):
        self._to(path(self.state, **self.facts))

    @precondition(lambda self: self.state in CLOSED)
    @rule()
    def nothing_follows(self):
        assert path(self.state, **self.facts) == self.state

    @invariant()
    def nothing_is_destroyed_before_it_is_known_who_asks(self):
        if not hasattr(self, "state"):
            return
        if self.state in {State.DISPATCHING, State.COMPLETED, State.CERTIFIED}:
            assert State.VERIFIED in self.seen
            assert State.ASSESSING in self.seen
        if self.state == State.CERTIFIED:
            assert State.VERIFYING in self.seen


TestLives = Lives.TestCase


def test_when_all_has_gone_it_ends_and_when_time_is_over_too():
    for facts in range(16):
        words = {word: bool(facts >> at & 1) for at, word in enumerate(FACTS)}
        state, steps = State.APPROVED, 0
        while steps < 10 and (following := path(state, **words)) != state:
            state, steps = following, steps + 1
        if words["ours_gone"] and (words["theirs_gone"] or words["out_of_time"]):
            assert state == State.COMPLETED
        else:
            assert state != State.COMPLETED


AT = datetime(2026, 1, 31, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("residence", "law"), [("", "gdpr"), ("DE", "gdpr"), ("CN", "pipl"), ("US-CA", "ccpa"), ("US-IL", "gdpr")]
)
def test_whose_clock_runs(residence, law):
    assert law_of(residence) == law


def test_the_clocks_of_the_laws():
    assert due(Law.GDPR, received=AT) == datetime(2026, 2, 28, 15, 30, tzinfo=UTC), "one month: its last day"
    assert due(Law.GDPR, received=AT, extended=True) == datetime(2026, 4, 30, 15, 30, tzinfo=UTC)
    assert due(Law.CCPA, received=AT) == AT + timedelta(days=45)
    assert due(Law.CCPA, received=AT, extended=True) == AT + timedelta(days=90)
    assert due(Law.PIPL, received=AT) == datetime(2026, 2, 20, 15, 30, tzinfo=UTC), (
        "fifteen working days from a Saturday"
    )
    assert due(Law.PIPL, received=AT, working_days=1) == datetime(2026, 2, 2, 15, 30, tzinfo=UTC)
    assert due(Law.PIPL, received=datetime(2026, 1, 30, 20, tzinfo=UTC), working_days=1) == datetime(
        2026, 2, 1, 20, tzinfo=UTC
    ), "in China it is Saturday already, and the next working day begins on Sunday by UTC"
    eve, spring = datetime(2026, 2, 13, 3, tzinfo=UTC), {date(2026, 2, day) for day in range(16, 24)}
    assert due(Law.PIPL, received=eve, working_days=2, holidays=spring) == datetime(2026, 2, 25, 3, tzinfo=UTC)
    assert due(Law.PIPL, received=eve, working_days=2, holidays=spring, worked={date(2026, 2, 14)}) == datetime(
        2026, 2, 24, 3, tzinfo=UTC
    )
    assert [can_extend(law) for law in (Law.GDPR, Law.CCPA, Law.PIPL)] == [True, True, False]


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(Law),
    st.timedeltas(timedelta(0), timedelta(days=30)),
    st.booleans(),
)
def test_the_clock_stands_still_only_while_identity_is_outstanding(received, law, unidentified, extended):
    without = due(law, received=received, extended=extended)
    stood = timedelta(0) if law == Law.CCPA else unidentified  # 11 CCR 7021(b): "regardless of time required to verify"
    assert due(law, received=received, unidentified=unidentified, extended=extended) == without + stood
    assert without > received + timedelta(days=14)
    if can_extend(law):
        assert due(law, received=received, extended=True) > due(law, received=received)
    assert months_after(received, 12).month == received.month
