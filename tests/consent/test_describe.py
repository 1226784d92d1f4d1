"""What a person says of themselves: once known to be a minor, nobody makes themselves older."""

from datetime import date, datetime

import pytest
from django.utils import timezone

from accounts.models import User
from consent.describe import describe
from consent.errors import (
    AgeSaid,
    BirthdayImpossible,
    DelegationForbidden,
    DelegationUnknown,
    ResidenceUnknown,
)
from consent.models import Delegation
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.get_default_timezone())
CHILD, EIGHTEEN_TODAY = date(2015, 1, 1), date(2008, 6, 15)


@pytest.fixture
def person():
    return UserFactory(is_adult=False)


def said(user):
    return User.objects.values_list("is_adult", "born_on", "residence").get(id=user.id)


def test_an_adult_leaves_no_birthday(person):
    describe(user=person, now=NOW, is_adult=True, residence="DE")
    assert said(person) == (True, None, "DE")


def test_a_minor_says_when_born_and_a_residence_that_was_not_said_can_be(person):
    describe(user=person, now=NOW, born_on=CHILD)
    describe(user=person, now=NOW, residence="CN")
    assert said(person) == (False, CHILD, "CN")


def test_what_is_not_said_stays(person):
    describe(user=person, now=NOW, is_adult=True, residence="FR")
    describe(user=person, now=NOW, relatives_may_act=False)
    assert said(person) == (True, None, "FR")
    assert not User.objects.get(id=person.id).relatives_may_act


def test_an_adult_moves_and_can_unsay_where(person):
    for place in ("US-IL", "US", "ZZ", ""):
        describe(user=person, now=NOW, is_adult=True, residence=place)
        assert said(person) == (True, None, place)


@pytest.mark.parametrize("change", [{"is_adult": True}, {"born_on": date(2009, 1, 1)}, {"residence": "BE"}])
def test_a_minor_does_not_get_older_or_move_alone(person, change):
    describe(user=person, now=NOW, born_on=CHILD, residence="DE")
    with pytest.raises(AgeSaid):
        describe(user=person, now=NOW, **change)
    assert said(person) == (False, CHILD, "DE")


def test_a_minor_can_say_to_be_younger(person):
    describe(user=person, now=NOW, born_on=CHILD)
    describe(user=person, now=NOW, born_on=date(2016, 1, 1))
    assert said(person) == (False, date(2016, 1, 1), "")


def test_who_has_come_of_age_says_so(person):
    User.objects.filter(id=person.id).update(born_on=EIGHTEEN_TODAY)
    describe(user=person, now=NOW, is_adult=True)
    assert said(person) == (True, None, "")


@pytest.mark.parametrize("born_on", [EIGHTEEN_TODAY, date(2026, 6, 16), date(9999, 12, 31), date(1, 1, 1)])
def test_nobody_born_that_day_is_a_minor(person, born_on):
    with pytest.raises(BirthdayImpossible):
        describe(user=person, now=NOW, born_on=born_on)
    assert said(person) == (False, None, "")


@pytest.mark.parametrize("residence", ["de", "Germany", "D", "US-ILLI", "US-", "D\nE", "DE\n"])
def test_a_place_is_a_code(person, residence):
    with pytest.raises(ResidenceUnknown):
        describe(user=person, now=NOW, is_adult=True, residence=residence)
    assert said(person) == (False, None, ""), "nothing of it is kept"


def test_a_guardian_mends_where_a_child_lives_and_neither_the_age_nor_what_happens_after_death(person):
    describe(user=person, now=NOW, born_on=CHILD, residence="DE")
    by = Delegation.objects.create(
        principal=person,
        delegate=UserFactory(),
        relationship="guardian",
        label="my child",
        state=Delegation.State.APPROVED,
        requested_at=NOW,
    )
    describe(user=person, now=NOW, residence="BE", by=by)
    for age in ({"is_adult": True}, {"born_on": date(2010, 1, 1)}):
        with pytest.raises(AgeSaid):
            describe(user=person, now=NOW, by=by, **age)
    assert said(person) == (False, CHILD, "BE")
    with pytest.raises(DelegationForbidden):
        describe(user=person, now=NOW, relatives_may_act=False, by=by)
    Delegation.objects.update(state=Delegation.State.ENDED)
    with pytest.raises(DelegationUnknown):
        describe(user=person, now=NOW, is_adult=True, by=by)


@pytest.mark.parametrize("change", [{"is_adult": True}, {"born_on": date(2009, 1, 1)}, {"residence": "BE"}])
def test_an_attorney_makes_no_minor_older_and_moves_none(person, change):
    describe(user=person, now=NOW, born_on=CHILD, residence="DE")
    attorney = Delegation.objects.create(
        principal=person,
        delegate=UserFactory(),
        relationship="attorney",
        label="Little Bear",
        state="approved",
        requested_at=NOW,
    )
    with pytest.raises(AgeSaid):
        describe(user=person, now=NOW, by=attorney, **change)
    assert said(person) == (False, CHILD, "DE")
