"""The app of the accounts layer."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, tenants and API clients."""

    name = "accounts"
