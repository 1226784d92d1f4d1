"""Verify a whole published log because an officer asks: ask for it, carry it out, remember what was found.

What was asked for is a row; the task that carries it out is a sweep over such rows, so a lost hint loses nothing. One is carried out at a
time, wherever it was asked for: a replay is long, and must not take all the threads of those who destroy what is due. A crash
leaves a row that has started and does not end; it is taken up again when `ABANDONED_AFTER` is over.

Only published files are read, and the newest head that the database remembers, which they must extend. A log that lies in a bucket is
copied into a temporary folder first.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from ledger import checkpoint, files, note
from ledger.alarms import end_alarm, raise_alarm
from ledger.errors import LedgerError
from ledger.models import Checkpoint, Log, Verification
from ledger.verify import Finding, verify_log

ABANDONED_AFTER = timedelta(hours=1)
KEPT_FINDINGS = 20
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('ledger.verify_now', 0))"


def ask(*, origin: str, now: datetime) -> Verification:
    """Ask for a verification of the log `origin`; where one is asked for and not ended, that one is returned."""
    with transaction.atomic():
        Verification.objects.bulk_create([Verification(log_id=origin, asked_at=now)], ignore_conflicts=True)
        return Verification.objects.filter(log=origin).order_by("-id")[0]


def carry_out(*, clock: Callable[[], datetime]) -> int:
    """Carry out what was asked for, one after the other; return how many were. Does nothing while another process is at it."""
    done = 0
    while (claimed := _claim(now=clock())) is not None:
        _carry_out(claimed, clock=clock)
        done += 1
    return done


def _claim(*, now: datetime) -> Verification | None:
    dead = Q(started_at__lt=now - ABANDONED_AFTER)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_LOCK)
        waiting = Verification.objects.filter(ended_at=None)
        if waiting.exclude(started_at=None).exclude(dead).exists():
            return None
        found = waiting.filter(Q(started_at=None) | dead).select_related("log").order_by("id").first()
        if found is not None:
            found.started_at = now
            found.save(update_fields=["started_at"])
    return found


def _carry_out(asked: Verification, *, clock: Callable[[], datetime]) -> None:
    log = asked.log
    try:
        size, findings = _findings(log)
    except (LedgerError, OSError) as error:
        size, findings = None, [Finding("error", "log.unreadable", None, f"it cannot be read ({type(error).__name__})")]
    errors = [str(finding) for finding in findings if finding.level == "error"]
    now = clock()
    with transaction.atomic():
        asked.size, asked.ended_at, asked.errors = size, now, len(errors)
        asked.findings = (errors or [str(finding) for finding in findings])[:KEPT_FINDINGS]
        asked.save()
        if errors:
            raise_alarm(origin=log.origin, what="log.corrupt", now=now)
        else:
            end_alarm(origin=log.origin, what="log.corrupt", now=now)


def _findings(log: Log) -> tuple[int | None, list[Finding]]:
    """Return the size of the published checkpoint, if it can be read, and everything that a replay says."""
    verifiers = [note.Verifier.from_vkey(log.vkey)]
    try:
        signed = files.read(log.origin, "checkpoint")
    except FileNotFoundError:
        signed = b""
    try:
        head = checkpoint.open(signed, verifiers)
    except LedgerError:
        head = None  # the verification says why
    with files.as_folder(log.origin) as folder:
        return (head.size if head else None), list(verify_log(folder, verifiers, kept=_kept(log, head)))


def _kept(log: Log, head: checkpoint.Checkpoint | None) -> list[checkpoint.Checkpoint]:
    """Return the newest head that the database remembers and that should be part of what is published."""
    if head is None:
        return []
    row = Checkpoint.objects.filter(log=log, size__lte=head.size).order_by("-size").first()
    return [checkpoint.Checkpoint(log.origin, row.size, bytes(row.root))] if row else []
