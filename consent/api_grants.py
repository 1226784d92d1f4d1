"""The REST surface of grants: what stands of one user; that one stands, for others to check; its receipt; and the keys that check tokens."""

import uuid
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import app_of
from accounts.models import App
from accounts.strict import StrictSerializer, Text
from consent.errors import GrantUnknown, ReceiptRestricted, Refused
from consent.issue_receipt import issue_receipt
from consent.jose import AUDIENCE, write_jwks
from consent.models import GRANT_STATES, Binding, Grant
from consent.receipt import MEDIA_TYPE
from consent.terms import Operation, Refusal, decide
from consent.token_keys import published_keys
from consent.vouch import vouch

_NO_STORE = {"Cache-Control": "no-store"}


class ById(CursorPagination):
    """Pages in the order of ids, newest first: what comes or goes meanwhile moves nothing else. Links are relative, as all here."""

    ordering = "-id"
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return the page that the request asks for."""
        page: list[Any] | None = super().paginate_queryset(queryset, request, view)
        self.base_url = request.get_full_path()
        return page

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return where the page begins; what is no cursor of ours is no valid request."""
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None:
                uuid.UUID(str(cursor.position or ""))
        except (NotFound, ValueError):
            raise serializers.ValidationError({"cursor": ["Take it from `next`."]}) from None
        return cursor


class GrantQuerySerializer(StrictSerializer):
    """Whose grants."""

    subject_ref = Text(max_length=200, trim_whitespace=False, help_text="The app's name for its user.")
    state = serializers.ChoiceField([str(state) for state in GRANT_STATES], required=False)
    purpose = serializers.SlugField(required=False)
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=ById.max_page_size)
    cursor = serializers.CharField(required=False, max_length=200, help_text="From `next`.")


class StandingGrantSerializer(serializers.Serializer[Any]):
    """A consent, and whether a session would be opened under it now."""

    id = serializers.UUIDField()
    request = serializers.UUIDField()
    state = serializers.ChoiceField([str(state) for state in GRANT_STATES])
    reason = serializers.CharField(allow_null=True, help_text="Why no session would be opened now; null: one would.")
    purpose = serializers.SlugField()
    operations = serializers.ListField(child=serializers.ChoiceField([operation.value for operation in Operation]))
    scope = serializers.ListField(child=serializers.ChoiceField(["portrait", "voice"]))
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField()
    uses_left = serializers.IntegerField(allow_null=True, min_value=0, help_text="Null: as many as the term allows.")


class GrantsSerializer(serializers.Serializer[Any]):
    """A page of them."""

    next = serializers.CharField(allow_null=True, help_text="The address of the next page; null: this is the last.")
    results = StandingGrantSerializer(many=True)


class Grants(APIView):
    """What stands of one user."""

    required_scopes = ["consent"]

    @extend_schema(
        operation_id="list_grants", parameters=[GrantQuerySerializer], responses={200: GrantsSerializer, 422: None}
    )
    def get(self, request: Request) -> Response:
        """Return the grants of the app's user, newest first. Of a user whom nobody knows: an empty list."""
        said = GrantQuerySerializer(data=_asked(request))
        said.is_valid(raise_exception=True)
        words, app, now = said.validated_data, app_of(request), timezone.now()
        # One and the same query, whether the name is known or not.
        grants = Grant.objects.select_related("app", "notice", "declaration", "delegation", "purpose").filter(
            app=app, binding__closed_at=None, binding__reference=Binding.reference_of(app, words["subject_ref"])
        )
        if "state" in words:
            grants = grants.filter(state=words["state"])
        if "purpose" in words:
            grants = grants.filter(purpose=words["purpose"])
        pages = ById()
        page = pages.paginate_queryset(grants, request) or []
        return Response({"next": pages.get_next_link(), "results": [_standing(grant, now) for grant in page]})


def _standing(grant: Grant, now: datetime) -> dict[str, Any]:
    decision = decide(grant.facts(), operations=grant.operations, now=now)
    return {
        "id": str(grant.id),
        "request": str(grant.request_id),
        "state": grant.state,
        "reason": decision.reason if isinstance(decision, Refusal) else None,
        "purpose": grant.purpose_id,
        "operations": grant.operations,
        "scope": grant.scope,
        "valid_from": grant.valid_from,
        "valid_until": grant.valid_until,
        "uses_left": grant.uses_left,
    }


class AudienceSerializer(StrictSerializer):
    """Who is going to check a token."""

    audience = serializers.RegexField(
        rf"^{AUDIENCE.pattern}$", max_length=200, help_text="Who is going to check it: an address or a name of theirs."
    )


class StatusTokenSerializer(serializers.Serializer[Any]):
    """A status token."""

    token = serializers.CharField(help_text="A JWT of type `consonant-status+jwt`.")
    expires_at = serializers.DateTimeField(help_text="Five minutes after it was made; sooner, where the term ends.")


class GrantStatusToken(APIView):
    """That a consent stands, for somebody else to check offline."""

    required_scopes = ["consent"]

    @extend_schema(
        operation_id="get_status_token",
        parameters=[AudienceSerializer],
        responses={200: StatusTokenSerializer, 422: None},
    )
    def get(self, request: Request, grant_id: uuid.UUID) -> Response:
        """Return a token of five minutes while the consent stands, or answer 403 with the reason."""
        said = AudienceSerializer(data=_asked(request))
        said.is_valid(raise_exception=True)
        vouched = vouch(
            app=app_of(request), grant_id=grant_id, audience=said.validated_data["audience"], now=timezone.now()
        )
        if isinstance(vouched, Refusal):
            raise Refused(vouched, entered=False)
        return Response({"token": vouched.token, "expires_at": vouched.expires_at}, headers=_NO_STORE)


class GrantReceipt(APIView):
    """The app's copy of the consent receipt."""

    required_scopes = ["consent"]

    @extend_schema(operation_id="get_receipt", responses={(200, MEDIA_TYPE): OpenApiTypes.OBJECT})
    def get(self, request: Request, grant_id: uuid.UUID) -> HttpResponse:
        """Return the signed receipt (ISO/IEC TS 27560, DPV JSON-LD) of the consent as it is now."""
        grant = _own(app_of(request), grant_id)
        if grant.binding.closed_at is not None:
            raise ReceiptRestricted
        return receipt_file(grant)


def receipt_file(grant: Grant) -> HttpResponse:
    """Return a grant's receipt as a download."""
    name = f'attachment; filename="receipt-{grant.id}.jsonld"'
    return HttpResponse(
        issue_receipt(grant=grant, now=timezone.now()),
        content_type=MEDIA_TYPE,
        headers={**_NO_STORE, "Content-Disposition": name},
    )


@require_safe
def jwks(_request: HttpRequest) -> JsonResponse:
    """Serve the keys that check status tokens and session tokens (RFC 7517)."""
    headers = {"Cache-Control": "public, max-age=300"}
    return JsonResponse(write_jwks(published_keys()), content_type="application/jwk-set+json", headers=headers)


def _asked(request: Request) -> dict[str, str]:
    """Return the query, in which an empty value is a value: read as a form it would be none, and narrow nothing."""
    return {name: str(said) for name, said in request.query_params.items()}


def _own(app: App, grant_id: uuid.UUID) -> Grant:
    grants = Grant.objects.select_related("app", "subject__tenant", "binding", "request", "purpose", "notice")
    grant = grants.filter(id=grant_id, app=app).first()
    if grant is None:
        raise GrantUnknown
    return grant
