"""What the portal asks a person about themselves: how old they are, and where they live."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from consent.capacity import adult_on
from portal.words.people import places


class About(forms.Form):
    """Age and residence. Nothing is chosen beforehand; `needs_age` makes the age an answer that cannot be left out."""

    age = forms.ChoiceField(choices=[("adult", ""), ("minor", "")], required=False)
    born_on = forms.DateField(
        required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "bday"})
    )
    residence = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, today: date, needs_age: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._today, self._needs_age = today, needs_age
        self.fields["residence"].choices = [("", ""), *places()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A minor says when they were born; who says to be an adult does not."""
        said = super().clean() or {}
        if "age" not in self.errors and self._needs_age and not said.get("age"):
            self.add_error("age", _("Please say how old you are."))
        if said.get("age") == "minor" and "born_on" not in self.errors:
            born_on = said.get("born_on")
            if born_on is None:
                self.add_error("born_on", _("Please say when you were born."))
            elif not born_on <= self._today < adult_on(born_on):
                self.add_error("born_on", _("Nobody born on that day is younger than 18 today."))
        return said

    @property
    def said(self) -> dict[str, Any]:
        """Return what was said, as `consent.describe` takes it."""
        found = self.cleaned_data
        return {
            "is_adult": found["age"] == "adult",
            "born_on": found["born_on"] if found["age"] == "minor" else None,
            **({"residence": found["residence"]} if "residence" in self.data else {}),
        }
