"""What anyone may read: published logs, proofs, keys. No login, nothing about a person."""

import hashlib
import uuid
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger import tiles
from ledger.errors import InvalidTile
from ledger.files import ALWAYS_ASK, EVIDENCE, FOR_EVER, read
from ledger.heads import published_checkpoint
from ledger.models import Log
from ledger.prove import prove
from ledger.queries import logs
from ledger.signing import published_certifier
from ledger.wait import covered, preferred

_TEXT = "text/plain; charset=utf-8"
_published: dict[str, int] = {}
"""The size of each log's newest published checkpoint that this process has seen; it only grows."""


_PREFER = OpenApiParameter(
    "Prefer",
    {"type": "string", "examples": ["wait=5"]},
    OpenApiParameter.HEADER,
    description="`wait=N` waits N seconds, at most 10, for a checkpoint that covers the entry (RFC 7240).",
)


class EntrySerializer(serializers.Serializer[Any]):
    """A leaf and its place."""

    log = serializers.CharField(help_text="The log's origin.")
    index = serializers.IntegerField(min_value=0)
    leaf = serializers.CharField(help_text="The exact text that was hashed.")


class EntryDetail(APIView):
    """One leaf."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="get_entry", parameters=[_PREFER], responses=EntrySerializer)
    def get(self, request: Request, ref: uuid.UUID) -> Response:
        """Return the leaf as it was hashed; it holds commitments only."""
        entry = covered(ref, seconds=preferred(request))
        return Response({"log": entry.log_id, "index": entry.index, "leaf": bytes(entry.leaf).decode()})


class EntryProof(APIView):
    """The proof that an entry is in its log."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="get_entry_proof", parameters=[_PREFER], responses={(200, "text/plain"): OpenApiTypes.STR}
    )
    def get(self, request: Request, ref: uuid.UUID) -> HttpResponse:
        """Return a `.tlog-proof` (C2SP tlog-proof) for the newest checkpoint; `Prefer: wait=N` waits for one that covers the entry."""
        entry = covered(ref, seconds=preferred(request))
        return HttpResponse(
            prove(entry),
            content_type="text/plain; charset=utf-8",
            headers={"Content-Disposition": f'inline; filename="{ref}.tlog-proof"', "Cache-Control": "no-cache"},
        )


@require_safe
def log_file(request: HttpRequest, path: str) -> HttpResponseBase:
    """Serve one file of a published log, as C2SP tlog-tiles says, or the evidence for one of its heads.

    What no published checkpoint speaks of yet is not there: whoever keeps an answer may keep it for ever.
    """
    origin, target = _file_at(path)
    log = Log.objects.filter(origin=origin).first()
    if log is None:
        raise Http404
    kind, caching = "application/octet-stream", FOR_EVER
    if target == "checkpoint":
        kind, caching = _TEXT, ALWAYS_ASK
    elif evidence := EVIDENCE.fullmatch(target):
        kind = {"checkpoint": _TEXT, "tsr": "application/timestamp-reply"}.get(evidence[2], kind)
    elif not _is_published(log, target):
        raise Http404
    try:
        data = read(origin, target)
    except FileNotFoundError:
        raise Http404 from None
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    answer = HttpResponse(data, content_type=kind, headers={"Cache-Control": caching, "ETag": etag})
    return get_conditional_response(request, etag=etag, response=answer) or answer


def _file_at(path: str) -> tuple[str, str]:
    """Return the log's origin and the path among its files. A log may be called what files are: the end of the path decides."""
    if path.endswith("/checkpoint"):
        return path.removesuffix("/checkpoint"), "checkpoint"
    for folder in ("anchors", "tile"):
        origin, _, name = path.rpartition(f"/{folder}/")
        if origin and (folder == "tile" or EVIDENCE.fullmatch(f"anchors/{name}")):
            return origin, f"{folder}/{name}"
    raise Http404


def _is_published(log: Log, path: str) -> bool:
    """Say whether the path is that of a tile or bundle whose every entry a published checkpoint covers."""
    try:
        tile = tiles.parse_path(path)
    except InvalidTile:
        return False
    covers = (tile.index * tiles.WIDTH + tile.width) << tiles.HEIGHT * max(tile.level, 0)
    if covers > _published.get(log.origin, 0) and (head := published_checkpoint(log)):
        _published[log.origin] = head.size
    return covers <= _published.get(log.origin, 0)


@require_safe
def well_known(_request: HttpRequest) -> JsonResponse:
    """Serve the service's logs, their keys, the keys that sign certificates about what is in them, and where tokens' keys are."""
    found = []
    for log in logs():
        certifier = published_certifier(log.origin)
        found.append(
            {
                "origin": log.origin,
                "vkey": log.vkey,
                "certificates_vkey": certifier.vkey if certifier else None,
                "url": f"{settings.PUBLIC_URL}/log/{log.origin}/",
            }
        )
    return JsonResponse({"logs": found, "jwks_uri": f"{settings.PUBLIC_URL}/.well-known/jwks.json"})
