"""Correlations: windows, groups, order."""

from datetime import UTC, datetime, timedelta

import pytest

from guard import sigma
from guard.correlation import Match, group_of, judge, values_of
from guard.errors import RuleUnreadable

T0 = datetime(2026, 6, 1, 23, tzinfo=UTC)


def of(kind, condition="gt: 2", rules="[a, b]", group="[host.id]"):
    text = f"""
title: Counted
id: 00000000-0000-0000-0000-000000000001
correlation:
  type: {kind}
  rules: {rules}
  group-by: {group}
  timespan: 1m
  condition: {{{condition}}}
level: high
"""
    for name in ("a", "b"):
        text += f"""---
title: Base
id: 00000000-0000-0000-0000-00000000000{"ab".index(name) + 2}
name: {name}
logsource: {{category: process_creation}}
detection: {{sel: {{Image: {name}}}, condition: sel}}
"""
    (found,) = sigma.parse(text, "counted").correlations
    return found


def match(seconds, rule="a", group=("h",), **values):
    return Match(rule, T0 + timedelta(seconds=seconds), group, values)


def hits(correlation, *matches, now=3600):
    return [
        (hit.group, (hit.at - T0).total_seconds(), hit.count)
        for hit in judge(correlation, matches, T0 + timedelta(seconds=now))
    ]


def test_events_are_counted_within_the_window():
    counted = of("event_count")
    assert hits(counted, match(0), match(10)) == []
    assert hits(counted, match(20), match(0), match(10, "b")) == [(("h",), 20, 3)]
    assert hits(counted, match(0), match(30), match(60)) == []  # the first is out
    assert hits(counted, match(0.1), match(30), match(60)) == [(("h",), 60, 3)]
    assert hits(counted, match(0), match(1, group=("g",)), match(2)) == []
    assert hits(counted, match(0), match(1), match(2, "c")) == []
    assert hits(counted, match(0), match(1), match(2), now=1) == []


def test_it_hits_once_a_window():
    assert hits(of("event_count"), *(match(second) for second in range(7))) == [(("h",), 2, 3), (("h",), 5, 3)]


@pytest.mark.parametrize(("condition", "enough"), [("gte: 2", 2), ("eq: 3", 3), ("gt: 3", 4)])
def test_operators(condition, enough):
    assert hits(of("event_count", condition), *(match(second) for second in range(enough)))[-1] == (
        ("h",),
        enough - 1,
        enough,
    )
    assert hits(of("event_count", condition), *(match(second) for second in range(enough - 1))) == []


def test_values_are_counted_once():
    counted = of("value_count", "field: DestinationPort, gte: 3")
    ports = [match(second, DestinationPort=str(port)) for second, port in enumerate((1, 1, 2, 2, 3))]
    assert hits(counted, *ports) == [(("h",), 4, 3)]
    assert hits(counted, *ports[:-1], match(9)) == []


def test_rules_that_match_together_and_in_order():
    assert hits(of("temporal", "gte: 2"), match(0, "b"), match(5, "a")) == [(("h",), 5, 2)]
    assert hits(of("temporal", "gte: 2"), match(0, "b"), match(5, "b")) == []
    assert hits(of("temporal", "gte: 2"), match(0, "b"), match(65, "a")) == []
    assert hits(of("temporal_ordered", "gte: 2"), match(0, "b"), match(5, "a")) == []
    assert hits(of("temporal_ordered", "gte: 2"), match(0, "b"), match(5, "a"), match(9, "b")) == [(("h",), 9, 3)]


def test_groups_and_values_come_from_the_event():
    counted = of("value_count", "field: DestinationPort, gte: 3", group="[host.id, User]")
    event = {"host": {"id": "h"}, "user": {"name": "u", "domain": "d"}, "destination": {"port": 7}}
    values = values_of([counted], "a", event)
    assert values == {"DestinationPort": "7", "User": "d\\u", "host.id": "h"}
    assert group_of(counted, values) == ("h", "d\\u")
    assert values_of([counted], "c", event) == {}


@pytest.mark.parametrize(
    ("kind", "condition", "rules"),
    [("value_avg", "field: x, gt: 1", "[a]"), ("event_count", "gt: 1", "[z]"), ("temporal", "gt: 1", "[z]")],
)
def test_what_is_not_counted_here_is_refused(kind, condition, rules):
    with pytest.raises(RuleUnreadable):
        of(kind, condition, rules)
