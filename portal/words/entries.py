"""Entries in plain words, for the person they are about."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.queries import Record
from portal.words import listed, medium, moment, operations, purpose, reason, seconds
from portal.words.people import acted
from portal.words.things import kind, marks
from retention.models import Custody, Kind

_REFUSALS = {
    "app_suspended": gettext_lazy("the app is suspended"),
    "app_unapproved": gettext_lazy("the app is not approved yet"),
    "session_ended": gettext_lazy("its session had ended"),
    "operation_spent": gettext_lazy("what you allowed once had been done"),
    "operation_not_covered": gettext_lazy("you had not allowed this"),
    "scope_not_covered": gettext_lazy("you had not allowed it with this kind of recording or picture"),
    "combination_not_allowed": gettext_lazy("you had not allowed these two to be joined"),
    "purpose_exceeded": gettext_lazy("it was recorded for less than this"),
    "source_unpermitted": gettext_lazy("it would be made from something that was made without your permission"),
    "source_restricted": gettext_lazy("it would be made from something that may not be used"),
    "restricted": gettext_lazy("it may not be used"),
    "uses_exhausted": gettext_lazy("you had allowed one use, and it was over"),
    "term_over": gettext_lazy("the time you allowed was over"),
    "consent_withdrawn": gettext_lazy("your consent had been taken back"),
    "consent_paused": gettext_lazy("you had paused it"),
    "consent_stale": gettext_lazy("you had to confirm it again"),
    "place_forbids": gettext_lazy("the law where you live forbids it"),
    "consent_revoked": gettext_lazy("your consent had been revoked"),
    "consent_invalidated": gettext_lazy("your consent was found invalid"),
}
_CLOSINGS = {
    "closed_by_app": gettext_lazy("the app closed it"),
    "time_over": gettext_lazy("its time was over"),
    "consent_withdrawn": gettext_lazy("your consent was taken back"),
    "consent_expired": gettext_lazy("the time you allowed was over"),
    "consent_stale": gettext_lazy("your consent has to be confirmed again"),
    "consent_paused": gettext_lazy("your consent was paused"),
    "consent_exhausted": gettext_lazy("the one use you allowed is over"),
    "consent_revoked": gettext_lazy("your consent was revoked"),
    "consent_invalidated": gettext_lazy("your consent was found invalid"),
    "app_suspended": gettext_lazy("the app was suspended"),
}
_RESTS = {
    "records_restored": gettext_lazy("Records were restored from a backup, and something may be missing."),
    "notice_changed": gettext_lazy("The app has changed what it says in something that matters."),
    "majority": gettext_lazy("You are grown up, and your guardian had allowed it."),
    "residence": gettext_lazy("The law where you live forbids what it would do with your voiceprint."),
}
_MADE: dict[tuple[str, str], Promise] = {
    (Kind.UPLOAD, "voice"): gettext_lazy("%(app)s recorded your voice"),
    (Kind.UPLOAD, "portrait"): gettext_lazy("%(app)s received a picture of you"),
    (Kind.EMBEDDING, "voice"): gettext_lazy("%(app)s computed a voiceprint of you"),
    (Kind.EMBEDDING, "portrait"): gettext_lazy("%(app)s computed a faceprint of you"),
    (Kind.EMBEDDING, "both"): gettext_lazy("%(app)s computed a voiceprint and a faceprint of you"),
    (Kind.SYNTHESIS, "voice"): gettext_lazy("%(app)s made speech in your voice"),
    (Kind.SYNTHESIS, "portrait"): gettext_lazy("%(app)s made a picture of you by machine"),
    (Kind.SYNTHESIS, "both"): gettext_lazy("%(app)s made a picture of you speak in your voice"),
    (Kind.MODEL, "voice"): gettext_lazy("%(app)s made a model of your voice"),
    (Kind.MODEL, "portrait"): gettext_lazy("%(app)s made a model of your face"),
    (Kind.MODEL, "both"): gettext_lazy("%(app)s made a model of your voice and face"),
    (Kind.FEATURES, "voice"): gettext_lazy("%(app)s received features of your speech"),
    (Kind.TRANSCRIPT, "voice"): gettext_lazy("%(app)s wrote down what you said"),
}
_THINGS = {
    Kind.UPLOAD: gettext_lazy("A recording or picture that %(app)s received"),
    Kind.EMBEDDING: gettext_lazy("A voiceprint made by %(app)s"),
    Kind.SYNTHESIS: gettext_lazy("Speech in your voice, made by %(app)s,"),
    Kind.MODEL: gettext_lazy("A model of your voice, made by %(app)s,"),
    Kind.FEATURES: gettext_lazy("Features of your speech, received by %(app)s,"),
    Kind.TRANSCRIPT: gettext_lazy("A transcript of your words, made by %(app)s,"),
}

_RELATIONSHIPS = {
    "guardian": gettext_lazy("as guardian"),
    "attorney": gettext_lazy("by power of attorney"),
    "estate": gettext_lazy("for the estate"),
}
_DELEGATION_ENDS = {
    "by_subject": gettext_lazy("you ended it"),
    "by_delegate": gettext_lazy("who acted ended it"),
    "by_officer": gettext_lazy("an officer ended it"),
    "majority": gettext_lazy("you are of age"),
    "death": gettext_lazy("a power of attorney ends with a death"),
}
_FIELDS = {
    "email": gettext_lazy("your e-mail address"),
    "born_on": gettext_lazy("your date of birth"),
    "residence": gettext_lazy("where you live"),
    "subjects": gettext_lazy("under which ids the logs know you"),
    "user": gettext_lazy("which account you have"),
    "principal": gettext_lazy("your e-mail address"),
    "delegate": gettext_lazy("the e-mail address of who wants to act for you"),
    "document": gettext_lazy("the document by which somebody wants to act for you"),
}
_LOOKS = {
    "person_asked": gettext_lazy("you asked us"),
    "authority": gettext_lazy("a court or an authority asked"),
    "incident": gettext_lazy("a breach or a misuse was looked into"),
    "delegation": gettext_lazy("to decide who may act for you"),
    "defect": gettext_lazy("to mend a defect of the service"),
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
        "who": acted(record.actor),
    }
    teller = _TELLERS.get(record.kind)
    return teller(payload, words) if teller else Told(record.kind)


def _operations(payload: dict[str, Any]) -> str:
    return listed(operations(payload["operations"], payload.get("scope", ["voice"])))


def _requested(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("%(app)s asked you to allow %(purpose)s") % words,
        details=[_("It wants to: %(operations)s") % {"operations": _operations(payload)}],
    )


def _given(payload: dict[str, Any], words: dict[str, str]) -> Told:
    if payload["choice"] == "once":
        yours, theirs = _("You allowed %(app)s once: %(purpose)s"), _("%(who)s allowed %(app)s once: %(purpose)s")
    else:
        yours, theirs = _("You allowed %(app)s: %(purpose)s"), _("%(who)s allowed %(app)s: %(purpose)s")
    return Told(
        _by(words, yours, theirs),
        "yes",
        [
            _("It may: %(operations)s") % {"operations": _operations(payload)},
            _until(_("until {at}"), payload, "valid_until"),
        ],
    )


def _by(words: dict[str, str], yours: str, theirs: str) -> str:
    """Say who did it: the reader, or somebody for them."""
    return (theirs if words["who"] else yours) % words


def _refused(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    yours, theirs = _("You did not allow %(app)s: %(purpose)s"), _("%(who)s did not allow %(app)s: %(purpose)s")
    return Told(_by(words, yours, theirs), "stopped")


def _deferred(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("The answer to %(app)s was put off: %(purpose)s") % words)


def _withdrawn(payload: dict[str, Any], words: dict[str, str]) -> Told:
    if payload.get("reason") == "withdrawn_with_erasure":
        return Told(_("%(app)s had your data erased, which ended your consent: %(purpose)s") % words, "stopped")
    return Told(_by(words, _("You stopped %(app)s: %(purpose)s"), _("%(who)s stopped %(app)s: %(purpose)s")), "stopped")


def _paused(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_by(words, _("You paused %(app)s: %(purpose)s"), _("%(who)s paused %(app)s: %(purpose)s")), "stopped")


def _resumed(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    yours, theirs = _("You allowed %(app)s again: %(purpose)s"), _("%(who)s allowed %(app)s again: %(purpose)s")
    return Told(_by(words, yours, theirs), "yes")


def _renewed(payload: dict[str, Any], words: dict[str, str]) -> Told:
    yours = _("You confirmed your consent for %(app)s: %(purpose)s")
    theirs = _("%(who)s confirmed your consent for %(app)s: %(purpose)s")
    version = payload.get("notice", {}).get("version")
    read = [_("under version %(n)s of what it says") % {"n": version}] if version else []
    return Told(_by(words, yours, theirs), "yes", read)


def _revoked(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("Your consent for %(app)s was revoked: %(purpose)s") % words,
        "stopped",
        [_("Why: %(reason)s") % {"reason": reason(payload.get("reason", ""))}],
    )


def _invalidated(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("Your consent for %(app)s was found invalid: %(purpose)s") % words,
        "stopped",
        [_("Why: %(reason)s") % {"reason": reason(payload.get("reason", ""))}],
    )


def _lapsed(payload: dict[str, Any], words: dict[str, str]) -> Told:
    if payload.get("reason") == "not_confirmed":
        return Told(_("Your consent for %(app)s ended, because it was not confirmed in time: %(purpose)s") % words)
    return Told(_("Your consent for %(app)s ran out: %(purpose)s") % words)


def _stale(payload: dict[str, Any], words: dict[str, str]) -> Told:
    sentence = _("Your consent for %(app)s rests until you confirm it again: %(purpose)s")
    why = _RESTS.get(payload.get("reason", ""))
    return Told(sentence % words, "stopped", [str(why)] if why else [])


def _exhausted(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("The one use you allowed %(app)s is over: %(purpose)s") % words)


def _opened(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("%(app)s began to use your voice") % words,
        "use",
        [
            _("It may: %(operations)s") % {"operations": _operations(payload)},
            _until(_("at the latest until {at}"), payload, "expires_at"),
        ],
    )


def _closed(payload: dict[str, Any], words: dict[str, str]) -> Told:
    why = str(_CLOSINGS.get(payload["reason"], payload["reason"]))
    return Told(_("%(app)s no longer uses your voice") % words, details=[_("Why: %(reason)s") % {"reason": why}])


def _use_refused(payload: dict[str, Any], words: dict[str, str]) -> Told:
    why = str(_REFUSALS.get(payload["reason"], payload["reason"]))
    return Told(
        _("%(app)s tried to use your voice and was refused") % words,
        "stopped",
        [_("Why: %(reason)s") % {"reason": why}],
    )


def _recorded(payload: dict[str, Any], words: dict[str, str]) -> Told:
    what = (payload["artifact_kind"], medium(payload.get("media", ["voice"])))
    made = _MADE.get(what, _("%(app)s recorded something of you"))
    return Told(str(made) % words, "use", [line for line in _facts(payload) if line])


def _late(payload: dict[str, Any], words: dict[str, str]) -> Told:
    told = _recorded(payload, words)
    return Told(_("Reported too late: %(what)s") % {"what": told.sentence}, "stopped", told.details)


def _unpermitted(payload: dict[str, Any], words: dict[str, str]) -> Told:
    told = _recorded(payload, words)
    why = str(_REFUSALS.get(payload.get("reason", ""), payload.get("reason", "")))
    return Told(
        _("Without permission: %(what)s") % {"what": told.sentence},
        "stopped",
        [_("Why: %(reason)s") % {"reason": why}, _("It has to be destroyed at once."), *told.details[:-1]],
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


_WHY_RESTRICTED = {
    "objection": gettext_lazy("you object to its use"),
    "accuracy": gettext_lazy("you say that it is wrong"),
    "claim": gettext_lazy("you need it for a claim"),
}


def _restricted(payload: dict[str, Any], words: dict[str, str]) -> Told:
    why = str(_WHY_RESTRICTED.get(payload["reason"], payload["reason"]))
    return Told(_("%(thing)s was restricted: nobody may use it") % _thing(payload, words), "stopped", [why])


def _unrestricted(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_("%(thing)s may be used again") % _thing(payload, words), "use")


def _kept_by_hold(payload: dict[str, Any], words: dict[str, str]) -> Told:
    sentence = _("%(thing)s should have gone, and a legal hold keeps it: nobody may use it")
    return Told(sentence % _thing(payload, words), "stopped")


def _hold_placed(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(_("A legal hold was placed on what was made of your voice"), "stopped", [_ground(payload)])


def _hold_released(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(_("A legal hold on what was made of your voice has ended"), details=[_ground(payload)])


def _ground(payload: dict[str, Any]) -> str:
    return str(_GROUNDS.get(payload["ground"], payload["ground"]))


_GROUNDS = {
    "warrant": gettext_lazy("It rests on a warrant."),
    "subpoena": gettext_lazy("It rests on a subpoena."),
    "litigation": gettext_lazy("It is for a legal claim."),
    "regulator": gettext_lazy("An authority asked for it."),
}


def _processed(payload: dict[str, Any], words: dict[str, str]) -> Told:
    if "purpose_met_at" in payload:
        sentence = _("%(app)s reported that the purpose of this was met: %(kind)s")
    else:
        sentence = _("%(app)s reported that it has processed this: %(kind)s")
    return Told(sentence % _thing(payload, words), details=[_until(_("kept until {at}"), payload, "expires_at")])


def _discarded(payload: dict[str, Any], words: dict[str, str]) -> Told:
    others = len(payload.get("going", [])) - 1
    return Told(
        _("%(thing)s is to go before its time") % _thing(payload, words),
        "stopped",
        [ngettext("with %(n)d thing made from it", "with %(n)d things made from it", others) % {"n": others}]
        if others > 0
        else [],
    )


def _hastened(payload: dict[str, Any], words: dict[str, str]) -> Told:
    sentence = _("%(thing)s goes before its time: something is wrong with the machine it was made on")
    return Told(sentence % _thing(payload, words), "stopped")


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


def _erasure_identified(_payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(_("It was shown that an erasure was asked for by you"))


def _erasure_decided(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    held = sum(1 for each in payload.get("kept", []) if each.get("artifact"))
    details = []
    if held:
        said = ngettext("%(n)d thing is kept by law", "%(n)d things are kept by law", held)
        details.append(said % {"n": held})
    if payload.get("outcome") == "refused":
        return Told(_("An erasure was refused"), "stopped", details)
    return Told(_("An erasure was decided on"), details=details)


def _erasure_extended(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(
        _("An erasure takes longer than planned"),
        "stopped",
        [
            _("Why: %(reason)s") % {"reason": payload.get("reason", "")},
            _until(_("to be done by {at}"), payload, "due_at"),
        ],
    )


def _erasure_cancelled(payload: dict[str, Any], words: dict[str, str]) -> Told:
    if "taken_over_by" in payload:
        return Told(_("An erasure that waited for you is part of another one now"))
    return Told(_by(words, _("You took an erasure back"), _("%(who)s took an erasure back")))


def _erasure_reminded(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    n = len(payload.get("apps", []))
    return Told(
        ngettext("%(n)d app was reminded to confirm an erasure", "%(n)d apps were reminded to confirm an erasure", n)
        % {"n": n}
    )


_ON = {
    "consent": gettext_lazy("with your consent"),
    "transaction": gettext_lazy("for something that you asked for"),
    "law": gettext_lazy("because a law demands it"),
    "warrant": gettext_lazy("because a court ordered it"),
}


def _disclosed(payload: dict[str, Any], words: dict[str, str]) -> Told:
    said = {**_thing(payload, words), "name": payload.get("name", "")}
    return Told(
        _("%(app)s passed this on to %(name)s: %(kind)s") % said,
        "use",
        [str(_ON.get(payload.get("basis", ""), payload.get("basis", "")))],
    )


def _recipient_asked(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("To whom %(app)s had passed this on was asked to erase it: %(kind)s") % _thing(payload, words),
        details=[_until(_("it has until {at} to confirm"), payload, "deadline")],
    )


def _recipient_answered(payload: dict[str, Any], words: dict[str, str]) -> Told:
    said = _thing(payload, words)
    match payload.get("outcome"):
        case "refused":
            return Told(_("To whom %(app)s had passed this on refused to erase it: %(kind)s") % said, "stopped")
        case "not_found":
            return Told(
                _("To whom %(app)s had passed this on confirmed that it has nothing of it: %(kind)s") % said, "yes"
            )
    return Told(_("To whom %(app)s had passed this on confirmed that it is erased: %(kind)s") % said, "yes")


def _recipient_late(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("To whom %(app)s had passed this on did not answer in time: %(kind)s") % _thing(payload, words), "stopped"
    )


def _viewed(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    if "fields" not in payload:
        return Told(_("A compliance officer looked at a record about you"))
    seen = [str(_FIELDS.get(name, name)) for name in payload["fields"]]
    why = payload.get("why", {})
    return Told(
        _("A compliance officer looked at: %(fields)s") % {"fields": listed(seen)},
        details=[
            _("What for: %(reason)s") % {"reason": str(_LOOKS.get(why.get("reason", ""), why.get("reason", "")))},
            _("In the officer's words: %(words)s") % {"words": why.get("words", "")},
        ],
    )


def _exported(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(_by(words, _("You asked for a file with your data"), _("%(who)s asked for a file with your data")))


def _downloaded(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    yours, theirs = _("You loaded the file with your data"), _("%(who)s loaded the file with your data")
    return Told(_by(words, yours, theirs))


def _export_refused(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    again = [_until(_("It can be asked for again from {at} on."), payload, "again_at")]
    return Told(_("A file with your data was not begun: it was asked for too often that day"), details=again)


def _export_extended(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(
        _("The file with your data takes longer"),
        details=[
            _("Why: %(why)s") % {"why": payload.get("why", "")},
            _until(_("At the latest: {at}"), payload, "due_at"),
        ],
    )


def _locker_made(_payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(_("You locked with a passphrase what is taken of you from now on"))


def _locker_opened(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(_("You opened what is locked"), details=[_until(_("until {at}"), payload, "until")])


def _locker_closed(_payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(_("You locked it again"))


def _locker_switched(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    if payload.get("on"):
        return Told(_("You lock again what is taken of you from now on"))
    return Told(_("You lock no more what is taken of you from now on"))


def _locker_changed(_payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(_("You changed your passphrase"))


def _claimed(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    if "replaces" in payload:
        return Told(
            _("A new wallet of yours took the place of another"),
            "yes",
            [
                _(
                    "From here on entries bear a mark that the new one finds. What bears the earlier mark only the earlier words can prove."
                )
            ],
        )
    return Told(
        _("Your wallet took over"),
        "yes",
        [
            _(
                "From here on entries bear a mark that your wallet finds, and only you can prove them. The earlier key was handed to you."
            )
        ],
    )


def _label_waived(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("%(app)s gave somebody speech in your voice without the spoken label that says that AI made it") % words,
        "use",
        [
            _("They asked for it, and agreed to label it themselves. The file still says what it is."),
            _("The app's references: %(request)s, %(agreement)s")
            % {"request": payload["request"], "agreement": payload["agreement"]},
        ],
    )


def _label_change_refused(_payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("%(app)s tried to change what marks speech in your voice as made by AI") % words,
        "stopped",
        [_("That is not possible here. Nothing was changed.")],
    )


def _spoken(payload: dict[str, Any], words: dict[str, str]) -> Told:
    return Told(
        _("You said your consent for %(app)s aloud: %(purpose)s") % words,
        "yes",
        [
            _("Your words: %(phrase)s") % {"phrase": payload["phrase"]},
            _("The recording is kept as evidence, and no app can read it."),
        ],
    )


def _delegation_requested(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    if payload.get("reason") == "records_restored":
        return Told(_("An officer decides again who may act for you: the records were brought back from a copy"))
    sentence = _("Somebody asked to act for you: %(relationship)s")
    return Told(sentence % _acts(payload), details=[_("An officer looks at the document.")])


def _delegation_approved(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    until = [_until(_("until {at}"), payload, "valid_until")] if payload.get("valid_until") else []
    return Told(_("Somebody may act for you: %(relationship)s") % _acts(payload), details=until)


def _delegation_refused(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    return Told(_("An officer did not let somebody act for you: %(relationship)s") % _acts(payload), "stopped")


def _delegation_ended(payload: dict[str, Any], _words: dict[str, str]) -> Told:
    why = str(_DELEGATION_ENDS.get(payload.get("reason", ""), payload.get("reason", "")))
    return Told(
        _("Somebody acts for you no more: %(relationship)s") % _acts(payload),
        details=[_("Why: %(reason)s") % {"reason": why}],
    )


def _acts(payload: dict[str, Any]) -> dict[str, str]:
    code = payload.get("relationship", "")
    return {"relationship": str(_RELATIONSHIPS.get(code, code))}


def _until(sentence: str, payload: dict[str, Any], key: str, *, exact: bool = False) -> str:
    at = parse_datetime(payload[key])
    return format_html(sentence, at=moment(at, exact=exact)) if at else ""


_TELLERS: dict[str, Callable[[dict[str, Any], dict[str, str]], Told]] = {
    "consent.requested": _requested,
    "consent.given": _given,
    "consent.refused": _refused,
    "consent.deferred": _deferred,
    "consent.paused": _paused,
    "consent.resumed": _resumed,
    "consent.renewed": _renewed,
    "consent.revoked": _revoked,
    "consent.invalidated": _invalidated,
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
    "artifact.hastened": _hastened,
    "artifact.processed": _processed,
    "artifact.restricted": _restricted,
    "artifact.unrestricted": _unrestricted,
    "artifact.held": _kept_by_hold,
    "hold.placed": _hold_placed,
    "hold.released": _hold_released,
    "artifact.erase_requested": _app_asked,
    "artifact.erase_acknowledged": _app_confirmed,
    "erasure.requested": _erasure_requested,
    "erasure.escalated": _erasure_escalated,
    "erasure.completed": _erasure_completed,
    "erasure.identified": _erasure_identified,
    "erasure.decided": _erasure_decided,
    "erasure.extended": _erasure_extended,
    "erasure.cancelled": _erasure_cancelled,
    "erasure.reminded": _erasure_reminded,
    "disclosure.made": _disclosed,
    "disclosure.erase_requested": _recipient_asked,
    "disclosure.attested": _recipient_answered,
    "disclosure.overdue": _recipient_late,
    "access.viewed": _viewed,
    "access.exported": _exported,
    "access.downloaded": _downloaded,
    "access.refused": _export_refused,
    "access.extended": _export_extended,
    "locker.made": _locker_made,
    "locker.opened": _locker_opened,
    "locker.closed": _locker_closed,
    "locker.switched": _locker_switched,
    "locker.changed": _locker_changed,
    "subject.claimed": _claimed,
    "consent.spoken": _spoken,
    "label.waived": _label_waived,
    "label.change_refused": _label_change_refused,
    "delegation.requested": _delegation_requested,
    "delegation.approved": _delegation_approved,
    "delegation.refused": _delegation_refused,
    "delegation.ended": _delegation_ended,
}
