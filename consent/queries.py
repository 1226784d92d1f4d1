"""What the portal, the admin and the verbs read of consent."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts.models import App, User
from consent.errors import RequestAnswered, RequestExpired, RequestUnknown
from consent.models import Binding, ConsentRequest, Grant, Notice, Session, Subject
from consent.terms import SESSION_ENDED, Permit, Refusal, stands
from keyring.errors import KeyGone
from keyring.keys import store
from keyring.seal import unseal
from ledger.models import Opening
from ledger.queries import places_of


@dataclass(frozen=True)
class Record:
    """An entry about a person, as they may see it."""

    ref: uuid.UUID
    origin: str
    index: int | None
    """None while the entry waits for its place."""
    at: datetime
    kind: str
    payload: dict[str, Any]
    app: App | None
    sealed: bool
    """A signed checkpoint covers it."""
    salt: str
    """Under which the leaf commits to the payload, hex."""
    sealed_text: str
    """The payload as the leaf commits to it, to the byte."""


def request_by_token(*, token: str, now: datetime) -> ConsentRequest | None:
    """Return the request behind a link, as it stands: one nobody answered in time reads as expired."""
    request = (
        ConsentRequest.objects.select_related("app__tenant", "purpose")
        .filter(token_digest=ConsentRequest.digest_of(token))
        .first()
    )
    if request:
        request.state = request.state_at(now)
    return request


def lock_open_request(*, token: str, now: datetime) -> ConsentRequest:
    """Return the request behind a link, locked, if it can still be answered.

    Raises:
        RequestUnknown, RequestAnswered, RequestExpired: It cannot.
    """
    request = (
        ConsentRequest.objects.select_related("app__tenant", "purpose")
        .select_for_update(of=("self",))
        .filter(token_digest=ConsentRequest.digest_of(token))
        .first()
    )
    if request is None:
        raise RequestUnknown
    if request.state in {ConsentRequest.State.GIVEN, ConsentRequest.State.REFUSED}:
        raise RequestAnswered
    if request.state_at(now) == ConsentRequest.State.EXPIRED:
        raise RequestExpired
    return request


def binding_of(*, request: ConsentRequest) -> User | None:
    """Return the person that the request's user is tied to, if any."""
    binding = (
        Binding.objects.select_related("subject__user")
        .filter(app=request.app, reference=request.reference, closed_at=None)
        .first()
    )
    return binding.subject.user if binding else None


def notice_for(*, request: ConsentRequest, locale: str) -> Notice:
    """Return the newest notice for the request in that language, or in English."""
    return newest_notice(app_id=request.app_id, purpose_id=request.purpose_id, locale=locale)


def newest_notice(*, app_id: uuid.UUID, purpose_id: str, locale: str) -> Notice:
    """Return the newest published notice in that language, or in English: a version is published in all its languages at once."""
    notices = Notice.objects.filter(app=app_id, purpose=purpose_id, published_at__isnull=False).order_by("-version")
    return notices.filter(locale=locale).first() or notices.get(locale="en", version=notices[0].version)


def grants_of(*, user: User) -> QuerySet[Grant]:
    """Return the person's grants, newest first."""
    return Grant.objects.select_related("app", "purpose").filter(subject__user=user).order_by("-valid_from")


def live_sessions_of(*, user: User, now: datetime) -> QuerySet[Session]:
    """Return the sessions in which the person's voice may be used at this moment."""
    return (
        Session.objects.select_related("app", "grant__purpose")
        .filter(grant__subject__user=user, closed_at=None, expires_at__gt=now, app__suspended_at=None)
        .order_by("-opened_at")
    )


def records_of(*, user: User, limit: int = 50, before: datetime | None = None) -> list[Record]:
    """Return the entries about a person, newest first, opened with their keys; about `limit` of them. What was shredded is not there."""
    subjects = Subject.objects.filter(user=user)
    holders = [name for subject in subjects for name in (subject.key_name, subject.evidence_name)]
    holders += Binding.objects.filter(subject__in=subjects).values_list("key_name", flat=True)
    openings = Opening.objects.filter(holder__in=holders).order_by("-at")
    if before:
        openings = openings.filter(at__lt=before)
    page = list(openings[:limit])
    if page:  # entries of one moment belong together: the next page starts before it
        page = [opening for opening in page if opening.at > page[-1].at] + list(openings.filter(at=page[-1].at))
    opened = [
        (opening, salt, text, json.loads(text))
        for opening, (salt, text) in ((opening, _payload(opening)) for opening in page)
        if text
    ]
    places = places_of(refs=[opening.ref for opening, *_ in opened])
    apps = App.objects.in_bulk({payload["app"] for *_, payload in opened if "app" in payload})
    records = [
        Record(
            ref=opening.ref,
            origin=opening.log_id,
            index=place.index if (place := places.get(opening.ref)) else None,
            at=opening.at,
            kind=opening.kind,
            payload=payload,
            app=apps.get(uuid.UUID(payload["app"])) if "app" in payload else None,
            sealed=place.sealed if place else False,
            salt=salt,
            sealed_text=text,
        )
        for opening, salt, text, payload in opened
    ]
    waiting = max((place.index for place in places.values()), default=0) + 1
    return sorted(records, key=lambda r: (r.at, waiting if r.index is None else r.index), reverse=True)


def _payload(opening: Opening) -> tuple[str, str]:
    """Return the payload's salt and text; two empty texts where its key was destroyed."""
    try:
        plain = unseal(store().get(opening.holder), bytes(opening.sealed), context=opening.ref.bytes)
    except KeyGone:
        return "", ""
    salt, text = json.loads(plain)["payload"]
    return salt, text


def standing_of(*, session_id: uuid.UUID, now: datetime) -> Permit | Refusal:
    """Say whether work in a session may go on, for a read that records nothing."""
    session = Session.objects.select_related("grant__app").get(id=session_id)
    standing = stands(session.grant.facts(), now=now)
    if isinstance(standing, Refusal):
        return standing
    return standing if session.is_live(now) else SESSION_ENDED
