"""How the portal says things: purposes, operations, terms, times and where a grant stands; the modules beside say the rest.

Every value of the domain that reaches a page passes here, so that a page never shows a code. A code that is not known here is shown as
it is: better odd than silent. Changes nothing; reads no database but for the name of a purpose that is none of the first.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import dateformat
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from consent.machine import WITHDRAWABLE, State
from consent.models import Grant, Purpose
from consent.terms import GrantFacts
from portal.words.people import acted

_PURPOSES = {
    "voice-cloning": gettext_lazy("voice cloning"),
    "text-to-speech": gettext_lazy("reading texts in your voice"),
    "speaker-verification": gettext_lazy("recognising you by voice"),
}
_OPERATIONS = {
    "upload": gettext_lazy("receive recordings of your voice"),
    "embed": gettext_lazy("compute a voiceprint from them: numbers that tell your voice from others"),
    "synthesize": gettext_lazy("speak in your voice"),
    "combine": gettext_lazy("join your voice with a picture of you"),
    "provide": gettext_lazy("hand recordings of your voice to another company"),
}
_OF_PORTRAIT = {
    "upload": gettext_lazy("receive pictures of you"),
    "embed": gettext_lazy("compute a faceprint from them: numbers that tell your face from others"),
    "synthesize": gettext_lazy("make pictures of you by machine"),
    "provide": gettext_lazy("hand pictures of you to another company"),
}
_OF_BOTH = {
    "upload": gettext_lazy("receive recordings of your voice and pictures of you"),
    "embed": gettext_lazy("compute a voiceprint and a faceprint from them: numbers that tell you from others"),
    "synthesize": gettext_lazy("speak in your voice, and make pictures of you by machine"),
    "provide": gettext_lazy("hand recordings and pictures of you to another company"),
}
_END_REASONS = {
    "controller": gettext_lazy("the company behind the app stepped back from it"),
    "app_removed": gettext_lazy("the app was removed"),
    "court": gettext_lazy("a court decided so"),
    "fraud": gettext_lazy("it had been got by fraud"),
    "wrong_speaker": gettext_lazy("the voice was somebody else's"),
    "minor_found": gettext_lazy("who gave it was too young"),
}


def purpose(of: Purpose | str) -> str:
    """Return a purpose's name, by its row or its slug; the slug itself if the catalogue has no name for it."""
    slug = of if isinstance(of, str) else of.slug
    if slug in _PURPOSES:
        return str(_PURPOSES[slug])
    row = Purpose.objects.filter(slug=slug).first() if isinstance(of, str) else of
    return (row.names.get(get_language()) or row.names.get("en") or slug) if row else slug


def reason(code: str) -> str:
    """Return why an officer ended a consent."""
    return str(_END_REASONS.get(code, code))


def medium(scope: Collection[str]) -> str:
    """Return what something is about or shows: `voice`, `portrait`, or `both`."""
    return "voice" if "portrait" not in scope else "both" if "voice" in scope else "portrait"


def operations(codes: Collection[str], scope: Collection[str] = ("voice",)) -> list[str]:
    """Return what several operations do with what a consent is about, in the order in which they happen."""
    order = list(_OPERATIONS)
    known = sorted(codes, key=lambda code: order.index(code) if code in order else len(order))
    meant = _OPERATIONS | {"portrait": _OF_PORTRAIT, "both": _OF_BOTH}.get(medium(scope), {})
    return [str(meant.get(code, code)) for code in known]


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
    """There is something to stop: it can be used, or could be again, or something of it is kept."""
    sentence: str
    must_confirm: bool = False
    """It rests until the person confirms it."""
    remark: str = ""
    """What more there is to know."""


def standing(grant: Grant, now: datetime, *, keeps: bool = False) -> Standing:
    """Say where a grant stands; what the clock has ended reads as ended before the sweep has noticed.

    `keeps`: something that was made under it is still there.
    """
    if grant.state not in WITHDRAWABLE:
        return Standing(active=False, sentence=_ended(grant))
    if grant.state == State.EXHAUSTED:
        at = moment(grant.ended_at or grant.valid_until)
        return Standing(
            active=keeps,
            sentence=format_html(_("Used once, as you allowed. Over since {at}."), at=at),
            remark=_("What was made is still kept for its time. You can have it destroyed now.") if keeps else "",
        )
    if now >= grant.valid_until:
        return Standing(active=False, sentence=_expired(grant.valid_until))
    if rest := _rests(grant, now):
        return rest
    if grant.app.suspended_at:
        return Standing(active=True, sentence=_("This app is suspended and may not use your voice."))
    return Standing(active=True, sentence=_active(grant))


def _rests(grant: Grant, now: datetime) -> Standing | None:
    """Say why a grant is not used, if so: the decision knows it at once, and the row a moment later."""
    if grant.state == State.PAUSED:
        return None
    facts = grant.facts()
    if facts.place_forbids:
        off = _("Off: the law where you live, or may live, forbids what it would do with your voiceprint.")
        return Standing(active=True, sentence=off, remark=_confirm_by(grant))
    why = _unconfirmed(grant, facts, now)
    return Standing(active=True, sentence=why, must_confirm=True, remark=_confirm_by(grant)) if why else None


def _unconfirmed(grant: Grant, facts: GrantFacts, now: datetime) -> str:
    """Say why a grant has to be confirmed, if it has."""
    if not facts.notice_current:
        return _("On hold, because the notice has changed. Confirm it, or stop it.")
    grown = facts.guardian_until is not None and now >= facts.guardian_until
    if grown or (grant.state == State.STALE and grant.end_reason == "majority"):
        return _("On hold, because you are grown up: what your guardian allowed is now yours to confirm.")
    if grant.state == State.STALE and grant.end_reason == "residence":
        return _("On hold, because the law where you lived forbade it. Confirm it, or stop it.")
    if grant.state == State.STALE:
        return _("On hold, because records were restored from a backup. Confirm it, or stop it.")
    return ""


def _confirm_by(grant: Grant) -> str:
    return format_html(_("It ends by itself on {at}."), at=moment(grant.grace_until)) if grant.grace_until else ""


def _active(grant: Grant) -> str:
    if grant.state == State.PAUSED:
        return format_html(
            _("Paused: your voice is not used. It runs out on {until} all the same."), until=moment(grant.valid_until)
        )
    if grant.uses_left is None:
        return format_html(_("Allowed until {until}."), until=moment(grant.valid_until))
    if grant.uses_left:
        return format_html(_("Allowed once, until {until}. Not used yet."), until=moment(grant.valid_until))
    return _("Allowed once. The one use has begun.")


def _expired(at: datetime) -> str:
    return format_html(_("Ran out on {at}."), at=moment(at))


def _ended(grant: Grant) -> str:
    at = moment(grant.ended_at or grant.valid_until)
    if grant.end_reason == "withdrawn_with_erasure":
        return format_html(_("The app had your data erased on {at}, which ended it."), at=at)
    if grant.state == State.EXPIRED and grant.end_reason == "not_confirmed":
        return format_html(_("Ended on {at}, because it was not confirmed in time."), at=at)
    if grant.state == State.EXPIRED:
        return _expired(grant.ended_at or grant.valid_until)
    if grant.state == State.WITHDRAWN:
        who = acted(grant.end_reason.removeprefix("withdrawn_by_"))
        return format_html(_("{who} stopped it on {at}."), who=who, at=at) if who else _by_you(at)
    reason = _END_REASONS.get(grant.end_reason)
    if reason:
        return format_html(_("No longer valid since {at}: {reason}."), at=at, reason=reason)
    return format_html(_("No longer valid since {at}."), at=at)


def _by_you(at: SafeString) -> str:
    return format_html(_("You stopped it on {at}."), at=at)
