"""Who acts for whom, in plain words: to who acts, and to the person."""

from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.delegate_account import may_give_account
from consent.models import Delegation
from portal.words import moment

_RELATIONSHIPS = {
    "guardian": gettext_lazy("As guardian"),
    "attorney": gettext_lazy("By power of attorney"),
    "estate": gettext_lazy("For the estate"),
}
_REFUSALS = {
    "unreadable": gettext_lazy("An officer refused it: the document cannot be read."),
    "not_shown": gettext_lazy("An officer refused it: the document does not show that you may act."),
    "person_unknown": gettext_lazy("An officer refused it: the document did not lead to the person you named."),
    "forbidden": gettext_lazy("An officer refused it: the law, or what the person decided, does not allow it."),
}
_ENDS = {
    "by_subject": gettext_lazy("The person ended it on {at}."),
    "by_delegate": gettext_lazy("You ended it on {at}."),
    "by_officer": gettext_lazy("An officer ended it on {at}."),
    "majority": gettext_lazy("It ended on {at}: the person is of age."),
    "death": gettext_lazy("It ended on {at}: the person has died."),
}


@dataclass(frozen=True)
class Acting:
    """A delegation as who acts sees it."""

    delegation: Delegation
    relationship: str
    sentence: str
    stands: bool
    can_end: bool
    wants_account: bool
    """The person cannot sign in yet, and who acts may give them an address to do it by."""


def acting(delegation: Delegation, *, stands: bool) -> Acting:
    """Tell who acts where it stands."""
    guardian = delegation.relationship == "guardian" and may_give_account(delegation)
    return Acting(
        delegation,
        relationship(delegation),
        _sentence(delegation),
        stands,
        delegation.state in {Delegation.State.REQUESTED, Delegation.State.APPROVED},
        guardian and not delegation.principal.has_usable_password(),
    )


def relationship(delegation: Delegation) -> str:
    """Say in what quality somebody acts."""
    return str(_RELATIONSHIPS.get(delegation.relationship, delegation.relationship))


def _sentence(delegation: Delegation) -> str:
    if delegation.state == Delegation.State.REQUESTED:
        return format_html(
            _("An officer looks at your document. You asked for it on {at}."), at=moment(delegation.requested_at)
        )
    if delegation.state == Delegation.State.REFUSED:
        return str(_REFUSALS.get(delegation.end_reason, delegation.end_reason))
    if delegation.state == Delegation.State.ENDED:
        said = _ENDS.get(delegation.end_reason, delegation.end_reason)
        return format_html(str(said), at=moment(delegation.ended_at or delegation.requested_at))
    if delegation.valid_until:
        return format_html(_("You may act until {until}."), until=moment(delegation.valid_until))
    return _("You may act.")
