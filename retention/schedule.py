"""The written schedule of retention, as it is published: from the live rows, for anybody (740 ILCS 14/15(a))."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.duration import duration_iso_string

from retention.models import Kind, Policy
from retention.policy import Since


@dataclass(frozen=True)
class Line:
    """One kind of thing, with every policy about it."""

    kind: str
    policies: list[Policy]


def lines() -> list[Line]:
    """Return every kind of artifact there is, also one that nothing allows to be kept."""
    found: dict[str, list[Policy]] = defaultdict(list)
    order = ("medium", "residence", "custody", "purpose", "app", "since", "ttl", "id")
    for policy in Policy.objects.select_related("purpose", "app").order_by(*order):
        found[policy.kind].append(policy)
    return [Line(kind.value, found[kind.value]) for kind in Kind]


def document(*, now: datetime) -> dict[str, Any]:
    """Return the schedule as JSON."""
    return {
        "at": now.isoformat(),
        "rule": "The shortest life wins. No life outlasts its consent. Taken back, everything that is kept here goes at once, and an app is told at once to destroy what it keeps. A legal hold keeps and permits no use.",
        "counted_from": [since.value for since in Since],
        "kinds": [
            {
                "kind": line.kind,
                "policies": [
                    {
                        "shows": policy.medium or None,
                        "held_by": policy.custody or None,
                        "purpose": policy.purpose_id,
                        "app": policy.app.name if policy.app else None,
                        "lives_in": policy.residence or None,
                        "counted_from": str(policy.since),
                        "lives_at_most": duration_iso_string(policy.ttl),
                        "only_shortens": not policy.rule().allows,
                        "source": policy.source or None,
                    }
                    for policy in line.policies
                ],
            }
            for line in lines()
        ],
    }
