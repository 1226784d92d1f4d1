"""An app ends its session: the page was left, the work is done.

One transaction: the session closed and entered, and an allow-once grant whose one session this was, exhausted and entered. Closing
a closed session changes nothing, so it can be repeated.
"""

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import App
from consent import lock
from consent.errors import SessionUnknown
from consent.models import Session
from consent.move import close, exhaust


def close_session(*, app: App, session_id: uuid.UUID, now: datetime) -> None:
    """Close the app's session.

    Raises:
        SessionUnknown: The app has no such session.
    """
    grant_id = Session.objects.filter(id=session_id, app=app).values_list("grant_id", flat=True).first()
    if grant_id is None:
        raise SessionUnknown
    with transaction.atomic():
        grant = lock.for_ending(grant_id)
        close(grant=grant, session_id=session_id, actor=f"app:{app.id}", reason="closed_by_app", now=now)
        exhaust(grant=grant, now=now)
