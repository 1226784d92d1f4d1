"""Change what is done about a rule's alerts, or about all of a level.

One transaction: the row and an entry in the platform's log. Alerts that were raised before keep the answers of their time.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from consent.enter import enter_for_platform
from guard.errors import RuleUnknown, StepUnknown
from guard.models import Level, Playbook, Step
from guard.pack import rule_of
from guard.playbooks import in_order
from ledger.enter_heads import open_platform_log


def change_playbook(*, key: str, steps: Sequence[str], enabled: bool, officer: str, now: datetime) -> Playbook:
    """Say what is done. `key`: the slug of a rule, or a level; the rule's own comes first.

    Raises:
        RuleUnknown: It is neither.
        StepUnknown: There is no such step.
    """
    if key not in Level.values and rule_of(key) is None:
        raise RuleUnknown
    if not set(steps) <= set(Step.values):
        raise StepUnknown
    open_platform_log(now=now)
    said = {"steps": in_order(tuple(steps)), "enabled": enabled}
    with transaction.atomic():
        playbook, made = Playbook.objects.select_for_update().get_or_create(
            key=key, defaults={**said, "changed_at": now, "changed_by": officer}
        )
        if made or (playbook.steps, playbook.enabled) != (said["steps"], enabled):
            playbook.steps, playbook.enabled = in_order(tuple(steps)), enabled
            playbook.changed_at, playbook.changed_by = now, officer
            playbook.save()
            enter_for_platform(
                kind="playbook.changed", actor=f"officer:{officer}", payload={"playbook": key, **said}, now=now
            )
    return playbook
