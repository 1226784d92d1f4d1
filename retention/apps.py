"""The app of the retention layer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RetentionConfig(AppConfig):
    """Artifacts, policies and expiry."""

    name = "retention"
    verbose_name = _("Retention")
