"""What the portal, the admin and the verbs read of consent."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from accounts.models import App, User
from consent.errors import RequestAnswered, RequestExpired, RequestUnknown
from consent.machine import WITHDRAWABLE, State
from consent.models import Binding, ConsentRequest, Grant, Notice, Session, Subject
from consent.terms import SESSION_ENDED, Permit, Refusal, stands
from keyring.errors import KeyGone
from keyring.keys import store
from keyring.seal import unseal
from ledger.models import Opening
from ledger.queries import places_of

DECIDING: Final = ("app", "notice", "declaration", "delegation", "purpose")
"""What `Grant.facts` reads beside the grant."""


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
    actor: str = ""
    """Who did it: `subject`, `guardian`, `attorney`, `estate`, `service`, `app:<id>` or `officer:<id>`."""


@dataclass(frozen=True)
class Consented:
    """A consent as it stood at an instant, as the ledger's entries tell it."""

    grant: uuid.UUID
    app: uuid.UUID
    purpose: str
    operations: tuple[str, ...]
    state: str
    by: str
    """Who said yes: `subject`, `guardian`, `attorney` or `estate`."""
    notice: dict[str, Any]
    """What was read: `id`, `locale`, `version`, and the `sha256` of its body as canonical JSON."""
    screen: str | None
    """The SHA-256 of the screen on which it was read."""
    how: str
    at: datetime
    """When it was read and answered."""
    valid_until: datetime


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
    known = Grant.objects.select_related("app__tenant", "purpose", "notice", "declaration", "delegation")
    return known.filter(subject__user=user).order_by("-valid_from")


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
    opened = _opened(page)
    places = places_of(refs=[opening.ref for opening, *_ in opened])
    apps = App.objects.in_bulk({payload["app"] for *_, payload, _ in opened if "app" in payload})
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
            actor=actor,
        )
        for opening, salt, text, payload, actor in opened
    ]
    waiting = max((place.index for place in places.values()), default=0) + 1
    return sorted(records, key=lambda r: (r.at, waiting if r.index is None else r.index), reverse=True)


def consents_at(*, user: User, at: datetime) -> list[Consented]:
    """Return each consent that the person had given by `at`, as it stood then, oldest first (GDPR 7(1)).

    It is read from the entries alone: rows say how things stand now. What was shredded is not there.
    """
    holders = [subject.evidence_name for subject in Subject.objects.filter(user=user)]
    openings = list(Opening.objects.filter(holder__in=holders, kind__in=_STATES, at__lte=at))
    places = places_of(refs=[opening.ref for opening in openings])
    last = max((place.index for place in places.values()), default=0) + 1
    openings.sort(key=lambda each: (each.at, places[each.ref].index if each.ref in places else last))
    found: dict[str, Consented] = {}
    for opening, _salt, _text, payload, actor in _opened(openings):
        grant = payload["grant"]
        if opening.kind == "consent.given":
            found[grant] = Consented(
                grant=uuid.UUID(grant),
                app=uuid.UUID(payload["app"]),
                purpose=payload["purpose"],
                operations=tuple(payload["operations"]),
                state=State.GIVEN,
                valid_until=datetime.fromisoformat(payload["valid_until"]),
                **_read(opening, payload, actor),
            )
        elif grant in found:
            read = _read(opening, payload, actor) if opening.kind == "consent.renewed" else {}
            found[grant] = replace(found[grant], state=_STATES[opening.kind], **read)
    return [
        replace(each, state=State.EXPIRED) if at >= each.valid_until and each.state in WITHDRAWABLE else each
        for each in found.values()
    ]


_STATES: Final = {
    "consent.given": State.GIVEN,
    "consent.resumed": State.GIVEN,
    **{
        f"consent.{state}": state
        for state in State
        if state not in {State.UNKNOWN, State.REQUESTED, State.DEFERRED, State.REFUSED}
    },
}


def _read(opening: Opening, payload: dict[str, Any], actor: str) -> dict[str, Any]:
    return {
        "by": actor,
        "notice": payload["notice"],
        "screen": payload.get("screen"),
        "how": payload["how"],
        "at": opening.at,
    }


def _opened(openings: Iterable[Opening]) -> list[tuple[Opening, str, str, dict[str, Any], str]]:
    """Return each opening with the payload's salt, its text, what it says, and who acted, but for those whose key was destroyed."""
    found = []
    for opening in openings:
        try:
            plain = unseal(store().get(opening.holder), bytes(opening.sealed), context=opening.ref.bytes)
        except KeyGone:
            continue
        said = json.loads(plain)
        salt, text = said["payload"]
        found.append((opening, salt, text, json.loads(text), said["actor"][1]))
    return found


def standing_of(*, session_id: uuid.UUID, now: datetime) -> Permit | Refusal:
    """Say whether work in a session may go on, for a read that records nothing."""
    session = Session.objects.select_related(*(f"grant__{name}" for name in DECIDING)).get(id=session_id)
    standing = stands(session.grant.facts(), now=now)
    if isinstance(standing, Refusal):
        return standing
    return standing if session.is_live(now) else SESSION_ENDED
