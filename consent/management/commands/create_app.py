"""Register a voice app and print its client id and secret, once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consent.models import Purpose
from consent.register import register_app, register_tenant


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the app's name, as people will read it")
        parser.add_argument("--tenant", required=True, help="the organisation's short name, e.g. acme; made when new")
        parser.add_argument("--tenant-name", help="the organisation's name, as people will read it")
        parser.add_argument("--website", default="", help="the app's address")
        parser.add_argument(
            "--purpose", action="append", dest="purposes", help="a purpose of the catalogue; can be repeated"
        )

    def handle(self, **options: Any) -> None:
        known = set(Purpose.objects.values_list("slug", flat=True))
        purposes = options["purposes"] or ["voice-cloning"]
        if unknown := set(purposes) - known:
            raise CommandError(f"no such purpose: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
        now = timezone.now()
        tenant = register_tenant(slug=options["tenant"], name=options["tenant_name"] or options["tenant"], now=now)
        made = register_app(tenant=tenant, name=options["name"], website=options["website"], purposes=purposes, now=now)
        self.stdout.write(f"client_id={made.app.client_id}\nclient_secret={made.client_secret}")
