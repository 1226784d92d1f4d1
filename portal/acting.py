"""Whom the portal's pages are about: who signed in, or somebody for whom they act.

The choice is the id of a delegation in the session of who signed in. Each request looks at it anew: what does not stand any more, or is
somebody else's, is dropped. A press of a button that was meant for the other person then does nothing, rather than something to oneself:
whenever it changes whom the pages are about, the forms that are open are taken no more.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from consent.errors import DelegationUnknown
from consent.models import Delegation

_KEY = "acting_for"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Person:
    """Whom a page is about, and who acts: None, the person themselves; else the delegation of who signed in."""

    user: User
    by: Delegation | None

    @property
    def about(self) -> str:
        """Whom, as a page can say it to the service again: the delegation's id; empty: who signed in."""
        return str(self.by.id) if self.by else ""


def person(request: HttpRequest) -> Person:
    """Return whom a page behind `login_required` is about.

    Raises:
        django.core.exceptions.PermissionDenied: Something was to be done for a person for whom they act no more.
    """
    if isinstance(request.user, AnonymousUser):
        raise PermissionDenied
    by = acting(request)
    if by is not None:
        return Person(by.principal, by)
    if request.session.pop(_KEY, None) is not None:
        rotate_token(request)  # the forms that are open were about the other person
        if request.method not in _SAFE:
            raise _ended()
    return Person(request.user, None)


def acting(request: HttpRequest) -> Delegation | None:
    """Return the delegation by which who signed in acts now; None where they act for themselves."""
    chosen = request.session.get(_KEY) if request.user.is_authenticated else None
    return _standing(request, chosen) if chosen else None


def act(request: HttpRequest, delegation_id: uuid.UUID) -> Delegation | None:
    """Act by that delegation from now on; None, and nothing changed, if it does not stand or is somebody else's."""
    by = _standing(request, str(delegation_id))
    if by is not None:
        request.session[_KEY] = str(by.id)
        rotate_token(request)
    return by


def stop_acting(request: HttpRequest) -> None:
    """Act for oneself again."""
    if request.session.pop(_KEY, None) is not None:
        rotate_token(request)


@contextmanager
def while_it_stands() -> Iterator[None]:
    """Refuse, as `person` does, what a verb has found to be too late: the delegation ended after the request had begun.

    Raises:
        django.core.exceptions.PermissionDenied: It has ended, and nothing was done.
    """
    try:
        yield
    except DelegationUnknown:
        raise _ended() from None


def _ended() -> PermissionDenied:
    return PermissionDenied(_("You no longer act for this person, so nothing was done."))


def _standing(request: HttpRequest, delegation_id: str) -> Delegation | None:
    found = Delegation.objects.select_related("principal").filter(id=delegation_id, delegate=request.user.pk).first()
    return found if found and found.stands(timezone.now()) else None
