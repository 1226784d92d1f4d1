"""Accounts and second factors as this service keeps and shows them.

The secret of an authenticator app and the seed of recovery codes are stored encrypted (Fernet), under a key derived from the one that
signs cookies (HKDF, RFC 5869), which lies outside PostgreSQL: a copy of the database makes no codes. A secret that cannot be read any
more fits no code; an operator resets it.
"""

import base64
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User

log = structlog.get_logger(__name__)
_INFO = b"consonant: secrets of second factors"
_BY_WHAT = ("email", "username", "phone")


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]
    """Keeps no address in a session: who signed in is known by id."""

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in, and forget by which address."""
        super().login(request, user)
        records = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
        request.session[AUTHENTICATION_METHODS_SESSION_KEY] = [
            {name: value for name, value in record.items() if name not in _BY_WHAT} for record in records
        ]


class SecondFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """Encrypts what is stored, names what is shown."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "unreadable": _("Your second factor cannot be read any more. Please ask the operator to reset it."),
    }

    def encrypt(self, text: str) -> str:
        """Encrypt a secret for the database."""
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret."""
        try:
            return _box().decrypt(encrypted_text).decode()
        except InvalidToken:
            log.critical("second_factor_unreadable")
            raise self.validation_error("unreadable") from None

    def build_totp_svg(self, url: str) -> str:
        """Return the picture as a part of a page, for the policy of contents lets no `data:` in."""
        drawn: str = super().build_totp_svg(url)
        return drawn[drawn.index("<svg") :]

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002 - allauth's word
        """Suggest a name for a passkey."""
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return gettext("Passkey {number}").format(number=number) if number > 1 else gettext("My passkey")

    def get_public_key_credential_rp_entity(self) -> dict[str, Any]:
        """Name the service as people know it."""
        return {**super().get_public_key_credential_rp_entity(), "name": "Consonant"}


def _box() -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(str(key)))) for key in keys])


def _derive(key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(key.encode())
