"""Run a C2SP witness: cosign the checkpoints of the logs it is told of, once each is proven to extend the last. Needs no database of the service.

It has its own folder (`--state`) with its own keys, made at the first start, and prints their verifier keys. Another organisation runs it.
"""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.errors import InvalidKey
from ledger.management.witness_server import Logs, Witness, serve
from ledger.management.witness_state import ALGORITHMS, AnotherName, State
from ledger.witness import read_log


class Command(BaseCommand):
    help = __doc__ or ""
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--state", type=Path, required=True, help="the witness's own folder")
        parser.add_argument(
            "--name", help="its name, a schema-less URL such as witness.example/w1; it can never change"
        )
        parser.add_argument("--listen", metavar="HOST:PORT", help="where it serves, behind a proxy that speaks TLS")
        parser.add_argument("--log", action="append", default=[], metavar="VKEY", help="a log: `VKEY` or `VKEY ORIGIN`")
        parser.add_argument("--logs", type=Path, metavar="FILE", help="a list of logs, read again when it changes")
        parser.add_argument("--algorithm", action="append", choices=list(ALGORITHMS), help="default: both")
        parser.add_argument(
            "--evidence", action="store_true", help="print what is kept against logs, one JSON object a line"
        )

    def handle(self, **options: Any) -> None:
        if options["evidence"]:
            self._print_evidence(options["state"])
            return
        if not options["name"] or not options["listen"]:
            raise CommandError("--name and --listen are needed")
        try:
            logs = Logs([read_log(line) for line in options["log"]], options["logs"])
            state = State(options["state"])
            signers = state.signers(options["name"], list(dict.fromkeys(options["algorithm"] or ALGORITHMS)))
        except (InvalidKey, AnotherName, OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error
        for signer in signers:
            self.stdout.write(signer.verifier().vkey)
        self.stdout.flush()
        serve(Witness(state=state, signers=signers, logs=logs), listen=options["listen"])

    def _print_evidence(self, folder: Path) -> None:
        if not (folder / "witness.sqlite3").is_file():
            raise CommandError(f"{folder} is no witness's folder")
        for kept in State(folder).evidence():
            self.stdout.write(
                json.dumps(
                    {
                        "origin": kept.origin,
                        "kind": kept.evidence.kind,
                        "at": datetime.fromtimestamp(kept.at, UTC).isoformat(),
                        "kept": kept.evidence.kept,
                        "offered": kept.evidence.offered,
                    },
                    ensure_ascii=False,
                )
            )
