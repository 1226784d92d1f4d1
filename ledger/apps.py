"""The app of the ledger layer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    """The append-only log, knowing nothing of voices."""

    name = "ledger"
    verbose_name = _("Ledger")
