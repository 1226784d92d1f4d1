"""Deliveries of hooks: how many a second to a hundred targets, and how many when one of them takes them and never answers."""

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from django.utils import timezone
from uuid_utils.compat import uuid7

from consent.register import register_app
from hooks.cloudevent import encode
from hooks.deliver import deliver
from hooks.models import Delivery, Subscription
from hooks.subscribe import subscribe
from ledger.bench.measure import Measure, percentile
from retention.bench import scene
from retention.bench.targets import running

COURIERS: Final = 4
"""Threads that deliver, as the courier has."""
EVENT: Final = "session.ended"


@dataclass(frozen=True)
class _Round:
    rate: float
    """Deliveries a second to the targets that answer, until they have all."""
    delays: Sequence[float]
    """Of each, from the outbox to its answer, in seconds."""


def hooks(*, targets: int = 100, events: int = 20_000, rounds: int = 2) -> Iterator[Measure]:
    """Measure it with all targets alive, then with one dead; of the dead one nothing is counted. Commits: for a database of its own."""
    with running(targets) as (ports, silent):
        made = [_subscribed(number, port) for number, port in enumerate(ports)]
        alive: list[_Round] = []
        one_dead: list[_Round] = []
        for _ in range(rounds):
            silent.value = 0
            Subscription.objects.update(failures=0, not_before=None)
            alive.append(_deliver(made, made[1:], events))
            silent.value = 1
            one_dead.append(_deliver(made, made[1:], events))
        rate, reference = (max(each.rate for each in turns) for turns in (one_dead, alive))
        late = percentile([delay for turn in one_dead for delay in turn.delays], 0.99)
        late_alive = percentile([delay for turn in alive for delay in turn.delays], 0.99)
        sizes = {"targets": targets, "events": events, "couriers": COURIERS}
        yield Measure(
            "hooks_one_dead", rate, "deliveries/s", reference, rate / reference, "ratio >= 0.9", rate / reference >= 0.9,
            sizes, "to the targets that answer, while one takes deliveries and never answers; reference: all answer",
        )  # fmt: skip
        yield Measure(
            "hooks_one_dead_p99", late * 1000, "ms", late_alive * 1000, late / late_alive, "", None, sizes,
            "from the outbox to the answer, all events put into the outbox at once; reference: all answer",
        )  # fmt: skip


def _subscribed(number: int, port: int) -> Subscription:
    made = register_app(
        tenant=scene.tenant(), name=f"Target {number} {uuid.uuid4().hex[:6]}", website="", purposes=[scene.PURPOSE],
        now=timezone.now(),
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/hook"
    return subscribe(app=made.app, event=EVENT, target_url=url, now=timezone.now()).subscription


def _deliver(all_: Sequence[Subscription], counted: Sequence[Subscription], events: int) -> _Round:
    """Put as many events into the outbox, the same number for each target, and deliver until those that count have theirs."""
    Delivery.objects.all().delete()
    now = timezone.now()
    rows = [_row(all_[number % len(all_)], now) for number in range(events)]
    Delivery.objects.bulk_create(rows, batch_size=2_000)
    waiting = Delivery.objects.filter(state=Delivery.State.PENDING, subscription__in=counted)
    over = threading.Event()

    def courier() -> None:
        try:
            while not over.is_set():
                deliver(clock=timezone.now)
                over.wait(0.01)
        finally:
            connection.close()

    begun, began = timezone.now(), time.perf_counter()
    threads = [threading.Thread(target=courier) for _ in range(COURIERS)]
    for thread in threads:
        thread.start()
    while waiting.exists():
        time.sleep(0.02)
    took = time.perf_counter() - began
    over.set()
    Delivery.objects.filter(state=Delivery.State.PENDING).update(next_try_at=now.replace(year=now.year + 1))
    for thread in threads:
        thread.join()
    done = Delivery.objects.filter(subscription__in=counted, delivered_at__isnull=False)
    delays = [(at - begun).total_seconds() for at in done.values_list("delivered_at", flat=True) if at]
    return _Round(len(delays) / took, delays)


def _row(subscription: Subscription, now: datetime) -> Delivery:
    event_id = uuid7()
    body = encode(event_id=event_id, source="http://bench", event=EVENT, data={"session": str(event_id)}, now=now)
    return Delivery(
        subscription=subscription, event_id=event_id, event=EVENT, body=body, created_at=now, next_try_at=now
    )
