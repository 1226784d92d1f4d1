"""Look whether each app can be had without consent: whether the address that it declared for that answers (PIPL 16).

The address is called as anyone would call it: without a name, a cookie or a consent; only to addresses that hooks may go to. 2xx works,
all else does not. No transaction is open meanwhile; each answer is written by itself, unless another address was declared meanwhile.
"""

import uuid
from collections.abc import Callable
from datetime import datetime

import httpx
import structlog
from django.conf import settings

from consent.models import Declaration
from hooks import target
from hooks.errors import TargetRefused

log = structlog.get_logger(__name__)


def check_fallbacks(*, clock: Callable[[], datetime], app_id: uuid.UUID | None = None) -> int:
    """Check every declared address, or one app's; return how many do not work."""
    declared = Declaration.objects.exclude(fallback_url="").order_by("app", "purpose")
    if app_id is not None:
        declared = declared.filter(app=app_id)
    answers: dict[str, bool] = {}
    with target.client(private=settings.HOOK_TARGETS_PRIVATE) as client:
        for declaration in declared:
            url = declaration.fallback_url
            if url not in answers:
                answers[url] = _answers(client, url)
            Declaration.objects.filter(id=declaration.id, fallback_url=url).update(
                fallback_works=answers[url], fallback_checked_at=clock()
            )
            if not answers[url]:
                log.warning("fallback_away", app=str(declaration.app_id), purpose=declaration.purpose_id)
    return sum(not works for works in answers.values())


def _answers(client: httpx.Client, url: str) -> bool:
    """Say whether the address answers with 2xx; what it says is not read."""
    try:
        with client.stream("GET", url) as answer:
            return answer.is_success
    except (TargetRefused, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return False
