"""The app of the hooks layer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class HooksConfig(AppConfig):
    """REST hooks: subscriptions and signed deliveries."""

    name = "hooks"
    verbose_name = _("Hooks")
