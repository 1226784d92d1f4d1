"""The REST surface of consent: ask, learn the answer, open and close sessions."""

import re
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_duration
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.models import App
from consent.ask import ask
from consent.close_session import close_session
from consent.errors import Refused, RequestUnknown
from consent.models import ConsentRequest, Grant
from consent.open_session import Opened, open_session
from consent.terms import APP_SUSPENDED, Operation

LONGEST_TERM = timedelta(days=366)


class DurationField(serializers.Field[timedelta, str, str, Any]):
    """An ISO 8601 duration such as P30D or PT8S; years and months, which have no fixed length, are refused."""

    def to_internal_value(self, data: str) -> timedelta:
        """Parse."""
        try:
            value = parse_duration(data) if isinstance(data, str) and data.startswith("P") else None
        except OverflowError:
            value = None
        if value is None or value <= timedelta(0):
            raise serializers.ValidationError("An ISO 8601 duration longer than zero is needed, such as P30D or PT8S.")
        return value


class AskSerializer(serializers.Serializer[Any]):
    """What an app says when it asks."""

    subject_ref = serializers.CharField(max_length=200)
    purpose = serializers.SlugField()
    operations = serializers.ListField(
        child=serializers.ChoiceField([o.value for o in Operation]), allow_empty=False, max_length=4
    )
    term = DurationField()
    return_url = serializers.URLField(max_length=2000, required=False, default="")
    state = serializers.CharField(max_length=500, required=False, default="")

    def validate_term(self, value: timedelta) -> timedelta:
        """Bound the term."""
        if value > LONGEST_TERM:
            raise serializers.ValidationError("A term is at most P366D.")
        return value

    def validate_return_url(self, value: str) -> str:
        """Only the web, and only encrypted except on this machine."""
        if value and not re.match(r"https://|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/|$)", value):
            raise serializers.ValidationError("An https:// address is needed.")
        return value


class SessionSerializer(serializers.Serializer[Any]):
    """What an app says when it opens a session."""

    grant = serializers.UUIDField()
    operations = serializers.ListField(
        child=serializers.ChoiceField([o.value for o in Operation]), required=False, allow_empty=False, max_length=4
    )


def app_of(request: Request) -> App:
    """Return the app whose token this is."""
    app: App = request.auth.application  # type: ignore[union-attr]
    return app


class ConsentRequests(APIView):
    """Ask a person."""

    required_scopes = ["consent"]

    def post(self, request: Request) -> Response:
        """Make a consent request and return its link, once."""
        said = AskSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        if app_of(request).suspended_at is not None:
            raise Refused(APP_SUSPENDED)
        words = dict(said.validated_data)
        words["client_state"] = words.pop("state")
        asked = ask(app=app_of(request), now=timezone.now(), **words)
        return Response(
            {
                "id": str(asked.request.id),
                "url": settings.PUBLIC_URL + reverse("portal:consent", args=[asked.token]),
                "state": asked.request.state,
                "expires_at": asked.request.expires_at,
            },
            status=201,
            headers={"Location": reverse("consent:request", args=[asked.request.id])},
        )


class ConsentRequestDetail(APIView):
    """Learn the answer."""

    required_scopes = ["consent"]

    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        """Return the request's state, and the grant once there is one."""
        found = ConsentRequest.objects.filter(id=request_id, app=app_of(request)).first()
        if found is None:
            raise RequestUnknown
        grant = Grant.objects.filter(request=found).first()
        return Response(
            {
                "id": str(found.id),
                "state": found.state_at(timezone.now()),
                "expires_at": found.expires_at,
                "grant": None
                if grant is None
                else {
                    "id": str(grant.id),
                    "state": grant.state,
                    "operations": grant.operations,
                    "valid_until": grant.valid_until,
                    "uses_left": grant.uses_left,
                },
            }
        )


class Sessions(APIView):
    """Ask whether a voice may be used now."""

    required_scopes = ["consent"]

    def post(self, request: Request) -> Response:
        """Open a session, or answer 403 with the reason."""
        said = SessionSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        opened = open_session(
            app=app_of(request),
            grant_id=said.validated_data["grant"],
            operations=said.validated_data.get("operations"),
            now=timezone.now(),
        )
        if not isinstance(opened, Opened):
            raise Refused(opened)
        session = opened.session
        return Response(
            {
                "id": str(session.id),
                "grant": str(session.grant_id),
                "operations": session.operations,
                "expires_at": session.expires_at,
                "entry": str(opened.entry),
            },
            status=201,
        )


class SessionDetail(APIView):
    """An open session."""

    required_scopes = ["consent"]

    def delete(self, request: Request, session_id: uuid.UUID) -> Response:
        """Close it: the page was left, the work is done."""
        close_session(app=app_of(request), session_id=session_id, now=timezone.now())
        return Response(status=204)
