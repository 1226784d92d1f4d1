"""Look after the key store: its epochs, and copies of it. Prints no secret."""

import sqlite3
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from keyring import rotate
from keyring.backup import back_up
from keyring.errors import KeyringError
from keyring.keys import store
from keyring.local import LocalStore


class Command(BaseCommand):
    help = __doc__ or ""
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("status", help="list the epochs and how many keys each wraps")
        verbs.add_parser(
            "rotate", help="begin an epoch and wrap every key under it, or finish a rotation that was interrupted"
        )
        verbs.add_parser("destroy-epochs", help="destroy the keys of epochs that are over")
        backup = verbs.add_parser("backup", help="copy the local store, and delete copies older than seven days")
        backup.add_argument("folder", type=Path)

    def handle(self, **options: Any) -> None:
        try:
            if options["verb"] == "status":
                self._status()
            elif options["verb"] == "rotate":
                self._rotate()
            elif options["verb"] == "destroy-epochs":
                self._destroy_epochs()
            else:
                self._backup(options["folder"])
        except KeyringError as error:
            raise CommandError(str(error)) from None
        except (OSError, sqlite3.OperationalError) as error:
            raise CommandError(f"{error}; what was done is kept, repeat the command") from None

    def _status(self) -> None:
        standings = rotate.status(store=store())
        if not standings:
            self.stdout.write("The key store is empty.")
        for each in standings:
            epoch = each.epoch
            if epoch.destroyed_at is not None:
                said = f"destroyed {_day(epoch.destroyed_at)}"
            elif not each.there:
                said = "its key is MISSING"
            elif each.newest and epoch.number > 1 and epoch.rewrapped_at is None:
                said = "newest; rotation unfinished: repeat `keys rotate`"
            else:
                said = "newest" if each.newest else "replaced"
            self.stdout.write(
                f"epoch {epoch.number}  {epoch.kind}  made {_day(epoch.made_at)}  wraps {each.keys} keys  {said}"
            )

    def _rotate(self) -> None:
        done = rotate.rotate(store=store(), now=timezone.now(), say=self._say)
        said = "finished the rotation to" if done.resumed else "began"
        self.stdout.write(f"{said} epoch {done.epoch}: {done.rewrapped} keys wrapped anew")

    def _say(self, rewrapped: int) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"\r{rewrapped} keys", ending="\r")

    def _destroy_epochs(self) -> None:
        ended = rotate.destroy_epochs(store=store(), now=timezone.now())
        for each in ended:
            self.stdout.write(f"epoch {each.epoch}: {each.refused or 'destroyed'}")
        if not ended:
            self.stdout.write("No epoch is over.")
        if any(each.refused for each in ended):
            raise SystemExit(1)

    def _backup(self, folder: Path) -> None:
        local = store()
        if not isinstance(local, LocalStore):
            raise CommandError(
                "the keys lie on a server: back it up by its own means, and keep no copy over seven days"
            )
        path, deleted = back_up(store=local, folder=folder, now=timezone.now())
        for each in deleted:
            self.stdout.write(f"deleted {each}")
        self.stdout.write(f"wrote {path}; the key-encryption key is not in it")


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).date().isoformat()
