"""The REST surface of marks: see what a clip is marked with, and say that somebody got it without its audible label. No call changes a label."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import app_of
from ledger.once import once
from retention import label_attempt
from retention.api import WaiverSerializer
from retention.credential import credential
from retention.marks import AudibleLabel, Marking, Waiver
from retention.models import Custody
from retention.waive_label import own_synthesis, waive_label


class LabelSerializer(serializers.Serializer[Any]):
    """What a clip is marked with."""

    artifact = serializers.UUIDField()
    marking = serializers.ChoiceField([m.value for m in Marking])
    audible_label = serializers.ChoiceField([label.value for label in AudibleLabel], allow_null=True)
    embedded = serializers.BooleanField(help_text="The vault's copy holds a C2PA manifest of this service.")


class WaivedSerializer(serializers.Serializer[Any]):
    """The ledger's entry."""

    entry = serializers.UUIDField()


class Label(APIView):
    """What one clip of the app is marked with."""

    required_scopes = ["record"]

    @extend_schema(operation_id="get_mark", responses={200: LabelSerializer, 422: None})
    def get(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Say what it is marked with. The evidence itself lies in the entry."""
        artifact = own_synthesis(app=app_of(request), artifact_id=artifact_id)
        return Response(
            {
                "artifact": str(artifact.id),
                "marking": artifact.marking,
                "audible_label": artifact.audible_label or None,
                "embedded": artifact.custody == Custody.VAULT,
            }
        )

    @extend_schema(operation_id="replace_mark", request=None, responses={403: None})
    def put(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Refuse, and enter that it was tried."""
        return self._refuse(request, artifact_id, "replace")

    @extend_schema(operation_id="change_mark", request=None, responses={403: None})
    def patch(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Refuse, and enter that it was tried."""
        return self._refuse(request, artifact_id, "change")

    @extend_schema(operation_id="remove_mark", responses={403: None, 422: None})
    def delete(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Refuse, and enter that it was tried."""
        return self._refuse(request, artifact_id, "remove")

    def _refuse(self, request: Request, artifact_id: uuid.UUID, change: str) -> Response:
        label_attempt.refuse(app=app_of(request), artifact_id=artifact_id, change=change, now=timezone.now())


class Waivers(APIView):
    """Who got a clip without its audible label."""

    required_scopes = ["record"]

    @extend_schema(operation_id="waive_label", request=WaiverSerializer, responses={201: WaivedSerializer})
    @once
    def post(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Say that somebody got it without the label: at their own request, under an agreement that tells them their duties."""
        said = WaiverSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        entry = waive_label(
            app=app_of(request), artifact_id=artifact_id, waiver=Waiver(**said.validated_data), now=timezone.now()
        )
        return Response({"entry": str(entry)}, status=201)


@require_safe
def root(_request: HttpRequest) -> HttpResponse:
    """Return the certificate by which the manifests of this service are verified."""
    return HttpResponse(credential().root, content_type="application/x-pem-file")
