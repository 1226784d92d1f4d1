"""The page of the lock: by who has just shown that it is them, for nobody else, and in plain words about what it costs."""

import pytest
from django.utils import timezone

from consent.capacity import Relationship
from consent.delegate import Child, request_delegation
from consent.delegate_decide import approve
from retention.models import Locker
from tests.factories import PASSWORD, OfficerFactory, UserFactory
from tests.portal.look import VIEWS, look  # noqa: F401 - a fixture
from tests.portal.test_pages import text_of

PATH = "/settings/lock/"
WORDS, OTHERS = "four harbours of grey wool", "nine lanterns under the quay"
NEW = {"act": "make", "passphrase": WORDS, "again": WORDS, "understood": "on"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("keyring.passphrase.MEMORY_BITS", 13)
    monkeypatch.setattr("keyring.passphrase.PASSES", 1)


@pytest.fixture
def shown(client, user):
    client.force_login(user)
    client.post(client.get(PATH).headers["Location"], {"password": PASSWORD})
    return client


@pytest.mark.django_db
def test_only_who_has_just_shown_that_it_is_them(client, user):
    assert client.get(PATH).headers["Location"].startswith("/accounts/login/")
    client.force_login(user)
    assert client.get(PATH).headers["Location"].startswith("/accounts/reauthenticate/")
    assert client.post(PATH, NEW).headers["Location"] == PATH
    assert "account_reauthentication_state" not in client.session
    assert not Locker.objects.exists()


@pytest.mark.django_db
def test_it_says_what_it_costs_locks_opens_and_locks_again(shown):
    assert "If you lose it, what is locked cannot be opened by anybody" in text_of(shown.get(PATH))
    assert shown.post(PATH, NEW).headers["Location"] == PATH
    page = text_of(shown.get(PATH))
    assert "Apps that want to read what is locked are told to ask you" in page
    wrong = shown.post(PATH, {"act": "open", "passphrase": OTHERS, "lasts": "15"})
    assert (wrong.status_code, Locker.objects.get().unlocked_until) == (422, None)
    assert "That is not the passphrase" in text_of(wrong)
    assert shown.post(PATH, {"act": "open", "passphrase": WORDS, "lasts": "15"}).status_code == 302
    assert Locker.objects.get().unlocked_until > timezone.now()
    assert "Lock again now" in text_of(shown.get(PATH))
    assert shown.post(PATH, {"act": "close"}).status_code == 302
    assert Locker.objects.get().unlocked_until is None
    assert shown.post(PATH, {"act": "switch", "passphrase": WORDS, "on": "no"}).status_code == 302
    assert "What comes is not locked" in text_of(shown.get(PATH))
    change = {**NEW, "act": "change", "old": WORDS, "passphrase": OTHERS, "again": OTHERS}
    assert shown.post(PATH, change).status_code == 302
    assert shown.post(PATH, {"act": "open", "passphrase": OTHERS, "lasts": "5"}).status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"passphrase": "too short", "again": "too short"},
        {"again": OTHERS},
        {"understood": ""},
        {"passphrase": "1" * 20, "again": "1" * 20},
        {"passphrase": "x" * 201, "again": "x" * 201},
    ],
    ids=["short", "not the same", "not understood", "a number", "long"],
)
def test_a_passphrase_that_is_none_is_refused_and_nothing_changed(shown, changes):
    assert shown.post(PATH, NEW | changes).status_code == 422
    assert not Locker.objects.exists()


@pytest.mark.django_db
def test_other_acts_are_refused(shown):
    assert shown.post(PATH, {"act": "blow up"}).status_code == 400
    assert shown.post(PATH, {}).status_code == 400
    assert shown.post(PATH, {"act": "open", "passphrase": WORDS, "lasts": "9999"}).status_code == 422
    assert shown.post(PATH, {"act": "open", "passphrase": WORDS, "lasts": "5"}).status_code == 422  # there is no lock


@pytest.mark.django_db
def test_guessing_is_stopped(shown):
    shown.post(PATH, NEW)
    for _ in range(5):
        shown.post(PATH, {"act": "open", "passphrase": OTHERS, "lasts": "5"})
    assert shown.post(PATH, {"act": "open", "passphrase": WORDS, "lasts": "5"}).status_code == 429


@pytest.mark.django_db
def test_nobody_sets_it_for_somebody_else(shown, user, now):
    child = request_delegation(
        delegate=user,
        relationship=Relationship.GUARDIAN,
        whom=Child(now.date().replace(year=now.date().year - 9, day=1)),
        label="Little Bear",
        document=b"%PDF-",
        now=now,
    )
    approve(delegation_id=child.id, officer=OfficerFactory(), now=now)
    session = shown.session
    session["acting_for"] = str(child.id)
    session.save()
    assert shown.get(PATH).status_code == 403
    assert shown.post(PATH, NEW).status_code == 403
    assert not Locker.objects.exists()


@pytest.mark.browser
@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_the_page(window, look, size, language):  # noqa: F811
    page = window(user=UserFactory(), size=size, language=language)
    page.goto("/settings/")
    page.click(f"main a[href='{PATH}']")
    page.fill("[name=password]", PASSWORD)
    page.click("main [type=submit]")
    look(page, "lock", size=size, language=language)
    page.fill("#new-passphrase", WORDS)
    page.fill("#new-again", WORDS)
    page.check("#understood")
    page.click("main form [type=submit]")
    look(page, "lock-set", size=size, language=language)
    page.fill("#open-passphrase", WORDS)
    page.click("main form:has([value=open]) [type=submit]")
    look(page, "lock-open", size=size, language=language)
