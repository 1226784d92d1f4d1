"""Verify published logs from their files alone: signature, every leaf, the chain, every tile, the root. One line a finding."""

import os
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger import policy
from ledger.errors import LedgerError
from ledger.files import as_folder
from ledger.note import Verifier
from ledger.queries import logs
from ledger.verify import verify_log


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--origin", help="one log; all of them when not given")
        parser.add_argument("--folder", type=Path, help="verify this copy of the log instead of the published folder")
        parser.add_argument("--policy", type=Path, help="a tlog-policy: its witnesses must have cosigned as it demands")

    def handle(self, **options: Any) -> None:
        chosen = [log for log in logs() if options["origin"] in {None, log.origin}]
        if not chosen:
            raise CommandError("there is no such log")
        if options["folder"] and len(chosen) != 1:
            raise CommandError("say with --origin which log the folder is a copy of")
        quorum = _read_policy(options["policy"])
        broken = False
        for log in chosen:
            self.stdout.write(f"{log.origin}")
            with nullcontext(options["folder"]) if options["folder"] else as_folder(log.origin) as folder:
                for finding in verify_log(
                    folder, [Verifier.from_vkey(log.vkey)], quorum=quorum, processes=os.cpu_count() or 1
                ):
                    broken = broken or finding.level == "error"
                    self.stdout.write(f"  {finding}")
        if broken:
            raise CommandError("the log does not verify")


def _read_policy(path: Path | None) -> policy.Policy | None:
    if path is None:
        return None
    try:
        return policy.parse(path.read_bytes())
    except (OSError, LedgerError) as error:
        raise CommandError(f"{path} is no policy: {error}") from None
