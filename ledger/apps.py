"""The app of the ledger layer."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """The append-only log, knowing nothing of voices."""

    name = "ledger"
