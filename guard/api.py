"""The REST surface of voice hosts: what they report, and that they live. The agent's token opens it, and nothing else here."""

import zlib
from collections.abc import Mapping
from typing import IO, Any, Final

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.strict import StrictSerializer, Text
from guard.agent import AgentToken, IsAgent, host_of
from guard.beat import INTERVAL, beat
from guard.errors import BodyTooLarge, BodyUnreadable
from guard.ingest import ingest
from ledger.errors import IdempotencyKeyInvalid
from ledger.once import HEADER, LONGEST_KEY

MOST_BYTES: Final = 5 * 1024 * 1024
MOST_PORTS: Final = 256
KINDS: Final = (
    "application/x-ndjson",
    "application/json",
    "text/plain",
    "application/xml",
    "text/xml",
    "application/octet-stream",
)
"""What forwarders say that they send. What it is, each row says itself (`guard.formats`)."""
_GZIP: Final = 31
"""Window bits of zlib that ask for gzip's header."""


class Whole(BaseParser):
    """Takes a body as it is, unpacked where it comes packed, up to a bound."""

    def parse(  # type: ignore[override]  # the body itself is what is read
        self, stream: IO[Any], _media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Read it.

        Raises:
            BodyTooLarge: It is more than 5 MiB, packed or unpacked.
            BodyUnreadable: It is no gzip, or is packed in another way.
        """
        request: Request = (parser_context or {})["request"]
        data: bytes = stream.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise BodyTooLarge
        packed = request.headers.get("Content-Encoding", "identity").strip().lower()
        if packed in {"", "identity"}:
            return data
        if packed not in {"gzip", "x-gzip"}:
            raise BodyUnreadable
        return _unpacked(data)


def _unpacked(data: bytes) -> bytes:
    gzip = zlib.decompressobj(_GZIP)
    try:
        body = gzip.decompress(data, MOST_BYTES + 1)
    except zlib.error:
        raise BodyUnreadable from None
    if len(body) > MOST_BYTES:
        raise BodyTooLarge
    if not gzip.eof or gzip.unused_data:
        raise BodyUnreadable
    return body


class FaultSerializer(serializers.Serializer[Any]):
    """A row that could not be read."""

    row = serializers.IntegerField()
    fault = serializers.CharField()


class IngestedSerializer(serializers.Serializer[Any]):
    """What became of a delivery."""

    accepted = serializers.IntegerField(help_text="Events that were read, judged and stored.")
    malformed = serializers.IntegerField(help_text="Rows that could not be read.")
    faults = FaultSerializer(many=True, help_text="The first twenty of them.")
    alerts = serializers.IntegerField(help_text="Alerts that were raised or counted up.")


class MonitorsSerializer(StrictSerializer):
    """Whether what watches the host works."""

    sysmon = serializers.BooleanField(required=False, allow_null=True, help_text="null: there is none.")


class HeartbeatSerializer(StrictSerializer):
    """What an agent says of itself."""

    agent = Text(max_length=60)
    sequence = serializers.IntegerField(min_value=0, max_value=2**53)
    sent_at = serializers.DateTimeField()
    queued = serializers.IntegerField(min_value=0, max_value=2**31, required=False, default=0)
    watched = serializers.IntegerField(min_value=0, max_value=2**31, required=False, default=0)
    ports = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=65_535), required=False, max_length=MOST_PORTS
    )
    monitors = MonitorsSerializer(required=False)


class StandingSerializer(serializers.Serializer[Any]):
    """How a host stands."""

    interval = serializers.CharField(help_text="When the next heartbeat is awaited, an ISO 8601 duration.")
    app_suspended = serializers.BooleanField()
    isolated = serializers.BooleanField()


class FromHost(APIView):
    """What a host calls."""

    authentication_classes = [AgentToken]
    permission_classes = [IsAgent]


class Telemetry(FromHost):
    """What happens on a host."""

    parser_classes = [type("Rows", (Whole,), {"media_type": kind}) for kind in KINDS]

    @extend_schema(
        operation_id="report_telemetry",
        request={"application/x-ndjson": OpenApiTypes.BINARY, "application/octet-stream": OpenApiTypes.BINARY},
        responses={200: IngestedSerializer, 413: None, 422: None},
        parameters=[
            OpenApiParameter(
                HEADER,
                {"type": "string", "maxLength": LONGEST_KEY},
                OpenApiParameter.HEADER,
                description="The same key with the same body gets the first answer again, for a day, and counts nothing twice.",
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Report events: at most 10,000 rows and 5 MiB, also unpacked (`Content-Encoding: gzip`). A row that cannot be read stops no other."""
        key = request.headers.get(HEADER)
        if key is not None and not 0 < len(key) <= LONGEST_KEY:
            raise IdempotencyKeyInvalid
        body = request.data
        taken = ingest(
            host=host_of(request), body=body if isinstance(body, bytes) else b"", now=timezone.now(), key=key
        )
        return Response(taken.said())


class Heartbeats(FromHost):
    """That a host lives."""

    @extend_schema(
        operation_id="send_heartbeat", request=HeartbeatSerializer, responses={200: StandingSerializer, 422: None}
    )
    def post(self, request: Request) -> Response:
        """Say that the host is watched, and learn how it stands. After three that are missing an alert is raised."""
        words = HeartbeatSerializer.words_of(request.data)
        status = {name: words[name] for name in ("sequence", "queued", "watched")}
        status |= {"ports": words.get("ports", []), "monitors": dict(words.get("monitors", {}))}
        standing = beat(
            host=host_of(request), agent=words["agent"], status=status, sent_at=words["sent_at"], now=timezone.now()
        )
        return Response(
            {
                "interval": f"PT{INTERVAL.seconds}S",
                "app_suspended": standing.app_suspended,
                "isolated": standing.isolated,
            }
        )
