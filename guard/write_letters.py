"""Write to the officers who may look at alerts that there is one: which rule, which host, where to look. In every language, for none has said which.

A crash after the letters writes them again. An address that the mail server refuses is passed over; a server that is away raises, and all is
tried again. No log says an address.
"""

import smtplib

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.urls import reverse
from django.utils.translation import gettext, override

from accounts.models import User
from guard.models import Alert
from guard.pack import rule_of

log = structlog.get_logger(__name__)
MAY_LOOK = "guard.view_alert"


def write_letters(alert: Alert) -> int:
    """Write to each; return how many letters went out.

    Raises:
        OSError, smtplib.SMTPException: The mail server is away.
    """
    staff = User.objects.filter(is_staff=True, is_active=True, email__isnull=False).order_by("id")
    addresses = [str(user.email) for user in staff if user.has_perm(MAY_LOOK)]
    if not addresses:
        return 0
    subject, body = _words(alert)
    written = 0
    connection = get_connection()
    try:
        for address in addresses:
            try:
                written += connection.send_messages([EmailMessage(subject, body, to=[address])]) or 0
            except smtplib.SMTPRecipientsRefused as refused:
                log.warning("letter_refused", alert=str(alert.id), error=type(refused).__name__)
    finally:
        connection.close()
    return written


def _words(alert: Alert) -> tuple[str, str]:
    rule = rule_of(alert.rule)
    subjects, bodies = [], []
    for language, _name in settings.LANGUAGES:
        with override(language):
            title = (rule and language.startswith("zh") and rule.title_zh) or (rule and rule.title) or alert.rule
            said = {
                "rule": " ".join(str(title).split()),
                "host": " ".join(alert.host.name.split()),
                "app": " ".join(str(alert.app).split()),
                "level": alert.get_level_display(),
            }
            subjects.append(gettext("Alert on a voice host: %(rule)s") % said)
            bodies.append(
                gettext(
                    "On the host %(host)s, which runs %(app)s, a rule was broken: %(rule)s (%(level)s). What was done about it, and "
                    "how to undo it, stands here:"
                )
                % said
            )
    where = f"    {settings.PUBLIC_URL}{reverse('admin:index')}guard/alert/{alert.id}/change/"
    text = "\n\n".join(part for body in bodies for part in (body, where))
    return f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{' / '.join(subjects)}", f"{text}\n"
