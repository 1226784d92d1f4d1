"""The service: settings, urls, celery, and the one place where errors become HTTP."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
