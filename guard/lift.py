"""Take back what an answer did and can be taken back: the app works again, the host is released.

In the caller's transaction, under the locks of host, alert and answers, whose states are those of afterwards. Nothing is lifted that another
answer holds too, or that an officer did: what guard suspended or isolated bears the very time at which the answer was begun.
"""

import uuid
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts.models import App
from consent.suspend import reinstate
from guard.models import Answer, Host, Step
from hooks.notify import notify


def lift(answer: Answer, *, host: Host, app_id: uuid.UUID, officer: str, now: datetime) -> bool:
    """Lift it; say whether anything was."""
    if answer.step == Step.SUSPEND:
        mine = Answer.objects.filter(step=Step.SUSPEND, alert__app=app_id)
        since = App.objects.values_list("suspended_at", flat=True).get(id=app_id)
        if since is None or not _is_ours(mine, since):
            return False
        reinstate(app_id=app_id, officer=officer, now=now)
        return True
    if answer.step == Step.ISOLATE:
        mine = Answer.objects.filter(step=Step.ISOLATE, alert__host=host)
        if host.isolated_at is None or not _is_ours(mine, host.isolated_at):
            return False
        host.isolated_at = None
        host.save(update_fields=["isolated_at"])
        notify(app=host.app, event="host.release", data={"host": str(host.id)}, now=now)
        return True
    return False


def _is_ours(mine: QuerySet[Answer], since: datetime) -> bool:
    """Say whether guard did it, and no answer that stands wants it."""
    standing = mine.exclude(state=Answer.State.UNDONE).filter(Q(began_at=None) | Q(began_at__gte=since))
    return mine.filter(began_at=since).exists() and not standing.exists()
