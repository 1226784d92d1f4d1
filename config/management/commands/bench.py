"""Measure the service on this machine, each number beside a reference in the same run: `manage.py bench ledger`, `... consent`, `... retention`, `... zkp`, `... guard`.

One JSON object a line.

`manage.py` gives it a database and a folder of its own, which are deleted afterwards (deploy/bench.py).
"""

from argparse import ArgumentParser
from dataclasses import fields, replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

import guard.bench.run
import ledger.bench.measure
import ledger.bench.run
import retention.bench.due
import retention.bench.run
import retention.bench.sizes
import zkp.bench.run

ROOMS: dict[str, tuple[Any, Any]] = {
    "ledger": (ledger.bench.run.run, ledger.bench.measure.Sizes),
    "consent": (retention.bench.run.run, retention.bench.sizes.Sizes),
    "retention": (retention.bench.due.run, retention.bench.due.Sizes),
    "zkp": (zkp.bench.run.run, zkp.bench.run.Sizes),
    "guard": (guard.bench.run.run, guard.bench.run.Sizes),
}
"""What measures, and how much."""
DATABASE = "consonant_bench_"


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=sorted(ROOMS))
        size = parser.add_mutually_exclusive_group()
        size.add_argument("--quick", action="store_true", help="a few entries: to see that it runs")
        size.add_argument("--full", action="store_true", help="ten million entries; of consent, ten times as long")
        parser.add_argument("--entries", type=int, help="how many entries the large log has")
        parser.add_argument("--clients", type=int, help="how many clients call at once")
        parser.add_argument("--seconds", type=float, help="how long the clients call")
        for name, what in (
            ("tracked", "how many artifacts live while some are due"),
            ("due", "how many are due"),
            ("over", "within how many seconds they are due"),
            ("workers", "how many processes destroy them"),
            ("erased", "how many artifacts the person has who is erased"),
            ("megabytes", "how large a file the vault takes"),
            ("memory", "how many MB the file has with which its memory is measured"),
            ("events", "how many hooks are delivered; of guard: how many rows a delivery has"),
        ):
            parser.add_argument(f"--{name}", type=int, help=f"of retention: {what}")
        parser.add_argument("--alarms", type=int, help="of guard: how often an app is suspended")
        parser.add_argument("--rounds", type=int, help="of zkp and guard: how often each is done")
        parser.add_argument(
            "--scratch", help="of zkp: the folder where JavaScript is built; it stays, and is used again"
        )

    def handle(self, *, name: str, quick: bool, full: bool, **options: Any) -> None:
        if not str(connection.settings_dict["NAME"]).startswith(DATABASE):
            raise CommandError("it measures in a database of its own: run it as `python manage.py bench`")
        run, kind = ROOMS[name]
        sizes = kind.quick() if quick else kind.full() if full else kind()
        chosen = {field.name: options[field.name] for field in fields(kind) if options.get(field.name)}
        for measure in run(replace(sizes, **chosen)):
            self.stdout.write(measure.line())
            self.stdout.flush()
