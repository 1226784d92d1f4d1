"""The apps of this folder: the project's own commands and texts, and Django's admin with our site."""

from django.apps import AppConfig
from django.contrib.admin import apps
from django.core import checks

from config import roles


class Project(AppConfig):
    """The project's own."""

    name = "config"

    def ready(self) -> None:
        """Have `check --deploy` look at the database's roles."""
        checks.register(roles.check, deploy=True)


class Admin(apps.AdminConfig):
    """The compliance officer's admin."""

    default_site = "config.adminsite.ComplianceSite"
