"""Tell people by letter that a notice they answered has changed (PIPL 17(2); GDPR 13(3)).

One after the other, in the order of their accounts: (1) transaction under the announcement's row: who is next, the letter, how far it
came. A crash between the letter and the commit sends that one again, and no other. A server that is away leaves the rest to the next
round; an address that it refuses, or that no letter can be sent to, is passed over. Told is who can still act: who answered for the
person, while they may, else the person. No log says an address.
"""

import smtplib
import uuid
from datetime import datetime

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Case, F, Q, When
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from accounts.models import User
from consent.machine import LIVING
from consent.models import Announcement, Delegation, Grant
from consent.queries import newest_notice
from hooks.wake import wake

log = structlog.get_logger(__name__)
A_ROUND = 200
"""Letters, after which others have their turn."""
_FOR_GOOD = 500
"""From this reply code on the server will not take it another time (RFC 5321, 4.2.1)."""


def tell_of_notice(*, now: datetime) -> int:
    """Send what is to be said, a round; return how many letters went out."""
    sent = 0
    connection = get_connection()
    try:
        for announcement_id in list(Announcement.objects.filter(done_at=None).values_list("id", flat=True)):
            while sent < A_ROUND and (told := _tell_next(announcement_id, connection, now=now)) is not None:
                sent += told
    except (smtplib.SMTPException, OSError) as error:
        log.warning("letters_wait", error=type(error).__name__)
    finally:
        connection.close()
    if sent >= A_ROUND:
        wake("consent.tell_of_notice")
    return sent


@transaction.atomic
def _tell_next(announcement_id: uuid.UUID, connection: BaseEmailBackend, *, now: datetime) -> int | None:
    """Tell the next one; return how many letters went out, or None where nobody is left or somebody else is at it."""
    rows = Announcement.objects.select_related("app").select_for_update(of=("self",), skip_locked=True)
    announcement = rows.filter(id=announcement_id, done_at=None).first()
    if announcement is None:
        return None
    older = Grant.objects.filter(
        app=announcement.app_id,
        purpose=announcement.purpose_id,
        state__in=LIVING,
        notice__version__lt=announcement.version,
    )
    # Nobody where the person was forgotten.
    until = Q(delegation__valid_until=None) | Q(delegation__valid_until__gt=now)
    acts = When(until, delegation__state=Delegation.State.APPROVED, then=F("delegation__delegate"))
    answered = older.annotate(reader=Case(acts, default=F("subject__user"))).exclude(reader=None)
    if announcement.reached:
        answered = answered.filter(reader__gt=announcement.reached)
    row = answered.order_by("reader").values_list("reader", "notice__locale").first()
    if row is None:
        announcement.reached, announcement.done_at = None, now
        announcement.save(update_fields=["reached", "done_at"])
        return None
    reader, locale = row
    announcement.reached = reader
    announcement.save(update_fields=["reached"])
    person = User.objects.filter(id=reader, is_active=True).exclude(email=None).first()
    if person is None:
        return 0
    letter = _letter(announcement, to=str(person.email), locale=locale)
    letter.connection = connection
    connection.open()  # what fails here fails for all, and is tried again
    try:
        return letter.send()
    except smtplib.SMTPDataError as error:
        if error.smtp_code < _FOR_GOOD:
            raise
        refused: Exception = error
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError, ValueError) as error:
        refused = error
    log.warning("letter_refused", announcement=str(announcement.id), error=type(refused).__name__)
    return 0


def _letter(announcement: Announcement, *, to: str, locale: str) -> EmailMessage:
    notice = newest_notice(app_id=announcement.app_id, purpose_id=announcement.purpose_id, locale=locale)
    app = " ".join(announcement.app.name.split())
    with translation.override(locale):
        subject = gettext("%(app)s has changed what it tells you about your voice") % {"app": app}
        body = render_to_string(
            "consent/notice_changed.txt",
            {
                "app": app,
                "title": notice.body.get("title", ""),
                "is_material": announcement.is_material,
                "link": f"{settings.PUBLIC_URL}{reverse('portal:apps')}",
            },
        )
    return EmailMessage(f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{subject}", body, to=[to])
