"""The app of the consent layer."""

from django.apps import AppConfig


class ConsentConfig(AppConfig):
    """Subjects, notices, grants and sessions."""

    name = "consent"
