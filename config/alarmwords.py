"""What each alarm about a log means, and what to do about it, in words for an officer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.templatetags.office import span
from ledger.overview import Trouble

MEANINGS: dict[str, tuple[Promise, Promise]] = {
    "head.stalled": (
        _("The head stalls"),
        _(
            "An entry has waited longer than 10 seconds for a published checkpoint. Nothing is lost. An operator must see whether the sequencer and the publisher run, and whether the witnesses answer."
        ),
    ),
    "checkpoint.unreadable": (
        _("The published checkpoint is not this log's"),
        _("Somebody has changed it, or the files cannot be read. Keep a copy as it is. An operator must look now."),
    ),
    "log.behind": (
        _("The database is behind what was signed"),
        _(
            "It was restored from an older backup. The service refuses to write to this log until an operator has run manage.py recover."
        ),
    ),
    "log.stalled": (
        _("A process cannot go on with this log"),
        _("Entries are kept and wait. An operator must remove the cause."),
    ),
    "log.corrupt": (
        _("The published log does not verify"),
        _(
            "Its last verification found errors; the log's page names them. Keep a copy of the published files as they are, and find out who could write to them."
        ),
    ),
    "witness.quorum": (
        _("Too few witnesses cosign"),
        _(
            "The last cosigned checkpoint stays published. New entries are safe and wait. The log's page says which witness has trouble; speak to those who run it."
        ),
    ),
    "witness.disagrees": (
        _("A witness knows another history"),
        _(
            "Either this log was forked or the witness errs. Ask those who run the witness for the checkpoint that they keep, and verify both. Until that is settled, rely on no proof from this log."
        ),
    ),
    "anchor.failed": (
        _("The log could not be anchored"),
        _("It is tried again by itself. If it lasts, an operator must see whether the authority can be reached."),
    ),
}
"""By kind: what it is, and what to do."""


def title_of(what: str) -> Promise | str:
    """Say what an alarm of this kind is."""
    return MEANINGS[what][0] if what in MEANINGS else what


def cure_of(what: str) -> Promise | str:
    """Say what to do about it."""
    return MEANINGS[what][1] if what in MEANINGS else ""


@dataclass(frozen=True)
class Shown:
    """A trouble in words, and where its page is."""

    title: Promise | str
    cure: Promise | str
    origin: str
    detail: str
    lasts: str
    address: str
    log_address: str


def shown(troubles: Iterable[Trouble], *, now: datetime) -> list[Shown]:
    """Put what is wrong in words; what is no row has its log's page as its own."""
    found = []
    for each in troubles:
        log_address = reverse("admin:ledger_log_change", args=[quote(each.origin)])
        address = reverse("admin:ledger_alarm_change", args=[each.alarm]) if each.alarm else log_address
        lasts = span(each.since, now) if each.since else ""
        title, cure = title_of(each.what), cure_of(each.what)
        found.append(Shown(title, cure, each.origin, each.detail, lasts, address, log_address))
    return found
