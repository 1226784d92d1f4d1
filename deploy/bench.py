"""Gives `manage.py bench` a database and a folder of its own, and deletes both afterwards.

The database lies on the server that DATABASE_URL in the environment names, or on an embedded one, durable as in service, that runs
meanwhile; so with CELERY_BROKER_URL, where a broker is needed. A running service and its `var/` are not looked at. A crash leaves a folder in the temporary folder, and on a server of
one's own a database named `consonant_bench_...`.
"""

import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from deploy.embedded import serve


def main(argv: list[str]) -> int:
    """Run `bench` with these arguments; return its exit code."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="consonant-bench-"))
        server, broker = os.environ.get("DATABASE_URL", ""), os.environ.get("CELERY_BROKER_URL", "")
        needs = {"postgres": not server, "redis": not broker and bool({"consent", "guard", "retention"} & set(argv))}
        if any(needs.values()):
            embedded, broker_here = stack.enter_context(serve(Path(folder), durable=True, **needs))
            server, broker = server or embedded, broker or broker_here
        name = f"consonant_bench_{secrets.token_hex(6)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            database = urlsplit(server)._replace(path=f"/{name}").geturl()
            return _run(argv, folder=folder, database=database, broker=broker)
        finally:
            with psycopg.connect(server, autocommit=True) as connection:
                # Not by force: that may not end an autovacuum of the server's, which steps aside by itself.
                connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _run(argv: list[str], *, folder: str, database: str, broker: str) -> int:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSONANT_")}
    environment = {
        **kept,
        "CONSONANT_MODE": "local",
        "CONSONANT_VAR": folder,
        "CONSONANT_LOG_LEVEL": "WARNING",
        "DATABASE_URL": database,
        **({"CELERY_BROKER_URL": broker} if broker else {}),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    for words in (["migrate", "--verbosity=0"], ["bench", *argv]):
        done = subprocess.run([sys.executable, "-m", "django", *words], check=False, env=environment)
        if done.returncode != 0:
            return done.returncode
    return 0
