"""A client that writes tracked rows, each in a transaction of its own, when it is told to: see `ledger.bench.client`."""

import json
import os
import sys
import time

import django
import environ
from django.conf import settings


def main() -> None:
    """Make the tables unless another client did; do jobs until the input ends."""
    settings.configure(
        DATABASES={"default": environ.Env.db_url_config(os.environ["DATABASE_URL"])},
        INSTALLED_APPS=["django.contrib.contenttypes", "pgtrigger", "pghistory", "ledger.bench.tracked"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PGTRIGGER_INSTALL_ON_MIGRATE=True,
        USE_TZ=True,
    )
    django.setup()
    from ledger.bench.tracked.models import Recorded

    _make_tables()
    payload = os.urandom(600)
    print(flush=True)  # noqa: T201 - ready
    for line in sys.stdin:
        seconds, count, begun = json.loads(line)["seconds"], 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            Recorded(kind="artifact.recorded", actor="app:bench", payload=payload).save(force_insert=True)
            count += 1
        print(json.dumps({"count": count, "seconds": time.perf_counter() - begun}), flush=True)  # noqa: T201 - the answer


def _make_tables() -> None:
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7)")
    if "tracked_recorded" not in connection.introspection.table_names():
        call_command("migrate", run_syncdb=True, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(7)")


if __name__ == "__main__":
    main()
