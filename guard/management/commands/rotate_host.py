"""Give a host's agent a new token and print it, once; the old one stays good for a while. Or take the host out."""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_duration

from guard.errors import HostUnknown
from guard.remove_host import remove_host
from guard.rotate_token import rotate_token


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("host", type=uuid.UUID, help="the host's id")
        parser.add_argument("--overlap", default="P1D", help="how long the old token stays good, such as PT1H or P0D")
        parser.add_argument("--remove", action="store_true", help="end its tokens and watch it no more")

    def handle(self, *, host: uuid.UUID, overlap: str, remove: bool, **_options: Any) -> None:
        now = timezone.now()
        try:
            if remove:
                remove_host(host_id=host, actor="operator", now=now)
                return
            try:
                lasting = parse_duration(overlap) if overlap.startswith("P") else None
            except OverflowError:
                lasting = None
            if lasting is None:
                raise CommandError("--overlap is a duration of ISO 8601, such as P1D or PT1H")
            token = rotate_token(host_id=host, actor="operator", now=now, overlap=lasting)
        except HostUnknown:
            raise CommandError("there is no such host, or it was removed") from None
        self.stdout.write(f"CONSONANT_AGENT_TOKEN={token}")
