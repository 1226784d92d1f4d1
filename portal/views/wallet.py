"""The wallet: two pages that anybody may open, and what the wallet in the person's browser asks of the service.

The words, and the secret that follows from them, never come here. The calls take and give JSON, for who is signed in, for themselves alone.
"""

import json
import smtplib
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any, Final

import structlog
from allauth.core.exceptions import ReauthenticationRequired
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.mail import send_mail
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect, ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import second_factor
from accounts.models import User
from consent import attest_entry, attest_grant, claim
from consent.count_entries import count_entries
from consent.errors import (
    AlreadyClaimed,
    ConsentError,
    EntryNotYours,
    GrantUnknown,
    KeyUsedBefore,
    NotClaimed,
    Refused,
    ReplacedJustNow,
)
from consent.wallets import grants_in, logs_of, records_in
from portal.acting import acting
from portal.exhibit import app_name
from portal.views import SignedIn
from retention.queries import gone_in_time
from zkp.core.enrol import PROOF_BYTES, Enrolled
from zkp.core.group import G1_BYTES
from zkp.errors import EnrolmentRefused, EnrolmentStale, ZkpError
from zkp.models import Enrolment
from zkp.tag import KEY_BYTES, SALT_BYTES, TAG_BYTES

log = structlog.get_logger(__name__)
Said = Mapping[str, Any]


class _Malformed(Exception):
    """The wallet sent something else than was agreed."""


class _Unidentified(Exception):
    """Who signed in some time ago might be somebody else by now."""


_PROBLEMS: Final[dict[type[Exception], tuple[int, str, Promise]]] = {
    _Malformed: (422, "invalid", gettext_lazy("The wallet sent something that is not understood here.")),
    _Unidentified: (403, "identity", gettext_lazy("Show once more that it is you, then come back.")),
    AlreadyClaimed: (409, "already-claimed", gettext_lazy("A wallet keeps your key in this log already.")),
    KeyUsedBefore: (
        409,
        "key-used-before",
        gettext_lazy(
            "These words were used in this log before. Make a new wallet: with the old words your old entries could be found again."
        ),
    ),
    NotClaimed: (409, "not-claimed", gettext_lazy("This takes a wallet that keeps your key in this log.")),
    ReplacedJustNow: (
        409,
        "too-soon",
        gettext_lazy(
            "Your wallet took the place of another just now. It shows consents from the day after tomorrow on at the latest."
        ),
    ),
    EntryNotYours: (404, "unknown", gettext_lazy("There is no such entry about you, or it was erased.")),
    GrantUnknown: (404, "unknown", gettext_lazy("There is no such consent of yours.")),
    EnrolmentStale: (422, "stale", gettext_lazy("Too late, or asked twice: start again.")),
    EnrolmentRefused: (422, "not-proven", gettext_lazy("The wallet has not shown that it holds the key.")),
}
_MOST_TEXT: Final = 4_096
_SCHEME: Final = "Wallet "
_SIGNER: Final = TimestampSigner(salt="portal.wallet")
_CODE_LIVES: Final = timedelta(minutes=10)


@never_cache
@ensure_csrf_cookie
@require_safe
def wallet(request: HttpRequest) -> HttpResponse:
    """Show the wallet; what it holds is in the browser alone."""
    return render(request, "portal/wallet.html", {"given": _state(request)})


@never_cache
@require_safe
def prove(request: HttpRequest) -> HttpResponse:
    """Show the page on which a wallet answers a challenge, whoever opens it."""
    return render(request, "portal/prove.html", {"given": _state(request)})


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: SignedIn) -> HttpResponse:
    """Give a code by which the program `consonant wallet` may ask in one's name, for ten minutes."""
    if acting(request) is not None:
        raise PermissionDenied(_("A wallet is your own: stop acting for somebody else first."))
    if not second_factor.shown_just_now(request):
        if request.method == "POST":
            return redirect("portal:wallet_code")
        raise ReauthenticationRequired
    said = {"user": str(request.user.pk), "login": _login_of(request.user)}
    given = _SIGNER.sign_object(said) if request.method == "POST" else ""
    return render(request, "portal/wallet_code.html", {"code": given, "address": settings.PUBLIC_URL})


@never_cache
@login_required
@require_safe
def again(request: SignedIn) -> HttpResponse:
    """Let the person show once more that it is them, and bring them back to their wallet."""
    if not second_factor.shown_just_now(request):
        raise ReauthenticationRequired
    return redirect("portal:wallet")


@never_cache
@require_safe
def state(request: HttpRequest) -> HttpResponse:
    """Tell a wallet the logs, and how the person stands in them."""
    return JsonResponse(_state(request))


def _state(request: HttpRequest) -> dict[str, Any]:
    signed_in = request.user if isinstance(request.user, User) and acting(request) is None else None
    user = _bearer(request) or signed_in
    return {"account": str(user.id) if user else None, "logs": logs_of(user=user, now=timezone.now())}


def _call(view: Callable[[SignedIn, Said], dict[str, Any]]) -> Callable[[HttpRequest], HttpResponse]:
    """Let a view answer a wallet: with a JSON object, or with what is wrong."""

    def answer(request: SignedIn) -> HttpResponse:
        if (refused := _unfit(request)) is not None:
            return refused
        try:
            return JsonResponse(view(request, _said(request)))
        except Refused as error:
            return _trouble(403, "refused", error.refusal.sentence)  # type: ignore[attr-defined]
        except (ConsentError, ZkpError, _Malformed, _Unidentified) as error:
            if (known := _PROBLEMS.get(type(error))) is None:
                raise
            return _trouble(*known)

    protected = csrf_protect(answer)

    @never_cache
    @csrf_exempt  # a browser sends no such header by itself; everything else is protected
    @wraps(view)
    def call(request: SignedIn) -> HttpResponse:
        if _SCHEME not in request.headers.get("Authorization", ""):
            return protected(request)
        if (user := _bearer(request)) is None:
            return _trouble(401, "signed-out", _("This code is not good any more. Get a new one."))
        request.user = user
        return answer(request)

    return call  # type: ignore[return-value]


def _bearer(request: HttpRequest) -> User | None:
    """Return whose code stands in the Authorization header, if it is good."""
    scheme, _space, said = request.headers.get("Authorization", "").partition(" ")
    if f"{scheme} " != _SCHEME:
        return None
    try:
        given = _SIGNER.unsign_object(said, max_age=_CODE_LIVES)
    except BadSignature:
        return None
    user = User.objects.filter(id=given["user"], is_active=True).first()
    return user if user and constant_time_compare(given["login"], _login_of(user)) else None


def _login_of(user: User) -> str:
    """Return what changes with the person's password: a code that was given before is then good no more."""
    return salted_hmac("portal.wallet.login", user.get_session_auth_hash()).hexdigest()


def _unfit(request: SignedIn) -> HttpResponse | None:
    if not request.user.is_authenticated:
        return _trouble(401, "signed-out", _("Sign in first."))
    if acting(request) is not None:
        return _trouble(403, "acting", _("A wallet is your own: stop acting for somebody else first."))
    limit = {"app": "allauth.account", "action": "wallet", "user": request.user}
    if not ratelimit.consume(request, limit_get=True, **limit):  # what is read costs most
        return _trouble(429, "too-many", _("Too many requests. Try again in a minute."))
    return None


def _said(request: HttpRequest) -> Said:
    if request.method != "POST":
        return request.GET.dict()
    try:
        said = json.loads(request.body)
    except (ValueError, RecursionError):
        raise _Malformed from None
    if not isinstance(said, dict):
        raise _Malformed
    return said


def _trouble(status: int, problem: str, sentence: str | Promise) -> JsonResponse:
    return JsonResponse({"problem": problem, "sentence": str(sentence)}, status=status)


@require_POST
@_call
def challenge(request: SignedIn, said: Said) -> dict[str, Any]:
    """Ask the wallet to show a key: to claim, also in the place of another, for a receipt, or for a credential."""
    now, use = timezone.now(), _text(said, "for")
    if use in {Enrolment.Use.CLAIM, Enrolment.Use.REPLACE}:
        # A code was given to who had just shown that it is them.
        if _bearer(request) is None and not second_factor.shown_just_now(request):
            raise _Unidentified
        replace = use == Enrolment.Use.REPLACE
        asked = claim.ask(user=request.user, origin=_text(said, "origin"), replace=replace, now=now)
    elif use == Enrolment.Use.RECEIPT:
        asked = attest_entry.ask(user=request.user, ref=_uuid(said, "ref"), now=now)
    elif use == Enrolment.Use.ACTIVE:
        asked = attest_grant.ask(user=request.user, origin=_text(said, "origin"), now=now)
    else:
        raise _Malformed
    return {"context": asked.bound().octets().decode(), "ref": str(asked.ref), "day": asked.day.isoformat()}


@require_POST
@_call
def take_over(request: SignedIn, said: Said) -> dict[str, Any]:
    """Let the wallet claim."""
    offer = claim.Offer(
        context=_text(said, "context"),
        enrolled=_enrolled(said),
        k_u=_hex(said, "k_u", KEY_BYTES),
        box=_hex(said, "box", KEY_BYTES),
    )
    subject = claim.claim(user=request.user, origin=_text(said, "origin"), offer=offer, now=timezone.now())
    _tell_of_claim(request.user)
    return {
        "ref": str(subject.claimed_ref),
        "claimed_at": subject.claimed_at.isoformat() if subject.claimed_at else None,
        "handed": bytes(subject.handed).hex() if subject.handed else None,
        "handed_public_key": bytes(subject.handed_public_key).hex() if subject.handed_public_key else None,
    }


def _tell_of_claim(user: User) -> None:
    """Write to the person, in every language, for it may not have been them; a letter that cannot be sent is logged, and stops nothing."""
    if not user.email:
        return
    subjects, bodies = [], []
    for language, _name in settings.LANGUAGES:
        with override(language):
            subjects.append(_("A wallet has taken over your key at Consonant"))
            bodies.append(
                _(
                    "From now on only whoever has the words of that wallet can prove your new entries. Was it not you? Then sign in, change "
                    "your password, and let a wallet of your own take its place:"
                )
            )
    where = f"    {settings.PUBLIC_URL}{reverse('portal:wallet')}"
    body = "\n\n".join(part for said in bodies for part in (said, where))
    subject = f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{' / '.join(subjects)}"
    try:
        send_mail(subject, f"{body}\n", None, [user.email])
    except (OSError, smtplib.SMTPException) as error:
        log.warning("letter_not_sent", error=type(error).__name__)  # not the error itself, which names the address


@require_POST
@_call
def kept(request: SignedIn, said: Said) -> dict[str, Any]:
    """Forget what was handed over: the wallet has it."""
    claim.confirm(user=request.user, origin=_text(said, "origin"))
    return {}


@require_POST
@_call
def receipt(request: SignedIn, said: Said) -> dict[str, Any]:
    """Attest an entry."""
    shown = attest_entry.Shown(
        context=_text(said, "context"),
        enrolled=_enrolled(said),
        tag=_hex(said, "tag", TAG_BYTES),
        salt=_hex(said, "salt", SALT_BYTES),
    )
    made = attest_entry.attest_entry(
        user=request.user, ref=_uuid(said, "ref"), shown=shown, in_time=gone_in_time, now=timezone.now()
    )
    name = app_name(made.attributes["app"]) or None
    return {"attributes": made.attributes, "receipt": made.receipt.hex(), "app_name": name}


@require_POST
@_call
def credential(request: SignedIn, said: Said) -> dict[str, Any]:
    """Attest that a grant stands."""
    made = attest_grant.attest_grant(
        user=request.user,
        origin=_text(said, "origin"),
        grant_id=_uuid(said, "grant"),
        operation=_text(said, "operation"),
        context=_text(said, "context"),
        enrolled=_enrolled(said),
        now=timezone.now(),
    )
    return {"attributes": made.attributes, "credential": made.issued.hex()}


@require_safe
@_call
def grants(request: SignedIn, said: Said) -> dict[str, Any]:
    """List the grants that stand."""
    found = grants_in(user=request.user, origin=_text(said, "origin"), now=timezone.now())
    return {
        "grants": [
            {
                "grant": str(grant.id),
                "app": str(grant.app_id),
                "app_name": str(grant.app.name),
                "operations": grant.operations,
                "purpose": grant.purpose_id,
            }
            for grant in found
        ]
    }


@require_safe
@_call
def openings(request: SignedIn, said: Said) -> dict[str, Any]:
    """Give everything that can be opened about the person: never one entry, which would say which one matters."""
    found = records_in(user=request.user, origin=_text(said, "origin"))
    return {
        "openings": [
            {
                "ref": str(record.ref),
                "kind": record.kind,
                "at": record.at.isoformat(),
                "index": record.index,
                "payload": record.sealed_text,
                "salt": record.salt,
            }
            for record in found
        ]
    }


@require_safe
@_call
def count(request: SignedIn, said: Said) -> dict[str, Any]:
    """Sign how many entries there are."""
    made = count_entries(user=request.user, origin=_text(said, "origin"), now=timezone.now())
    return {"body": made.body, "note": made.note}


def _enrolled(said: Said) -> Enrolled:
    return Enrolled(
        _hex(said, "public_key", G1_BYTES), _hex(said, "key_commitment", G1_BYTES), _hex(said, "proof", PROOF_BYTES)
    )


def _text(said: Said, name: str) -> str:
    text = said.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= _MOST_TEXT or "\0" in text:
        raise _Malformed
    if any("\ud800" <= each <= "\udfff" for each in text):
        raise _Malformed  # half a character, which JSON can write and nobody can encode
    return text


def _hex(said: Said, name: str, length: int) -> bytes:
    text = _text(said, name)
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise _Malformed from None
    if len(data) != length or data.hex() != text:
        raise _Malformed
    return data


def _uuid(said: Said, name: str) -> uuid.UUID:
    try:
        return uuid.UUID(_text(said, name))
    except ValueError:
        raise _Malformed from None
