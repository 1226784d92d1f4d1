"""Give the service's database role its rights anew: after a restore, or where a table was made by other means than `migrate`.

It can be repeated, also while the service runs. `migrate` ends with the same.
"""

from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand

from config import roles


class Command(BaseCommand):
    help = "Gives the service's database role its rights on the tables of the owner."

    def handle(self, **_options: Any) -> None:
        with roles.as_owner() as service:
            if not service:
                raise CommandError("One role is both owner and service: CONSONANT_OWNER_DATABASE_URL names no other.")
            roles.grant(service)
        self.stdout.write(f"{service} has its rights.")
