"""Make the demonstration's tenant, app, two speakers and officer, once, and leave their logins in `var/secrets/demo.json` (mode 600)."""

import json
import secrets
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from consent.register import register_app, register_tenant
from keyring.secretfile import read_or_make

PEOPLE: dict[str, dict[str, bool]] = {"speaker": {}, "actor": {}, "officer": {"is_staff": True, "is_superuser": True}}


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, **_options: Any) -> None:
        # The file comes last: a crash before it leaves unused rows, and the next run sets the passwords anew.
        note = settings.SECRETS / "demo.json"
        known = json.loads(read_or_make(note, lambda: self._made({})))
        if PEOPLE.keys() - known.keys():  # an earlier version made it
            note.unlink()
            read_or_make(note, lambda: self._made(known))

    @transaction.atomic
    def _made(self, known: dict[str, dict[str, str]]) -> bytes:
        """Return the logins, with those that are missing made."""
        logins = {who: known.get(who) or self._login(f"{who}@demo.localhost", **is_) for who, is_ in PEOPLE.items()}
        return json.dumps({**logins, "app": known.get("app") or self._app()}, indent=1).encode()

    def _app(self) -> dict[str, str]:
        now = timezone.now()
        tenant = register_tenant(slug="demo", name="Demo Studio", now=now)
        made = register_app(
            tenant=tenant, name="Voice Booth", website="", purposes=["voice-cloning", "speaker-verification"], now=now
        )
        return {"client_id": made.app.client_id, "client_secret": made.client_secret}

    def _login(self, email: str, **fields: bool) -> dict[str, str]:
        password = secrets.token_urlsafe(12)
        user, _ = User.objects.update_or_create(email=email, defaults=fields)
        user.set_password(password)
        user.save()
        EmailAddress.objects.update_or_create(user=user, email=email, defaults={"verified": True, "primary": True})
        return {"email": email, "password": password}
