"""Celery: what must happen on time. The broker carries hints only; the database is the truth, and every task is a sweep."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("consonant")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
