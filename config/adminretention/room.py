"""What the rooms about retention have in common."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.adminconsent.room import Room
from retention.errors import (
    ExportRefused,
    HoldNeedsWarrant,
    HoldUnknown,
    HoldWithoutReference,
    HoldWithoutScope,
    NotRestricted,
    OwnErasure,
    PolicyRefused,
    ProcessorRefused,
    RetentionError,
)

REFUSED = (RetentionError,)
_SENTENCES: dict[type[Exception] | str, Promise] = {
    HoldUnknown: _("There is no such legal hold, or it has ended."),
    HoldWithoutReference: _(
        "A legal hold is placed with the reference of what it rests on, and released with a reason."
    ),
    HoldWithoutScope: _("A legal hold is about a person, an app or an artifact of one organisation."),
    HoldNeedsWarrant: _(
        "What shows somebody of Illinois is kept beyond its time by a warrant or a subpoena alone (740 ILCS 14/15(a))."
    ),
    ProcessorRefused: _(
        "It cannot be registered so: the app has one of this name, or an address may not be called or lacks the place for the id."
    ),
    OwnErasure: _("It is your own erasure: another officer has to say how the person is known."),
    NotRestricted: _("It is not restricted for a reason that can be lifted, or not there to be restricted."),
    "no_reason": _("The person reads why it takes longer: say it."),
    "not_extendable": _("It cannot be extended: it is ready, or was extended already, or the law knows no extension."),
    "too_late": _("It can be extended within thirty days of the request, not later."),
    "kind_unknown": _("There is no such kind of thing, or nobody of that name to hold it."),
    "residence_unknown": _("Where people live is said as ISO 3166 does, or as EU; empty means anywhere."),
    "since_unknown": _("A life is not counted from such a moment."),
    "ttl_impossible": _("A life lasts from nothing to ten years."),
    "audio_too_long": _("More than ten seconds of audio can be allowed to one app, not to all."),
    "audio_impossible": _("Audio lasts up to an hour, at 8,000 to 192,000 samples a second."),
    "twice": _("There is a policy about exactly this already: change that one."),
}


class RetentionRoom(Room):
    """A room whose verbs are those of retention."""

    pages = "admin/retention"

    def say_no(self, request: HttpRequest, error: Exception) -> None:
        """Say why a verb refused."""
        code = error.reason if isinstance(error, (PolicyRefused, ExportRefused)) else type(error)
        messages.error(request, str(_SENTENCES.get(code, error)))
