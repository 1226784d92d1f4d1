"""What anyone may read: published logs, proofs, keys. No login, nothing about a person."""

import re
import time
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger import checkpoint, note, proof, tiles
from ledger.errors import EntryUnknown, InvalidTile, NotSealed
from ledger.folder import folder_of, read
from ledger.merkle import prove_inclusion
from ledger.models import Entry, Log
from ledger.publish import published_checkpoint
from ledger.queries import entry_by_ref, is_pending, logs
from ledger.signing import published_certifier

LONGEST_WAIT = timedelta(seconds=10)
_FOR_EVER = "public, max-age=31536000, immutable"


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
        entry = _entry(ref, request)
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
        entry = _entry(ref, request)
        signed = read(entry.log_id, "checkpoint")
        # One read: a checkpoint published between two would give hashes for another size.
        head = checkpoint.open(signed, [note.Verifier.from_vkey(entry.log.vkey)])
        reader = tiles.TileReader(lambda path: read(entry.log_id, path), head.size)
        found = proof.Proof(
            index=entry.index,
            hashes=tuple(prove_inclusion(index=entry.index, size=head.size, reader=reader)),
            checkpoint=signed.decode(),
        )
        return HttpResponse(
            proof.format(found),
            content_type="text/plain; charset=utf-8",
            headers={"Content-Disposition": f'inline; filename="{ref}.tlog-proof"', "Cache-Control": "no-cache"},
        )


def _entry(ref: uuid.UUID, request: Request) -> Entry:
    """Return the entry once a published checkpoint covers it, waiting as long as the caller prefers (RFC 7240).

    Raises:
        EntryUnknown: There is none of that ref.
        NotSealed: There is, and no checkpoint covers it yet.
    """
    preferred = re.search(r"\bwait=(\d{1,3})\b", request.headers.get("Prefer", ""))
    deadline = time.monotonic() + min(int(preferred[1]) if preferred else 0, LONGEST_WAIT.total_seconds())
    while True:
        entry = entry_by_ref(ref=ref)
        if entry is None and not is_pending(ref=ref) and (entry := entry_by_ref(ref=ref)) is None:
            raise EntryUnknown
        if entry is not None:
            head = published_checkpoint(entry.log)
            if head and entry.index < head.size:
                return entry
        if time.monotonic() >= deadline:
            raise NotSealed
        time.sleep(0.05)


@require_safe
def log_file(_request: HttpRequest, path: str) -> FileResponse:
    """Serve one file of a published log, as C2SP tlog-tiles says."""
    is_checkpoint = path.endswith("/checkpoint")
    origin, _, name = (path.removesuffix("/checkpoint"), "", "") if is_checkpoint else path.rpartition("/tile/")
    if not Log.objects.filter(origin=origin).exists():
        raise Http404
    if is_checkpoint:
        target, kind, caching = "checkpoint", "text/plain; charset=utf-8", "no-cache"
    else:
        target, kind, caching = f"tile/{name}", "application/octet-stream", _FOR_EVER
        try:
            tiles.parse_path(target)
        except InvalidTile:
            raise Http404 from None
    try:
        file = (folder_of(origin) / target).open("rb")
    except OSError:
        raise Http404 from None
    return FileResponse(file, content_type=kind, headers={"Cache-Control": caching})


@require_safe
def well_known(_request: HttpRequest) -> JsonResponse:
    """Serve the service's logs, their keys, and the keys that sign certificates about what is in them."""
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
    return JsonResponse({"logs": found})
