"""The decision, by cases and by properties."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.machine import State
from consent.terms import SESSION_LIMIT, GrantFacts, Permit, Refusal, admits, decide

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def facts(**changes):
    return GrantFacts(
        **{
            "state": "given",
            "operations": ["upload", "embed"],
            "valid_from": NOON,
            "valid_until": NOON + timedelta(days=1),
            "uses_left": None,
            "app_suspended": False,
        }
        | changes
    )


def test_permits_for_an_hour_at_most():
    assert decide(facts(), operations=["upload"], now=NOON) == Permit(NOON + SESSION_LIMIT)
    assert decide(facts(valid_until=NOON + timedelta(minutes=5)), operations=["upload"], now=NOON) == Permit(
        NOON + timedelta(minutes=5)
    )


@pytest.mark.parametrize(
    ("changes", "operations", "at", "reason"),
    [
        ({"app_suspended": True}, ["upload"], NOON, "app_suspended"),
        ({"state": "withdrawn"}, ["upload"], NOON, "consent_withdrawn"),
        ({"state": "expired"}, ["upload"], NOON, "term_over"),
        ({"state": "paused"}, ["upload"], NOON, "consent_paused"),
        ({"state": "stale"}, ["upload"], NOON, "consent_stale"),
        ({"state": "revoked"}, ["upload"], NOON, "consent_revoked"),
        ({"state": "invalidated"}, ["upload"], NOON, "consent_invalidated"),
        ({"state": "exhausted"}, ["upload"], NOON, "uses_exhausted"),
        ({"state": "nobody knows"}, ["upload"], NOON, "consent_unknown"),
        ({}, ["synthesize"], NOON, "operation_not_covered"),
        ({}, [], NOON, "operation_not_covered"),
        ({}, ["upload"], NOON - timedelta(seconds=1), "term_over"),
        ({}, ["upload"], NOON + timedelta(days=1), "term_over"),
        ({"uses_left": 0}, ["upload"], NOON, "uses_exhausted"),
    ],
)
def test_refuses_with_its_reason(changes, operations, at, reason):
    refusal = decide(facts(**changes), operations=operations, now=at)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
    assert refusal.sentence.endswith(".")
    assert refusal.cure.endswith(".")


def admit(grant, **changes):
    words = {
        "session_operations": ["upload"],
        "spent": [],
        "closed": False,
        "expires_at": NOON + timedelta(hours=1),
        "operation": "upload",
        "now": NOON,
    }
    return admits(grant, **(words | changes))


def test_a_session_admits_what_it_names_while_it_lives():
    assert isinstance(admit(facts()), Permit)
    assert admit(facts(), closed=True).reason == "session_ended"
    assert admit(facts(), now=NOON + timedelta(hours=1)).reason == "session_ended"
    assert admit(facts(), operation="embed").reason == "operation_not_covered"
    assert admit(facts(state="withdrawn")).reason == "consent_withdrawn"


def test_a_counted_session_admits_each_operation_once():
    assert isinstance(admit(facts(uses_left=0)), Permit)
    assert admit(facts(uses_left=0), spent=["upload"]).reason == "operation_spent"
    assert isinstance(admit(facts(), spent=["upload"]), Permit)


@given(
    state=st.sampled_from([*State, ""]),
    operations=st.lists(st.sampled_from(["upload", "embed", "synthesize", "combine"]), max_size=4),
    offset=st.integers(-200_000, 200_000),
    uses=st.one_of(st.none(), st.integers(0, 2)),
    suspended=st.booleans(),
)
def test_a_permit_needs_everything(state, operations, offset, uses, suspended):
    at = NOON + timedelta(seconds=offset)
    grant = facts(state=state, uses_left=uses, app_suspended=suspended)
    decision = decide(grant, operations=operations, now=at)
    expected = (
        state in {"given", "renewed"}
        and len(operations) > 0
        and set(operations) <= {"upload", "embed"}
        and grant.valid_from <= at < grant.valid_until
        and uses != 0
        and not suspended
    )
    assert isinstance(decision, Permit) == expected
    if isinstance(decision, Permit):
        assert at < decision.until <= min(at + SESSION_LIMIT, grant.valid_until)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"app_approved": False}, "app_unapproved"),
        ({"notice_current": False}, "consent_stale"),
        ({"guardian_until": NOON}, "consent_stale"),
        ({"app_suspended": True, "state": "withdrawn"}, "app_suspended"),
    ],
)
def test_what_else_stops_use_has_its_reason(changes, reason):
    decision = decide(facts(**changes), operations=["upload"], now=NOON)
    assert isinstance(decision, Refusal)
    assert decision.reason == reason


def test_a_guardians_yes_holds_until_the_person_is_an_adult():
    grown = NOON + timedelta(hours=1)
    given = facts(guardian_until=grown)
    assert isinstance(decide(given, operations=["upload"], now=grown - timedelta(microseconds=1)), Permit)
    assert isinstance(decide(given, operations=["upload"], now=grown), Refusal)
