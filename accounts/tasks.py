"""Celery's door to what accounts let go of."""

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore
from oauth2_provider.models import clear_expired


@shared_task(name="accounts.tidy")
def tidy() -> None:
    """Delete sign-ins and tokens whose time is over: a sign-in's row says whose it was."""
    SessionStore.clear_expired()
    clear_expired()
