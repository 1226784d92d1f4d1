"""The REST surface of passing things on: an app's processors, to whom a thing went, and a processor's own answer."""

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import app_of
from accounts.strict import StrictSerializer
from consent.errors import Refused
from consent.terms import Refusal
from ledger.once import once
from retention.acknowledge import CLOCKS_DIFFER
from retention.api import FreeText
from retention.attest import REASONS, STATES, attest, check_signature
from retention.disclose import disclose
from retention.disclosure_basis import Basis
from retention.errors import ArtifactUnknown, Unsigned
from retention.models import Artifact, Disclosure, Processor

MOST_BYTES = 16_384
_SIGNATURE = [
    OpenApiParameter(name, {"type": "string"}, OpenApiParameter.HEADER, required=True, description="Standard Webhooks.")
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
]


class ProcessorSerializer(serializers.ModelSerializer[Processor]):
    """A third party to which the app passes things on, as an officer registered it."""

    class Meta:
        model = Processor
        fields = ["id", "name", "service", "country", "keeps_for", "registered_at", "ended_at"]


class DisclosureAskedSerializer(StrictSerializer):
    """To whom a thing is passed on, and on what basis."""

    processor = serializers.UUIDField()
    basis = serializers.ChoiceField([basis.value for basis in Basis])
    reference = FreeText(max_length=200, required=False, help_text="Of the transaction, the law or the warrant.")


class DisclosureSerializer(serializers.ModelSerializer[Disclosure]):
    """That a thing was passed on, and where its erasure stands there."""

    artifact = serializers.UUIDField(source="artifact_id")
    processor = serializers.UUIDField(source="processor_id")
    basis = serializers.ChoiceField([basis.value for basis in Basis])
    state = serializers.ChoiceField(Disclosure.State.values)

    class Meta:
        model = Disclosure
        fields = [
            "id", "artifact", "processor", "basis", "reference", "disclosed_at", "state", "asked_at", "answered_at",
            "deleted_at",
        ]  # fmt: skip


class AttestationSerializer(StrictSerializer):
    """A processor's word on what was passed on to it."""

    outcome = serializers.ChoiceField(list(STATES))
    deleted_at = serializers.DateTimeField(required=False, help_text="Of `deleted`: since when it is gone.")
    reason = serializers.ChoiceField(list(REASONS), required=False, help_text="Of `refused`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Say since when, if it is gone, and why, if it stays."""
        if (attrs["outcome"] == "deleted") != ("deleted_at" in attrs):
            raise serializers.ValidationError({"deleted_at": ["It stands there with `deleted`, and only there."]})
        if (attrs["outcome"] == "refused") != ("reason" in attrs):
            raise serializers.ValidationError({"reason": ["It stands there with `refused`, and only there."]})
        if "deleted_at" in attrs and attrs["deleted_at"] > timezone.now() + CLOCKS_DIFFER:
            raise serializers.ValidationError({"deleted_at": ["It lies ahead."]})
        return attrs


class Processors(APIView):
    """The app's processors."""

    required_scopes = ["record"]

    @extend_schema(operation_id="list_processors", responses=ProcessorSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List them, by name; officers register and end them."""
        rows = Processor.objects.filter(app=app_of(request)).order_by("name", "id")
        return Response(ProcessorSerializer(rows, many=True).data)


class Disclosures(APIView):
    """To whom one artifact of the app was passed on."""

    required_scopes = ["record"]

    @extend_schema(operation_id="list_disclosures", responses=DisclosureSerializer(many=True))
    def get(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """List them, and where the erasure stands with each."""
        if not Artifact.objects.filter(id=artifact_id, app=app_of(request)).exists():
            raise ArtifactUnknown
        rows = Disclosure.objects.filter(artifact=artifact_id).order_by("disclosed_at", "id")
        return Response(DisclosureSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="disclose", request=DisclosureAskedSerializer, responses={201: DisclosureSerializer, 404: None}
    )
    @once
    def post(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Ask whether it may be passed on, before it is; the same processor twice is one row."""
        said = DisclosureAskedSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        words = said.validated_data
        outcome = disclose(
            app=app_of(request),
            artifact_id=artifact_id,
            processor_id=words["processor"],
            basis=Basis(words["basis"]),
            reference=words.get("reference", ""),
            now=timezone.now(),
        )
        if isinstance(outcome, Refusal):
            raise Refused(outcome)
        return Response(DisclosureSerializer(outcome).data, status=201)


class Attestations(APIView):
    """A processor answers; it has no account here, and signs with its secret."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="attest_disclosure",
        request=AttestationSerializer,
        responses={200: DisclosureSerializer, 403: None},
        parameters=_SIGNATURE,
    )
    def post(self, request: Request, disclosure_id: uuid.UUID) -> Response:
        """Take its word: the headers and the signature are those of Standard Webhooks, over this body."""
        body: bytes = request._request.body  # noqa: SLF001 - the bytes that were signed, before anything reads them
        if len(body) > MOST_BYTES:
            raise Unsigned
        check_signature(disclosure_id=disclosure_id, body=body, headers=dict(request.headers))
        said = AttestationSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        words = said.validated_data
        found = Disclosure.objects.only("processor_id").get(id=disclosure_id)
        row = attest(
            disclosure_id=disclosure_id,
            outcome=words["outcome"],
            deleted_at=words.get("deleted_at"),
            reason=words.get("reason", ""),
            actor=f"processor:{found.processor_id}",
            now=timezone.now(),
        )
        return Response(DisclosureSerializer(row).data)
