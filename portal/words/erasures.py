"""Where an erasure stands, step by step, and where each holder does."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.machine import State as Consent
from portal.words import moment
from portal.words.things import kind
from retention.decide_erasure import TAKEN_OVER
from retention.disclosure_basis import Basis
from retention.erasure_machine import UNDECIDED, State
from retention.grounds import Ground
from retention.models import Artifact, Custody, Disclosure, Erasure, Kept
from retention.queries import Holder, Recipient, unconfirmed

_ORDER = ("received", "here", "apps", "records", "certificate")


@dataclass(frozen=True)
class Step:
    """A step of an erasure."""

    title: str
    sentence: str
    stage: str
    """`done`, `now` or `later`."""


def scope(erasure: Erasure) -> str:
    """Say what an erasure takes."""
    if erasure.scope == Erasure.Scope.CONSENT and erasure.app:
        if not _taken_back(erasure):
            return _("What was made under a consent to %(app)s that has been ended") % {"app": erasure.app.name}
        return _("What was made under the consent you took back from %(app)s") % {"app": erasure.app.name}
    if erasure.app:
        return _("What %(app)s has of you") % {"app": erasure.app.name}
    return _("Everything in the log of %(tenant)s") % {"tenant": erasure.subject.tenant.name}


def _taken_back(erasure: Erasure) -> bool:
    """Say whether it was the person who ended the consents that it is about, or who acts for them."""
    return not erasure.grants.exclude(state=Consent.WITHDRAWN).exists()


def is_uncertified(erasure: Erasure) -> bool:
    """Say whether it is done and there will be no certificate: the keys of the records were gone before it could be made."""
    return erasure.state == State.COMPLETED and erasure.certificate_until is not None


def summary(erasure: Erasure) -> str:
    """Say in a word or two where an erasure stands."""
    late = erasure.escalated_at is not None
    waiting = _("Overdue: waiting for apps") if late else _("Waiting for apps to confirm")
    refused = _("Not erased") if erasure.refusal == "all_kept" else _("Not begun: nobody showed that it was you")
    taken_over = erasure.refusal == TAKEN_OVER
    words = {
        State.IDENTITY_PENDING: _("Waiting for you: show that it is you"),
        State.CANCELLED: _("Part of another erasure now") if taken_over else _("Taken back"),
        State.REFUSED: refused,
        State.CERTIFIED: _ended(erasure) if erasure.state == State.CERTIFIED else "",
        State.COMPLETED: _("Done; no certificate could be made")
        if is_uncertified(erasure)
        else _("Done; the certificate is being made"),
        State.AWAITING_ACKS: waiting,
        State.ESCALATED: waiting,
    }
    return words.get(State(erasure.state), _("Being destroyed"))


def _ended(erasure: Erasure) -> str:
    if unconfirmed(erasure):
        return _("Ended, with a certificate; not everybody confirmed")
    if erasure.kept.exclude(artifact=None).exists():
        return _("Done but for what the law keeps, with a certificate")
    return _("Done, with a certificate")


def steps(erasure: Erasure, holders: Collection[Holder], recipients: Collection[Recipient] = ()) -> list[Step]:
    """Tell an erasure from its request to its certificate."""
    order = [name for name in _ORDER if name != "records" or erasure.scope != Erasure.Scope.CONSENT]
    at = [*order, "end"].index(_doing(erasure))
    titles = {
        "received": _("Received"),
        "here": _("Destroyed here"),
        "apps": _("Confirmed by the apps"),
        "records": _("Your records made unreadable"),
        "certificate": _("Certificate signed"),
    }
    sentences = {
        "received": _received(erasure),
        "here": _here(erasure, holders),
        "apps": _apps(erasure, holders, recipients),
        "records": _records(erasure),
        "certificate": _certificate(erasure),
    }
    return [
        Step(titles[name], sentences[name], "done" if place < at else "now" if place == at else "later")
        for place, name in enumerate(order)
    ]


def _doing(erasure: Erasure) -> str:
    sealing = erasure.scope == Erasure.Scope.CONSENT or bool(erasure.keys_destroyed_at)
    words = {
        **dict.fromkeys((*UNDECIDED, State.REFUSED, State.CANCELLED), "received"),
        **dict.fromkeys((State.AWAITING_ACKS, State.ESCALATED), "apps"),
        State.VERIFYING: "certificate" if erasure.scope == Erasure.Scope.CONSENT else "records",
        State.COMPLETED: "certificate" if sealing else "records",
        State.CERTIFIED: "end",
    }
    return words.get(State(erasure.state), "here")


def _received(erasure: Erasure) -> str:
    said = _asked(erasure)
    if erasure.extended_at is None:
        return said
    return format_html(
        _("{said} It takes longer than planned, for this reason: {reason}"), said=said, reason=erasure.extension_reason
    )


def _asked(erasure: Erasure) -> str:
    at = moment(erasure.requested_at, exact=True)
    if erasure.identified_by == "withdrawal":
        sentence = (
            _("Taking your consent back opened it at {at}. By law it is due by {due}.")
            if _taken_back(erasure)
            else _("The end of your consent opened it at {at}. By law it is due by {due}.")
        )
        return format_html(sentence, at=at, due=moment(erasure.due_at))
    if erasure.asked_by == "service":
        sentence = _("What had been kept by law is not kept any more: so it began at {at}. By law it is due by {due}.")
        return format_html(sentence, at=at, due=moment(erasure.due_at))
    if erasure.asked_by == "subject":
        return format_html(_("You asked for it at {at}. By law it is due by {due}."), at=at, due=moment(erasure.due_at))
    if not erasure.asked_by.startswith("app:"):
        return format_html(
            _("Who acts for you asked for it at {at}. By law it is due by {due}."), at=at, due=moment(erasure.due_at)
        )
    return format_html(
        _("The app asked for it at {at}, on your behalf. By law it is due by {due}."), at=at, due=moment(erasure.due_at)
    )


def _here(erasure: Erasure, holders: Collection[Holder]) -> str:
    ours = [holder for holder in holders if holder.custody == Custody.VAULT]
    total, gone = sum(holder.total for holder in ours), sum(holder.gone for holder in ours)
    if erasure.state == State.FAILED:
        return _("Something was found that was still there. It is being destroyed once more.")
    if not total:
        return _("Nothing was kept here.")
    counted = ngettext(
        "%(gone)d of %(total)d thing kept here is gone: first its key, then its bytes.",
        "%(gone)d of %(total)d things kept here are gone: first their keys, then their bytes.",
        total,
    ) % {"gone": gone, "total": total}
    times = [holder.acknowledged_at for holder in ours if holder.acknowledged_at]
    if gone < total or not times:
        return counted
    return format_html(_("{counted} The last went at {at}."), counted=counted, at=moment(max(times), exact=True))


def _apps(erasure: Erasure, holders: Collection[Holder], recipients: Collection[Recipient]) -> str:
    theirs = [holder for holder in holders if holder.custody == Custody.APP]
    waiting = [holder for holder in theirs if holder.gone < holder.total]
    if not waiting:
        silent = sum(1 for each in recipients if each.answered < each.total)
        confirmed = _("Every app has confirmed.") if theirs else _("No app keeps anything itself.")
        return _silent(erasure, silent) if silent else confirmed
    if erasure.state in {State.COMPLETED, State.CERTIFIED}:
        return _("Not every app confirmed in time; the certificate says so.")
    counted = ngettext("Waiting for %(n)d app.", "Waiting for %(n)d apps.", len(waiting)) % {"n": len(waiting)}
    if erasure.escalated_at:
        return format_html(
            _(
                "{counted} Overdue since {at}, which is on record. On {due} it ends without them, and the certificate says so."
            ),
            counted=counted,
            at=moment(erasure.escalated_at),
            due=moment(erasure.due_at),
        )
    return format_html(_("{counted} They have until {at}."), counted=counted, at=moment(erasure.acks_due_at))


def _silent(erasure: Erasure, n: int) -> str:
    if erasure.state in {State.COMPLETED, State.CERTIFIED}:
        return _("Not everybody to whom something was passed on has answered; the certificate says so.")
    words = ngettext(
        "Waiting for %(n)d to whom something was passed on.", "Waiting for %(n)d to whom something was passed on.", n
    )
    return words % {"n": n}


def _records(erasure: Erasure) -> str:
    if erasure.keys_destroyed_at:
        at = moment(erasure.keys_destroyed_at, exact=True)
        return format_html(_("Their keys were destroyed at {at}. Nobody can read any more what was done."), at=at)
    return _("The log keeps its sealed lines; what they say can then be read by nobody, and not by us.")


def _certificate(erasure: Erasure) -> str:
    if erasure.certified_at:
        return format_html(_("Signed at {at}."), at=moment(erasure.certified_at, exact=True))
    return _("As soon as the public log has sealed the last entry: a file that proves all of this without us.")


@dataclass(frozen=True)
class Held:
    """What one holder had, and where it stands."""

    title: str
    counted: str
    lines: list[str]
    tone: str
    """`yes`: gone; `stopped`: overdue; nothing: under way."""


def held(holder: Holder, erasure: Erasure) -> Held:
    """Tell where a holder stands."""
    done = holder.gone == holder.total
    app = holder.app.name
    titles = {
        Custody.VAULT: _("Kept here for %(app)s"),
        Custody.APP: _("Kept by %(app)s"),
        Custody.NONE: _("Never stored by %(app)s"),
    }
    counted = ngettext("%(gone)d of %(total)d thing gone", "%(gone)d of %(total)d things gone", holder.total)
    return Held(
        title=titles[Custody(holder.custody)] % {"app": app},
        counted=counted % {"gone": holder.gone, "total": holder.total},
        lines=_theirs(holder, erasure) if holder.custody == Custody.APP else _ours(holder),
        tone="yes" if done else "stopped" if holder.overdue else "",
    )


def _ours(holder: Holder) -> list[str]:
    if not holder.acknowledged_at:
        return [_("Being destroyed now.")]
    return [_at(_("Gone since {at}."), holder.acknowledged_at)]


def _theirs(holder: Holder, erasure: Erasure) -> list[str]:
    if not holder.asked_at:
        return [_("About to be asked.")]
    lines = [_at(_("Asked at {at}."), holder.asked_at)]
    if holder.delivered_at:
        lines.append(_at(_("The app took the message at {at}."), holder.delivered_at))
    elif holder.delivery_failed:
        lines.append(_("The message could not be delivered. The app sees it when it asks."))
    elif holder.gone < holder.total:
        lines.append(_("Not delivered: without a hook, the app sees it when it asks."))
    if holder.acknowledged_at:
        lines.append(_at(_("Confirmed at {at}."), holder.acknowledged_at))
    elif holder.overdue:
        lines.append(_at(_("Overdue: it had until {at} to confirm."), erasure.acks_due_at))
    else:
        lines.append(_at(_("Not confirmed yet; it has until {at}."), erasure.acks_due_at))
    return lines


def _at(sentence: str, at: datetime) -> str:
    return format_html(sentence, at=moment(at, exact=True))


_GROUNDS = {
    Ground.EXPRESSION: gettext_lazy("freedom of expression and information (GDPR 17(3)(a))"),
    Ground.LEGAL_OBLIGATION: gettext_lazy("a duty by law or the demand of a court or an authority (GDPR 17(3)(b))"),
    Ground.PUBLIC_HEALTH: gettext_lazy("public health (GDPR 17(3)(c))"),
    Ground.ARCHIVING: gettext_lazy("archives, research or statistics in the public interest (GDPR 17(3)(d))"),
    Ground.LEGAL_CLAIMS: gettext_lazy("legal claims: to make them or to answer them (GDPR 17(3)(e))"),
}
_WHATS = {
    "consent_proof": gettext_lazy("The proof that you consented, and of this erasure"),
    "spoken_consent": gettext_lazy("The recording of a consent that you spoke"),
    "delegate_document": gettext_lazy("The document by which somebody acted for you"),
    "records": gettext_lazy("Your records of what was done, readable for you"),
}
_BASES = {
    Basis.CONSENT: gettext_lazy("with your consent"),
    Basis.TRANSACTION: gettext_lazy("for something that you asked for"),
    Basis.LAW: gettext_lazy("because a law demands it"),
    Basis.WARRANT: gettext_lazy("because a court ordered it"),
}


@dataclass(frozen=True)
class Keeping:
    """Something that is not erased, and why."""

    what: str
    why: str


def kept(erasure: Erasure) -> list[Keeping]:
    """Tell what is not erased, thing by thing, and why; what the law keeps of the voice comes first."""
    rows = erasure.kept.select_related("artifact__app").order_by("-artifact", "what")
    return [
        Keeping(_kept_thing(row), _("Not deleted, because of %(ground)s") % {"ground": ground(row.ground)})
        for row in rows
    ]


def _kept_thing(row: Kept) -> str:
    if row.artifact is None:
        return str(_WHATS.get(row.what, row.what))
    return _("%(kind)s, made by %(app)s") % {"kind": kind(row.artifact.kind), "app": row.artifact.app.name}


def ground(code: str) -> str:
    """Name an exception of the law."""
    return str(_GROUNDS.get(Ground(code), code))


def received_by(recipient: Recipient) -> Held:
    """Tell where a recipient stands."""
    counted = ngettext("%(gone)d of %(total)d thing gone", "%(gone)d of %(total)d things gone", recipient.total)
    lines = [_at(_("Asked at {at}."), recipient.asked_at)] if recipient.asked_at else [_("About to be asked.")]
    if recipient.refused:
        lines.append(_("It has refused, and the certificate says so."))
    elif recipient.overdue:
        lines.append(_("It did not answer in time, which is on record."))
    elif recipient.answered_at:
        lines.append(_at(_("Confirmed at {at}."), recipient.answered_at))
    else:
        lines.append(_("Not confirmed yet."))
    done = recipient.gone == recipient.total
    return Held(
        title=_("Passed on to %(name)s") % {"name": recipient.name},
        counted=counted % {"gone": recipient.gone, "total": recipient.total},
        lines=lines,
        tone="yes" if done else "stopped" if recipient.overdue or recipient.refused else "",
    )


def received(row: Disclosure) -> Held:
    """Tell that a thing was passed on: to whom, on what basis, and where it stands there."""
    words = {"kind": kind(row.artifact.kind), "app": row.processor.app.name}
    has_it = row.state == Disclosure.State.QUEUED and row.artifact.state in Artifact.LIVING
    return Held(
        title=row.processor.name,
        counted=_("may still have it") if has_it else str(Disclosure.State(row.state).label),
        lines=[
            _("%(kind)s, passed on by %(app)s") % words,
            _at(_("On {at}."), row.disclosed_at),
            str(_BASES.get(Basis(row.basis), row.basis)),
        ],
        tone="yes" if row.state in {Disclosure.State.DONE, Disclosure.State.NOT_FOUND} else "",
    )
