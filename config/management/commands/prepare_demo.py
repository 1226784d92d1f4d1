"""Make the demonstration's tenant, app, two speakers and officer, once, and leave their logins in `var/secrets/demo.json` (mode 600).

The officer's authenticator app is that file and `--code`, which prints the code of this half minute.
"""

import json
import secrets
from argparse import ArgumentParser
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from consent.register import register_app, register_tenant
from keyring.secretfile import read_or_make

PEOPLE: dict[str, dict[str, bool]] = {
    "speaker": {"is_adult": True},
    "actor": {"is_adult": True},
    "officer": {"is_staff": True, "is_superuser": True},
}


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--code", action="store_true", help="print the officer's code of this half minute instead")

    def handle(self, *, code: bool, **_options: Any) -> None:
        if code:
            self.stdout.write(self._code())
            return
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
        tenant = register_tenant(
            slug="demo",
            name="Demo Studio",
            address="localhost",
            contact=settings.PUBLIC_URL,
            country="ZZ",
            now=now,
        )
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
        login = {"email": email, "password": password}
        if user.is_staff:
            login["totp"] = generate_totp_secret()
            Authenticator.objects.filter(user=user).delete()
            TOTP.activate(user, login["totp"])
        return login

    def _code(self) -> str:
        try:
            secret = json.loads((settings.SECRETS / "demo.json").read_bytes())["officer"]["totp"]
        except (FileNotFoundError, KeyError):
            raise CommandError(
                "the officer of this folder has a second factor of their own, or there is none"
            ) from None
        (counter,) = yield_hotp_counters_from_time()
        return str(format_hotp_value(hotp_value(secret, counter)))
