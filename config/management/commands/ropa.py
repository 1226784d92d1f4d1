"""Write an organisation's record of processing activities (GDPR 30), or with `--audit` a compliance audit (PIPL 54), from the live rows."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Tenant
from retention.audit import audit
from retention.ropa import ropa

LONGEST_DAYS = 3_653


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="the organisation's short name")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--html", action="store_true", help="a page, in place of JSON")
        form.add_argument("--audit", action="store_true", help="the audit, in place of the record")
        parser.add_argument("--days", type=int, default=365, help="how far back the audit looks, ten years at most")

    def handle(self, *, tenant: str, html: bool, **options: Any) -> None:
        found = Tenant.objects.filter(slug=tenant).first()
        if found is None:
            raise CommandError("there is no organisation of this name")
        if not 0 < options["days"] <= LONGEST_DAYS:
            raise CommandError(f"an audit looks back from 1 to {LONGEST_DAYS:,} days")
        now = timezone.now()
        if options["audit"]:
            said = audit(tenant=found, since=now - timedelta(days=options["days"]), now=now)
        else:
            said = ropa(tenant=found, now=now)
        if html:
            self.stdout.write(render_to_string("admin/retention/ropa.html", {"record": said}))
        else:
            self.stdout.write(json.dumps(said, ensure_ascii=False, indent=1))
