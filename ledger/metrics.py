"""What a monitoring system reads of the logs: gauges, made from the database and the published heads when they are asked for.

Nothing is counted in a process, so every process of the service answers the same. Names and units as Prometheus wants them; `log` is a log's
origin, which is public.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ledger.overview import Standing, standings

_Value = Callable[[Standing, datetime], float | None]


def _seconds(since: datetime | None, now: datetime) -> float | None:
    return (now - since).total_seconds() if since else None


OF_A_LOG: tuple[tuple[str, str, _Value], ...] = (
    ("consonant_log_entries", "Entries that have their place.", lambda log, _: log.size),
    ("consonant_log_signed_entries", "Entries under the last signed head.", lambda log, _: log.signed_size),
    ("consonant_log_published_entries", "Entries under the published checkpoint.", lambda log, _: log.published_size),
    ("consonant_log_pending_entries", "Entries that wait for their place.", lambda log, _: log.pending),
    (
        "consonant_log_oldest_unpublished_seconds",
        "Age of the oldest entry that no published checkpoint covers; 0 when none waits.",
        lambda log, now: _seconds(log.waits_since, now) or 0.0,
    ),
    (
        "consonant_log_head_age_seconds",
        "Age of the signature under the published checkpoint.",
        lambda log, now: _seconds(log.published_at, now),
    ),
    (
        "consonant_log_anchored_entries",
        "Entries under the newest anchored checkpoint.",
        lambda log, _: log.anchor.size if log.anchor else None,
    ),
    (
        "consonant_log_anchor_age_seconds",
        "Age of the newest anchor.",
        lambda log, now: _seconds(log.anchor.at, now) if log.anchor else None,
    ),
    (
        "consonant_log_verification_errors",
        "Errors that the last whole verification found.",
        lambda log, _: log.verification.errors if log.verification and log.verification.ended_at else None,
    ),
    (
        "consonant_log_verification_age_seconds",
        "Time since the last whole verification ended.",
        lambda log, now: _seconds(log.verification.ended_at, now) if log.verification else None,
    ),
)
"""Name, meaning, value; a value that there is not is left out."""
OF_A_WITNESS = (
    ("consonant_witness_cosigned_entries", "Entries under the last head that the witness cosigned."),
    ("consonant_witness_lag_entries", "Entries under the last signed head that the witness has not cosigned."),
    ("consonant_witness_trouble", "1 when its last answer was no cosignature, else 0."),
)
ALARMS = ("consonant_log_alarms", "Alarms that are open, by what they are about.")


class LogCollector(Collector):
    """All of it, for one scrape."""

    def __init__(self, *, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge of every log."""
        logs = standings(now=self._now)
        for name, meaning, value in OF_A_LOG:
            gauge = GaugeMetricFamily(name, meaning, labels=["log"])
            for log in logs:
                if (said := value(log, self._now)) is not None:
                    gauge.add_metric([log.origin], said)
            yield gauge
        cosigned, lag, trouble = (
            GaugeMetricFamily(name, meaning, labels=["log", "witness"]) for name, meaning in OF_A_WITNESS
        )
        alarms = GaugeMetricFamily(*ALARMS, labels=["log", "what"])
        for log in logs:
            for seen in log.witnesses:
                labels = [log.origin, seen.witness]
                cosigned.add_metric(labels, seen.size)
                lag.add_metric(labels, max(0, log.signed_size - seen.size))
                trouble.add_metric(labels, bool(seen.trouble))
            for what, count in Counter(each.what for each in log.troubles).items():
                alarms.add_metric([log.origin, what], count)
        yield from (cosigned, lag, trouble, alarms)
