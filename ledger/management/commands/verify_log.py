"""Verify published logs from their files alone: signature, every leaf, the chain, every tile, the root. One line a finding."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.folder import folder_of
from ledger.note import Verifier
from ledger.queries import logs
from ledger.verify import verify_log


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--origin", help="one log; all of them when not given")
        parser.add_argument("--folder", type=Path, help="verify this copy of the log instead of the published folder")

    def handle(self, **options: Any) -> None:
        chosen = [log for log in logs() if options["origin"] in {None, log.origin}]
        if not chosen:
            raise CommandError("there is no such log")
        if options["folder"] and len(chosen) != 1:
            raise CommandError("say with --origin which log the folder is a copy of")
        broken = False
        for log in chosen:
            self.stdout.write(f"{log.origin}")
            for finding in verify_log(options["folder"] or folder_of(log.origin), [Verifier.from_vkey(log.vkey)]):
                broken = broken or finding.level == "error"
                self.stdout.write(f"  {finding}")
        if broken:
            raise CommandError("the log does not verify")
