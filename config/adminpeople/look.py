"""A look at what identifies a person: for a reason, in words, at named fields; entered before anything is shown, and shown once.

Access control by field (GB/T 45574-2025, 6.1): whoever may see a row sees its masks; to look behind them takes the permission to change
such rows, which nobody else needs, for rows change in no other way here.
"""

from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from consent.enter import enter_for_person
from retention.free_text import found_in

MASK: Final = "••••••••"
LOOK_FOR: Final = {
    "person_asked": _("The person asked us"),
    "authority": _("A court or an authority asks"),
    "incident": _("A breach or a misuse is looked into"),
    "delegation": _("To decide who may act for somebody"),
    "defect": _("To mend a defect of the service"),
}
SHORTEST, LONGEST = 10, 200


class LookForm(forms.Form):
    """What for, and at what."""

    reason = forms.ChoiceField(label=_("What for"))
    words = forms.CharField(
        label=_("In words"),
        min_length=SHORTEST,
        max_length=LONGEST,
        help_text=_("Stays in the log for the person to read. Name nobody here."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, fields: Iterable[tuple[str, Any]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].choices = [("", "-"), *LOOK_FOR.items()]  # type: ignore[attr-defined]
        choices = list(fields)
        if choices:
            self.fields["fields"] = forms.MultipleChoiceField(
                label=_("What to show"), choices=choices, widget=forms.CheckboxSelectMultiple
            )
            self.order_fields(["fields", "reason", "words"])

    def clean_words(self) -> str:
        """Refuse what would identify somebody in the log itself."""
        words: str = self.cleaned_data["words"]
        if found_in(words):
            raise forms.ValidationError(_("No address, number or digest may stand here."))
        return words

    @property
    def purpose(self) -> dict[str, str]:
        """Return what the entry says of why."""
        return {"reason": self.cleaned_data["reason"], "words": self.cleaned_data["words"]}


class FindForm(LookForm):
    """Of whom one knows the address."""

    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    field_order = ("email", "reason", "words")


def enter_look(
    request: HttpRequest, *, person: User, what: str, fields: Iterable[str], purpose: dict[str, str], **ids: str
) -> None:
    """Enter that an officer looks behind the masks: about the person, wherever they are known."""
    officer = str(request.user.pk)
    enter_for_person(
        user=person,
        kind="access.viewed",
        actor=f"officer:{officer}",
        payload={"officer": officer, "what": what, **ids, "fields": sorted(fields), "why": purpose},
        now=timezone.now(),
    )
