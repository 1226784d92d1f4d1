"""A letter to a person for whom somebody may act from now on: they may not know of it, and can end it."""

import smtplib

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse
from django.utils.translation import gettext, override

from consent.models import Delegation

log = structlog.get_logger(__name__)


def tell_of(delegation: Delegation) -> None:
    """Write to the person, in every language, for nobody has asked which; a letter that cannot be sent is logged, and stops nothing."""
    address = delegation.principal.email
    if not address:
        return
    subjects, bodies = [], []
    for language, _name in settings.LANGUAGES:
        with override(language):
            subjects.append(gettext("Somebody may now act for you at Consonant"))
            bodies.append(
                gettext(
                    "An officer has looked at a document and approved that somebody acts for you: they can answer, stop and erase "
                    "for you. Who it is stands in your settings, where you end it with one click:"
                )
            )
    where = f"    {settings.PUBLIC_URL}{reverse('portal:delegates')}"
    body = "\n\n".join(part for said in bodies for part in (said, where))
    try:
        send_mail(f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{' / '.join(subjects)}", f"{body}\n", None, [address])
    except (OSError, smtplib.SMTPException) as error:
        log.warning("letter_not_sent", error=type(error).__name__)  # not the error itself, which names the address
