"""Who can answer alone, by age and place."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.capacity import AGE_OF_CONSENT, Capacity, adult_on, capacity, years

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("residence", "age"), [("DE", 16), ("CN", 14), ("BE", 13), ("US-IL", 18), ("", 18), ("ZZ", 18), ("FR", 15)]
)
def test_g5_p7_the_age_of_consent_is_that_of_where_the_person_lives(residence, age):
    born = TODAY.replace(year=TODAY.year - age)
    words = {"is_adult": False, "residence": residence, "today": TODAY}
    assert capacity(born_on=born, **words) == Capacity.ALONE
    assert capacity(born_on=born + timedelta(days=1), **words) == Capacity.NEEDS_GUARDIAN


def test_nobody_is_taken_for_an_adult_unsaid():
    assert capacity(born_on=None, is_adult=False, residence="DE", today=TODAY) == Capacity.UNSAID
    assert capacity(born_on=None, is_adult=True, residence="", today=TODAY) == Capacity.ALONE
    # Who gave a child's date of birth is a child, whatever else was said.
    born = date(2020, 1, 1)
    assert capacity(born_on=born, is_adult=True, residence="DE", today=TODAY) == Capacity.NEEDS_GUARDIAN


def test_no_age_is_below_thirteen_nor_above_sixteen():
    assert set(AGE_OF_CONSENT.values()) <= {13, 14, 15, 16}


@given(born=st.dates(date(1990, 1, 1), date(2026, 1, 1)))
def test_the_eighteenth_birthday_is_the_first_day_of_eighteen_years(born):
    day = adult_on(born)
    assert years(born, day) == 18
    assert years(born, day - timedelta(days=1)) == 17
