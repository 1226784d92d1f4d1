"""The speaker's pages (consent.md, "The speaker's portal"), a module each.

Each view makes one call that changes something, or none. Pages about a person are kept by no cache.
"""

from django.http import HttpRequest

from accounts.models import User


class SignedIn(HttpRequest):
    """A request behind `login_required`."""

    user: User
