"""The app of keys."""

from django.apps import AppConfig


class KeyringConfig(AppConfig):
    """Keys outside PostgreSQL, encryption, shredding."""

    name = "keyring"
