"""A client that appends, as a process: `python -m tests.stack.appender MEMORY HOLDER ORIGIN...`, until it is killed.

Before it commits an entry it writes `? log ref` to its memory, after the commit `! log ref`: the first may be in the log, the second must
be. Each line is one write to the kernel, so a `kill -9` loses none.
"""

import os
import sys
import time
from itertools import cycle

import django

PAUSE_SECONDS = 0.001
PAUSE_AFTER_ERROR_SECONDS = 0.05


def main(path: str, holder: str, origins: list[str]) -> None:
    django.setup()
    from django.db import Error, connection, transaction
    from django.utils import timezone

    from ledger.append import append

    with open(path, "ab", buffering=0) as memory:  # noqa: PTH123
        for number, origin in enumerate(cycle(origins)):
            try:
                with transaction.atomic():
                    ref = append(
                        origin=origin,
                        kind="test.happened",
                        actor="a client",
                        payload={"number": number},
                        holder=holder,
                        now=timezone.now(),
                    )
                    memory.write(f"? {origin} {ref}\n".encode())
                memory.write(f"! {origin} {ref}\n".encode())
            except Error:
                connection.close()
                time.sleep(PAUSE_AFTER_ERROR_SECONDS)
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
