"""The record of one consent, as its papers tell it: from the rows, and from the entries that say what happened."""

import hmac
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from consent.machine import ERASING
from consent.models import Grant, Notice
from consent.receipt import KINDS, ConsentFacts, Happened, NoticeFacts, Party, Spoken
from keyring.keys import reference_key, store
from keyring.seal import unseal
from ledger.models import Opening, Pending
from ledger.queries import places_of

DELETION: Final = timedelta(days=7)
"""By then what an app held has been acknowledged as gone, and copies of the key store hold no key of it."""
_CLOCKS_DIFFER: Final = timedelta(hours=1)
"""More than the clocks of two machines of the service do."""
_ASKED: Final = ("consent.requested", "consent.deferred")
_MOST_ASKED: Final = 200
_HOW: Final = {"portal": "button on a screen", "spoken": "spoken statement"}
_PEOPLE: Final = frozenset({"subject", "guardian", "attorney", "estate"})


@dataclass(frozen=True)
class Told:
    """What is known of a consent, and the openings of the entries that say so: by ref, the payload's salt (hex) and text."""

    facts: ConsentFacts
    openings: dict[str, tuple[str, str]]


@dataclass(frozen=True)
class _Opened:
    """An entry with what its opening holds."""

    opening: Opening
    salt: str
    text: str
    payload: dict[str, Any]
    actor_salt: str
    actor: str


def tell(grant: Grant) -> Told:
    """Return the record of a grant.

    Raises:
        keyring.errors.KeyGone: The proof of consent was destroyed.
    """
    entries = _entries(grant)
    return Told(_facts(grant, entries), {str(each.opening.ref): (each.salt, each.text) for each in entries})


def _entries(grant: Grant) -> list[_Opened]:
    """Return the entries about this consent, in the order of the log; what waits for its place comes last."""
    request = grant.request
    about = Opening.objects.filter(
        holder=grant.subject.evidence_name, kind__in=KINDS, at__gte=request.created_at - _CLOCKS_DIFFER
    )
    if grant.state in ERASING and grant.ended_at is not None:
        about = about.filter(at__lte=grant.ended_at + _CLOCKS_DIFFER)
    found = list(_opened(about))
    # While nobody knew whom an app asked, the request was entered about no person.
    asked = Opening.objects.filter(
        holder=grant.subject.tenant.key_name,
        at__gte=request.created_at - timedelta(milliseconds=1),
        at__lte=request.answered_at or request.expires_at,
        kind__in=_ASKED,
    )
    found += _opened(asked.order_by("at")[:_MOST_ASKED])
    ours = [
        each
        for each in found
        if each.payload.get("grant") == str(grant.id)
        or ("grant" not in each.payload and each.payload.get("request") == str(request.id))
    ]
    refs = [each.opening.ref for each in ours]
    # The queue first: what leaves it meanwhile has its place then.
    waiting = dict(Pending.objects.filter(ref__in=refs).values_list("ref", "id"))
    places = places_of(refs=refs)
    order = {ref: (1, number) for ref, number in waiting.items()} | {ref: (0, at.index) for ref, at in places.items()}
    return sorted(ours, key=lambda each: order.get(each.opening.ref, (2, 0)))


def _opened(openings: Any) -> Iterator[_Opened]:
    keys: dict[str, bytes] = {}
    for opening in openings:
        if opening.holder not in keys:
            keys[opening.holder] = store().get(opening.holder)
        plain = json.loads(unseal(keys[opening.holder], bytes(opening.sealed), context=opening.ref.bytes))
        (salt, text), (actor_salt, actor) = plain["payload"], plain["actor"]
        yield _Opened(opening, salt, text, json.loads(text), actor_salt, actor)


def _facts(grant: Grant, entries: list[_Opened]) -> ConsentFacts:
    tenant, notice = grant.subject.tenant, grant.notice
    names: dict[str, str] = grant.purpose.names
    links = {"withdraw": "portal:apps", "erase": "portal:rights", "access": "portal:rights"}
    return ConsentFacts(
        grant=grant.id,
        request=grant.request_id,
        subject=_called(grant),
        app=grant.app_id,
        app_name=grant.app.name,
        app_url=grant.app.website,
        controller=Party(
            identity=f"urn:uuid:{tenant.id}",
            name=tenant.name,
            roles=("dpv:DataController",),
            address=tenant.address,
            contact=tenant.contact,
            url=grant.app.website,
        ),
        recipients=tuple(_recipients(notice)),
        purpose=grant.purpose_id,
        purpose_name=names.get(notice.locale) or names.get("en") or grant.purpose_id,
        use_class=grant.purpose.use_class,
        operations=tuple(grant.operations),
        scope=tuple(grant.scope),
        notice=_notice(notice),
        kept=str(notice.body.get("kept", "")),
        valid_from=grant.valid_from,
        valid_until=grant.valid_until,
        uses_left=grant.uses_left,
        deletion=DELETION,
        storage=tenant.country,
        jurisdictions=tuple(dict.fromkeys(code for code in (grant.jurisdiction, tenant.country) if code)),
        events=tuple(_events(grant, entries)),
        links={name: settings.PUBLIC_URL + reverse(view) for name, view in links.items()},
        statement=_spoken(grant),
        replaces=grant.replaces_id,
    )


def _called(grant: Grant) -> uuid.UUID:
    """Return what the papers call the person: an id for this app alone, so that two apps that compare theirs learn nothing."""
    said = b"receipt" + grant.app_id.bytes + grant.subject_id.bytes
    return uuid.UUID(bytes=hmac.digest(reference_key(), said, "sha256")[:16], version=4)


def _events(grant: Grant, entries: list[_Opened]) -> Iterator[Happened]:
    if not any(each.opening.kind == "consent.requested" for each in entries):
        yield Happened(kind="consent.requested", at=grant.request.created_at, actor="app")
    notices = Notice.objects.in_bulk(
        {uuid.UUID(each.payload["notice"]["id"]) for each in entries if "notice" in each.payload}
    )
    for each in entries:
        said = each.payload
        actor = "app" if each.actor.startswith("app:") else each.actor
        known = actor in _PEOPLE | {"app", "service"}  # which officer it was is not the person's to know
        yield Happened(
            kind=each.opening.kind,
            at=each.opening.at,
            actor=actor if known else "officer",
            ref=each.opening.ref,
            actor_salt=each.actor_salt if known else "",
            how=_HOW.get(said.get("how", ""), said.get("how", "")),
            reason=said.get("reason", ""),
            screen=said.get("screen") or "",
            delegation=uuid.UUID(said["delegation"]) if said.get("delegation") else None,
            notice=_notice(notices[uuid.UUID(said["notice"]["id"])]) if "notice" in said else None,
        )


def _notice(notice: Notice) -> NoticeFacts:
    shown = notice.shown()
    published: datetime = notice.published_at  # type: ignore[assignment]  # nobody reads a draft
    return NoticeFacts(
        id=notice.id,
        locale=notice.locale,
        version=notice.version,
        published_on=published.date(),
        sha256=shown["sha256"],
        title=str(notice.body.get("title", "")),
    )


def _recipients(notice: Notice) -> Iterator[Party]:
    """Yield whom voices are handed to under this notice (PIPL 23)."""
    if name := str(notice.body.get("recipient_name", "")).strip():
        contact = str(notice.body.get("recipient_contact", ""))
        yield Party(f"vl:recipient/{notice.id}", name, ("dpv:ThirdParty",), contact=contact)


def _spoken(grant: Grant) -> Spoken | None:
    statement = grant.statements.filter(spoken_at__isnull=False).order_by("-spoken_at").first()
    if statement is None:
        return None
    return Spoken(phrase=statement.phrase, nonce=statement.nonce, speech=statement.speech, speaker=statement.speaker)
