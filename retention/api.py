"""The REST surface of artifacts: record a recording, read it while it lives."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.models import App
from consent.api import DurationField, app_of
from consent.errors import Refused
from consent.terms import Refusal
from retention.errors import ArtifactUnknown
from retention.models import Artifact
from retention.read import read
from retention.record import upload


class UploadSerializer(serializers.Serializer[Any]):
    """What an app says with a recording."""

    session = serializers.UUIDField()
    audio = serializers.FileField(allow_empty_file=True)
    ttl = DurationField(required=False)


class Uploads(APIView):
    """Take a recording."""

    required_scopes = ["record"]
    parser_classes = [MultiPartParser]

    def post(self, request: Request) -> Response:
        """Record an upload: multipart with `session`, `audio`, and perhaps a `ttl` shorter than the policy's."""
        said = UploadSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        recorded = upload(
            app=app_of(request),
            session_id=said.validated_data["session"],
            data=said.validated_data["audio"].read(),
            ttl=said.validated_data.get("ttl"),
            now=timezone.now(),
        )
        if isinstance(recorded, Refusal):
            raise Refused(recorded)
        body = {**_describe(recorded.artifact), "entry": str(recorded.entry)}
        return Response(
            body, status=201, headers={"Location": reverse("retention:artifact", args=[recorded.artifact.id])}
        )


class ArtifactDetail(APIView):
    """One artifact of the app."""

    required_scopes = ["record"]

    def get(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Say what it is and where it stands."""
        return Response(_describe(_own(app_of(request), artifact_id)))


class ArtifactContent(APIView):
    """The bytes of one artifact of the app."""

    required_scopes = ["record"]

    def get(self, request: Request, artifact_id: uuid.UUID) -> HttpResponse:
        """Return them, while use is permitted."""
        artifact = _own(app_of(request), artifact_id)
        data = read(artifact=artifact, now=timezone.now())
        if isinstance(data, Refusal):
            raise Refused(data)
        return HttpResponse(data, content_type="application/octet-stream", headers={"Cache-Control": "no-store"})


def _own(app: App, artifact_id: uuid.UUID) -> Artifact:
    artifact = Artifact.objects.filter(id=artifact_id, app=app).first()
    if artifact is None:
        raise ArtifactUnknown
    return artifact


def _describe(artifact: Artifact) -> dict[str, Any]:
    return {
        "id": str(artifact.id),
        "kind": artifact.kind,
        "custody": artifact.custody,
        "state": artifact.state,
        "session": str(artifact.session_id),
        "recorded_at": artifact.recorded_at,
        "expires_at": artifact.expires_at,
        "key_destroyed_at": artifact.key_destroyed_at,
        "erased_at": artifact.erased_at,
        "duration_ms": artifact.duration_ms,
        "sample_rate": artifact.sample_rate,
    }
