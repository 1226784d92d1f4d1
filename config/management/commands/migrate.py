"""Django's `migrate`, as the database's owner, with a limit on how long it holds others up, and the service's rights at its end.

A crash, or the limit, leaves the migrations that are done, and nothing of the one under way; run it again.
"""

from typing import Any

from django.core.management import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import DatabaseError, connection
from django.db.migrations import Migration
from django.db.migrations.recorder import MigrationRecorder
from psycopg.errors import LockNotAvailable, TransactionTimeout

from config import roles

HELD = (
    "Migration {name} met a lock that another session held for more than 3 seconds, and gave up: nothing of it is done, and what came "
    "before it stands. End the long transaction, or wait for its end, and run `manage.py migrate` again."
)
LONG = (
    "Migration {name} would hold others up for more than 4 seconds, and was cut off: nothing of it is done, and what came before it "
    "stands. Stop the service and run `manage.py migrate --stopped`."
)
SENTENCES: dict[type[BaseException | None], str] = {LockNotAvailable: HELD, TransactionTimeout: LONG}


class Command(migrate.Command):
    _under_way = ""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--stopped", action="store_true", help="The service is stopped, so a migration may take its time."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with roles.as_owner() as service:
            upgrade = "ledger_log" in connection.introspection.table_names()
            with roles.limited(waited_for=upgrade and not options.pop("stopped", False)):
                try:
                    super().handle(*args, **options)
                except DatabaseError as error:
                    said = SENTENCES.get(type(error.__cause__))
                    if said is None:
                        raise
                    raise CommandError(said.format(name=self._under_way)) from error
            if service and MigrationRecorder(connection).has_table() and not options["plan"]:
                roles.grant(service)

    def migration_progress_callback(
        self,
        action: str,
        migration: Migration | None = None,
        fake: bool = False,  # noqa: FBT001, FBT002 - Django's signature
    ) -> None:
        if action == "apply_start":
            self._under_way = str(migration)
        super().migration_progress_callback(action, migration, fake)
