"""The app of the consent layer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConsentConfig(AppConfig):
    """Subjects, notices, grants and sessions."""

    name = "consent"
    verbose_name = _("Consents")
