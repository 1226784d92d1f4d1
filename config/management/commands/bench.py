"""Measure the service on this machine, each number beside a reference in the same run: `manage.py bench ledger`. One JSON object a line.

`manage.py` gives it a database and a folder of its own, which are deleted afterwards (deploy/bench.py).
"""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from ledger.bench.measure import Measure, Sizes
from ledger.bench.run import run as ledger

ROOMS: dict[str, Callable[[Sizes], Iterator[Measure]]] = {"ledger": ledger}
DATABASE = "consonant_bench_"


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=sorted(ROOMS))
        size = parser.add_mutually_exclusive_group()
        size.add_argument("--quick", action="store_true", help="a few entries: to see that it runs")
        size.add_argument("--full", action="store_true", help="ten million entries")
        parser.add_argument("--entries", type=int, help="how many entries the large log has")
        parser.add_argument("--clients", type=int, help="how many clients append at once")
        parser.add_argument("--seconds", type=float, help="how long the clients append")

    def handle(self, *, name: str, quick: bool, full: bool, **options: Any) -> None:
        if not str(connection.settings_dict["NAME"]).startswith(DATABASE):
            raise CommandError("it measures in a database of its own: run it as `python manage.py bench`")
        sizes = Sizes.quick() if quick else Sizes.full() if full else Sizes()
        chosen = {key: options[key] for key in ("entries", "clients", "seconds") if options[key]}
        for measure in ROOMS[name](replace(sizes, **chosen)):
            self.stdout.write(measure.line())
            self.stdout.flush()
