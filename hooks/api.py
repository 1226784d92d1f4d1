"""The REST surface of hooks: subscribe, see, get a new secret, unsubscribe."""

import uuid
from datetime import timedelta

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.authentication import app_of
from accounts.strict import DurationField, StrictSerializer
from hooks.cloudevent import EVENTS
from hooks.errors import SubscriptionUnknown
from hooks.models import Subscription
from hooks.queries import own_key
from hooks.rotate import LONGEST_OVERLAP, OVERLAP, rotate
from hooks.signature import public_text
from hooks.subscribe import subscribe
from hooks.unsubscribe import unsubscribe
from ledger.once import once

MOST_SHOWN = 100
_LOCATION = OpenApiParameter(
    "Location",
    OpenApiTypes.URI_REF,
    OpenApiParameter.HEADER,
    required=True,
    response=[201],
    description="Where it stands.",
)


class SubscribeSerializer(StrictSerializer):
    """What an app says when it subscribes."""

    event = serializers.ChoiceField(EVENTS)
    target_url = serializers.URLField(max_length=2000)


class HookSerializer(serializers.ModelSerializer[Subscription]):
    """A subscription."""

    previous_until = serializers.DateTimeField(
        allow_null=True, read_only=True, help_text="Until then the secret before signs too."
    )
    public_key = serializers.SerializerMethodField()

    class Meta:
        model = Subscription
        fields = [
            "id",
            "event",
            "target_url",
            "state",
            "created_at",
            "ended_at",
            "previous_until",
            "public_key",
        ]

    @extend_schema_field(OpenApiTypes.STR)
    def get_public_key(self, _hook: Subscription) -> str:
        """Return the key by which the service signs besides."""
        return public_text(own_key(now=timezone.now()))


class RotateSerializer(StrictSerializer):
    """How long the old secret signs too."""

    overlap = DurationField(required=False, allow_zero=True, help_text="At most P7D.")

    def validate_overlap(self, value: timedelta) -> timedelta:
        """Bound it."""
        if value > LONGEST_OVERLAP:
            raise serializers.ValidationError("The old secret signs for P7D at most.")
        return value


class SubscribedSerializer(HookSerializer):
    """A new subscription with its secret."""

    secret = serializers.CharField()

    class Meta(HookSerializer.Meta):
        fields = [*HookSerializer.Meta.fields, "secret"]


class Hooks(APIView):
    """An app's subscriptions."""

    required_scopes = ["hooks"]

    @extend_schema(operation_id="list_hooks", responses=HookSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List them, the active first, then newest first."""
        found = Subscription.objects.filter(app=app_of(request)).order_by("state", "-created_at")[:MOST_SHOWN]
        return Response(HookSerializer(found, many=True).data)

    @extend_schema(
        operation_id="subscribe",
        request=SubscribeSerializer,
        responses={201: SubscribedSerializer},
        parameters=[_LOCATION],
    )
    @once
    def post(self, request: Request) -> Response:
        """Subscribe; the address has to answer a challenge first. The secret is shown once."""
        said = SubscribeSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        made = subscribe(app=app_of(request), now=timezone.now(), **said.validated_data)
        request.holder = made.subscription.key_name  # type: ignore[attr-defined]  # the kept answer dies with the secret
        return Response(
            {**HookSerializer(made.subscription).data, "secret": made.secret},
            status=201,
            headers={"Location": reverse("hooks:hook", args=[made.subscription.id])},
        )


class Hook(APIView):
    """One subscription."""

    required_scopes = ["hooks"]

    @extend_schema(operation_id="get_hook", responses=HookSerializer)
    def get(self, request: Request, hook_id: uuid.UUID) -> Response:
        """Show it, without its secret."""
        found = Subscription.objects.filter(id=hook_id, app=app_of(request)).first()
        if found is None:
            raise SubscriptionUnknown
        return Response(HookSerializer(found).data)

    @extend_schema(operation_id="unsubscribe", responses={204: None})
    def delete(self, request: Request, hook_id: uuid.UUID) -> Response:
        """End it."""
        unsubscribe(app=app_of(request), subscription_id=hook_id, now=timezone.now())
        return Response(status=204)


class Secret(APIView):
    """The secret of one subscription."""

    required_scopes = ["hooks"]

    @extend_schema(operation_id="rotate_hook_secret", request=RotateSerializer, responses={201: SubscribedSerializer})
    @once
    def post(self, request: Request, hook_id: uuid.UUID) -> Response:
        """Get a new one, shown once; for a day, or as long as `overlap` says, deliveries are signed under both."""
        said = RotateSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        overlap = said.validated_data.get("overlap", OVERLAP)
        made = rotate(app=app_of(request), subscription_id=hook_id, overlap=overlap, now=timezone.now())
        request.holder = made.subscription.key_name  # type: ignore[attr-defined]  # the kept answer dies with the secret
        return Response({**HookSerializer(made.subscription).data, "secret": made.secret}, status=201)
