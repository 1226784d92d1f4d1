"""The REST surface of what else is made of a voice: models, acoustic features, transcripts; and the report that something is processed."""

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import app_of
from accounts.strict import StrictSerializer
from consent.api import LOCATION
from ledger.once import once
from ledger.wait import proven
from retention.api import ArtifactDetail, ArtifactSerializer, Derived, DerivedSerializer, MadeSerializer, fields_of
from retention.label_attempt import refuse
from retention.models import Custody, Kind
from retention.record_batch import Facts
from retention.report import report

MOST_FEATURES = 40
"""Dimensions of a frame of MFCC: more tell more than what is said (S2.8)."""
_LABELS = ("mark", "marking", "audible_label")
_NOT_HERE = [Custody.NONE.value, Custody.APP.value]


class FeaturesSerializer(DerivedSerializer):
    """Acoustic features that left the device in place of the recording."""

    feature = serializers.ChoiceField(["mfcc"])
    dimensions = serializers.IntegerField(min_value=1, max_value=MOST_FEATURES)
    custody = serializers.ChoiceField(_NOT_HERE, required=False, default=Custody.NONE.value)
    content = None  # type: ignore[assignment]  # takes the field away


class TranscriptSerializer(DerivedSerializer):
    """What was said, in letters; the letters stay with the app."""

    custody = serializers.ChoiceField(_NOT_HERE, required=False, default=Custody.NONE.value)
    content = None  # type: ignore[assignment]  # takes the field away


class ReportSerializer(StrictSerializer):
    """When processing ended, and when the purpose was met."""

    processed_at = serializers.DateTimeField(required=False)
    purpose_met_at = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something is said."""
        if not attrs:
            raise serializers.ValidationError({"processed_at": ["One of these moments is needed."]})
        return attrs


class Models(Derived):
    """Models of a voice."""

    @extend_schema(
        operation_id="record_model",
        request={"application/json": DerivedSerializer, "multipart/form-data": DerivedSerializer},
        responses={201: MadeSerializer, 404: None},
        parameters=[LOCATION],
    )
    @proven
    @once
    def post(self, request: Request) -> Response:
        """Record a model that speaks in the voice, or knows it. It is a fact and never dropped: `standing` says whether it was permitted."""
        words = DerivedSerializer.words_of(fields_of(request), app=app_of(request))
        return self.record(request, Kind.MODEL, words, Facts(model=words["model"]))


class FeatureSets(Derived):
    """Acoustic features."""

    @extend_schema(
        operation_id="record_features",
        request=FeaturesSerializer,
        responses={201: MadeSerializer, 404: None},
        parameters=[LOCATION],
    )
    @proven
    @once
    def post(self, request: Request) -> Response:
        """Record features that were computed on the device: MFCC of at most 40 dimensions."""
        words = FeaturesSerializer.words_of(request.data, app=app_of(request))
        facts = Facts(dimensions=words["dimensions"], model=words["model"], feature=words["feature"])
        return self.record(request, Kind.FEATURES, words, facts)


class Transcripts(Derived):
    """Transcripts."""

    @extend_schema(
        operation_id="record_transcript",
        request=TranscriptSerializer,
        responses={201: MadeSerializer, 404: None},
        parameters=[LOCATION],
    )
    @proven
    @once
    def post(self, request: Request) -> Response:
        """Record that what was said was written down. The text itself stays with the app."""
        words = TranscriptSerializer.words_of(request.data, app=app_of(request))
        return self.record(request, Kind.TRANSCRIPT, words, Facts(model=words["model"]))


class ArtifactRow(ArtifactDetail):
    """One artifact of the app, and the report on it."""

    @extend_schema(operation_id="report_artifact", request=ReportSerializer, responses=ArtifactSerializer)
    def patch(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Report that it is processed, or that its purpose is met. The earliest report counts: none lengthens a life."""
        app, now = app_of(request), timezone.now()
        if isinstance(request.data, dict) and any(name in request.data for name in _LABELS):
            refuse(app=app, artifact_id=artifact_id, change="change", now=now)
        said = ReportSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        words = said.validated_data
        artifact = report(
            app=app,
            artifact_id=artifact_id,
            processed_at=words.get("processed_at"),
            purpose_met_at=words.get("purpose_met_at"),
            now=now,
        )
        return Response(ArtifactSerializer(artifact).data)
