"""The one place where errors become HTTP: problem documents (RFC 9457), the same for every API call.

`type` is stable; `detail` is a sentence for a person; a refusal adds `reason` and `cure`. Of the request
nothing is echoed but the value a validator names to the one who sent it.
"""

import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views.defaults import page_not_found
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

import consent.errors
import guard.errors
import hooks.errors
import keyring.errors
import ledger.errors
import portal.typeset
import retention.errors
import vault.errors
import zkp.errors
from consent.terms import Refusal

log = structlog.get_logger(__name__)
_BASE = "urn:consonant:problem:"

_STATUS: dict[type[Exception], tuple[int, str]] = {
    consent.errors.RequestUnknown: (404, "consent-request-unknown"),
    consent.errors.GrantUnknown: (404, "grant-unknown"),
    consent.errors.SessionUnknown: (404, "session-unknown"),
    consent.errors.ReceiptRestricted: (410, "receipt-restricted"),
    consent.errors.PurposeUnknown: (422, "purpose-undeclared"),
    consent.errors.OperationUnknown: (422, "operation-undeclared"),
    consent.errors.NeedsItsOwn: (422, "needs-its-own"),
    consent.errors.ArtifactsUnnamed: (422, "artifacts-unnamed"),
    consent.errors.StatementUnknown: (404, "statement-unknown"),
    consent.errors.RequestCooling: (409, "request-cooling"),
    retention.errors.ArtifactUnknown: (404, "artifact-unknown"),
    retention.errors.ArtifactGone: (410, "artifact-gone"),
    retention.errors.TooManyPlaces: (409, "too-many-places"),
    retention.errors.NoPolicy: (422, "no-retention-policy"),
    retention.errors.NotProcessed: (422, "moment-impossible"),
    retention.errors.LineageUnknown: (422, "lineage-unknown"),
    retention.errors.SubjectTwice: (422, "subject-twice"),
    retention.errors.NoLabel: (422, "no-label"),
    retention.errors.ClipBusy: (503, "clip-busy"),
    retention.errors.ClipUnreadable: (422, "clip-unreadable"),
    retention.errors.SignerExpired: (503, "signer-expired"),
    retention.errors.NotHeldByApp: (409, "not-held-by-app"),
    retention.errors.Unsigned: (403, "acknowledgement-unsigned"),
    retention.errors.ErasureUnknown: (404, "erasure-unknown"),
    retention.errors.ErasureBegun: (409, "erasure-begun"),
    retention.errors.ProcessorUnknown: (404, "processor-unknown"),
    retention.errors.DisclosureUnknown: (404, "disclosure-unknown"),
    retention.errors.NothingToErase: (404, "nothing-to-erase"),
    retention.errors.CertificateGone: (404, "no-certificate"),
    portal.typeset.FontLacks: (406, "no-paper"),
    vault.errors.BlobLocked: (409, "locked-by-person"),
    vault.errors.StorageAway: (503, "storage-away"),
    hooks.errors.SubscriptionUnknown: (404, "hook-unknown"),
    hooks.errors.TargetRefused: (422, "hook-target-refused"),
    hooks.errors.ChallengeFailed: (422, "hook-challenge-failed"),
    hooks.errors.ChallengeUnderWay: (409, "hook-challenge-under-way"),
    hooks.errors.TooManySubscriptions: (409, "too-many-hooks"),
    ledger.errors.EntryUnknown: (404, "entry-unknown"),
    ledger.errors.NotSealed: (404, "entry-not-sealed-yet"),
    ledger.errors.Behind: (503, "log-behind"),
    ledger.errors.IdempotencyKeyInvalid: (422, "idempotency-key-invalid"),
    ledger.errors.IdempotencyKeyInUse: (409, "idempotency-key-in-use"),
    ledger.errors.IdempotencyKeyReused: (422, "idempotency-key-reused"),
    guard.errors.HostUnknown: (404, "host-unknown"),
    guard.errors.TooManyRows: (413, "too-many-rows"),
    guard.errors.BodyTooLarge: (413, "body-too-large"),
    guard.errors.BodyUnreadable: (400, "malformed-request"),
    zkp.errors.LogUnknown: (404, "log-unknown"),
    zkp.errors.NothingPublished: (503, "nothing-published"),
    zkp.errors.ChallengeUnknown: (404, "challenge-unknown"),
    keyring.errors.KeyGone: (410, "keys-destroyed"),
    RequestDataTooBig: (413, "body-too-large"),
    Http404: (404, "not-found"),
    PermissionDenied: (403, "not-permitted"),
}
_SENTENCES = {
    portal.typeset.FontLacks: "The font of this service lacks characters of it, so it cannot be set as a PDF. The file says all of it.",
    RequestDataTooBig: "The body is larger than may be sent here: 16 MiB with a file, 1 MiB without.",
    vault.errors.BlobLocked: "The person locked this with a passphrase. Ask them to open it in the portal, under Settings; until then nobody can.",
    keyring.errors.KeyGone: "The keys of this record have been destroyed.",
    Http404: "There is nothing at this address.",
    PermissionDenied: "This is not permitted.",
}
_SOON = {ledger.errors.NotSealed, ledger.errors.IdempotencyKeyInUse}
_TRY_LATER = (
    OperationalError,
    InterfaceError,
    sqlite3.OperationalError,
    keyring.errors.KeyStoreBroken,
    ledger.errors.StoreAway,
)


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """Turn an error of a view into a problem document; what nobody expected becomes a 500 that says nothing but its id."""
    set_rollback()
    if (reasoned := _with_reason(error)) is not None:
        return reasoned
    for kind, (status, name) in _STATUS.items():
        if isinstance(error, kind):
            sentence = _SENTENCES.get(kind) or (kind.__doc__ or "").strip()
            headers = {"Retry-After": "1"} if status == 503 or kind in _SOON else None
            return _problem(status, name, sentence, headers=headers)
    if isinstance(error, exceptions.APIException):
        return _from_framework(error)
    if isinstance(error, _TRY_LATER):
        log.error("unavailable", error=type(error).__name__)
        return _problem(
            503,
            "unavailable",
            "The service cannot answer now. Nothing was changed, or all of it; ask again.",
            headers={"Retry-After": "1"},
        )
    incident = uuid.uuid4()
    log.error("unexpected", incident=str(incident), route=_route(context), exc_info=error)
    return _problem(500, "unexpected", "Something went wrong that should not have.", incident=str(incident))


def _with_reason(error: Exception) -> Response | None:
    """Return the problem document of an error that carries its own sentence."""
    match error:
        case consent.errors.Refused(refusal=Refusal() as refusal):
            return _problem(403, "use-refused", refusal.sentence, reason=refusal.reason, cure=refusal.cure)
        case retention.errors.MarkRefused():
            return _problem(422, "mark-refused", error.sentence, reason=error.reason)
        case retention.errors.AudioRefused():
            return _problem(422, "audio-refused", error.sentence, reason=error.reason)
        case retention.errors.PortraitRefused():
            return _problem(422, "portrait-refused", error.sentence, reason=error.reason)
    return _with_entry(error)


def _with_entry(error: Exception) -> Response | None:
    """Return the problem document of an error that has been entered."""
    match error:
        case retention.errors.BytesNotTaken(refusal=Refusal() as refusal):
            return _problem(
                403,
                "bytes-not-taken",
                refusal.sentence,
                reason=refusal.reason,
                cure=refusal.cure,
                artifact=str(error.artifact),
                entry=str(error.entry),
            )
        case retention.errors.LabelFixed(entry=entry):
            return _problem(403, "label-fixed", (type(error).__doc__ or "").strip(), entry=str(entry))
    return None


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer for an address nobody knows: a problem document under /api/, a page elsewhere."""
    if not request.path.startswith(("/api/", "/v1/")):
        return page_not_found(request, exception)
    return answer(Http404())


def answer(error: Exception) -> JsonResponse:
    """Answer with an error's problem document where no view of the API does."""
    said = handle(error, {})
    headers = {name: value for name, value in said.items() if name != "Content-Type"}
    return JsonResponse(said.data, status=said.status_code, content_type=said.content_type, headers=headers)


def _from_framework(error: exceptions.APIException) -> Response:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait))  # type: ignore[attr-defined]
    if isinstance(error, exceptions.ValidationError):
        return _problem(
            422, "invalid-request", "The request is not valid.", errors=encodable(error.detail), headers=headers
        )
    names = {
        400: "malformed-request",
        401: "not-authenticated",
        403: "not-permitted",
        405: "method-not-allowed",
        415: "unsupported-media-type",
        429: "too-many-requests",
    }
    return _problem(error.status_code, names.get(error.status_code, "error"), _sentence(error), headers=headers)


def encodable(said: Any) -> Any:
    """Return what a refusal says with halves of characters written out: it may cite them, JSON can write them, and nobody can encode them."""
    if isinstance(said, Mapping):
        return {encodable(name): encodable(each) for name, each in said.items()}
    if isinstance(said, list | tuple):
        return [encodable(each) for each in said]
    return str(said).encode(errors="backslashreplace").decode()


def _sentence(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.ParseError):
        return "The body cannot be read."
    return str(error.detail)


def _problem(status: int, name: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> Response:
    body = {
        "type": _BASE + name,
        "title": name.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        **more,
    }
    return Response(body, status=status, headers=headers, content_type="application/problem+json")


def _route(context: dict[str, Any]) -> str | None:
    match = getattr(context.get("request"), "resolver_match", None)
    return match.view_name if match else None
