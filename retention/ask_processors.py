"""Ask processors to erase what was passed on to them, by a signed message; say when one does not answer.

A disclosure is due when its thing is on its way out, whatever the reason. (1) transaction: the claim counts the try and puts the next one behind a
lease; (2) the message, outside of any; (3) transaction: `sent`, once entered as `disclosure.erase_requested`. A crash after the send and before (3) sends it
again under the same `webhook-id`. Who does not answer in time is asked once more, under another. One without an address is asked by letter: an officer says so, and enters its answer.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.functions import Greatest
from uuid_utils.compat import uuid7

from consent.enter import enter_for_grant
from hooks import target
from hooks.cloudevent import encode
from hooks.deliver import post
from hooks.errors import TargetRefused
from hooks.schedule import delay_after
from keyring.errors import KeyGone
from ledger.barrier import refuse_if_any_is_behind
from retention.models import Artifact, Disclosure
from retention.queries import secret_of_processor

log = structlog.get_logger(__name__)
EVENT: Final = "disclosure.erase_requested"
BATCH: Final = 100
LEASE: Final = timedelta(seconds=30)
AT_LEAST: Final = timedelta(days=7)
"""A processor has as long as it keeps things by itself, and never less, to answer."""


def ask_processors(*, clock: Callable[[], datetime]) -> int:
    """Ask each that has something on its way out, a batch; return how many have taken the request.

    Raises:
        ledger.errors.Behind: The database is older than what was published.
    """
    refuse_if_any_is_behind()
    asked = 0
    with target.client(private=settings.HOOK_TARGETS_PRIVATE) as client:
        due = to_ask(now=clock()).exclude(processor__endpoint="")
        for disclosure_id in list(due.order_by("next_try_at", "id").values_list("id", flat=True)[:BATCH]):
            if claimed := _claim(disclosure_id, now=clock()):
                asked += _settle(claimed, _send(client, claimed, now=clock()), now=clock())
    return asked


def to_ask(*, now: datetime) -> QuerySet[Disclosure]:
    """Return what was passed on and has to go there too."""
    going = Disclosure.objects.exclude(artifact__state__in=Artifact.LIVING).exclude(state__in=Disclosure.ANSWERED)
    return going.filter(Q(next_try_at=None, state=Disclosure.State.QUEUED) | Q(next_try_at__lte=now))


def by_letter(*, disclosure_id: uuid.UUID, officer: str, now: datetime) -> bool:
    """Note that an officer asked by letter; say whether it had not been asked yet."""
    return _asked(disclosure_id, event=uuid7(), actor=f"officer:{officer}", next_try_at=None, now=now)


def _claim(disclosure_id: uuid.UUID, *, now: datetime) -> Disclosure | None:
    with transaction.atomic():
        found = to_ask(now=now).select_related("processor", "artifact__grant")
        row = found.select_for_update(of=("self",), skip_locked=True).filter(id=disclosure_id).first()
        if row is None:
            return None
        row.event = row.event or uuid7()
        row.tries += 1
        row.next_try_at = now + LEASE
        row.save(update_fields=["event", "tries", "next_try_at"])
        return row


def _send(client: httpx.Client, row: Disclosure, *, now: datetime) -> bool:
    data = {
        "disclosure": str(row.id),
        "artifact": str(row.artifact_id),
        "artifact_kind": row.artifact.kind,
        "disclosed_at": row.disclosed_at.isoformat(),
        "deadline": (now + answer_within(row)).isoformat(),
        "answer_to": f"{settings.PUBLIC_URL}/api/v1/disclosures/{row.id}/attestations",
    }
    event = row.event or row.id
    body = encode(event_id=event, source=settings.PUBLIC_URL, event=EVENT, data=data, now=now)
    try:
        answer = post(
            client,
            row.processor.endpoint,
            event_id=event,
            body=body,
            secrets=[secret_of_processor(row.processor)],
            now=now,
        )
    except (TargetRefused, KeyGone, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        log.warning("processor_not_asked", disclosure=str(row.id), error=type(error).__name__)
        return False
    return answer.is_success


def _settle(row: Disclosure, taken: bool, *, now: datetime) -> bool:  # noqa: FBT001
    if taken:
        return _asked(row.id, event=row.event or row.id, actor="service", next_try_at=None, now=now)
    wait = delay_after(row.tries)
    changes: dict[str, Any] = {"next_try_at": now + wait if wait is not None else None}
    if wait is None and row.asked_at is None:
        changes["state"] = Disclosure.State.FAILED
    mine = Disclosure.objects.filter(id=row.id, tries=row.tries).exclude(state__in=Disclosure.ANSWERED)
    mine.update(**changes)
    return False


def _asked(
    disclosure_id: uuid.UUID, *, event: uuid.UUID, actor: str, next_try_at: datetime | None, now: datetime
) -> bool:
    with transaction.atomic():
        found = Disclosure.objects.select_related(
            "processor", "artifact__grant__binding", "artifact__grant__subject__tenant"
        ).exclude(state__in=Disclosure.ANSWERED)
        row = found.select_for_update(of=("self",)).filter(id=disclosure_id).first()
        if row is None:
            return False
        repeated = row.asked_at is not None and row.state == Disclosure.State.SENT
        # Else it has answered before we came here, or is late.
        if row.state in {Disclosure.State.QUEUED, Disclosure.State.FAILED}:
            row.state = Disclosure.State.SENT
        row.event, row.asked_at, row.next_try_at = event, now, next_try_at
        row.save(update_fields=["state", "event", "asked_at", "next_try_at"])
        if not repeated:
            enter_for_grant(
                grant=row.artifact.grant,
                kind=EVENT,
                actor=actor,
                payload={
                    **row.artifact.record(),
                    "disclosure": str(row.id),
                    "processor": str(row.processor_id),
                    "deadline": (now + answer_within(row)).isoformat(),
                },
                now=now,
            )
    return True


def answer_within(row: Disclosure) -> timedelta:
    """Return how long the processor has to answer."""
    return max(AT_LEAST, row.processor.keeps_for)


def overdue(*, now: datetime) -> int:
    """Say of each processor that has not answered in time, a batch, and have it asked once more; return how many."""
    waiting = [Disclosure.State.SENT, Disclosure.State.RECEIVED, Disclosure.State.IN_PROGRESS]
    has = Greatest(F("processor__keeps_for"), Value(AT_LEAST, DurationField()))
    until = ExpressionWrapper(F("asked_at") + has, DateTimeField())
    silent = Disclosure.objects.filter(state__in=waiting, overdue_at=None).annotate(until=until).filter(until__lte=now)
    late = 0
    for disclosure_id in list(silent.values_list("id", flat=True)[:BATCH]):
        try:
            late += _late(silent, disclosure_id, now=now)
        except Exception as error:
            log.exception("not_said_to_be_late", disclosure=str(disclosure_id), error=type(error).__name__)
    return late


def _late(silent: QuerySet[Disclosure], disclosure_id: uuid.UUID, *, now: datetime) -> bool:
    with transaction.atomic():
        row = (
            silent.select_related("processor", "artifact__grant__binding", "artifact__grant__subject__tenant")
            .select_for_update(of=("self",), skip_locked=True)
            .filter(id=disclosure_id)
            .first()
        )
        if row is None:
            return False  # it answered a moment ago
        row.state, row.overdue_at = Disclosure.State.TIMED_OUT, now
        if row.processor.endpoint:
            row.event, row.tries, row.next_try_at = None, 0, now
        row.save(update_fields=["state", "overdue_at", "event", "tries", "next_try_at"])
        enter_for_grant(
            grant=row.artifact.grant,
            kind="disclosure.overdue",
            actor="service",
            payload={**row.artifact.record(), "disclosure": str(row.id), "processor": str(row.processor_id)},
            now=now,
        )
    return True
