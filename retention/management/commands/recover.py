"""After a restore: bring back the entries that the database lacks from the published logs, and let nothing live that must not. Stop the service first."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consent.delegate_decide import decide_again
from consent.make_stale import make_stale
from keyring.errors import KeyringError
from ledger.barrier import lifted, refuse_if_any_is_behind
from ledger.errors import Behind, LedgerError, LogIncomplete
from ledger.heads import begin_recovery, end_recovery
from ledger.recover import recover, write_files_anew
from retention import lost_holds
from retention.bury import bury
from retention.erase import BATCH, clear, shred
from retention.models import Artifact, Custody


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--files", action="store_true", help="write published files that are missing anew, from the database"
        )

        parser.add_argument(
            "--holds-placed", action="store_true", help="say that the legal holds lost in the restore were placed again"
        )

    def handle(self, **options: Any) -> None:
        if options["holds_placed"]:
            again = lost_holds.placed_again()
            self.stdout.write("what is due is destroyed again" if again else "nothing waited for legal holds")
            return
        try:
            if options["files"]:
                for origin in write_files_anew():
                    self.stdout.write(f"{origin}: every published file is there")
            self._recover()
        except (LedgerError, KeyringError) as error:
            raise CommandError(str(error)) from error

    def _recover(self) -> None:
        try:
            refuse_if_any_is_behind()
        except LogIncomplete:
            raise
        except Behind:
            # Noted before anything is done: from here on the barrier stays until all of it is through, whatever kills this.
            begin_recovery()
            lost_holds.begin()
        else:
            self.stdout.write("no log was behind what was signed")
            return
        now = timezone.now()
        with lifted():
            for each in recover(now=now):
                self.stdout.write(
                    f"{each.origin}: {each.entries} entries brought back, {each.lost} openings lost, {each.withdrawn} no longer wait"
                )
            buried, stale, again = bury(now=now), make_stale(now=now), decide_again(now=now)
            # Before anything answers; what a storage does not delete now the sweep takes up.
            taken_out = Artifact.objects.filter(custody=Custody.VAULT, state=Artifact.State.ERASING)
            ids = list(taken_out.order_by("id").values_list("id", flat=True))
            for start in range(0, len(ids), BATCH):
                some = ids[start : start + BATCH]
                shred(ids=some, clock=timezone.now)
                clear(ids=some, clock=timezone.now)
        self.stdout.write(
            f"dead keys: {buried.artifacts} artifacts and {buried.ties} ties went, with {buried.openings} openings"
        )
        self.stdout.write(f"{stale} consents are stale until the people confirm them")
        self.stdout.write(f"{again} delegations wait for an officer again")
        if holds := lost_holds.settle():
            self.stdout.write(
                f"{holds} legal holds are lost: nothing is destroyed until they are placed again and you call `recover --holds-placed`"
            )
        end_recovery()
