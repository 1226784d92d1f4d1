"""The apps of this folder: the project's own commands and texts, and Django's admin with our site."""

from django.apps import AppConfig
from django.contrib.admin import apps


class Project(AppConfig):
    """The project's own."""

    name = "config"


class Admin(apps.AdminConfig):
    """The compliance officer's admin."""

    default_site = "config.adminsite.ComplianceSite"
