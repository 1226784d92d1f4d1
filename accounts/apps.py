"""The app of the accounts layer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Users, tenants and API clients."""

    name = "accounts"
    verbose_name = _("Accounts")
