"""What the rooms about people have in common: a page of facts, with masks; and the look behind them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import messages
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext

from config.adminconsent.room import Room
from config.adminpeople.look import LookForm


class PeopleRoom(Room):
    """A room whose rows are about a person."""

    masked: ClassVar[Mapping[str, Promise]] = {}
    """The fields that identify somebody: what the form calls them."""
    template: ClassVar[str]

    def get_urls(self) -> list[URLPattern]:
        """Add the look; first, for Django's own take any path."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_reveal"
        view = self.admin_site.admin_view(self.reveal)
        own = [path("<uuid:row_id>/reveal/", view, name=name)] if self.masked else []
        return [*own, *super().get_urls()]

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a row, what identifies anybody masked; of a subject's rows only once the look at it is entered."""
        with transaction.atomic():
            row = self.row(request, object_id)
            answer = self.show(request, row)
            if self.subject_path:
                self._enter_view(request, row)
        return answer

    def reveal(self, request: HttpRequest, row_id: Any) -> HttpResponse:
        """Show what was asked for, once, and enter who looked and why."""
        self.must_act(request, f"change_{self.opts.model_name}")
        form = LookForm(request.POST, fields=self.masked.items())
        row = self.row(request, row_id)
        if not form.is_valid():
            messages.error(request, gettext("Nothing is shown without saying what, what for, and in words why."))
            return self.show(request, row, look=form, status=422)
        with transaction.atomic():
            fields: list[str] = form.cleaned_data["fields"]
            self.enter_look(request, row, fields=fields, purpose=form.purpose)
            values = [(self.masked[name], self.value(row, name)) for name in fields]
            return self.show(request, row, revealed=values)

    def enter_look(self, request: HttpRequest, row: Any, *, fields: list[str], purpose: dict[str, str]) -> None:
        """Enter the look."""
        raise NotImplementedError

    def row(self, request: HttpRequest, row_id: Any) -> Any:
        """Return the row."""
        found: models.Model | None = self.get_object(request, str(row_id))
        if found is None:
            raise Http404
        return found

    def show(self, request: HttpRequest, row: Any, *, status: int = 200, **more: Any) -> HttpResponse:
        """Show the page of a row, with the form for a look where the officer may take one."""
        may = self.may_act(request, f"change_{self.opts.model_name}")
        context = {
            "title": f"{self.opts.verbose_name} {row.pk}",
            "row": row,
            "masked": list(self.masked.values()),
            "may_act": may,
            "look": LookForm(fields=self.masked.items()) if may and self.masked else None,
            **self.facts(request, row),
            **more,
        }
        return self.page(request, self.template, status=status, **context)

    def facts(self, _request: HttpRequest, _row: Any) -> dict[str, Any]:
        """Return what the page shows besides."""
        return {}

    def value(self, row: Any, name: str) -> str:
        """Return what a masked field holds."""
        raise NotImplementedError
