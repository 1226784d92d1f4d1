"""The REST surface of spoken consent: ask for a phrase, and hand over the recording. Nothing here gives a recording out."""

import json
import uuid
from typing import Any, cast

from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import app_of
from accounts.strict import StrictSerializer
from consent.errors import Refused
from consent.terms import Refusal
from ledger.once import once
from retention.api import FreeText
from retention.phrase import WORDS
from retention.speak import LASTS, ask_to_speak, speak

MOST_SCORE = 1_000_000
_PARTS = ("speech", "speaker")
_NESTED = 10


class PhraseAskedSerializer(StrictSerializer):
    """In which language."""

    locale = serializers.ChoiceField(list(WORDS), required=False, help_text="That of the notice, when left out.")


class PhraseSerializer(serializers.Serializer[Any]):
    """What the person is to say."""

    id = serializers.UUIDField()
    phrase = serializers.CharField()
    locale = serializers.ChoiceField(list(WORDS))
    expires_at = serializers.DateTimeField(help_text="When the recording is taken no more.")


class SpeechSerializer(StrictSerializer):
    """How well the words were said, as the app's own recogniser scored it."""

    model = FreeText(max_length=80)
    score = serializers.FloatField(min_value=-MOST_SCORE, max_value=MOST_SCORE)


class SpeakerSerializer(SpeechSerializer):
    """How well the voice fits the person, and from which score on the app takes it for theirs."""

    threshold = serializers.FloatField(min_value=-MOST_SCORE, max_value=MOST_SCORE)


class RecordingSerializer(StrictSerializer):
    """The recording, and what the app says of it."""

    audio = serializers.FileField(allow_empty_file=False, help_text="WAV, FLAC, OGG or MP3; at most 30 seconds.")
    speech = SpeechSerializer()
    speaker = SpeakerSerializer()


class SpokenSerializer(serializers.Serializer[Any]):
    """A consent that was spoken."""

    id = serializers.UUIDField()
    duration_ms = serializers.IntegerField()
    entry = serializers.UUIDField(help_text="The `ref` of the ledger's entry.")


class Statements(APIView):
    """Phrases to say."""

    required_scopes = ["consent"]

    @extend_schema(
        operation_id="ask_to_speak", request=PhraseAskedSerializer, responses={201: PhraseSerializer, 404: None}
    )
    @once
    def post(self, request: Request, grant_id: uuid.UUID) -> Response:
        """Return a phrase that names who, what for and how long, with words of the day. It is said within a quarter of an hour."""
        said = PhraseAskedSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        asked = ask_to_speak(
            app=app_of(request), grant_id=grant_id, locale=said.validated_data.get("locale"), now=timezone.now()
        )
        if isinstance(asked, Refusal):
            raise Refused(asked, entered=False)
        return Response(
            {
                "id": str(asked.id),
                "phrase": asked.phrase,
                "locale": asked.locale,
                "expires_at": asked.asked_at + LASTS,
            },
            status=201,
        )


class Recording(APIView):
    """The recording of a phrase."""

    required_scopes = ["consent"]
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="record_statement",
        request={"multipart/form-data": RecordingSerializer},
        responses={201: SpokenSerializer, 404: None},
    )
    @once
    def post(self, request: Request, grant_id: uuid.UUID, statement_id: uuid.UUID) -> Response:
        """Hand over the recording, as evidence: no app reads it, not even this one. `speech` and `speaker` are JSON parts."""
        parts = cast("QueryDict", request.data)  # a form has no other
        said = RecordingSerializer(data={name: _part(name, parts[name]) for name in parts})
        said.is_valid(raise_exception=True)
        words = said.validated_data
        spoken = speak(
            app=app_of(request),
            grant_id=grant_id,
            statement_id=statement_id,
            data=words["audio"].read(),
            speech=words["speech"],
            speaker=words["speaker"],
            now=timezone.now(),
        )
        if isinstance(spoken, Refusal):
            raise Refused(spoken, entered=False)
        return Response(
            {
                "id": str(spoken.statement.id),
                "duration_ms": spoken.statement.duration_ms,
                "entry": str(spoken.entry),
            },
            status=201,
        )


def _part(name: str, part: Any) -> Any:
    """Return a part of the form; those that are objects are JSON (OpenAPI, "Encoding Object"), without its extensions."""
    if name not in _PARTS:
        return part
    try:
        if not isinstance(part, str) or part.count("[") + part.count("{") > _NESTED:
            raise ValueError  # noqa: TRY301 - one answer for all that is no such part
        return json.loads(part, parse_constant=_refuse)
    except ValueError:
        raise serializers.ValidationError({name: ["This part is JSON."]}) from None


def _refuse(_constant: str) -> None:
    raise ValueError
