"""Look whether something is gone where it was said to be: a signed GET has to answer 404 or 410.

Done outside of any transaction, by the workers that call others. What is found there all the same is asked for again, and the erasure that waits
for it finds it so (`failed`, then dispatched once more). Who does not answer three times is believed, and `Probe` says that nobody saw it.
Each is asked at most once a quarter of an hour, however many workers look: (1) transaction: the claim puts the next look behind that pause;
(2) the GET; (3) what was seen. A crash between leaves a look that nobody counts.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

import httpx
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from standardwebhooks.webhooks import Webhook
from uuid_utils.compat import uuid7

from hooks import target
from hooks.errors import TargetRefused
from hooks.queries import secrets_of
from hooks.wake import wake
from keyring.errors import KeyGone
from ledger.barrier import refuse_if_any_is_behind
from retention.ask_holder import ask
from retention.erasure_machine import State
from retention.models import Artifact, Custody, Disclosure, Erasure, Probe, ProbeAddress
from retention.queries import disclosures_of, scope_of, secret_of_processor
from retention.register_processor import APP_PLACE, PLACE

log = structlog.get_logger(__name__)
TRIES: Final = 3
BETWEEN: Final = timedelta(minutes=15)
BATCH: Final = 100
_GONE: Final = frozenset({404, 410})
_SEEN: Final = Q(answer=Probe.Answer.GONE) | Q(tries__gte=TRIES)


class _Look(NamedTuple):
    artifact: uuid.UUID
    disclosure: uuid.UUID | None
    url: str
    secret: str | None


def unseen(erasure: Erasure) -> bool:
    """Say whether something that apps and processors said is gone has still to be looked for: where somebody can be asked, and has not been to the end."""
    return _unseen_here(erasure).exists() or _unseen_there(erasure).exists()


def _unseen_here(erasure: Erasure) -> QuerySet[Artifact]:
    """At the apps."""
    said = scope_of(erasure).filter(custody=Custody.APP, state=Artifact.State.ERASED)
    looked = Probe.objects.filter(_SEEN, artifact=OuterRef("pk"), disclosure=None)
    return said.filter(app__in=ProbeAddress.objects.values("app")).exclude(Exists(looked))


def _unseen_there(erasure: Erasure) -> QuerySet[Disclosure]:
    """At processors."""
    said = disclosures_of(erasure).filter(state__in=[Disclosure.State.DONE, Disclosure.State.NOT_FOUND])
    looked = Probe.objects.filter(_SEEN, disclosure=OuterRef("pk"))
    return said.exclude(processor__probe_url="").exclude(Exists(looked))


def look(*, clock: Callable[[], datetime]) -> int:
    """Look for everything that an erasure which verifies waits for, a batch; return how many looks were taken.

    Raises:
        ledger.errors.Behind: The database is older than what was published.
    """
    refuse_if_any_is_behind()
    taken = 0
    with target.client(private=settings.HOOK_TARGETS_PRIVATE) as client:
        for erasure in Erasure.objects.defer("sealed").filter(state=State.VERIFYING).order_by("requested_at"):
            for each in islice(_looks(erasure, now=clock()), BATCH - taken):
                try:
                    taken += _take(client, each, clock)
                except Exception as error:
                    log.exception("not_looked", artifact=str(each.artifact), error=type(error).__name__)
    if taken:
        wake("retention.pursue")
    return taken


def _looks(erasure: Erasure, *, now: datetime) -> Iterator[_Look]:
    addresses = dict(ProbeAddress.objects.values_list("app", "url"))
    resting = Probe.objects.filter(next_try_at__gt=now)
    here = _unseen_here(erasure).exclude(Exists(resting.filter(artifact=OuterRef("pk"), disclosure=None)))
    for artifact in here.select_related("app").order_by("id")[:BATCH]:
        secrets = secrets_of(app=artifact.app, event="artifact.erase_requested", now=now)
        url = addresses[artifact.app_id].replace(APP_PLACE, str(artifact.id))
        yield _Look(artifact.id, None, url, secrets[0] if secrets else None)
    there = _unseen_there(erasure).exclude(Exists(resting.filter(disclosure=OuterRef("pk"))))
    for row in there.order_by("id")[:BATCH]:
        with suppress(KeyGone):
            url = row.processor.probe_url.replace(PLACE, str(row.id))
            yield _Look(row.artifact_id, row.id, url, secret_of_processor(row.processor))


def _take(client: httpx.Client, each: _Look, clock: Callable[[], datetime]) -> bool:
    """Look, unless somebody else is looking; say whether that was done."""
    if not _claim(each, now=clock()):
        return False
    _settle(each, _get(client, each, now=clock()), now=clock())
    return True


def _claim(each: _Look, *, now: datetime) -> bool:
    first = Probe(
        artifact_id=each.artifact,
        disclosure_id=each.disclosure,
        answer=Probe.Answer.SILENT,
        tries=0,
        next_try_at=now,
        probed_at=now,
    )
    Probe.objects.bulk_create([first], ignore_conflicts=True)
    free = Probe.objects.filter(artifact=each.artifact, disclosure=each.disclosure, next_try_at__lte=now)
    return bool(free.update(next_try_at=now + BETWEEN))


def _get(client: httpx.Client, each: _Look, *, now: datetime) -> int | None:
    """Return the status, or None where there was no answer. The body is not read."""
    message, at = str(uuid7()), now.astimezone(UTC)
    headers = {"webhook-id": message, "webhook-timestamp": str(int(at.timestamp()))}
    if each.secret:
        headers["webhook-signature"] = Webhook(each.secret).sign(message, at, "")
    try:
        with client.stream("GET", each.url, headers=headers) as answer:
            return answer.status_code
    except (TargetRefused, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return None


def _settle(each: _Look, status: int | None, *, now: datetime) -> None:
    if status is not None and 200 <= status < 300:
        _found(each, now=now)
        return
    answer = Probe.Answer.GONE if status in _GONE else Probe.Answer.SILENT
    mine = Probe.objects.filter(artifact=each.artifact, disclosure=each.disclosure)
    mine.update(answer=answer, tries=F("tries") + 1, next_try_at=now + BETWEEN, probed_at=now)


def _found(each: _Look, *, now: datetime) -> None:
    """It is still there: nothing that was said of it counts, and it is asked for again."""
    log.error("found_where_it_was_said_to_be_gone", artifact=str(each.artifact), disclosure=str(each.disclosure or ""))
    with transaction.atomic():
        Probe.objects.filter(artifact=each.artifact, disclosure=each.disclosure).delete()
        if each.disclosure is not None:
            Disclosure.objects.filter(id=each.disclosure).update(
                state=Disclosure.State.QUEUED, answered_at=None, deleted_at=None, event=None, tries=0, next_try_at=None
            )
            return
        artifact = (
            Artifact.objects.select_related("grant__binding", "grant__subject__tenant", "grant__app__tenant")
            .select_for_update(of=("self",))
            .get(id=each.artifact)
        )
        ask(artifact, now=now, found=True)
