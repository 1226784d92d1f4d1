"""The app of the portal."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """The speaker's pages."""

    name = "portal"
