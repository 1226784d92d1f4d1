"""SigmaHQ's own regression cases, from a checkout of theirs: each of their rules has to match the event that is kept for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from guard.ecs import normalise
from guard.errors import Unreadable
from guard.formats import read


@dataclass(frozen=True)
class Case:
    rule: Path
    id: str
    events: Path
    matches: int


def cases(checkout: Path) -> Iterator[Case]:
    """What `regression_data` names, with the rule of that id."""
    rules = {}
    for folder in sorted(checkout.glob("rules*")):
        for path in folder.rglob("*.yml"):
            for line in path.read_text(encoding="utf-8").splitlines():
                if line.startswith("id:"):
                    rules[line[3:].strip()] = path
    for info in sorted((checkout / "regression_data").rglob("info.yml")):
        told = yaml.safe_load(info.read_text(encoding="utf-8"))
        for test in told.get("regression_tests_info", []):
            events = (checkout / test["path"]).with_suffix(".json")
            events = events if events.exists() else next(iter(sorted(events.parent.glob("*.json*"))), events)
            number = told["rule_metadata"][0]["id"]
            if number in rules:
                yield Case(rules[number], number, events, test.get("match_count") or 1)


def matching(pack, case: Case) -> list[dict]:
    """The case's events that its rule matches."""
    found = []
    for row in read(case.events.read_bytes()):
        if row.event is None:
            continue
        try:
            event = normalise(row.event)
        except Unreadable:
            continue
        if any(rule.id == case.id for rule in pack.judge(event)):
            found.append(event)
    return found
