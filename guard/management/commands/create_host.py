"""Register a machine that runs a voice app and print its agent's token, once."""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone

from accounts.models import App
from guard.errors import GuardError
from guard.models import Host
from guard.register_host import register_host


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the host's name, as officers know it")
        parser.add_argument("--app", required=True, help="the client id, or the id, of the voice app that it runs")
        parser.add_argument("--profile", choices=Host.Profile.values, default="other", help="the voice program")
        parser.add_argument("--timezone", default="UTC", help="where it stands, e.g. Asia/Shanghai: its nights count")
        parser.add_argument(
            "--calls-out",
            action="store_true",
            help="it may connect outwards; without this every such connection is an alarm",
        )

    def handle(self, **options: Any) -> None:
        app = App.objects.select_related("tenant").filter(_named(options["app"])).first()
        if app is None:
            raise CommandError("no app has this client id or id")
        try:
            made = register_host(
                app=app,
                name=options["name"],
                profile=options["profile"],
                timezone=options["timezone"],
                listens_only=not options["calls_out"],
                actor="operator",
                now=timezone.now(),
            )
        except (GuardError, ValueError) as error:
            raise CommandError(str(error) or (type(error).__doc__ or "")) from None
        self.stdout.write(f"host={made.host.id}\nCONSONANT_AGENT_TOKEN={made.token}")


def _named(word: str) -> Q:
    try:
        return Q(client_id=word) | Q(id=uuid.UUID(word))
    except ValueError:
        return Q(client_id=word)
