"""The REST surface of artifacts and erasures: record, read while it lives, let go, acknowledge, be erased."""

import json
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from django.db.models import Q
from django.http import HttpResponse, QueryDict
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from accounts.authentication import app_of
from accounts.models import App
from accounts.strict import DurationField, StrictSerializer, Text
from consent.api import LOCATION
from consent.errors import Refused
from consent.session_field import SessionField
from consent.terms import Refusal
from ledger.once import once
from ledger.wait import PROOF, proven
from retention import discard, request_erasure
from retention.acknowledge import CLOCKS_DIFFER, Signature, acknowledge
from retention.certify import certificate_of
from retention.erasure_clock import Law
from retention.errors import ArtifactUnknown, BytesNotTaken, ErasureUnknown
from retention.free_text import found_in
from retention.grounds import Ground
from retention.levels import LEVELS
from retention.marks import AudibleLabel, Mark, Marking, mark_of
from retention.models import Artifact, Custody, Erasure, Kind, Medium
from retention.queries import holders_of, recipients_of
from retention.read import read
from retention.record import made, upload
from retention.record_batch import Facts, Made, Recorded
from retention.tell_places import tell_places

MOST_DIMENSIONS = 65_536
MOST_SOURCES = 100
MOST_PLACES = 16
LONGEST_MS = 24 * 3600 * 1000
HIGHEST_RATE = 192_000
_TIME = str(api_settings.DATETIME_FORMAT)
_LISTS = {"derived_from", "media", "places", "with_sessions"}
_JSON_PARTS = {"mark", *_LISTS}


class ArtifactSerializer(serializers.ModelSerializer[Artifact]):
    """What an artifact is and where it stands."""

    session = serializers.UUIDField(source="session_id")
    derived_from = serializers.PrimaryKeyRelatedField[Artifact](source="parents", many=True, read_only=True)
    media = serializers.ListField(child=serializers.ChoiceField(Medium.values))
    restriction = serializers.ChoiceField(Artifact.Restriction.values, allow_null=True)
    level = serializers.ChoiceField(list(LEVELS), help_text="Its class in JR/T 0171-2020.")
    marking = serializers.ChoiceField([m.value for m in Marking], allow_null=True)
    audible_label = serializers.ChoiceField([label.value for label in AudibleLabel], allow_null=True)

    class Meta:
        model = Artifact
        fields = [
            "id",
            "kind",
            "media",
            "custody",
            "state",
            "standing",
            "act",
            "session",
            "derived_from",
            "recorded_at",
            "expires_at",
            "processed_at",
            "purpose_met_at",
            "restriction",
            "level",
            "erase_requested_at",
            "key_destroyed_at",
            "erased_at",
            "duration_ms",
            "sample_rate",
            "dimensions",
            "marking",
            "audible_label",
        ]

    def to_representation(self, instance: Artifact) -> dict[str, Any]:
        """Say it; null where there is no mark."""
        return _shown(instance, [parent.id for parent in instance.parents.all()])


class EnteredSerializer(ArtifactSerializer):
    """An artifact and the ledger's entry about it."""

    entry = serializers.UUIDField()

    class Meta(ArtifactSerializer.Meta):
        fields = [*ArtifactSerializer.Meta.fields, "entry"]


class RecordedSerializer(EnteredSerializer):
    """What was recorded of one person."""

    proof = serializers.CharField(allow_null=True, help_text=PROOF)

    class Meta(EnteredSerializer.Meta):
        fields = [*EnteredSerializer.Meta.fields, "proof"]


class MadeSerializer(RecordedSerializer):
    """What was recorded of one act: of the first person, and of the others."""

    reason = serializers.CharField(allow_null=True)
    others = EnteredSerializer(many=True)

    class Meta(RecordedSerializer.Meta):
        fields = [*RecordedSerializer.Meta.fields, "reason", "others"]


class PlacesField(serializers.ListField):
    """Where a voice host keeps the file: HMAC-SHA256 of its path under the host's own key, so that the guard knows it when it sees it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=serializers.RegexField(r"^[0-9a-f]{64}$"), max_length=MOST_PLACES, **options)

    def to_internal_value(self, data: Any) -> list[bytes]:
        """Read them."""
        return [bytes.fromhex(each) for each in super().to_internal_value(data)]


class UploadSerializer(StrictSerializer):
    """What an app says with a recording, or with a portrait."""

    session = SessionField()
    audio = serializers.FileField(required=False, allow_empty_file=True)
    portrait = serializers.FileField(required=False, allow_empty_file=True)
    ttl = DurationField(required=False)
    places = PlacesField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One file comes."""
        if ("audio" in attrs) == ("portrait" in attrs):
            raise serializers.ValidationError({"audio": ["Either `audio` or `portrait` is needed."]})
        return attrs


class FreeText(serializers.CharField):
    """A short text in which no number of a telephone, card or paper, no address and no digest may stand."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what may not stand there, without repeating it."""
        text: str = super().to_internal_value(data)
        if found := found_in(text):
            raise serializers.ValidationError(f"This field may not hold {found}.")
        return text


class AigcSerializer(StrictSerializer):
    """The implicit label of GB 45438-2025."""

    Label = serializers.CharField(max_length=8)
    ContentProducer = serializers.CharField(max_length=200)
    ProduceID = serializers.CharField(max_length=200)
    ReservedCode1 = serializers.CharField(max_length=512, required=False, allow_blank=True)
    ContentPropagator = serializers.CharField(max_length=200, required=False, allow_blank=True)
    PropagateID = serializers.CharField(max_length=200, required=False, allow_blank=True)
    ReservedCode2 = serializers.CharField(max_length=512, required=False, allow_blank=True)


class WaiverSerializer(StrictSerializer):
    """Who asked for a clip without its audible label, and what they agreed to."""

    request = FreeText(max_length=80)
    agreement = FreeText(max_length=80)
    recipient = Text(max_length=200, trim_whitespace=False)
    delivered_at = serializers.DateTimeField(required=False)

    def validate_delivered_at(self, at: datetime) -> datetime:
        """It lies behind."""
        if at > timezone.now() + CLOCKS_DIFFER:
            raise serializers.ValidationError("This lies in the future.")
        return at


class MarkSerializer(StrictSerializer):
    """Evidence that a clip is marked as AI-made: of a kind, with what that kind needs."""

    kind = serializers.ChoiceField([m.value for m in Marking])
    manifest_digest = serializers.RegexField(r"^sha(256|384|512):[0-9a-f]{64,128}$", required=False)
    watermark_id = serializers.RegexField(r"^[A-Za-z0-9._:-]{1,64}$", required=False)
    metadata = AigcSerializer(required=False)
    audible_label = serializers.ChoiceField([label.value for label in AudibleLabel], required=False)
    without_label = WaiverSerializer(required=False)


class DerivedSerializer(StrictSerializer):
    """What an app says of something that it made from a voice."""

    session = SessionField()
    with_sessions = serializers.ListField(child=SessionField(), required=False, max_length=3)
    derived_from = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MOST_SOURCES)
    media = serializers.ListField(
        child=serializers.ChoiceField(Medium.values),
        required=False,
        max_length=2,
        help_text="What it shows, where its sources do not say all.",
    )
    custody = serializers.ChoiceField([c.value for c in Custody], required=False, default=Custody.NONE.value)
    model = FreeText(max_length=80, required=False, allow_blank=True, default="")
    ttl = DurationField(required=False)
    places = PlacesField(required=False)
    content = serializers.FileField(required=False, allow_empty_file=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Bytes come exactly where the vault shall hold them."""
        if (attrs["custody"] == Custody.VAULT) != ("content" in attrs):
            raise serializers.ValidationError({"content": ["Bytes are sent where custody is vault, and only there."]})
        return attrs


class EmbeddingSerializer(DerivedSerializer):
    """A voiceprint."""

    dimensions = serializers.IntegerField(min_value=1, max_value=MOST_DIMENSIONS)


class SynthesisSerializer(DerivedSerializer):
    """Speech made in a voice."""

    mark = MarkSerializer(required=False)
    duration_ms = serializers.IntegerField(min_value=1, max_value=LONGEST_MS, required=False)
    sample_rate = serializers.IntegerField(min_value=1, max_value=HIGHEST_RATE, required=False)


class AcknowledgementSerializer(StrictSerializer):
    """An app's word that it destroyed what it held."""

    outcome = serializers.ChoiceField(["deleted", "not_found"])
    deleted_at = serializers.DateTimeField()
    signed_at = serializers.DateTimeField(required=False)
    signature = serializers.RegexField(r"^v1,[A-Za-z0-9+/=]{44}$", required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A signature has its time."""
        if ("signature" in attrs) != ("signed_at" in attrs):
            raise serializers.ValidationError({"signed_at": ["A signature comes with the time at which it was made."]})
        if attrs["deleted_at"] > timezone.now() + CLOCKS_DIFFER:
            raise serializers.ValidationError({"deleted_at": ["This lies in the future."]})
        return attrs


class PlacesSerializer(StrictSerializer):
    """Where a voice host keeps an artifact now."""

    places = PlacesField(allow_empty=False)


class ErasureAskedSerializer(StrictSerializer):
    """Whom to erase."""

    subject_ref = Text(max_length=200, trim_whitespace=False)


class HolderSerializer(serializers.Serializer[Any]):
    """Where one holder stands."""

    custody = serializers.ChoiceField([c.value for c in Custody])
    total = serializers.IntegerField()
    gone = serializers.IntegerField()
    asked_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    overdue = serializers.BooleanField()


class RecipientSerializer(serializers.Serializer[Any]):
    """What became of what the app had passed on."""

    processor = serializers.UUIDField()
    name = serializers.CharField()
    total = serializers.IntegerField()
    answered = serializers.IntegerField()
    gone = serializers.IntegerField()


class KeptSerializer(serializers.Serializer[Any]):
    """What is not erased, and why."""

    what = serializers.CharField(help_text="`artifact`, or what is kept with it.")
    artifact = serializers.UUIDField(allow_null=True)
    ground = serializers.CharField(help_text="The exception, as the law counts it.")


class ErasureSerializer(serializers.ModelSerializer[Erasure]):
    """Where an erasure stands."""

    holders = serializers.SerializerMethodField()
    recipients = serializers.SerializerMethodField()
    kept = serializers.SerializerMethodField()
    scope = serializers.ChoiceField(Erasure.Scope.values)
    law = serializers.ChoiceField([each.value for each in Law])

    class Meta:
        model = Erasure
        fields = [
            "id",
            "state",
            "scope",
            "law",
            "refusal",
            "requested_at",
            "decided_at",
            "due_at",
            "extended_at",
            "extension_reason",
            "acks_due_at",
            "completed_at",
            "keys_destroyed_at",
            "certified_at",
            "certificate_until",
            "holders",
            "recipients",
            "kept",
        ]

    @extend_schema_field(HolderSerializer(many=True))
    def get_holders(self, erasure: Erasure) -> Any:
        """Show the app what is its own of it."""
        own = [holder for holder in holders_of(erasure) if holder.app.id == self.context["app"].id]
        return HolderSerializer(own, many=True).data

    @extend_schema_field(RecipientSerializer(many=True))
    def get_recipients(self, erasure: Erasure) -> Any:
        """Show the app to whom it passed something on, and who has answered."""
        own = [each for each in recipients_of(erasure) if each.app == self.context["app"].id]
        return RecipientSerializer(own, many=True).data

    @extend_schema_field(KeptSerializer(many=True))
    def get_kept(self, erasure: Erasure) -> Any:
        """Show what is kept of what is the app's own, and what proves the consent."""
        mine = Q(artifact=None) | Q(artifact__app=self.context["app"])
        rows = erasure.kept.filter(mine).order_by("what", "artifact_id")
        said = [{"what": row.what, "artifact": row.artifact_id, "ground": Ground(row.ground).cited} for row in rows]
        return KeptSerializer(said, many=True).data


class Uploads(APIView):
    """Take a recording."""

    required_scopes = ["record"]
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="record_upload",
        request={"multipart/form-data": UploadSerializer},
        responses={201: RecordedSerializer, 404: None},
        parameters=[LOCATION],
    )
    @proven
    @once
    def post(self, request: Request) -> Response:
        """Record an upload: multipart with `session`, `audio` or `portrait`, and perhaps a `ttl` shorter than the policy's."""
        said = UploadSerializer(data=fields_of(request), context={"app": app_of(request)})
        said.is_valid(raise_exception=True)
        words = said.validated_data
        medium = Medium.PORTRAIT if "portrait" in words else Medium.VOICE
        recorded = upload(
            app=app_of(request),
            session_id=words["session"],
            data=words["portrait" if medium == Medium.PORTRAIT else "audio"].read(),
            ttl=words.get("ttl"),
            now=timezone.now(),
            medium=medium,
            places=words.get("places", ()),
        )
        if isinstance(recorded, Refusal):
            raise Refused(recorded)
        return _created(request, recorded, {**_recorded(recorded), "proof": None})


class Derived(APIView):
    """Take the record of something that was made."""

    required_scopes = ["record"]
    parser_classes = cast("list[type[BaseParser]]", [*api_settings.DEFAULT_PARSER_CLASSES, MultiPartParser])

    def record(self, request: Request, kind: Kind, words: dict[str, Any], facts: Facts) -> Response:
        """Record it, permitted or not; bytes that may not be taken are refused, with the fact entered."""
        content = words.get("content")
        outcome = made(
            app=app_of(request),
            kind=kind,
            session_ids=[words["session"], *words.get("with_sessions", [])],
            custody=Custody(words["custody"]),
            derived_from=words.get("derived_from", []),
            facts=facts,
            data=content.read() if content else None,
            ttl=words.get("ttl"),
            now=timezone.now(),
            media=words.get("media", []),
            places=words.get("places", ()),
        )
        first = next(each for each in outcome.recorded if each.artifact.session_id == words["session"])
        if content and outcome.refusal:
            raise BytesNotTaken(outcome.refusal, artifact=first.artifact.id, entry=first.entry)
        return _created(request, first, _made(first, outcome))


class Embeddings(Derived):
    """Voiceprints."""

    @extend_schema(
        operation_id="record_embedding",
        request={"application/json": EmbeddingSerializer, "multipart/form-data": EmbeddingSerializer},
        responses={201: MadeSerializer, 404: None},
        parameters=[LOCATION],
    )
    @proven
    @once
    def post(self, request: Request) -> Response:
        """Record a voiceprint. It is a fact and never dropped: `standing` says whether it was permitted."""
        words = EmbeddingSerializer.words_of(fields_of(request), app=app_of(request))
        return self.record(request, Kind.EMBEDDING, words, Facts(dimensions=words["dimensions"], model=words["model"]))


class Syntheses(Derived):
    """Synthetic speech."""

    @extend_schema(
        operation_id="record_synthesis",
        request={"application/json": SynthesisSerializer, "multipart/form-data": SynthesisSerializer},
        responses={201: MadeSerializer, 404: None},
        parameters=[LOCATION],
    )
    @proven
    @once
    def post(self, request: Request) -> Response:
        """Record speech made in a voice, with evidence that it is marked as AI-made."""
        words = SynthesisSerializer.words_of(fields_of(request), app=app_of(request))
        mark: Mark = mark_of(words.get("mark"))
        facts = Facts(words.get("duration_ms"), words.get("sample_rate"), None, words["model"], mark)
        return self.record(request, Kind.SYNTHESIS, words, facts)


class ArtifactDetail(APIView):
    """One artifact of the app."""

    required_scopes = ["record"]

    @extend_schema(operation_id="get_artifact", responses=ArtifactSerializer)
    def get(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Say what it is and where it stands."""
        return Response(ArtifactSerializer(_own(app_of(request), artifact_id)).data)

    @extend_schema(operation_id="erase_artifact", responses={202: ArtifactSerializer})
    def delete(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Let it go now, with what was made from it under the same consent. What the app itself holds it has to acknowledge."""
        artifact = discard.by_app(app=app_of(request), artifact_id=artifact_id, now=timezone.now())
        return Response(ArtifactSerializer(artifact).data, status=202)


class ArtifactContent(APIView):
    """The bytes of one artifact of the app."""

    required_scopes = ["record"]

    @extend_schema(operation_id="read_artifact", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, artifact_id: uuid.UUID) -> HttpResponse:
        """Return them, while use is permitted."""
        artifact = _own(app_of(request), artifact_id)
        data = read(artifact=artifact, now=timezone.now())
        if isinstance(data, Refusal):
            raise Refused(data)
        return HttpResponse(data, content_type="application/octet-stream", headers={"Cache-Control": "no-store"})


class Places(APIView):
    """Where a voice host keeps one artifact of the app."""

    required_scopes = ["record"]

    @extend_schema(operation_id="tell_places", request=PlacesSerializer, responses={200: ArtifactSerializer})
    @once
    def post(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Say where else it lies now: a clip that was moved, copied or made anew from it is no clip without a record."""
        words = PlacesSerializer.words_of(request.data)
        artifact = tell_places(app=app_of(request), artifact_id=artifact_id, places=words["places"], now=timezone.now())
        return Response(ArtifactSerializer(artifact).data)


class Acknowledgements(APIView):
    """An app's word that what it held is gone."""

    required_scopes = ["record"]

    @extend_schema(
        operation_id="acknowledge_erasure", request=AcknowledgementSerializer, responses={200: ArtifactSerializer}
    )
    @once
    def post(self, request: Request, artifact_id: uuid.UUID) -> Response:
        """Acknowledge; an app with hooks signs with a hook's secret."""
        said = AcknowledgementSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        words = said.validated_data
        artifact = acknowledge(
            app=app_of(request),
            artifact_id=artifact_id,
            outcome=words["outcome"],
            deleted_at=words["deleted_at"],
            signature=Signature(words["signed_at"], words["signature"]) if "signature" in words else None,
            now=timezone.now(),
        )
        return Response(ArtifactSerializer(artifact).data)


class Erasures(APIView):
    """Be erased."""

    required_scopes = ["consent"]

    @extend_schema(
        operation_id="erase_subject",
        request=ErasureAskedSerializer,
        responses={202: ErasureSerializer, 404: None},
        parameters=[LOCATION],
    )
    @once
    def post(self, request: Request) -> Response:
        """Withdraw all that the app's user gave it, and erase all that it made of them."""
        said = ErasureAskedSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        return _erase(request, said.validated_data["subject_ref"])


class VoiceConsent(APIView):
    """All consents of one user of the app."""

    required_scopes = ["consent"]

    @extend_schema(operation_id="withdraw_and_erase", responses={202: ErasureSerializer}, parameters=[LOCATION])
    def delete(self, request: Request, user_id: str) -> Response:
        """Withdraw them, and erase all that the app made of that user; repeating it finds the same erasure."""
        return _erase(request, user_id)


class ErasureDetail(APIView):
    """One erasure that takes something of the app, whoever asked for it."""

    required_scopes = ["consent"]

    @extend_schema(operation_id="get_erasure", responses=ErasureSerializer)
    def get(self, request: Request, erasure_id: uuid.UUID) -> Response:
        """Say where it stands."""
        app = app_of(request)
        erasure = Erasure.objects.filter(id=erasure_id, bindings__app=app).distinct().first()
        if erasure is None:
            raise ErasureUnknown
        return Response(ErasureSerializer(erasure, context={"app": app}).data)


class ErasureCertificate(APIView):
    """The certificate of an erasure that is about this app alone; one of everything is the person's."""

    required_scopes = ["consent"]

    @extend_schema(operation_id="get_certificate", responses={(200, "application/json"): OpenApiTypes.OBJECT})
    def get(self, request: Request, erasure_id: uuid.UUID) -> HttpResponse:
        """Return the signed certificate, for a week."""
        return HttpResponse(
            certificate_for(app=app_of(request), erasure_id=erasure_id),
            content_type="application/json",
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": f'attachment; filename="erasure-{erasure_id}.json"',
            },
        )


def certificate_for(*, app: App, erasure_id: uuid.UUID) -> bytes:
    """Return the signed certificate of an erasure that is about this app alone.

    Raises:
        ErasureUnknown: There is none, or it is about more than this app.
        CertificateGone: It is not signed yet, or our copy has gone.
    """
    erasure = Erasure.objects.filter(id=erasure_id, app=app).first()
    if erasure is None:
        raise ErasureUnknown
    return certificate_of(erasure)


def fields_of(request: Request) -> Any:
    """Return the body's fields; in a form those that are objects or lists are JSON (OpenAPI, "Encoding Object"), lists also repeated."""
    if not isinstance(request.data, QueryDict):
        return request.data
    said: dict[str, Any] = {}
    for name, values in request.data.lists():
        is_list = name in _LISTS and not str(values[0]).startswith("[")
        in_json = name in _JSON_PARTS and not is_list
        said[name] = values if is_list else _json_part(name, values[-1]) if in_json else values[-1]
    return said


def _json_part(name: str, part: Any) -> Any:
    try:
        if not isinstance(part, str) or part.count("[") + part.count("{") > MOST_SOURCES:
            raise ValueError  # noqa: TRY301 - one answer for all that is no such part
        return json.loads(part)
    except ValueError:
        raise serializers.ValidationError({name: ["This part is JSON."]}) from None


def _erase(request: Request, subject_ref: str) -> Response:
    app = app_of(request)
    erasure = request_erasure.by_app(app=app, subject_ref=subject_ref, now=timezone.now())
    return Response(
        ErasureSerializer(erasure, context={"app": app}).data,
        status=202,
        headers={"Location": reverse("retention:erasure", args=[erasure.id])},
    )


def _own(app: App, artifact_id: uuid.UUID) -> Artifact:
    artifact = Artifact.objects.filter(id=artifact_id, app=app).first()
    if artifact is None:
        raise ArtifactUnknown
    return artifact


def _recorded(recorded: Recorded) -> dict[str, Any]:
    return {**_shown(recorded.artifact, recorded.sources), "entry": str(recorded.entry)}


def _shown(artifact: Artifact, sources: Iterable[uuid.UUID]) -> dict[str, Any]:
    """Return an artifact as `ArtifactSerializer` says; field by field that takes longer than to write it."""
    times = (
        "recorded_at",
        "expires_at",
        "processed_at",
        "purpose_met_at",
        "erase_requested_at",
        "key_destroyed_at",
        "erased_at",
    )
    return {
        "id": str(artifact.id),
        "kind": str(artifact.kind),
        "media": artifact.media,
        "custody": str(artifact.custody),
        "state": str(artifact.state),
        "standing": str(artifact.standing),
        "act": str(artifact.act),
        "session": str(artifact.session_id),
        "derived_from": [str(source) for source in sources],
        **{name: at.strftime(_TIME) if (at := getattr(artifact, name)) else None for name in times},
        "restriction": artifact.restriction or None,
        "level": artifact.level,
        "duration_ms": artifact.duration_ms,
        "sample_rate": artifact.sample_rate,
        "dimensions": artifact.dimensions,
        "marking": artifact.marking or None,
        "audible_label": artifact.audible_label or None,
    }


def _made(first: Recorded, outcome: Made) -> dict[str, Any]:
    return {
        **_recorded(first),
        "proof": None,
        "reason": outcome.refusal.reason if outcome.refusal else None,
        "others": [_recorded(each) for each in outcome.recorded if each is not first],
    }


def _created(request: Request, recorded: Recorded, body: dict[str, Any]) -> Response:
    request.holder = recorded.holder  # type: ignore[attr-defined]  # read by `once`
    location = reverse("retention:artifact", args=[recorded.artifact.id])
    return Response(body, status=201, headers={"Location": location})
