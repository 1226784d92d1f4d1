"""Entries in plain words, for the person they are about."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.queries import Record
from portal.words import listed, moment, operations, purpose, seconds
from portal.words.things import kind, marks
from retention.models import Custody, Kind

_REFUSALS = {
    "app_suspended": gettext_lazy("the app is suspended"),
    "session_ended": gettext_lazy("its session had ended"),
    "operation_spent": gettext_lazy("what you allowed once had been done"),
    "operation_not_covered": gettext_lazy("you had not allowed this"),
    "uses_exhausted": gettext_lazy("you had allowed one use, and it was over"),
    "term_over": gettext_lazy("the time you allowed was over"),
    "consent_withdrawn": gettext_lazy("your consent had been taken back"),
    "consent_paused": gettext_lazy("you had paused it"),
    "consent_stale": gettext_lazy("you had to confirm it again"),
    "consent_revoked": gettext_lazy("your consent had been revoked"),
    "consent_invalidated": gettext_lazy("your consent was found invalid"),
}
_CLOSINGS = {
    "closed_by_app": gettext_lazy("the app closed it"),
    "time_over": gettext_lazy("its time was over"),
    "consent_withdrawn": gettext_lazy("your consent was taken back"),
    "consent_expired": gettext_lazy("the time you allowed was over"),
    "consent_stale": gettext_lazy("your consent has to be confirmed again"),
}
_MADE = {
    Kind.UPLOAD: gettext_lazy("%(app)s recorded your voice"),
    Kind.EMBEDDING: gettext_lazy("%(app)s computed a voiceprint of you"),
    Kind.SYNTHESIS: gettext_lazy("%(app)s made speech in your voice"),
}
_THINGS = {
    Kind.UPLOAD: gettext_lazy("A recording made by %(app)s"),
    Kind.EMBEDDING: gettext_lazy("A voiceprint made by %(app)s"),
    Kind.SYNTHESIS: gettext_lazy("Speech in your voice, made by %(app)s,"),
}


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


def _withdrawn(payload: dict[str, Any], words: dict[str, str]) -> Told:
    if payload.get("reason") == "withdrawn_with_erasure":
        return Told(_("%(app)s had your data erased, which ended your consent: %(purpose)s") % words, "stopped")
    return Told(_("You stopped %(app)s: %(purpose)s") % words, "stopped")


def _lapsed(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("Your consent for %(app)s ran out: %(purpose)s") % words)


def _stale(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    sentence = _("Your consent for %(app)s rests until you confirm it again: %(purpose)s")
    return Told(sentence % words, "stopped", [_("Records were restored from a backup, and something may be missing.")])


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
    made = _MADE.get(payload["artifact_kind"], _("%(app)s recorded something of you"))
    return Told(str(made) % words, "use", [line for line in _facts(payload) if line])


def _late(payload: dict[str, Any], words: dict[str, str]) -> Told:
    told = _recorded(payload, words)
    return Told(_("Reported too late: %(what)s") % {"what": told.sentence}, "stopped", told.details)


def _unpermitted(payload: dict[str, Any], words: dict[str, str]) -> Told:
    told = _recorded(payload, words)
    reason = str(_REFUSALS.get(payload.get("reason", ""), payload.get("reason", "")))
    return Told(
        _("Without permission: %(what)s") % {"what": told.sentence},
        "stopped",
        [_("Why: %(reason)s") % {"reason": reason}, _("It has to be destroyed at once."), *told.details[:-1]],
    )


def _facts(payload: dict[str, Any]) -> list[str]:
    """Return what is known of a thing that was made; until when it may be kept comes last."""
    rate, mark, custody = payload.get("sample_rate"), payload.get("mark") or {}, payload.get("custody", Custody.VAULT)
    length = ""
    if "duration_ms" in payload:
        length = _("%(seconds)s seconds") % {"seconds": seconds(payload["duration_ms"])}
    if length and rate:
        rate = number_format(rate / 1000, 1 if rate % 1000 else 0)
        length = _("%(seconds)s seconds at %(rate)s kHz") % {"seconds": seconds(payload["duration_ms"]), "rate": rate}
    derived = len(payload.get("derived_from", []))
    until = {
        Custody.APP: _("kept by the app, to be destroyed by {at}"),
        Custody.NONE: _("never stored, gone by {at}"),
    }
    return [
        length,
        ngettext("made from %(n)d earlier thing", "made from %(n)d earlier things", derived) % {"n": derived}
        if derived
        else "",
        marks(mark.get("kind", ""), mark.get("audible_label", "")),
        _until(until.get(custody, _("to be destroyed by {at}")), payload, "expires_at", exact=True),
    ]


def _thing(payload: dict[str, Any], words: dict[str, str]) -> dict[str, str]:
    named = _THINGS.get(payload["artifact_kind"], _("Something made by %(app)s"))
    return {**words, "thing": str(named) % words, "kind": kind(payload["artifact_kind"])}


def _key_destroyed(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("%(thing)s became unreadable: its key was destroyed") % _thing(payload, words))


def _erased(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("%(thing)s was deleted") % _thing(payload, words))


def _over(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("%(thing)s is over with its session: it was never stored") % _thing(payload, words))


def _discarded(payload: dict[str, Any], words: dict[str, str]) -> Told:
    others = len(payload.get("going", [])) - 1
    return Told(
        _("%(thing)s is to go before its time") % _thing(payload, words),
        "stopped",
        [ngettext("with %(n)d thing made from it", "with %(n)d things made from it", others) % {"n": others}]
        if others > 0
        else [],
    )


def _app_asked(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("%(app)s was asked to destroy what it keeps: %(kind)s") % _thing(payload, words),
        details=[_until(_("it has until {at} to confirm"), payload, "deadline")],
    )


def _app_confirmed(payload: dict[str, Any], words: dict[str, str]) -> Told:
    if payload.get("outcome") == "not_found":
        sentence = _("%(app)s confirmed that it no longer has this: %(kind)s")
    else:
        sentence = _("%(app)s confirmed that it has destroyed this: %(kind)s")
    signed = _("the confirmation is signed") if payload.get("signed") else _("the confirmation is not signed")
    return Told(
        sentence % _thing(payload, words),
        "yes",
        [_until(_("gone since {at}, says the app"), payload, "deleted_at", exact=True), signed],
    )


def _erasure_requested(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    n = len(payload.get("apps", []))
    return Told(
        ngettext(
            "The erasure of what %(n)d app has of you was requested",
            "The erasure of what %(n)d apps have of you was requested",
            n,
        )
        % {"n": n},
        "stopped",
        [_until(_("to be done by {at}"), payload, "due_at")],
    )


def _erasure_escalated(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    n = payload.get("unacknowledged", 0)
    return Told(
        ngettext(
            "An erasure is overdue: %(n)d thing is not confirmed by its app",
            "An erasure is overdue: %(n)d things are not confirmed by their apps",
            n,
        )
        % {"n": n},
        "stopped",
    )


def _erasure_completed(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    n = len(payload.get("artifacts", []))
    return Told(
        ngettext("An erasure is complete: %(n)d thing", "An erasure is complete: %(n)d things", n) % {"n": n}, "yes"
    )


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
    "consent.stale": _stale,
    "session.opened": _opened,
    "session.closed": _closed,
    "use.refused": _use_refused,
    "artifact.recorded": _recorded,
    "use.late": _late,
    "use.unpermitted": _unpermitted,
    "artifact.key_destroyed": _key_destroyed,
    "artifact.erased": _erased,
    "artifact.lapsed": _over,
    "artifact.discarded": _discarded,
    "artifact.erase_requested": _app_asked,
    "artifact.erase_acknowledged": _app_confirmed,
    "erasure.requested": _erasure_requested,
    "erasure.escalated": _erasure_escalated,
    "erasure.completed": _erasure_completed,
    "access.viewed": _viewed,
}
