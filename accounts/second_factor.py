"""Whether a session was opened with a second factor: a passkey, an authenticator app's code, or a recovery code.

allauth notes in the session how its person showed who they are, and with which authenticator. One that has been removed since counts
no more.
"""

import time

from allauth.account import app_settings
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from accounts.models import User

ENROL = "mfa_index"
"""The page on which a first second factor is enrolled."""


def is_shown(request: HttpRequest) -> bool:
    """Say whether an authenticator that the person still has was used in this session."""
    user = request.user
    if not isinstance(user, User):
        return False
    used = {record.get("id") for record in get_authentication_records(request, user) if record.get("method") == "mfa"}
    return bool(used) and Authenticator.objects.filter(user=user, id__in=used - {None}).exists()


def way_to_it(user: User) -> str:
    """Name the page on which the person can show a second factor, or enrol one where they have none."""
    kinds = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    if Authenticator.Type.TOTP in kinds:
        return "mfa_reauthenticate"
    return "mfa_reauthenticate_webauthn" if Authenticator.Type.WEBAUTHN in kinds else ENROL


def shown_just_now(request: HttpRequest) -> str:
    """Say how who signed in has shown who they are within the last minutes: `second_factor`, `fresh_sign_in`, or nothing where they have not."""
    since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
    user = request.user
    recent = [
        record
        for record in (get_authentication_records(request, user) if isinstance(user, User) else [])
        if record.get("at", 0) > since
    ]
    if any(record.get("method") == "mfa" for record in recent) and is_shown(request):
        return "second_factor"
    return "fresh_sign_in" if recent else ""
