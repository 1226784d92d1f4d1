"""Opens sessions of one grant as fast as it can, in as many threads as it is told, each on a connection of its own.

`python -m retention.bench.opener` reads one job a line (JSON: app, grant, threads, seconds) and answers each by one line.
"""

import json
import sys
import threading
import time
import uuid
from typing import Any

import django


def main() -> None:
    """Do jobs until the input ends."""
    django.setup()
    print(flush=True)  # noqa: T201 - ready
    for line in sys.stdin:
        print(json.dumps(open_for(**json.loads(line))), flush=True)  # noqa: T201 - the answer


def open_for(*, app: str, grant: str, threads: int, seconds: float) -> dict[str, Any]:
    """Open until the time is over or it is refused; return how many were opened, and how many threads were refused at the end."""
    from django.db import connection
    from django.utils import timezone

    from accounts.models import App
    from consent.open_session import Opened, open_session

    caller = App.objects.select_related("tenant").get(id=app)
    opened, refused = [0] * threads, [0] * threads

    def run(number: int) -> None:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until and not refused[number]:
            found = open_session(app=caller, grant_id=uuid.UUID(grant), operations=None, now=timezone.now())
            if isinstance(found, Opened):
                opened[number] += 1
            else:
                refused[number] = 1
        connection.close()

    running = [threading.Thread(target=run, args=[number]) for number in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    return {"count": sum(opened), "refused": sum(refused), "seconds": seconds}


if __name__ == "__main__":
    main()
