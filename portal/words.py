"""How the portal says things: purposes, operations, terms, times, where a grant stands, and what an entry tells.

Every value of the domain that reaches a page passes here, so that a page never shows a code. A code that is not known here is shown as
it is: better odd than silent. Reads nothing and changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import dateformat
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.machine import WITHDRAWABLE, State
from consent.models import Grant
from consent.queries import Record
from retention.models import Artifact

_PURPOSES = {
    "voice-cloning": gettext_lazy("voice cloning"),
    "text-to-speech": gettext_lazy("reading texts in your voice"),
    "speaker-verification": gettext_lazy("recognising you by voice"),
}
_OPERATIONS = {
    "upload": gettext_lazy("receive recordings of your voice"),
    "embed": gettext_lazy("compute a voiceprint from them"),
    "synthesize": gettext_lazy("speak in your voice"),
    "combine": gettext_lazy("join your voice with a picture of you"),
}
_REFUSALS = {
    "app_suspended": gettext_lazy("the app is suspended"),
    "session_ended": gettext_lazy("its session had ended"),
    "operation_spent": gettext_lazy("what you allowed once had been done"),
    "operation_not_covered": gettext_lazy("you had not allowed this"),
    "uses_exhausted": gettext_lazy("you had allowed one use, and it was over"),
    "term_over": gettext_lazy("the time you allowed was over"),
    "consent_withdrawn": gettext_lazy("you had stopped it"),
    "consent_paused": gettext_lazy("you had paused it"),
    "consent_stale": gettext_lazy("the notice had changed since"),
    "consent_revoked": gettext_lazy("your consent had been revoked"),
    "consent_invalidated": gettext_lazy("your consent was found invalid"),
}
_CLOSINGS = {
    "closed_by_app": gettext_lazy("the app closed it"),
    "time_over": gettext_lazy("its time was over"),
    "consent_withdrawn": gettext_lazy("you stopped it"),
    "consent_expired": gettext_lazy("the time you allowed was over"),
}


def purpose(slug: str) -> str:
    """Return a purpose's name."""
    return str(_PURPOSES.get(slug, slug))


def operations(codes: list[str]) -> list[str]:
    """Return what several operations do, in the order in which they happen."""
    order = list(_OPERATIONS)
    known = sorted(codes, key=lambda code: order.index(code) if code in order else len(order))
    return [str(_OPERATIONS.get(code, code)) for code in known]


def listed(items: list[str]) -> str:
    """Join items as the language does."""
    return _(", ").join(items)


def term(span: timedelta) -> str:
    """Return a length of time, exact to the second: "30 days", "1 day 12 hours"."""
    seconds = max(1, round(span.total_seconds()))
    days, hours, minutes, rest = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60
    parts = [
        ngettext("%(n)d day", "%(n)d days", days) % {"n": days} if days else "",
        ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours} if hours else "",
        ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes} if minutes else "",
        ngettext("%(n)d second", "%(n)d seconds", rest) % {"n": rest} if rest else "",
    ]
    return " ".join(part for part in parts if part)


def moment(at: datetime, *, exact: bool = False) -> SafeString:
    """Return a time as an element that reads as UTC and that a script may turn into the reader's own zone; `exact` to the second."""
    utc = at.astimezone(UTC)
    return format_html(
        '<time class="{}" datetime="{}">{} UTC</time>',
        "exact" if exact else "",
        utc.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        dateformat.format(utc, _("j M Y, H:i:s") if exact else _("j M Y, H:i")),
    )


def seconds(milliseconds: float, *, places: int = 1) -> str:
    """Return milliseconds as seconds, as the language writes decimals."""
    return number_format(milliseconds / 1000, places)


@dataclass(frozen=True)
class Standing:
    """Where a grant stands."""

    active: bool
    """It can still be used, or could be again: there is something to stop."""
    sentence: str


def standing(grant: Grant, now: datetime) -> Standing:
    """Say where a grant stands; what the clock has ended reads as ended before the sweep has noticed."""
    if grant.state not in WITHDRAWABLE:
        return Standing(active=False, sentence=_ended(grant))
    if now >= grant.valid_until:
        return Standing(active=False, sentence=_expired(grant.valid_until))
    if grant.app.suspended_at:
        return Standing(active=True, sentence=_("This app is suspended and may not use your voice."))
    return Standing(active=True, sentence=_active(grant))


def _active(grant: Grant) -> str:
    if grant.state == State.PAUSED:
        return _("Paused.")
    if grant.state == State.STALE:
        return _("On hold, because the notice has changed.")
    if grant.uses_left is None:
        return format_html(_("Allowed until {until}."), until=moment(grant.valid_until))
    if grant.uses_left:
        return format_html(_("Allowed once, until {until}. Not used yet."), until=moment(grant.valid_until))
    return _("Allowed once. The one use has begun.")


def _expired(at: datetime) -> str:
    return format_html(_("Ran out on {at}."), at=moment(at))


def _ended(grant: Grant) -> str:
    at = moment(grant.ended_at or grant.valid_until)
    if grant.state == State.WITHDRAWN:
        return format_html(_("You stopped it on {at}."), at=at)
    if grant.state == State.EXHAUSTED:
        return format_html(_("Used once, as you allowed. Over since {at}."), at=at)
    if grant.state == State.EXPIRED:
        return _expired(grant.ended_at or grant.valid_until)
    return format_html(_("No longer valid since {at}."), at=at)


def keeping(artifact: Artifact, now: datetime) -> str:
    """Say whether a recording is still there."""
    if artifact.state == Artifact.State.ERASED and artifact.erased_at:
        return format_html(_("Destroyed at {at}."), at=moment(artifact.erased_at, exact=True))
    if artifact.state == Artifact.State.SHREDDED and artifact.key_destroyed_at:
        return format_html(_("Unreadable since {at}; being deleted."), at=moment(artifact.key_destroyed_at, exact=True))
    if artifact.state == Artifact.State.ACTIVE and now < artifact.expires_at:
        return format_html(_("Stored, encrypted, until {at}."), at=moment(artifact.expires_at, exact=True))
    return _("Being destroyed now.")


@dataclass(frozen=True)
class Told:
    """An entry in plain words."""

    sentence: str
    tone: str = ""
    """"" | "yes" | "use" | "stopped": how the timeline marks it."""
    details: list[str] = field(default_factory=list)


def tell(record: Record) -> Told:
    """Tell an entry to the person it is about."""
    payload = record.payload
    words = {
        "app": record.app.name if record.app else _("An app"),
        "purpose": purpose(payload.get("purpose", "")),
    }
    teller = _TELLERS.get(record.kind)
    return teller(payload, words) if teller else Told(record.kind)


def _requested(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("%(app)s asked you to allow %(purpose)s") % words,
        details=[_("It wants to: %(operations)s") % {"operations": listed(operations(payload["operations"]))}],
    )


def _given(payload: dict[str, Any], words: dict[str, str]) -> Told:
    once = payload["choice"] == "once"
    sentence = _("You allowed %(app)s once: %(purpose)s") if once else _("You allowed %(app)s: %(purpose)s")
    return Told(
        sentence % words,
        "yes",
        [
            _("It may: %(operations)s") % {"operations": listed(operations(payload["operations"]))},
            _until(_("until {at}"), payload, "valid_until"),
        ],
    )


def _refused(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("You did not allow %(app)s: %(purpose)s") % words, "stopped")


def _withdrawn(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("You stopped %(app)s: %(purpose)s") % words, "stopped")


def _lapsed(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("Your consent for %(app)s ran out: %(purpose)s") % words)


def _exhausted(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("The one use you allowed %(app)s is over: %(purpose)s") % words)


def _opened(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("%(app)s began to use your voice") % words,
        "use",
        [
            _("It may: %(operations)s") % {"operations": listed(operations(payload["operations"]))},
            _until(_("at the latest until {at}"), payload, "expires_at"),
        ],
    )


def _closed(payload: dict[str, Any], words: dict[str, str]) -> Told:
    reason = str(_CLOSINGS.get(payload["reason"], payload["reason"]))
    return Told(_("%(app)s no longer uses your voice") % words, details=[_("Why: %(reason)s") % {"reason": reason}])


def _use_refused(payload: dict[str, Any], words: dict[str, str]) -> Told:
    reason = str(_REFUSALS.get(payload["reason"], payload["reason"]))
    return Told(
        _("%(app)s tried to use your voice and was refused") % words,
        "stopped",
        [_("Why: %(reason)s") % {"reason": reason}],
    )


def _recorded(payload: dict[str, Any], words: dict[str, str]) -> Told:
    rate = payload["sample_rate"]
    length = {"seconds": seconds(payload["duration_ms"]), "rate": number_format(rate / 1000, 1 if rate % 1000 else 0)}
    return Told(
        _("%(app)s recorded your voice") % words,
        "use",
        [
            _("%(seconds)s seconds at %(rate)s kHz") % length,
            _until(_("to be destroyed by {at}"), payload, "expires_at", exact=True),
        ],
    )


def _key_destroyed(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("A recording made by %(app)s became unreadable: its key was destroyed") % words)


def _erased(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("A recording made by %(app)s was deleted") % words)


def _viewed(_payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(_("A compliance officer looked at a record about you"))


def _until(sentence: str, payload: dict[str, Any], key: str, *, exact: bool = False) -> str:
    at = parse_datetime(payload[key])
    return format_html(sentence, at=moment(at, exact=exact)) if at else ""


_TELLERS: dict[str, Callable[[dict[str, Any], dict[str, str]], Told]] = {
    "consent.requested": _requested,
    "consent.given": _given,
    "consent.refused": _refused,
    "consent.withdrawn": _withdrawn,
    "consent.expired": _lapsed,
    "consent.exhausted": _exhausted,
    "session.opened": _opened,
    "session.closed": _closed,
    "use.refused": _use_refused,
    "artifact.recorded": _recorded,
    "artifact.key_destroyed": _key_destroyed,
    "artifact.erased": _erased,
    "access.viewed": _viewed,
}
