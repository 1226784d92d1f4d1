"""After a restore: bring back the entries that the database lacks from the published logs, and let nothing live that must not. Stop the service first."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consent.make_stale import make_stale
from ledger.errors import LedgerError
from ledger.recover import recover
from retention.bury import bury


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, **_options: Any) -> None:
        now = timezone.now()
        try:
            done = recover()
        except LedgerError as error:
            raise CommandError(str(error)) from error
        for each in done:
            self.stdout.write(
                f"{each.origin}: {each.entries} entries brought back, {each.lost} openings lost, {each.withdrawn} no longer wait"
            )
        if not done:
            self.stdout.write("no log was behind what was signed")
        # Always: a call that was killed after the logs left these to do. Who asks for a recovery does not trust the database's consents.
        buried, stale = bury(now=now), make_stale(now=now)
        self.stdout.write(
            f"dead keys: {buried.artifacts} artifacts and {buried.ties} ties went, with {buried.openings} openings"
        )
        self.stdout.write(f"{stale} consents are stale until the people confirm them")
