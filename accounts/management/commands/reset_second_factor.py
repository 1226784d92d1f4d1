"""Take all second factors from somebody who has lost their device and their recovery codes. Ask first who is asking."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.reset_second_factor import reset_second_factor


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the person's e-mail address")

    def handle(self, *, email: str, **_options: Any) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise CommandError("nobody has this address")
        self.stdout.write(f"{reset_second_factor(user=user)} taken away")
