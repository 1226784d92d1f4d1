"""Who reports: the host whose agent's token stands in the Authorization header. It opens this door and no other."""

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from guard.models import Host
from guard.token import PREFIX, digest_of


class AgentToken(BaseAuthentication):
    """Finds a host by the digest of its token, or of the one before while that is good."""

    def authenticate(self, request: Request) -> tuple[None, Host] | None:
        """Return the host, or None where the token is not good."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token.startswith(PREFIX):
            return None
        digest = digest_of(token)
        good = Q(token_digest=digest) | Q(previous_token_digest=digest, previous_until__gt=timezone.now())
        host = Host.objects.select_related("app", "tenant").filter(good, removed_at=None).first()
        return (None, host) if host else None

    def authenticate_header(self, _request: Request) -> str:
        """Say how to come in (RFC 6750, section 3): this makes a refusal a 401."""
        return 'Bearer realm="guard"'


class IsAgent(BasePermission):
    """A host calls."""

    def has_permission(self, request: Request, _view: APIView) -> bool:
        """Say whether one does."""
        return isinstance(request.auth, Host)


def host_of(request: Request) -> Host:
    """Return the host whose token this is."""
    host: Host = request.auth  # type: ignore[assignment]
    return host
