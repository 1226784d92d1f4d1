"""Add a retention policy, change one, take one away; and bring what lives already under it.

One transaction: the row and an entry in the platform's log. Then, a batch a transaction, every living thing that the policy is about gets the
shorter of its deadline and the policy's; a crash leaves the row without `applied_at`, and the next look goes through it again. What was being
recorded at that moment by the policies of before is found by the looks of the next minutes. No deadline moves later, so what a person was
told stays true.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Value
from django.db.models.functions import Coalesce, Least
from django.utils.duration import duration_iso_string

from consent.enter import enter_for_platform
from hooks.wake import wake
from ledger.enter_heads import open_platform_log
from retention.effect import batches
from retention.errors import PolicyRefused
from retention.follow import settle
from retention.models import Artifact, Custody, Kind, Policy
from retention.policy import Since

BATCH = 2_000
STILL_RECORDING: Final = timedelta(minutes=5)
"""No request that read the policies of before takes so long."""
LONGEST: Final = timedelta(days=3653)
LONGEST_UPLOAD: Final = 10.0
"""Seconds, for everybody; an officer can allow one app more."""
_RESIDENCE: Final = re.compile(r"(EU|[A-Z]{2}(-[A-Z0-9]{1,3})?)?")
_COLUMNS: Final = {
    Since.PROCESSED: "after_processing",
    Since.SESSION: "after_session",
    Since.INTERACTION: "after_interaction",
    Since.PURPOSE: "after_purpose",
}


def add(*, policy: Policy, actor: str, now: datetime) -> Policy:
    """Add a policy that is not stored yet.

    Raises:
        PolicyRefused: It cannot say this, or there is one about the same already.
    """
    return _keep(policy, kind="policy.added", actor=actor, now=now)


def change(*, policy: Policy, values: Mapping[str, Any], actor: str, now: datetime) -> Policy:
    """Change how long, or how much audio: what a policy is about stays; for that, add another.

    Raises:
        PolicyRefused: It cannot say this.
    """
    for name in ("ttl", "longest_seconds", "lowest_rate", "source"):
        setattr(policy, name, values.get(name, getattr(policy, name)))
    return _keep(policy, kind="policy.changed", actor=actor, now=now)


def remove(*, policy: Policy, actor: str, now: datetime) -> None:
    """Take a policy away. What was recorded under it keeps its deadline; what no policy allows any more is not recorded."""
    open_platform_log(now=now)
    with transaction.atomic():
        payload = said(policy)
        policy.delete()
        enter_for_platform(kind="policy.removed", actor=actor, payload=payload, now=now)


def apply_pending(*, now: datetime) -> int:
    """Bring what lives under the policies under which it has not been brought; return how many policies there were."""
    pending = list(Policy.objects.filter(applied_at=None).order_by("id"))
    for policy in Policy.objects.filter(applied_at__gt=now - STILL_RECORDING).order_by("id"):
        _apply(policy, since=now - 2 * STILL_RECORDING, now=now)
    for policy in pending:
        _apply(policy, since=None, now=now)
        Policy.objects.filter(id=policy.id, ttl=policy.ttl).update(applied_at=now)
    return len(pending)


def _apply(policy: Policy, *, since: datetime | None, now: datetime) -> None:
    for ids in batches(policy, size=BATCH, since=since):
        with transaction.atomic():
            _tighten(ids, policy)
            settle(ids, now=now)


def said(policy: Policy) -> dict[str, Any]:
    """Return what an entry says of a policy."""
    return {
        "policy": policy.id,
        "kind": policy.kind,
        "medium": policy.medium,
        "custody": policy.custody,
        "purpose": policy.purpose_id,
        "app": str(policy.app_id) if policy.app_id else None,
        "residence": policy.residence,
        "since": str(policy.since),
        "ttl": duration_iso_string(policy.ttl),
        "longest_seconds": policy.longest_seconds,
        "lowest_rate": policy.lowest_rate,
        "source": policy.source,
    }


def check(policy: Policy) -> None:
    """Refuse what no policy can say.

    Raises:
        PolicyRefused: Why.
    """
    same = Policy.objects.filter(
        kind=policy.kind,
        medium=policy.medium,
        custody=policy.custody,
        purpose=policy.purpose_id,
        app=policy.app_id,
        residence=policy.residence,
        since=policy.since,
    ).exclude(id=policy.id)
    wrong = {
        "kind_unknown": policy.kind not in Kind.values or policy.custody not in {"", *Custody.values},
        "residence_unknown": not _RESIDENCE.fullmatch(policy.residence),
        "since_unknown": policy.since not in set(Since),
        "ttl_impossible": not timedelta(0) <= policy.ttl <= LONGEST,
        "audio_too_long": policy.kind == Kind.UPLOAD
        and policy.app_id is None
        and policy.longest_seconds > LONGEST_UPLOAD,
        "audio_impossible": not (0 < policy.longest_seconds <= 3600 and 8_000 <= policy.lowest_rate <= 192_000),
        "twice": same.exists(),
    }
    for reason, is_so in wrong.items():
        if is_so:
            raise PolicyRefused(reason, SENTENCES[reason])


SENTENCES: Final = {
    "kind_unknown": "There is no such kind of thing, or nobody of that name to hold it.",
    "residence_unknown": "Where people live is said as ISO 3166 does, or as EU; empty means anywhere.",
    "since_unknown": "A life is not counted from such a moment.",
    "ttl_impossible": "A life lasts from nothing to ten years.",
    "audio_too_long": "More than ten seconds of audio can be allowed to one app, not to all.",
    "audio_impossible": "Audio lasts up to an hour, at 8,000 to 192,000 samples a second.",
    "twice": "There is a policy about exactly this already: change that one.",
}


def _keep(policy: Policy, *, kind: str, actor: str, now: datetime) -> Policy:
    check(policy)
    open_platform_log(now=now)
    try:
        with transaction.atomic():
            policy.applied_at = None
            policy.save()
            wake("retention.apply_policies")
            enter_for_platform(kind=kind, actor=actor, payload=said(policy), now=now)
    except IntegrityError:  # somebody else said the same meanwhile
        raise PolicyRefused("twice", SENTENCES["twice"]) from None
    return policy


def _tighten(ids: list[Any], policy: Policy) -> None:
    """Write into each row that lives how long it may from that moment on."""
    rows = Artifact.objects.filter(id__in=ids, state__in=Artifact.LIVING)
    list(rows.select_for_update(of=("self",)).order_by("id").values_list("id", flat=True))  # in the order of everybody
    fixed, since = Coalesce("latest_at", "expires_at"), Since(policy.since)
    if since == Since.RECORDED:
        ends = ExpressionWrapper(F("recorded_at") + Value(policy.ttl), output_field=DateTimeField())
        rows.update(latest_at=Least(fixed, ends), expires_at=Least("expires_at", ends))
    else:
        ttl = Value(policy.ttl, output_field=DurationField())
        column = _COLUMNS[since]
        rows.update(latest_at=fixed, **{column: Least(Coalesce(column, ttl), ttl)})
