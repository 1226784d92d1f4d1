"""The app of the guard layer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GuardConfig(AppConfig):
    """What voice hosts really do, and what is done about it."""

    name = "guard"
    verbose_name = _("Guard")
