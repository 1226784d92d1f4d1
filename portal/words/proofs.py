"""What a proof without identity says, in a sentence a passer-by understands; and what it does not."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from django.utils import dateformat, timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from portal.words import listed
from portal.words import purpose as purpose_of

NAMES: Final = {
    "kind": gettext_lazy("What was entered"),
    "app": gettext_lazy("App"),
    "purpose": gettext_lazy("What for"),
    "operation": gettext_lazy("What was done"),
    "day": gettext_lazy("Day"),
    "status": gettext_lazy("How it stood"),
    "within_ttl": gettext_lazy("Gone in time"),
    "valid_until": gettext_lazy("Good until"),
}
OPERATIONS: Final = {
    "upload": gettext_lazy("recording their voice"),
    "embed": gettext_lazy("computing a voiceprint of it"),
    "synthesize": gettext_lazy("speaking in their voice"),
    "combine": gettext_lazy("joining their voice with a picture of them"),
    "provide": gettext_lazy("handing their recordings to another company"),
}
_PURPOSES: Final = {
    "text-to-speech": gettext_lazy("reading texts in their voice"),
    "speaker-verification": gettext_lazy("recognising them by voice"),
}
_STATUS: Final = {
    "permitted": gettext_lazy("with their permission"),
    "late": gettext_lazy("with their permission, but recorded too late"),
    "unpermitted": gettext_lazy("without their permission"),
    "requested": gettext_lazy("asked for"),
    "request_expired": gettext_lazy("not answered in time"),
    "deferred": gettext_lazy("put off"),
    "given": gettext_lazy("given"),
    "refused": gettext_lazy("refused"),
    "paused": gettext_lazy("paused"),
    "resumed": gettext_lazy("resumed"),
    "stale": gettext_lazy("to be confirmed again"),
    "renewed": gettext_lazy("confirmed again"),
    "exhausted": gettext_lazy("used up"),
    "withdrawn": gettext_lazy("taken back"),
    "expired": gettext_lazy("run out"),
    "revoked": gettext_lazy("ended by an officer"),
    "invalidated": gettext_lazy("found invalid"),
    "spoken": gettext_lazy("spoken aloud"),
}
MOST_ENTRIES: Final = 50
KINDS: Final = {
    "artifact.recorded": gettext_lazy("something was made of their voice"),
    "use.late": gettext_lazy("something was recorded late"),
    "use.unpermitted": gettext_lazy("something was made without permission"),
    "use.refused": gettext_lazy("a use was refused"),
    "artifact.discarded": gettext_lazy("something was thrown away unused"),
    "artifact.hastened": gettext_lazy("something was to go early, because a machine was in trouble"),
    "artifact.key_destroyed": gettext_lazy("the key of something was destroyed"),
    "artifact.erased": gettext_lazy("something was erased"),
    "artifact.erase_requested": gettext_lazy("an app was asked to erase something"),
    "artifact.erase_acknowledged": gettext_lazy("an app confirmed that it erased something"),
    "artifact.lapsed": gettext_lazy("the time of something was over"),
    "artifact.processed": gettext_lazy("something was worked with"),
    "artifact.restricted": gettext_lazy("something may not be used"),
    "artifact.unrestricted": gettext_lazy("something may be used again"),
    "artifact.held": gettext_lazy("something has to be kept"),
    "hold.placed": gettext_lazy("the law asked to keep something"),
    "hold.released": gettext_lazy("the law asks no longer to keep something"),
    "consent.requested": gettext_lazy("a consent was asked for"),
    "consent.request_expired": gettext_lazy("a question for consent was not answered in time"),
    "consent.deferred": gettext_lazy("an answer was put off"),
    "consent.given": gettext_lazy("a consent was given"),
    "consent.refused": gettext_lazy("a consent was refused"),
    "consent.paused": gettext_lazy("a consent was paused"),
    "consent.resumed": gettext_lazy("a consent was resumed"),
    "consent.stale": gettext_lazy("a consent has to be confirmed again"),
    "consent.renewed": gettext_lazy("a consent was confirmed again"),
    "consent.exhausted": gettext_lazy("a consent was used up"),
    "consent.withdrawn": gettext_lazy("a consent was taken back"),
    "consent.expired": gettext_lazy("a consent ran out"),
    "consent.revoked": gettext_lazy("a consent was ended by an officer"),
    "consent.invalidated": gettext_lazy("a consent was found invalid"),
    "consent.spoken": gettext_lazy("a consent was spoken aloud"),
    "label.waived": gettext_lazy("somebody got a clip without its spoken label"),
    "label.change_refused": gettext_lazy("a label was not changed"),
    "delegation.requested": gettext_lazy("somebody asked to act for them"),
    "delegation.approved": gettext_lazy("somebody may act for them"),
    "delegation.refused": gettext_lazy("somebody may not act for them"),
    "delegation.ended": gettext_lazy("somebody may no longer act for them"),
    "session.opened": gettext_lazy("a time of use began"),
    "session.closed": gettext_lazy("a time of use ended"),
    "erasure.requested": gettext_lazy("an erasure was asked for"),
    "erasure.identified": gettext_lazy("who asked for an erasure showed who they are"),
    "erasure.decided": gettext_lazy("an erasure was decided on"),
    "erasure.extended": gettext_lazy("an erasure got more time"),
    "erasure.cancelled": gettext_lazy("an erasure was called off"),
    "erasure.reminded": gettext_lazy("an app was reminded of an erasure"),
    "erasure.escalated": gettext_lazy("an erasure is overdue"),
    "erasure.completed": gettext_lazy("an erasure was completed"),
    "disclosure.made": gettext_lazy("something was passed on"),
    "disclosure.erase_requested": gettext_lazy("who got something was asked to erase it"),
    "disclosure.attested": gettext_lazy("who got something confirmed that it is gone"),
    "disclosure.overdue": gettext_lazy("who got something has not confirmed that it is gone"),
    "access.viewed": gettext_lazy("an officer looked at their records"),
    "access.exported": gettext_lazy("a copy of their data was asked for"),
    "access.downloaded": gettext_lazy("a copy of their data was taken"),
    "access.refused": gettext_lazy("a copy of their data was refused"),
    "access.extended": gettext_lazy("a copy of their data takes longer"),
    "locker.made": gettext_lazy("a lock was set"),
    "locker.opened": gettext_lazy("a lock was opened"),
    "locker.closed": gettext_lazy("a lock was closed"),
    "locker.switched": gettext_lazy("a lock was changed"),
    "locker.changed": gettext_lazy("the passphrase of a lock was changed"),
    "subject.claimed": gettext_lazy("a wallet took over"),
}
"""What an entry about a person tells a stranger: no more than its kind does."""

REASONS: Final = {
    "expired": gettext_lazy("The answer came too late."),
    "other_context": gettext_lazy("It answers another question than yours."),
    "not_shown": gettext_lazy("It does not show what you asked for."),
    "other_scope": gettext_lazy("It is about another app, another operation or another day than you asked about."),
    "entry_unknown": gettext_lazy("It names an entry that the log did not have when you asked."),
    "not_committed": gettext_lazy("It names an entry that belongs to another key."),
    "not_proven": gettext_lazy("The proof does not hold."),
    "spent": gettext_lazy(
        "The same wallet has shown this today already, to you or to somebody who asked under your address. It counts once a day."
    ),
}


def sentence(
    statement: str, says: Mapping[str, Any], *, to: str = "", at: datetime | None = None, app: str = ""
) -> str:
    """Say what was proven, in a sentence.

    Args:
        statement: own, receipt or active.
        says: As the verdict has it.
        to: For whom a kept proof says that it was made.
        at: When it was answered, where whoever reads this asked; None: it was kept, and nobody knows when it was made.
        app: The name of an app that it shows.
    """
    if statement == "own":
        return _own(says["entries"], to, at)
    shown = says["shown"]
    if statement == "active":
        words = {
            "app": app or shown["app"],
            "operation": operation(shown["operation"]),
            "until": _moment(shown["valid_until"]),
        }
        return _told(
            to,
            at,
            _(
                "Somebody who consents to %(app)s (%(operation)s) proved it to you %(when)s. Their consent stood when the service looked, at most five minutes before %(until)s."
            ),
            _(
                "Somebody who consented to %(app)s (%(operation)s) made this proof of it for %(to)s. The consent stood when the service looked, at most five minutes before %(until)s."
            ),
            words,
        )
    said = [value for _name, value in facts(shown, app=app)]
    if not said:
        return _told(
            to,
            at,
            _("Somebody about whom there is an entry in the log proved it to you %(when)s, by a receipt."),
            _("Somebody about whom there is an entry in the log made this proof of it for %(to)s, by a receipt."),
            {},
        )
    return _told(
        to,
        at,
        _("Somebody about whom there is an entry in the log (%(said)s) proved it to you %(when)s, by a receipt."),
        _(
            "Somebody about whom there is an entry in the log (%(said)s) made this proof of it for %(to)s, by a receipt."
        ),
        {"said": listed(said)},
    )


def _own(entries: Collection[Mapping[str, Any]], to: str, at: datetime | None) -> str:
    days = sorted(each["day"] for each in entries)
    words = {"n": len(entries), "first": _day(days[0]), "last": _day(days[-1])}
    kinds = {each["kind"] for each in entries}
    if len(entries) == 1:
        return _told(
            to,
            at,
            _("Somebody who holds the key to an entry of %(first)s (%(kind)s) proved it to you %(when)s."),
            _("Somebody who holds the key to an entry of %(first)s (%(kind)s) made this proof of it for %(to)s."),
            words | {"kind": kind(kinds.pop())},
        )
    if days[0] == days[-1]:
        return _told(
            to,
            at,
            ngettext(
                "Somebody who holds the one key to %(n)d entry of %(first)s proved it to you %(when)s.",
                "Somebody who holds the one key to %(n)d entries of %(first)s proved it to you %(when)s.",
                len(entries),
            ),
            ngettext(
                "Somebody who holds the one key to %(n)d entry of %(first)s made this proof of it for %(to)s.",
                "Somebody who holds the one key to %(n)d entries of %(first)s made this proof of it for %(to)s.",
                len(entries),
            ),
            words,
        )
    return _told(
        to,
        at,
        ngettext(
            "Somebody who holds the one key to %(n)d entry, from %(first)s to %(last)s, proved it to you %(when)s.",
            "Somebody who holds the one key to %(n)d entries, from %(first)s to %(last)s, proved it to you %(when)s.",
            len(entries),
        ),
        ngettext(
            "Somebody who holds the one key to %(n)d entry, from %(first)s to %(last)s, made this proof of it for %(to)s.",
            "Somebody who holds the one key to %(n)d entries, from %(first)s to %(last)s, made this proof of it for %(to)s.",
            len(entries),
        ),
        words,
    )


def _told(to: str, at: datetime | None, fresh: str, kept: str, words: Mapping[str, Any]) -> str:
    return kept % {**words, "to": to} if at is None else fresh % {**words, "when": _when(at)}


def facts(shown: Mapping[str, str], *, app: str = "") -> list[tuple[str, str]]:
    """Return what was shown, named, in words, and in one order: a database keeps none."""
    return [(str(said), _value(name, shown[name], app)) for name, said in NAMES.items() if shown.get(name)]


def entries(says: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the entries that were shown, a line for each: its place in the log and its day, and what it is about."""
    shown = says.get("entries", ())
    lines = [
        (_("Entry %(index)d, %(day)s") % {"index": each["index"], "day": _day(each["day"])}, kind(each["kind"]))
        for each in shown[:MOST_ENTRIES]
    ]
    more = len(shown) - len(lines)
    return [*lines, (_("And more"), str(more))] if more else lines


def _value(name: str, value: str, app: str) -> str:
    if name in {"kind", "operation", "day", "valid_until"}:
        return {"kind": kind, "operation": operation, "day": _day, "valid_until": _moment}[name](value)
    if name == "purpose":
        return str(_PURPOSES[value]) if value in _PURPOSES else purpose_of(value)
    if name == "within_ttl":
        return {"yes": _("in time"), "no": _("too late")}.get(value, value)
    return str(_STATUS.get(value, value)) if name == "status" else app or value


def kind(code: str) -> str:
    """Return what an entry of a kind is about; the code where there are no words for it."""
    return str(KINDS.get(code, code))


def operation(code: str) -> str:
    """Return what an operation does, to somebody else than the person; the code where there are no words for it."""
    return str(OPERATIONS.get(code, code))


def proves(statement: str, *, fresh: bool) -> list[str]:
    """Return what it proves: `fresh` where whoever reads this asked the question, and it was answered once."""
    if statement == "own":
        return [
            _("that all these entries belong to one and the same key, and that whoever answered holds it;"),
            _("that these entries stand in the log, what kind they are, and on which day they were made."),
        ]
    if statement == "active":
        stood = _(
            "that the service found the consent standing when it was asked, at most five minutes before the time named;"
        )
        once = _("that the same wallet has not shown it to you before on the same day (UTC).")
        return [stood, once] if fresh else [stood]
    return [_("that the service attested an entry with these details to whoever answered.")]


def proves_not(statement: str, says: Mapping[str, Any]) -> list[str]:
    """Return what it does not prove."""
    common = [
        _("who it was;"),
        _("that the person answered themselves: whoever has their words can answer;"),
    ]
    held = _("that nobody else had the key: the service may once have held it;")
    if statement == "own":
        key = [] if says.get("key") == "wallet" else [held]
        return [*common, *key, _("what the entries say: that is sealed, and a proof is no consent.")]
    if statement == "active":
        return [
            *common,
            _("that the consent stands now: it may have been taken back since;"),
            _("that it is so: this is the service's word alone."),
        ]
    return [
        *common,
        held,
        _("that the entry stands in the log: that is the service's word, which the wallet checked for itself."),
    ]


def _day(said: str) -> str:
    try:
        return dateformat.format(date.fromisoformat(said), _("j F Y"))
    except ValueError:
        return said


def _moment(said: str) -> str:
    try:
        at = parse_datetime(said)
    except ValueError:
        return said
    return f"{dateformat.format(at.astimezone(UTC), _('j M Y, H:i'))} UTC" if at else said


def _when(at: datetime) -> str:
    """Say when, as whoever reads a fresh verdict would."""
    if at.astimezone(UTC).date() == timezone.now().astimezone(UTC).date():
        return _("today")
    return _("on %(day)s") % {"day": _day(at.astimezone(UTC).date().isoformat())}
