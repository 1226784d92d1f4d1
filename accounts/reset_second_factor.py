"""Take all second factors from somebody who has lost them. Their password stays; an officer enrols anew before the admin opens."""

import structlog
from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts.models import User

log = structlog.get_logger(__name__)


def reset_second_factor(*, user: User) -> int:
    """Delete the person's passkeys, authenticator app and recovery codes; return how many there were.

    No session that was opened with one of them counts as opened with a second factor any more (accounts.second_factor).
    """
    with transaction.atomic():
        count = int(Authenticator.objects.filter(user=user).delete()[0])
    log.warning("second_factor_reset", user=str(user.id), count=count)
    return count
