"""A person says how old they are, where they live, and whether relatives may act after their death: what the law asks of consent hangs on it.

One transaction under the person's row lock; nothing is entered, for nothing is decided. A date of birth is kept of a minor alone. What is
known of a minor is only made stricter by the minor, else a child would be one answer away from being an adult; and the age that an
officer saw in a guardian's document is not the guardian's to change.
"""

import re
from datetime import date, datetime
from typing import Final

from django.db import transaction

from accounts.models import User
from consent import act_for
from consent.capacity import Relationship, adult_on
from consent.errors import AgeSaid, BirthdayImpossible, DelegationForbidden, ResidenceUnknown
from consent.models import Delegation
from hooks.wake import wake

_RESIDENCE: Final = re.compile(r"([A-Z]{2}(-[A-Z0-9]{1,3})?)?")


def describe(  # noqa: PLR0913
    *,
    user: User,
    now: datetime,
    is_adult: bool = False,
    born_on: date | None = None,
    residence: str | None = None,
    relatives_may_act: bool | None = None,
    by: Delegation | None = None,
) -> User:
    """Keep what is said of `user`, and leave alone what is not; return the person as they are now.

    Either `is_adult` or the `born_on` of a minor; `residence` is an ISO 3166-1 code, or a 3166-2 one, or empty to say it no more;
    `relatives_may_act` is PIPL 49.

    Raises:
        AgeSaid: A minor's age or residence is known, and would be changed by somebody else than the guardian; or the age, by the guardian.
        BirthdayImpossible: Nobody born that day is a minor now.
        ResidenceUnknown: That is no code of a place.
        DelegationForbidden: What relatives may do is the person's own to say.
        DelegationUnknown: Who acts for the person may not.
    """
    today = now.date()
    with transaction.atomic():
        act_for.actor(user=user, by=by, now=now)
        person = User.objects.select_for_update(no_key=True).get(id=user.id)
        guarded = by is not None and by.relationship == Relationship.GUARDIAN
        minor = person.born_on is not None and today < adult_on(person.born_on) and not guarded
        if is_adult or born_on is not None:
            if guarded or (minor and (is_adult or (born_on and person.born_on and born_on < person.born_on))):
                raise AgeSaid
            _set_age(person, born_on=None if is_adult else born_on, today=today)
        if residence is not None and residence != person.residence:
            if minor and person.residence:
                raise AgeSaid
            if not _RESIDENCE.fullmatch(residence):
                raise ResidenceUnknown
            person.residence = residence
            wake("consent.lapse")  # where the law forbids what was allowed, it stops at once, and this says so
        if relatives_may_act is not None:
            if by is not None:
                raise DelegationForbidden
            person.relatives_may_act = relatives_may_act
        person.save(update_fields=["is_adult", "born_on", "residence", "relatives_may_act"])
    return person


def _set_age(person: User, *, born_on: date | None, today: date) -> None:
    if born_on is not None and not born_on <= today < adult_on(born_on):
        raise BirthdayImpossible
    person.is_adult, person.born_on = born_on is None, born_on
