"""Turn a rule off, or on again, for all hosts.

One transaction: the row and an entry in the platform's log, for a rule is no organisation's.
"""

from datetime import datetime

from django.db import transaction

from consent.enter import enter_for_platform
from guard.errors import RuleUnknown
from guard.models import RuleState
from guard.pack import rule_of
from ledger.enter_heads import open_platform_log


def change_rule(*, slug: str, enabled: bool, officer: str, now: datetime) -> RuleState:
    """Turn it off or on; saying it again changes nothing.

    Raises:
        RuleUnknown: There is no such rule.
    """
    if rule_of(slug) is None:
        raise RuleUnknown
    open_platform_log(now=now)
    with transaction.atomic():
        state, made = RuleState.objects.select_for_update().get_or_create(
            slug=slug, defaults={"enabled": True, "changed_at": now, "changed_by": officer}
        )
        if state.enabled != enabled:
            state.enabled, state.changed_at, state.changed_by = enabled, now, officer
            state.save()
            enter_for_platform(
                kind="rule.changed", actor=f"officer:{officer}", payload={"rule": slug, "enabled": enabled}, now=now
            )
        elif made:
            state.delete()  # without a row it is on
    return state
