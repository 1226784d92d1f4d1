"""The app of the retention layer."""

from django.apps import AppConfig


class RetentionConfig(AppConfig):
    """Artifacts, policies and expiry."""

    name = "retention"
