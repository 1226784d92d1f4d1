"""What an officer fills in. A form bounds what is typed; what it means is judged by the verb that takes it."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.adminconsent.words import APP_TEXTS, FIELDS, LANGUAGES, OPERATIONS, SUSPENDED_FOR, USE_CLASSES
from consent.editions import Bodies
from consent.models import Purpose
from consent.notice_fields import LONGEST, Field, asked
from consent.use_class import LONGEST_NAME, STRONGEST

_APP_TEXT_LONGEST = 500


def _choices(words: dict[str, Promise]) -> list[tuple[str, Promise]]:
    return list(words.items())


class NoticeForm(forms.Form):
    """Every field of a notice, in each language."""

    def __init__(self, *args: Any, provides: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked = asked(provides=provides)
        for field in self._asked:
            label, hint = FIELDS[field.name]
            for locale, language in LANGUAGES.items():
                self.fields[f"{field.name}.{locale}"] = forms.CharField(
                    label=f"{label} ({language})",
                    required=False,
                    max_length=LONGEST,
                    help_text=str(hint),
                    widget=forms.Textarea(attrs={"rows": 3, "lang": locale, "aria-describedby": f"hint-{field.name}"}),
                )

    @staticmethod
    def initial_of(bodies: Bodies) -> dict[str, str]:
        """Return what the form begins with."""
        return {f"{name}.{locale}": text for locale, body in bodies.items() for name, text in body.items()}

    def rows(self) -> Iterator[tuple[Field, Promise, Promise, list[BoundField]]]:
        """Yield each field with its name, what it has to say, and its box in each language."""
        for field in self._asked:
            label, hint = FIELDS[field.name]
            yield field, label, hint, [self[f"{field.name}.{locale}"] for locale in LANGUAGES]

    def bodies(self) -> Bodies:
        """Return what was written."""
        return {
            locale: {field.name: self.cleaned_data[f"{field.name}.{locale}"] for field in self._asked}
            for locale in LANGUAGES
        }


class PurposeForm(forms.Form):
    """A new purpose."""

    slug = forms.CharField(
        label=_("Short name"), max_length=50, help_text=_("As apps name it: small letters and hyphens.")
    )
    english = forms.CharField(label=_("Name in English"), max_length=LONGEST_NAME)
    chinese = forms.CharField(label=_("Name in Chinese"), max_length=LONGEST_NAME)
    use_class = forms.ChoiceField(label=_("Class of use"), choices=_choices(USE_CLASSES))
    strength = forms.IntegerField(
        label=_("Strength"),
        min_value=1,
        max_value=STRONGEST,
        help_text=_("To recognise is 10, to speak 20, to copy 30, to train 40."),
    )
    operations = forms.MultipleChoiceField(
        label=_("Operations"), choices=_choices(OPERATIONS), widget=forms.CheckboxSelectMultiple
    )
    is_sensitive = forms.BooleanField(
        label=_("It works on biometric data (separate consent, impact assessment)"), required=False, initial=True
    )
    provides = forms.BooleanField(label=_("It hands voices to another organisation"), required=False)
    trades_voiceprints = forms.BooleanField(
        label=_("It sells, leases, trades or profits from voiceprints (never of who may live in Illinois)"),
        required=False,
    )


class AssessForm(forms.Form):
    """An impact assessment that was made."""

    reference = forms.CharField(
        label=_("Reference"), max_length=200, help_text=_("Where its report is found. Name no person here.")
    )
    made_on = forms.DateField(label=_("Made on"), widget=forms.DateInput(attrs={"type": "date"}))


class SuspendForm(forms.Form):
    """Why an app is stopped."""

    reason = forms.ChoiceField(label=_("Reason"), choices=_choices(SUSPENDED_FOR))


class RotateForm(forms.Form):
    """How long the old secret stays good."""

    days = forms.IntegerField(
        label=_("Days for which the old secret stays good"),
        min_value=0,
        max_value=90,
        initial=7,
        help_text=_("0 where it has leaked: then its tokens end at once."),
    )


class DescribeForm(forms.Form):
    """What an app says of itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (label, hint) in APP_TEXTS.items():
            for locale, language in LANGUAGES.items():
                self.fields[f"{name}.{locale}"] = forms.CharField(
                    label=f"{label} ({language})",
                    required=False,
                    max_length=_APP_TEXT_LONGEST,
                    help_text=str(hint),
                    widget=forms.Textarea(attrs={"rows": 2, "lang": locale}),
                )

    def texts(self) -> dict[str, dict[str, str]]:
        """Return what was written, by text and language."""
        return {name: {locale: self.cleaned_data[f"{name}.{locale}"] for locale in LANGUAGES} for name in APP_TEXTS}


class DeclareForm(forms.Form):
    """What an app does for a purpose."""

    operations = forms.MultipleChoiceField(label=_("Operations"), widget=forms.CheckboxSelectMultiple)
    fallback_url = forms.URLField(
        label=_("Where the service is had without consent"), max_length=2000, assume_scheme="https"
    )
    attested = forms.BooleanField(
        label=_("The app attests that whoever is imitated is told of it and asked separately"), required=False
    )

    def __init__(self, *args: Any, purpose: Purpose, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        operations = self.fields["operations"]
        if isinstance(operations, forms.MultipleChoiceField):
            operations.choices = [(code, word) for code, word in OPERATIONS.items() if code in purpose.operations]
