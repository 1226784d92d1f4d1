"""`records:batch` over REST: up to 1,000 records in one durable call, each with a verdict of its own."""

from collections.abc import Iterator
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from accounts.authentication import app_of
from accounts.models import App
from accounts.strict import StrictSerializer
from consent.errors import ConsentError
from ledger.once import once
from retention.api import DerivedSerializer, EmbeddingSerializer, SynthesisSerializer
from retention.api_made import FeaturesSerializer, TranscriptSerializer
from retention.errors import RetentionError
from retention.marks import mark_of
from retention.models import Artifact, Custody, Kind
from retention.record_batch import Draft, Facts, Made, Verdict, record_all

MOST_RECORDS = 1_000
_NOT_HERE = [Custody.APP.value, Custody.NONE.value]


class EmbeddingRecordSerializer(EmbeddingSerializer):
    """A voiceprint."""

    kind = serializers.ChoiceField([Kind.EMBEDDING.value])
    custody = serializers.ChoiceField(_NOT_HERE, required=False, default=Custody.NONE.value)
    content = None  # type: ignore[assignment]  # takes the field away


class SynthesisRecordSerializer(SynthesisSerializer):
    """Speech made in a voice."""

    kind = serializers.ChoiceField([Kind.SYNTHESIS.value])
    custody = serializers.ChoiceField(_NOT_HERE, required=False, default=Custody.NONE.value)
    content = None  # type: ignore[assignment]  # takes the field away


class ModelRecordSerializer(DerivedSerializer):
    """A voice model."""

    kind = serializers.ChoiceField([Kind.MODEL.value])
    custody = serializers.ChoiceField(_NOT_HERE, required=False, default=Custody.NONE.value)
    content = None  # type: ignore[assignment]  # takes the field away


class FeaturesRecordSerializer(FeaturesSerializer):
    """Acoustic features."""

    kind = serializers.ChoiceField([Kind.FEATURES.value])
    content = None  # takes the field away, as its parent does


class TranscriptRecordSerializer(TranscriptSerializer):
    """A transcript."""

    kind = serializers.ChoiceField([Kind.TRANSCRIPT.value])
    content = None  # takes the field away, as its parent does


_SERIALIZERS: dict[object, type[DerivedSerializer]] = {
    Kind.EMBEDDING.value: EmbeddingRecordSerializer,
    Kind.SYNTHESIS.value: SynthesisRecordSerializer,
    Kind.MODEL.value: ModelRecordSerializer,
    Kind.FEATURES.value: FeaturesRecordSerializer,
    Kind.TRANSCRIPT.value: TranscriptRecordSerializer,
}


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="BatchRecord",
        serializers={str(kind): serializer for kind, serializer in _SERIALIZERS.items()},
        resource_type_field_name="kind",
    )
)
class RecordField(serializers.Field[Any, Any, Any, Any]):
    """One record, as it was sent: what is wrong with it is its own verdict."""

    def to_internal_value(self, data: Any) -> Any:
        """Take it."""
        return data


class BatchSerializer(StrictSerializer):
    """Many records."""

    records = serializers.ListField(child=RecordField(), min_length=1, max_length=MOST_RECORDS)


class OtherSerializer(serializers.Serializer[Any]):
    """What was recorded of another person."""

    session = serializers.UUIDField()
    artifact = serializers.UUIDField()
    entry = serializers.UUIDField()


class TakenSerializer(serializers.Serializer[Any]):
    """What was recorded."""

    status = serializers.ChoiceField([201])
    artifact = serializers.UUIDField()
    entry = serializers.UUIDField()
    act = serializers.UUIDField()
    standing = serializers.ChoiceField([s.value for s in Artifact.Standing])
    reason = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField()
    others = OtherSerializer(many=True)


class RefusedSerializer(serializers.Serializer[Any]):
    """Why a record could not be taken: a problem, as the call for this one record would have answered it."""

    status = serializers.IntegerField(min_value=400)
    type = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField()


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="Verdict", serializers=[TakenSerializer, RefusedSerializer], resource_type_field_name=None
    )
)
class VerdictField(serializers.Field[Any, Any, Any, Any]):
    """What became of one record."""


class VerdictsSerializer(serializers.Serializer[Any]):
    """What became of them, in their order."""

    records = serializers.ListField(child=VerdictField())


class Records(APIView):
    """Record many at once."""

    required_scopes = ["record"]
    throttle_scope = "batch"
    most_containers = 8 * MOST_RECORDS + 2
    """A record is an object that holds at most seven: four lists, the mark, its metadata, and who asked for no label."""

    @extend_schema(
        operation_id="record_batch",
        request=BatchSerializer,
        responses={200: VerdictsSerializer},
        examples=[
            OpenApiExample(
                "Two clips",
                {
                    "records": [
                        {
                            "kind": "synthesis",
                            "session": "01a1fc84-0000-7000-8000-000000000000",
                            "mark": {"kind": "watermark", "watermark_id": name},
                        }
                        for name in ("wm-7", "wm-8")
                    ]
                },
                request_only=True,
            )
        ],
    )
    @once
    def post(self, request: Request) -> Response:
        """Record up to 1,000 embeddings and syntheses in one transaction. One that cannot be taken drops no other."""
        app, said = app_of(request), BatchSerializer.words_of(request.data)
        read = [_read(record, app) for record in said["records"]]
        drafts = [each for each in read if isinstance(each, Draft)]
        verdicts = iter(record_all(app=app, drafts=drafts, now=timezone.now()) if drafts else [])
        return Response({"records": list(self._answers(read, verdicts))})

    def _answers(self, read: list[Draft | Exception], verdicts: Iterator[Verdict]) -> Iterator[dict[str, Any]]:
        problem_of = self.get_exception_handler()
        for each in read:
            verdict = next(verdicts) if isinstance(each, Draft) else each
            if isinstance(verdict, Made) and isinstance(each, Draft):
                yield _taken(each, verdict)
            else:
                yield problem_of(verdict, {}).data


def _read(record: Any, app: App) -> Draft | Exception:
    """Return what a record says, or the error for which it cannot be taken."""
    kind = record.get("kind") if isinstance(record, dict) else None
    serializer = _SERIALIZERS.get(kind if isinstance(kind, str) else None)
    if serializer is None:
        return serializers.ValidationError({"kind": [f"One of {', '.join(map(str, _SERIALIZERS))} is needed."]})
    try:
        words = serializer.words_of(record, app=app)
        synthesis = words["kind"] == Kind.SYNTHESIS
        return Draft(
            kind=Kind(words["kind"]),
            sessions=[words["session"], *words.get("with_sessions", [])],
            custody=Custody(words["custody"]),
            facts=Facts(
                duration_ms=words.get("duration_ms"),
                sample_rate=words.get("sample_rate"),
                dimensions=words.get("dimensions"),
                model=words["model"],
                feature=words.get("feature", ""),
                mark=mark_of(words.get("mark")) if synthesis else None,
            ),
            derived_from=words.get("derived_from", []),
            media=words.get("media", []),
            ttl=words.get("ttl"),
            places=words.get("places", ()),
        )
    except (serializers.ValidationError, RetentionError, ConsentError) as error:
        return error


def _taken(draft: Draft, made: Made) -> dict[str, Any]:
    first, *others = sorted(made.recorded, key=lambda each: each.artifact.session_id != draft.sessions[0])
    artifact = first.artifact
    return {
        "status": 201,
        "artifact": str(artifact.id),
        "entry": str(first.entry),
        "act": str(artifact.act),
        "standing": str(artifact.standing),
        "reason": made.refusal.reason if made.refusal else None,
        "expires_at": artifact.expires_at.strftime(str(api_settings.DATETIME_FORMAT)),
        "others": [
            {
                "session": str(each.artifact.session_id),
                "artifact": str(each.artifact.id),
                "entry": str(each.entry),
            }
            for each in others
        ],
    }
