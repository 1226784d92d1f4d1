"""Give pending entries their place: one transaction a batch.

Claim by deletion, in identity order, never by a watermark (identity order is not commit order); chain; COPY; move the head. A crash
before the commit leaves the batch pending, after it sequenced: nothing is lost and nothing doubled. The head row's lock makes a second
sequencer wait; the primary key (log, index) makes it fail loudly if ever it did not.
"""

from datetime import UTC

from django.db import connection, transaction

from ledger.leaf import Leaf, encode
from ledger.merkle import frontier_append, leaf_hash
from ledger.models import Log

BATCH = 1024

_CLAIM = """
DELETE FROM ledger_pending WHERE id IN (
    SELECT id FROM ledger_pending WHERE log_id = %s ORDER BY id LIMIT %s FOR UPDATE
) RETURNING id, ref, at, kind, mark, actor, subject, payload
"""


def sequence(*, origin: str, batch: int = BATCH) -> int:
    """Sequence up to `batch` pending entries of one log; return how many there were."""
    with transaction.atomic():
        log = Log.objects.select_for_update().get(origin=origin)
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, [origin, batch])
            rows = sorted(cursor.fetchall())
            if not rows:
                return 0
            size, head, frontier = log.size, bytes(log.head), [bytes(node) for node in log.frontier]
            with cursor.copy("COPY ledger_entry (log_id, index, ref, leaf, leaf_hash) FROM STDIN") as copy:
                for _, ref, at, kind, mark, actor, subject, payload in rows:
                    leaf = encode(
                        Leaf(
                            log=origin,
                            index=size,
                            prev=head,
                            at=at.astimezone(UTC),
                            kind=kind,
                            ref=ref,
                            mark=bytes(mark),
                            actor=bytes(actor),
                            subject=bytes(subject),
                            payload=bytes(payload),
                        )
                    )
                    head = leaf_hash(leaf)
                    frontier = frontier_append(frontier, size, head)
                    copy.write_row((origin, size, ref, leaf, head))
                    size += 1
        moved = Log.objects.filter(origin=origin, size=log.size).update(size=size, head=head, frontier=frontier)
        if moved != 1:
            raise RuntimeError("the head moved under its lock")
        return len(rows)
