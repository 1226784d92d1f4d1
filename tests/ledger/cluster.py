"""A durable PostgreSQL of a test's own, in which the test is the superuser, and keeps no old WAL segment for reuse."""

import contextlib
import json
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from deploy import embedded
from deploy.place import settle

OPTIONS = "wal_recycle = off\nautovacuum = off\n"


class Cluster:
    """One running server. `data` is all of its files, WAL included."""

    def __init__(self, place, address):
        self.data = place.home / "postgres"
        self.sockets = place.sockets
        self.address = address
        self._programs = place.postgres / "bin"

    def sql(self, *statements):
        """Carry out statements as the superuser, each by itself."""
        with psycopg.connect(self.superuser, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    @property
    def superuser(self):
        return f"postgresql://postgres@/consonant?host={self.sockets}"

    def files(self):
        return [path for path in self.data.rglob("*") if path.is_file()]

    def dump(self):
        """Everything a backup of the whole server would say."""
        return self._run("pg_dumpall", "--dbname", self.superuser, "--no-sync")

    def fill_from(self, address):
        """Bring in another server's database: its tables, its functions, its rows."""
        script = self._run(
            "pg_dump", "--no-owner", "--no-privileges", "--no-sync", "--load-via-partition-root", address
        )
        self._run(
            "psql",
            "--quiet",
            "--no-psqlrc",
            "--set=ON_ERROR_STOP=1",
            "--single-transaction",
            self.address,
            given=script,
        )

    def _run(self, program, *arguments, given=b""):
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, check=False, env={"LC_ALL": "C"})
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@contextlib.contextmanager
def durable_cluster():
    """Run it while the block runs; delete it then."""
    var = Path(tempfile.mkdtemp(prefix="consonant-durable-", dir="/tmp"))
    (var / "run").mkdir()
    place = settle(var=var, postgres=True, redis=False, say=lambda _: None, throwaway=True)
    process = None
    try:
        embedded.prepare(place, durable=True, say=lambda _: None)
        data = place.home / "postgres"
        access = data / "pg_hba.conf"
        access.write_text(f"local all postgres trust\n{access.read_text(encoding='utf-8')}", encoding="utf-8")
        with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(OPTIONS)
        listing = var / "run" / "servers.json"
        programs = embedded.programs(place, durable=True)
        listing.write_text(json.dumps(programs), encoding="utf-8")
        process = embedded.start("postgres", listing=listing, log=var / "postgres.log")

        def alive():
            assert process.poll() is None, (var / "postgres.log").read_text(encoding="utf-8")

        embedded.wait(place, alive=alive)
        yield Cluster(place, embedded.owner_url(place))
    finally:
        if process:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
        shutil.rmtree(place.sockets, ignore_errors=True)
        shutil.rmtree(var, ignore_errors=True)
