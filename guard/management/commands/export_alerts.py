"""Write alerts as lines for a SIEM, oldest first: `manage.py export_alerts --format ocsf --since 2026-01-01T00:00:00Z > alerts.ndjson`."""

from datetime import UTC
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from guard.export import written
from guard.models import Alert
from guard.report import finding_of, standing


class Command(BaseCommand):
    help = "Write alerts as lines for a SIEM, oldest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["ocsf", "ecs", "cef"], default="ocsf")
        parser.add_argument("--since", default="", help="Those raised from then on, RFC 3339.")
        parser.add_argument("--tenant", default="", help="Of this tenant alone, by its slug.")

    def handle(self, *_args: Any, **options: Any) -> None:
        alerts = Alert.objects.select_related("host__tenant", "app").order_by("id")
        if options["since"]:
            try:
                since = parse_datetime(options["since"])
            except ValueError:
                since = None
            if since is None:
                raise CommandError("--since is no time as RFC 3339 writes it.")
            alerts = alerts.filter(raised_at__gte=since if since.tzinfo else since.replace(tzinfo=UTC))
        if options["tenant"]:
            alerts = alerts.filter(host__tenant__slug=options["tenant"])
        for alert in alerts.iterator(chunk_size=500):
            self.stdout.write(written(finding_of(alert, standing(alert)), options["format"]))
