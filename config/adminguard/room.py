"""What the rooms about hosts have in common."""

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.adminconsent.room import Room
from guard.errors import (
    AlertClosed,
    GuardError,
    HostUnknown,
    NameTaken,
    NightUnknown,
    NothingToUndo,
    RuleUnknown,
    StepUnknown,
)

REFUSED = (GuardError,)
_SENTENCES: dict[type[Exception], Promise] = {
    AlertClosed: _("The alert is closed: nothing of it can be undone any more."),
    HostUnknown: _("There is no such host, or it was removed."),
    NameTaken: _("The organisation has a host of this name already."),
    NightUnknown: _("There is no such time zone. Write it as Europe/Berlin or Asia/Shanghai."),
    NothingToUndo: _("It was undone already."),
    RuleUnknown: _("There is no such rule."),
    StepUnknown: _("A playbook has no such step."),
}


class GuardRoom(Room):
    """A room whose verbs are those of guard."""

    pages = "admin/guard"

    def say_no(self, request: HttpRequest, error: Exception) -> None:
        """Say why a verb refused."""
        messages.error(request, str(_SENTENCES.get(type(error), error)))


def entry_address(ref: object) -> str:
    """Return where an entry is shown, with its proof."""
    return f"{reverse('admin:ledger_log_find')}?entry={ref}"
