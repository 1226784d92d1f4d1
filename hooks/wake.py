"""Wake work by name once the transaction has committed. A hint: when the broker is away, the next sweep finds the work anyway."""

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def wake(task: str) -> None:
    """Send the task `task` on commit."""
    transaction.on_commit(lambda: _send(task))


def _send(task: str) -> None:
    try:
        current_app.send_task(task, retry=False, expires=5)
    except (OSError, OperationalError) as error:
        log.warning("broker_away", task=task, error=type(error).__name__)
