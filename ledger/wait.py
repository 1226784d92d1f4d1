"""Wait for the checkpoint that covers an entry, as long as the caller prefers (RFC 7240, `Prefer: wait=N`).

Waiting holds a thread of the web process, so only a few may wait at a time; whoever finds no room is answered at once, as if there were
no preference.
"""

import re
import threading
import time
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import Error
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.errors import EntryUnknown, LedgerError, NotSealed
from ledger.heads import published_checkpoint
from ledger.models import Entry
from ledger.prove import prove
from ledger.queries import entry_by_ref, is_pending

HEADER = "Prefer"
APPLIED = "Preference-Applied"
PROOF = "The entry's `.tlog-proof` (C2SP tlog-proof): with `Prefer: wait=N`, if it came in time; else null."
LONGEST_SECONDS = 10
PLACES = 4
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,3})(?:$|[,;\s])")
_room = threading.BoundedSemaphore(PLACES)


def preferred(request: Request) -> int:
    """Return how many seconds the caller would wait, at most 10."""
    found = _WAIT.search(request.headers.get(HEADER, ""))
    return min(int(found[1]), LONGEST_SECONDS) if found else 0


def covered(ref: uuid.UUID, *, seconds: int) -> Entry:
    """Return the entry once a published checkpoint covers it, waiting up to `seconds`.

    Raises:
        EntryUnknown: There is none of that ref.
        NotSealed: There is, and no published checkpoint covers it yet.
    """
    waits = seconds > 0 and _room.acquire(blocking=False)
    try:
        deadline = time.monotonic() + (seconds if waits else 0)
        while True:
            entry = entry_by_ref(ref=ref)
            if entry is None and not is_pending(ref=ref) and (entry := entry_by_ref(ref=ref)) is None:
                raise EntryUnknown
            if entry is not None:
                head = published_checkpoint(entry.log)
                if head and entry.index < head.size:
                    return entry
            if time.monotonic() >= deadline:
                raise NotSealed
            time.sleep(0.05)
    finally:
        if waits:
            _room.release()


def proven(post: Callable[..., Response]) -> Callable[..., Response]:
    """Decorate a `post` whose answer names its `entry`: with `Prefer: wait=N` the answer brings the entry's `proof`, if it came in time.

    Outermost, for what it waits for begins with the commit.
    """

    @wraps(post)
    def run(self: Any, request: Request, **kwargs: Any) -> Response:
        response = post(self, request, **kwargs)
        seconds = preferred(request)
        if seconds and response.status_code < 300:
            try:
                response.data["proof"] = prove(covered(uuid.UUID(response.data["entry"]), seconds=seconds))
            except (LedgerError, OSError, Error):
                return response  # what was recorded is recorded, whatever became of its proof
            response[APPLIED] = f"wait={seconds}"
        return response

    run.proven = True  # type: ignore[attr-defined]  # for the OpenAPI document
    return run
