"""Who calls the API: the app whose bearer token stands in the Authorization header (RFC 6750 section 2.1), and only there.

The body is not looked at: nothing of an upload is read before its sender is known.
"""

import hashlib

from oauth2_provider.contrib.rest_framework import OAuth2Authentication
from oauth2_provider.models import AccessToken
from rest_framework.request import Request

from accounts.models import App


class BearerToken(OAuth2Authentication):  # type: ignore[misc]
    """Finds a token by its digest."""

    def authenticate(self, request: Request) -> tuple[None, AccessToken] | None:
        """Return the token, or None where there is none that is good."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = hashlib.sha256(token.strip().encode()).hexdigest()
        found = AccessToken.objects.select_related("application__tenant").filter(token_checksum=digest).first()
        if found is None or not found.is_valid() or found.application is None:
            return None
        return None, found


def app_of(request: Request) -> App:
    """Return the app whose token this is."""
    app: App = request.auth.application  # type: ignore[union-attr]
    return app
