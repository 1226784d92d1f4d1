"""Register a voice app and print its client id and secret, once. On a developer's machine it may ask at once, elsewhere once it is approved."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from babel import Locale
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Tenant
from consent.approve import approve
from consent.catalogue import assess
from consent.errors import AppIncomplete
from consent.models import Purpose
from consent.register import register_app, register_tenant
from hooks.errors import TargetRefused
from hooks.target import check_url

_REACHED = {
    "contact": "where people write to about privacy: an e-mail address or a telephone number, as notices name it",
    "address": "the organisation's postal address, as notices name it",
    "country": "the organisation's country, ISO 3166, e.g. DE",
}
_HERE = {"address": "localhost", "country": "ZZ"}


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the app's name, as people will read it")
        parser.add_argument("--tenant", required=True, help="the organisation's short name, e.g. acme; made when new")
        parser.add_argument("--tenant-name", help="the organisation's name, as people will read it")
        for name, meaning in _REACHED.items():
            parser.add_argument(
                f"--{name}", default="", help=f"{meaning}; needed once, except on a developer's machine"
            )
        parser.add_argument("--website", default="", help="the app's address")
        parser.add_argument(
            "--fallback", default="", help="where the app is had without consent; the website where nothing is said"
        )
        parser.add_argument(
            "--purpose", action="append", dest="purposes", help="a purpose of the catalogue; can be repeated"
        )
        parser.add_argument(
            "--attested",
            action="store_true",
            help="the app has said that whoever is imitated is told of it and asked separately",
        )
        parser.add_argument("--pia", default="", help="where the impact assessment of its sensitive purposes is found")
        parser.add_argument("--pia-date", type=date.fromisoformat, help="of which day that is, YYYY-MM-DD; today")

    def handle(self, **options: Any) -> None:
        known = {purpose.slug: purpose for purpose in Purpose.objects.all()}
        purposes = options["purposes"] or ["voice-cloning"]
        if unknown := set(purposes) - set(known):
            raise CommandError(f"no such purpose: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
        fallback = self._fallback(options)
        now = timezone.now()
        reached = self._reached(options)
        if options["pia_date"] and options["pia_date"] > now.date():
            raise CommandError("--pia-date is a day to come")
        tenant = register_tenant(
            slug=options["tenant"], name=options["tenant_name"] or options["tenant"], now=now, **reached
        )
        made = register_app(
            tenant=tenant,
            name=options["name"],
            website=options["website"],
            purposes=purposes,
            now=now,
            approved=settings.LOCAL,
            attested=settings.LOCAL or options["attested"],
            fallback_url=fallback,
        )
        for slug in sorted(set(purposes)):
            if options["pia"] and known[slug].is_sensitive:
                made_on = options["pia_date"] or now.date()
                assess(purpose=slug, reference=options["pia"], made_on=made_on, actor="operator", now=now)
        self.stdout.write(f"client_id={made.app.client_id}\nclient_secret={made.client_secret}")
        if not settings.LOCAL:
            try:
                approve(app_id=made.app.id, actor="operator", now=now)
            except AppIncomplete as incomplete:
                lacks = ", ".join(str(lack) for lack in incomplete.lacks)
                self.stderr.write(f"The app may not ask yet: it waits for an officer's approval, and lacks {lacks}.")

    def _fallback(self, options: dict[str, Any]) -> str:
        fallback = str(options["fallback"] or options["website"])
        try:
            if fallback:
                check_url(fallback, private=settings.HOOK_TARGETS_PRIVATE)
        except (TargetRefused, ValueError):
            raise CommandError("--fallback (or --website) is no address that can be called: https is needed") from None
        return fallback

    def _reached(self, options: dict[str, Any]) -> dict[str, str]:
        """Return where the organisation is reached, as it was said now; what was said earlier stands."""
        here = {**_HERE, "contact": settings.PUBLIC_URL} if settings.LOCAL else {}
        said = {name: str(options[name] or here.get(name, "")) for name in _REACHED}
        earlier = Tenant.objects.filter(slug=options["tenant"]).first()
        if missing := [name for name in _REACHED if not said[name] and not getattr(earlier, name, "")]:
            raise CommandError(f"needed for the notices: {', '.join(f'--{name}' for name in missing)}")
        if said["country"] and said["country"] not in Locale("en").territories:
            raise CommandError(f"no such country: {said['country']}")
        return said
