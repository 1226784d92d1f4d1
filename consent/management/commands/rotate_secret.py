"""Give an app a new secret and print it, once; the old one stays good for a while, so that the app can change over."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_duration

from accounts.errors import OverlapOutOfBounds
from accounts.models import App
from consent.rotate import rotate


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("client_id", help="the app's client id")
        parser.add_argument(
            "--overlap",
            default="P7D",
            help="how long the old secret stays good, such as P7D or PT1H; P0D ends it and the app's tokens at once",
        )

    def handle(self, *, client_id: str, overlap: str, **_options: Any) -> None:
        app = App.objects.filter(client_id=client_id).first()
        if app is None:
            raise CommandError("no app has this client id")
        try:
            lasting = parse_duration(overlap) if overlap.startswith("P") else None
        except OverflowError:
            lasting = None
        if lasting is None:
            raise CommandError("--overlap is a duration of ISO 8601, such as P7D or PT1H")
        try:
            secret = rotate(app=app, actor="operator", now=timezone.now(), overlap=lasting)
        except OverlapOutOfBounds as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"client_secret={secret}")
        if app.previous_secret_until:
            self.stdout.write(f"previous_secret_until={app.previous_secret_until.isoformat()}")
