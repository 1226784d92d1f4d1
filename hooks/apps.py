"""The app of the hooks layer."""

from django.apps import AppConfig


class HooksConfig(AppConfig):
    """REST hooks: subscriptions and signed deliveries."""

    name = "hooks"
