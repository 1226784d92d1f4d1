"""The room of people: that there are such accounts. Whose they are is masked."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from config.adminpeople.look import FindForm, enter_look
from config.adminpeople.room import PeopleRoom


@admin.register(User)
class UserAdmin(PeopleRoom):
    """People."""

    template = "person"
    change_list_template = "admin/consent/people.html"
    masked = {
        "email": _("E-mail address"),
        "born_on": _("Born on"),
        "residence": _("Lives in"),
        "subjects": _("Subjects in the logs"),
    }
    list_display = ("id", "has_account", "is_staff", "is_active", "date_joined")
    list_filter = ("is_staff", "is_active")
    ordering = ("-date_joined",)

    @admin.display(description=_("can sign in"), boolean=True)
    def has_account(self, person: User) -> bool:
        """Say whether there is an address to sign in by."""
        return person.email is not None

    def get_urls(self) -> list[URLPattern]:
        """Add the page that finds somebody."""
        return [
            path("find/", self.admin_site.admin_view(self.find), name="accounts_user_find"),
            *super().get_urls(),
        ]

    def find(self, request: HttpRequest) -> HttpResponse:
        """Find who has an address, which is a look at it."""
        self.must_act(request, "change_user", post=False)
        form = FindForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            person = User.objects.filter(email__iexact=form.cleaned_data["email"]).first()
            if person is not None:
                with transaction.atomic():
                    enter_look(request, person=person, what="user", fields=["email"], purpose=form.purpose)
                return redirect(reverse("admin:accounts_user_change", args=[person.id]))
            messages.error(request, gettext("Nobody has this address."))
        return self.page(request, "find", title=gettext("Find a person"), look=form)

    def enter_look(self, request: HttpRequest, row: User, *, fields: list[str], purpose: dict[str, str]) -> None:
        """Enter the look without the account's id: the entry is about the person already."""
        enter_look(request, person=row, what="user", fields=fields, purpose=purpose)

    def facts(self, _request: HttpRequest, row: User) -> dict[str, Any]:
        """Return nothing more: the row says the rest."""
        return {"has_account": self.has_account(row)}

    def value(self, row: User, name: str) -> str:
        """Return what a masked field holds."""
        if name == "subjects":
            return ", ".join(str(pk) for pk in row.subjects.order_by("id").values_list("id", flat=True)) or "-"
        return str(getattr(row, name) or "-")
