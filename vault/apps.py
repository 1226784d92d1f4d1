"""The app of the vault layer."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """Sealed bytes by id, knowing no artifact."""

    name = "vault"
