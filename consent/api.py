"""The REST surface of consent: ask, learn the answer, open and close sessions."""

import re
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.authentication import app_of
from accounts.models import App
from accounts.strict import DurationField, StrictSerializer, Text
from consent.ask import ask
from consent.close_session import close_session
from consent.errors import Refused, RequestUnknown, SessionUnknown
from consent.machine import State
from consent.models import ConsentRequest, Grant
from consent.open_session import Opened, open_session
from consent.standing import sessions
from consent.terms import EXHAUSTED, SESSION_ENDED, Operation, Refusal, may_ask, stands
from consent.token_keys import token_of
from ledger.once import once
from ledger.wait import PROOF, proven

LONGEST_TERM = timedelta(days=366)
MOST_COMBINED = 20


_OPERATIONS = [operation.value for operation in Operation]


class AskSerializer(StrictSerializer):
    """What an app says when it asks."""

    subject_ref = Text(
        max_length=200, trim_whitespace=False, help_text="The app's name for its user; kept as an HMAC only."
    )
    purpose = serializers.SlugField(help_text="One that the app declared.")
    operations = serializers.ListField(child=serializers.ChoiceField(_OPERATIONS), min_length=1, max_length=4)
    scope = serializers.ListField(
        child=serializers.ChoiceField(["portrait", "voice"]),
        required=False,
        default=["voice"],
        min_length=1,
        max_length=2,
        help_text="What it is about.",
    )
    term = DurationField(help_text="How long the consent shall stand, at most P366D.")
    return_url = serializers.URLField(
        max_length=2000, required=False, default="", help_text="Where the person goes after the answer; https only."
    )
    state = Text(max_length=500, required=False, default="", help_text="Comes back on `return_url`.")

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

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What is combined is said: both."""
        if Operation.COMBINE in attrs["operations"] and set(attrs["scope"]) != {"portrait", "voice"}:
            raise serializers.ValidationError({"scope": ["To combine is about both: portrait and voice."]})
        return attrs


class SessionSerializer(StrictSerializer):
    """What an app says when it opens a session."""

    grant = serializers.UUIDField()
    operations = serializers.ListField(
        child=serializers.ChoiceField(_OPERATIONS),
        required=False,
        min_length=1,
        max_length=4,
        help_text="All that the grant covers, when left out.",
    )
    artifacts = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        min_length=2,
        max_length=MOST_COMBINED,
        help_text="Of a session to combine, and only of one: exactly one portrait, and what of the voice goes with it.",
    )


class AskedSerializer(serializers.Serializer[Any]):
    """A consent request, as it was made."""

    id = serializers.UUIDField()
    url = serializers.URLField(help_text="The link for the person; shown here and never again.")
    qr = serializers.URLField(help_text="The link as a QR code: an SVG image, while the request can be answered.")
    state = serializers.ChoiceField([state.value for state in ConsentRequest.State])
    expires_at = serializers.DateTimeField(help_text="When the link can be answered no more.")


class GrantSerializer(serializers.Serializer[Any]):
    """A consent, as it stands."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField([state.value for state in State])
    operations = serializers.ListField(child=serializers.ChoiceField(_OPERATIONS))
    valid_until = serializers.DateTimeField()
    uses_left = serializers.IntegerField(allow_null=True, min_value=0, help_text="Null: as many as the term allows.")


class ConsentRequestSerializer(serializers.Serializer[Any]):
    """A consent request, as it stands."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField([state.value for state in ConsentRequest.State])
    expires_at = serializers.DateTimeField()
    grant = GrantSerializer(allow_null=True, help_text="Null until it is given.")


class OpenedSerializer(serializers.Serializer[Any]):
    """An open session."""

    id = serializers.UUIDField()
    grant = serializers.UUIDField()
    operations = serializers.ListField(child=serializers.ChoiceField(_OPERATIONS))
    expires_at = serializers.DateTimeField()
    token = serializers.CharField(help_text="A JWT that names the session, for your own machines.")
    entry = serializers.UUIDField(help_text="The `ref` of the ledger's entry.")
    proof = serializers.CharField(allow_null=True, help_text=PROOF)


LOCATION = OpenApiParameter(
    "Location",
    OpenApiTypes.URI_REF,
    OpenApiParameter.HEADER,
    required=True,
    response=[201, 202],
    description="Where it stands.",
)
"""Of an answer that says where the thing is."""


class ConsentRequests(APIView):
    """Ask a person."""

    required_scopes = ["consent"]

    @extend_schema(
        operation_id="ask_for_consent",
        request=AskSerializer,
        responses={201: AskedSerializer},
        parameters=[LOCATION],
        examples=[
            OpenApiExample(
                "A month of cloning",
                {"subject_ref": "user-17", "purpose": "voice-cloning", "operations": ["upload"], "term": "P30D"},
                request_only=True,
            )
        ],
    )
    @once
    def post(self, request: Request) -> Response:
        """Make a consent request and return its link, once."""
        said = AskSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        app = app_of(request)
        if refusal := may_ask(suspended=app.suspended_at is not None, approved=app.approved_at is not None):
            raise Refused(refusal, entered=False)
        words = dict(said.validated_data)
        words["client_state"] = words.pop("state")
        asked = ask(app=app, now=timezone.now(), **words)
        return Response(
            {
                "id": str(asked.request.id),
                "url": settings.PUBLIC_URL + reverse("portal:consent", args=[asked.token]),
                "qr": settings.PUBLIC_URL + reverse("portal:qr", args=[asked.token]),
                "state": asked.request.state,
                "expires_at": asked.request.expires_at,
            },
            status=201,
            headers={"Location": reverse("consent:request", args=[asked.request.id])},
        )


class ConsentRequestDetail(APIView):
    """Learn the answer."""

    required_scopes = ["consent"]

    @extend_schema(operation_id="get_consent_request", responses=ConsentRequestSerializer)
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
    """Ask whether a voice may be used now. Its address is that of its heir in `retention`, which knows artifacts."""

    required_scopes = ["consent"]

    def open(self, app: App, words: dict[str, Any]) -> Opened | Refusal:
        """Open it."""
        return open_session(app=app, grant_id=words["grant"], operations=words.get("operations"), now=timezone.now())

    @extend_schema(
        operation_id="open_session",
        request=SessionSerializer,
        responses={201: OpenedSerializer, 404: None},
        tags=["consent"],
    )
    @proven
    @once
    def post(self, request: Request) -> Response:
        """Open a session, or answer 403 with the reason."""
        opened = self.open(app_of(request), SessionSerializer.words_of(request.data))
        if not isinstance(opened, Opened):
            raise Refused(opened)
        session = opened.session
        request.holder = session.grant.binding.key_name  # type: ignore[attr-defined]
        return Response(
            {
                "id": str(session.id),
                "grant": str(session.grant_id),
                "operations": session.operations,
                "expires_at": session.expires_at,
                "token": token_of(session),
                "entry": str(opened.entry),
                "proof": None,
            },
            status=201,
        )


class SessionStateSerializer(serializers.Serializer[Any]):
    """A session, as it stands. It decides nothing: each record is decided on when it comes."""

    id = serializers.UUIDField()
    grant = serializers.UUIDField()
    operations = serializers.ListField(child=serializers.ChoiceField(_OPERATIONS))
    expires_at = serializers.DateTimeField()
    reason = serializers.CharField(allow_null=True, help_text="Why work in it may not go on; null: it may.")
    detail = serializers.CharField(allow_null=True, help_text="The same for a person.")
    cure = serializers.CharField(allow_null=True, help_text="What would help.")


class SessionDetail(APIView):
    """An open session."""

    required_scopes = ["consent"]

    @extend_schema(operation_id="get_session", responses={200: SessionStateSerializer, 404: None})
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        """Say whether work in it may go on: to be asked between two pieces of it. Nothing is entered."""
        session = next(iter(sessions([session_id])), None)
        if session is None or session.app_id != app_of(request).id:
            raise SessionUnknown
        now = timezone.now()
        standing = stands(session.grant.facts(), now=now)
        refusal = standing if isinstance(standing, Refusal) and standing != EXHAUSTED else None
        if refusal is None and not session.is_live(now):
            refusal = SESSION_ENDED
        return Response(
            {
                "id": str(session.id),
                "grant": str(session.grant_id),
                "operations": session.operations,
                "expires_at": session.expires_at,
                "reason": refusal.reason if refusal else None,
                "detail": refusal.sentence if refusal else None,
                "cure": refusal.cure if refusal else None,
            }
        )

    @extend_schema(operation_id="close_session", request=None, responses={204: None})
    def delete(self, request: Request, session_id: uuid.UUID) -> Response:
        """Close it: the page was left, the work is done."""
        close_session(app=app_of(request), session_id=session_id, now=timezone.now())
        return Response(status=204)
