"""Copy published logs to where nobody can change them: a folder of read-only files, or a bucket with object lock. Verifies the copy; goes on where it was killed."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.errors import LedgerError
from ledger.export import export
from ledger.queries import logs


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", required=True, metavar="FOLDER|s3://BUCKET/PREFIX", help="where the copies lie")
        parser.add_argument("--origin", help="one log; all of them when not given")
        parser.add_argument("--retain-days", type=int, metavar="N", help="lock what is written for N days (bucket)")
        parser.add_argument(
            "--endpoint", default=settings.S3_ENDPOINT, help="the bucket's server; CONSONANT_S3_ENDPOINT when not given"
        )
        parser.add_argument(
            "--quick",
            action="store_true",
            help="verify what is written and the tiles that lead to the root; not every leaf",
        )

    def handle(self, **options: Any) -> None:
        chosen = [log.origin for log in logs() if options["origin"] in {None, log.origin}]
        if not chosen:
            raise CommandError("there is no such log")
        days = options["retain_days"]
        if days is not None and days < 1:
            raise CommandError("--retain-days is at least 1")
        failed = False
        for origin in chosen:
            try:
                done = export(
                    origin=origin,
                    to=options["to"],
                    now=timezone.now(),
                    endpoint=options["endpoint"],
                    retain=None if days is None else timedelta(days=days),
                    whole=not options["quick"],
                )
            except FileNotFoundError:
                self.stdout.write(f"{origin}: nothing is published")
            except ValueError as error:
                raise CommandError(str(error)) from None
            except (LedgerError, OSError) as error:
                failed = True
                self.stdout.write(f"{origin}: error: {error}")
            else:
                self.stdout.write(
                    f"{origin}: {done.size} entries, {done.size - done.before} more, {done.files} files: ok"
                )
        if failed:
            raise CommandError("a copy is not as it should be")
