"""Where an erasure stands, step by step, and where each holder does."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.words import moment
from retention.erasure_machine import State
from retention.models import Custody, Erasure
from retention.queries import Holder

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
    if erasure.app:
        return _("What %(app)s has of you") % {"app": erasure.app.name}
    return _("Everything in the log of %(tenant)s") % {"tenant": erasure.subject.tenant.name}


def summary(erasure: Erasure) -> str:
    """Say in a word or two where an erasure stands."""
    if erasure.state == State.CERTIFIED:
        return _("Done, with a certificate")
    if erasure.state == State.COMPLETED:
        return _("Done; the certificate is being made")
    if erasure.state in {State.AWAITING_ACKS, State.ESCALATED}:
        return _("Overdue: waiting for apps") if erasure.escalated_at else _("Waiting for apps to confirm")
    return _("Being destroyed")


def steps(erasure: Erasure, holders: Collection[Holder]) -> list[Step]:
    """Tell an erasure from its request to its certificate."""
    at = (*_ORDER, "end").index(_doing(erasure))
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
        "apps": _apps(erasure, holders),
        "records": _records(erasure),
        "certificate": _certificate(erasure),
    }
    return [
        Step(titles[name], sentences[name], "done" if place < at else "now" if place == at else "later")
        for place, name in enumerate(_ORDER)
    ]


def _doing(erasure: Erasure) -> str:
    if erasure.state in {State.AWAITING_ACKS, State.ESCALATED}:
        return "apps"
    if erasure.state == State.VERIFYING or (erasure.state == State.COMPLETED and not erasure.keys_destroyed_at):
        return "records"
    if erasure.state == State.COMPLETED:
        return "certificate"
    return "end" if erasure.state == State.CERTIFIED else "here"


def _received(erasure: Erasure) -> str:
    at = moment(erasure.requested_at, exact=True)
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


def _apps(erasure: Erasure, holders: Collection[Holder]) -> str:
    theirs = [holder for holder in holders if holder.custody == Custody.APP]
    waiting = [holder for holder in theirs if holder.gone < holder.total]
    if not theirs:
        return _("No app keeps anything itself.")
    if not waiting:
        return _("Every app has confirmed.")
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
