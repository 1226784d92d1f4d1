"""What the rooms have in common: who may look and act, how a page is made, how a verb's refusal is said."""

from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers

from config.adminconsent.words import sentences
from config.adminsite import ReadOnly
from consent.errors import ConsentError
from hooks.errors import TargetRefused

REFUSED = (ConsentError, TargetRefused)
"""What a verb says no with; nothing was changed then."""


class Room(ReadOnly):
    """Pages of our own, where Django's would offer to edit a row."""

    pages: ClassVar = "admin/consent"
    """The folder of their templates."""

    def must_see(self, request: HttpRequest) -> None:
        """Refuse who may not look at these rows."""
        if not self.has_view_permission(request):
            raise PermissionDenied

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        _form_url: str = "",
        _extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a row to who may look at it."""
        self.must_see(request)
        if request.method not in {"GET", "HEAD"} or object_id is None:
            raise PermissionDenied
        return self.show_row(request, object_id)

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the row's page."""
        raise NotImplementedError

    def may_act(self, request: HttpRequest, *permissions: str) -> bool:
        """Say whether the officer has every one of these permissions, by their code names in this app."""
        return request.user.has_perms([f"{self.opts.app_label}.{name}" for name in permissions])

    def must_act(self, request: HttpRequest, *permissions: str, post: bool = True) -> str:
        """Return who acts, as entries name them; refuse who may not, and what is no POST."""
        if (post and request.method != "POST") or not self.may_act(request, *permissions):
            raise PermissionDenied
        return f"officer:{request.user.pk}"

    def say_no(self, request: HttpRequest, error: Exception) -> None:
        """Say why a verb refused."""
        for sentence in sentences(error):
            messages.error(request, sentence)

    def page(self, request: HttpRequest, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
        """Show a page of the room; no cache keeps it."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        answer = TemplateResponse(request, f"{self.pages}/{name}.html", context, status=status)
        add_never_cache_headers(answer)
        return answer
