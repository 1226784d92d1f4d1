"""What the portal asks of somebody who wants to act for a person. There are four ways to name the person, and each asks for what it needs."""

from datetime import date
from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from consent.capacity import Relationship, adult_on
from consent.delegate import Address, Child, Code
from consent.document import MOST_BYTES
from portal.words.people import places

_GUARDIAN = (Relationship.GUARDIAN.value, _("As guardian: the person is younger than 18"))
_ATTORNEY = (Relationship.ATTORNEY.value, _("By power of attorney"))
WAYS: Final[dict[str, tuple[list[tuple[str, Any]], tuple[str, ...]]]] = {
    "child": ([_GUARDIAN], ("label", "born_on", "residence", "document")),
    "code": ([_GUARDIAN, _ATTORNEY], ("relationship", "code", "label", "born_on", "document")),
    "address": ([_GUARDIAN, _ATTORNEY], ("relationship", "email", "label", "born_on", "document")),
    "estate": ([(Relationship.ESTATE.value, "")], ("email", "label", "document")),
}
"""How the person is named: the relationships that can be, and the fields."""


class AskToAct(forms.Form):
    """One way to ask."""

    relationship = forms.ChoiceField(label=_("How do you act?"), widget=forms.RadioSelect)
    code = forms.CharField(
        label=_("The code"),
        max_length=20,
        help_text=_("The person makes it here, in their settings, and tells it to you. It is good for an hour."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )
    email = forms.EmailField(
        label=_("The person's e-mail address here"),
        help_text=_("You are not told whether there is such an account."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    label = forms.CharField(
        label=_("What do you call the person?"),
        max_length=60,
        help_text=_("For yourself. No app and no officer reads it."),
    )
    born_on = forms.DateField(
        label=_("Born on"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "off"})
    )
    residence = forms.ChoiceField(label=_("Where does the person live? (Can be left out.)"), required=False)
    document = forms.FileField(
        label=_("The document that shows it"),
        help_text=_("PDF, JPEG or PNG, at most 10 MiB. It is kept sealed, and only an officer opens it."),
        widget=forms.ClearableFileInput(attrs={"accept": "application/pdf,image/jpeg,image/png"}),
    )

    def __init__(self, *args: Any, way: str, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._today = today
        self._relationships, wanted = WAYS[way]
        for name in set(self.fields) - set(wanted):
            del self.fields[name]
        self.order_fields(list(wanted))
        if "relationship" in self.fields:
            self.fields["relationship"].choices = self._relationships  # type: ignore[attr-defined]
            self.fields["born_on"].required = False
            self.fields["born_on"].label = _("Born on (only if you are the guardian)")
        if "residence" in self.fields:
            self.fields["residence"].choices = [("", _("Not said")), *places()]  # type: ignore[attr-defined]

    def clean_document(self) -> UploadedFile[bytes]:
        """Bound the document before it is read."""
        document: UploadedFile[bytes] = self.cleaned_data["document"]
        if (document.size or 0) > MOST_BYTES:
            raise forms.ValidationError(_("This is larger than 10 MiB."))
        return document

    def clean(self) -> dict[str, Any]:
        """A guardian says when the person was born."""
        said = super().clean() or {}
        if self.relationship_of(said) == Relationship.GUARDIAN and "born_on" not in self.errors:
            born_on = said.get("born_on")
            if born_on is None:
                self.add_error("born_on", _("Please say when the person was born."))
            elif not born_on <= self._today < adult_on(born_on):
                self.add_error("born_on", _("Nobody born on that day is younger than 18 today."))
        return said

    def relationship_of(self, said: dict[str, Any]) -> str:
        """Return in what quality somebody wants to act."""
        return str(said.get("relationship", "") if "relationship" in self.fields else self._relationships[0][0])

    @property
    def whom(self) -> Child | Code | Address:
        """Return whom it is about, as `consent.delegate` takes it."""
        said = self.cleaned_data
        is_guardian = self.relationship_of(said) == Relationship.GUARDIAN
        born_on = said.get("born_on") if is_guardian else None
        if "code" in said:
            return Code(said["code"], born_on)
        if "email" in said:
            return Address(said["email"], born_on)
        return Child(said["born_on"], said["residence"])
