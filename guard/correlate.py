"""Count what is no alarm by itself: matches of rules are kept their day, and judged with those of the host before and after them.

In the caller's transaction, under the host's lock: of two deliveries at once the later one sees what the earlier one brought.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from guard import correlation, sigma
from guard.models import Host, Match
from guard.queries import rules_in_force
from guard.raise_alert import Breach
from guard.store import Happened


def correlate(*, host: Host, matches: Sequence[tuple[sigma.Rule, Happened, int]], now: datetime) -> list[Breach]:
    """Keep matches (the rule, the event, its id), and return the correlations that they complete, each once."""
    if not matches:
        return []
    pack = rules_in_force()
    made = Match.objects.bulk_create(
        Match(
            host=host,
            rule=rule.slug,
            at=event.at,
            received_at=now,
            values=correlation.values_of(pack.correlations, rule.slug, event.data),
        )
        for rule, event, _ in matches
    )
    new = {row.id for row in made}
    breaches = []
    for each in pack.correlations:
        mine = [(event, event_id) for rule, event, event_id in matches if rule.slug in each.rules]
        if mine and (hits := _hits(host, each, [event.at for event, _ in mine], new)):
            last = max((event for event, _ in mine), key=lambda event: event.at)
            ids = [event_id for _, event_id in mine]
            breaches.append(Breach(each, hits[0].at, last.at, last.data, evidence=ids))
    return breaches


def _hits(
    host: Host, each: correlation.Correlation, times: Sequence[datetime], new: Collection[int]
) -> list[correlation.Hit]:
    """Return where the correlation holds only since these new matches, which may have come after later ones."""
    around = (min(times) - each.timespan, max(times) + each.timespan)
    rows = list(Match.objects.filter(host=host, rule__in=list(each.rules), at__range=around).order_by("at", "id"))
    # By the host's own clock, which may be ahead of ours.
    known = correlation.judge(each, [_match(each, row) for row in rows if row.id not in new], around[1])
    found = correlation.judge(each, [_match(each, row) for row in rows], around[1])
    before = Counter(hit.group for hit in known)
    after = Counter(hit.group for hit in found)
    told = {(hit.group, hit.at) for hit in known}
    more = [hit for hit in found if after[hit.group] > before[hit.group]]
    return [hit for hit in more if (hit.group, hit.at) not in told] or more


def _match(each: correlation.Correlation, row: Match) -> correlation.Match:
    return correlation.Match(row.rule, row.at, correlation.group_of(each, row.values), row.values)
