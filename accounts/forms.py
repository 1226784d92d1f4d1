"""allauth's forms for passkeys, with our words; and whatever a stranger sends in them is refused, never a failure of ours.

A credential is JSON that a browser made, with binary parts (CBOR) within. fido2 takes its form for granted in places.
"""

import json
import struct
from collections.abc import Callable
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

LONGEST_NAME = 100
LONGEST_CREDENTIAL = 16 * 1024
_NO_CREDENTIAL = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def _parsed(parse: Callable[[], Any]) -> Any:
    """Return what `parse` makes of a credential.

    Raises:
        ValidationError: It is none.
    """
    try:
        return parse()
    except _NO_CREDENTIAL:
        raise get_adapter().validation_error("incorrect_code") from None


class AddPasskey(forms.AddWebAuthnForm):  # type: ignore[misc]
    """Adds a passkey: one that signs in by itself, unless the person wants it otherwise."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name, for yourself")
        self.fields["name"].validators.append(MaxLengthValidator(LONGEST_NAME))
        self.fields["name"].widget.attrs["maxlength"] = LONGEST_NAME
        alone = self.fields["passwordless"]
        alone.initial = True
        alone.label = _("Sign in with it alone, without a password")
        alone.help_text = _(
            "The device then asks for your finger, your face or its code. Otherwise it is a second factor only."
        )

    def clean(self) -> dict[str, Any]:
        """Read the credential; of what the browser says beside it, keep whether the device can sign in by itself."""
        cleaned: dict[str, Any] = _parsed(super().clean)
        if credential := cleaned.get("credential"):
            if len(json.dumps(credential)) > LONGEST_CREDENTIAL:
                raise get_adapter().validation_error("incorrect_code")
            try:
                alone = credential["clientExtensionResults"]["credProps"]["rk"] is True
            except (LookupError, TypeError):
                alone = None
            credential["clientExtensionResults"] = {"credProps": {"rk": alone}}
        return cleaned


class ShowPasskey(forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """Takes a passkey as the second factor."""

    def clean_credential(self) -> Any:
        """Read the credential."""
        return _parsed(super().clean_credential)


class SignInByPasskey(forms.LoginWebAuthnForm):  # type: ignore[misc]
    """Takes a passkey alone."""

    def clean_credential(self) -> Any:
        """Read the credential."""
        return _parsed(super().clean_credential)


class ShowPasskeyAgain(forms.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Takes a passkey of somebody who has signed in."""

    def clean_credential(self) -> Any:
        """Read the credential."""
        return _parsed(super().clean_credential)
