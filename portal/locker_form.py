"""What is asked of a passphrase."""

from typing import Any, Final

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User

LEAST: Final = 15
"""As long as NIST SP 800-63B-4 asks of what protects alone."""
MOST: Final = 200
CHOICES: Final = (
    ("5", gettext_lazy("5 minutes")),
    ("15", gettext_lazy("15 minutes")),
    ("60", gettext_lazy("one hour")),
)


class Passphrase(forms.Form):
    """The passphrase, and for how long."""

    passphrase = forms.CharField(max_length=MOST, strip=False)
    lasts = forms.ChoiceField(choices=CHOICES)


class NewPassphrase(forms.Form):
    """A new one, twice, by who understands what it means."""

    passphrase = forms.CharField(max_length=MOST, strip=False)
    again = forms.CharField(max_length=MOST, strip=False)
    understood = forms.BooleanField(required=True)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user

    def clean_passphrase(self) -> str:
        """It is long, and not what everybody takes."""
        said = str(self.cleaned_data["passphrase"])
        if len(said) < LEAST:
            raise ValidationError(
                _("It needs at least %(n)s characters: a few words that nobody else would put together.") % {"n": LEAST}
            )
        validate_password(said, self._user)
        return said

    def clean(self) -> dict[str, Any]:
        """Both are the same."""
        said = super().clean() or {}
        if "passphrase" in said and "again" in said and said["passphrase"] != said["again"]:
            self.add_error("again", _("The two are not the same."))
        return said
