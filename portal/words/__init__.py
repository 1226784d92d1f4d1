"""How the portal says things: purposes, operations, terms, times and where a grant stands; the modules beside say the rest.

Every value of the domain that reaches a page passes here, so that a page never shows a code. A code that is not known here is shown as
it is: better odd than silent. Changes nothing, and reads no database.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import dateformat
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.machine import WITHDRAWABLE, State
from consent.models import Grant

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
    if grant.end_reason == "withdrawn_with_erasure":
        return format_html(_("The app had your data erased on {at}, which ended it."), at=at)
    if grant.state == State.WITHDRAWN:
        return format_html(_("You stopped it on {at}."), at=at)
    if grant.state == State.EXHAUSTED:
        return format_html(_("Used once, as you allowed. Over since {at}."), at=at)
    if grant.state == State.EXPIRED:
        return _expired(grant.ended_at or grant.valid_until)
    return format_html(_("No longer valid since {at}."), at=at)
