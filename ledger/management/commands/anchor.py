"""Have a log's published head anchored in time, or verify, offline, all evidence that is kept. One line each; the platform's log unless another is named."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.anchor import anchor, anchorers, verify_anchors
from ledger.errors import LedgerError
from ledger.models import Log


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--origin", default=settings.PLATFORM_ORIGIN, help="the log")
        parser.add_argument("--verify", action="store_true", help="ask nobody: verify what is kept")

    def handle(self, **options: Any) -> None:
        origin = options["origin"]
        if not Log.objects.filter(origin=origin).exists():
            raise CommandError("there is no such log")
        try:
            troubled = self._verify(origin) if options["verify"] else self._anchor(origin)
        except (LedgerError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from None
        if troubled:
            raise CommandError("the log's anchors do not hold" if options["verify"] else "the head is not anchored")

    def _verify(self, origin: str) -> bool:
        troubled = False
        for finding in verify_anchors(origin=origin):
            troubled = troubled or finding.level == "error"
            self.stdout.write(str(finding))
        return troubled

    def _anchor(self, origin: str) -> bool:
        if not anchorers():
            raise CommandError("nobody is set to testify: CONSONANT_TSA_URL, CONSONANT_ANCHORS")
        done = anchor(origin=origin, now=timezone.now())
        for each in done:
            self.stdout.write(f"{each.kind}: {origin} {each.size}: {each.at.isoformat() if each.at else each.trouble}")
        if not done:
            self.stdout.write(f"{origin}: nothing was published since the last anchor")
        return any(each.trouble for each in done)
