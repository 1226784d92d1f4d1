"""Officers come into the admin with a second factor and in no other way; everybody may have one."""

import html
import io
import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib import admin
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import URLResolver
from django.urls.resolvers import RoutePattern
from django.utils.translation import gettext, override

from accounts.models import User
from tests.accounts.codes import code_of, secret_on, wrong
from tests.factories import PASSWORD, OfficerFactory, UserFactory, sign_in

pytestmark = pytest.mark.django_db
LOGIN, FACTORS = "/accounts/login/", "/accounts/2fa/"


@pytest.fixture(autouse=True)
def _no_tries_yet():
    cache.clear()


@pytest.fixture
def officer():
    return OfficerFactory()


@pytest.fixture
def secret(officer):
    """The officer has set up an authenticator app, and has recovery codes."""
    made = generate_totp_secret()
    TOTP.activate(officer, made)
    RecoveryCodes.activate(officer)
    return made


def give_password(client, person, after="/admin/"):
    return client.post(f"{LOGIN}?next={after}", {"login": person.email, "password": PASSWORD})


def text(answer):
    return html.unescape(answer.content.decode())


def said(sentence):
    """Return a sentence of a library's as our catalogue says it, whether that is compiled or not."""
    with override("en"):
        return gettext(sentence)


ANY = {"uuid": "00000000-0000-0000-0000-000000000000", "int": "1"}


def pages(patterns, before="/admin/"):
    """Every address of the admin, with something in each gap; where one signs in and out is open."""
    for each in patterns:
        path = before + re.sub(r"<(?:(\w+):)?\w+>", lambda gap: ANY.get(gap[1], "x"), str(each.pattern))
        if isinstance(each, URLResolver):
            yield from pages(each.url_patterns, path)
        elif each.name not in {"login", "logout"}:
            yield path if isinstance(each.pattern, RoutePattern) else f"{before}nothing-is-here"


class TestTheAdmin:
    def test_opens_nothing_to_a_password_alone(self, officer, secret):
        found = sorted(set(pages(admin.site.urls[0])))
        assert len(found) > 80
        for person in (officer, OfficerFactory()):
            client = Client()
            client.force_login(person)
            for page in found:
                for answer in (client.get(page), client.post(page)):
                    assert answer.status_code == 302, page
                    assert answer.headers["Location"].startswith("/admin/login/"), page

    def test_sends_an_officer_without_one_to_enrol_and_says_why(self, client, officer):
        answer = give_password(client, officer)
        assert answer.headers["Location"] == "/admin/"
        answer = client.get("/admin/", follow=True)
        assert answer.redirect_chain[-1][0] == f"{FACTORS}?next=%2Fadmin%2F"
        assert "Officers sign in with a second factor." in text(answer)

    def test_asks_for_the_code_where_the_session_was_opened_without(self, client, officer, secret):
        client.force_login(officer)
        answer = client.get("/admin/ledger/log/", follow=True)
        assert answer.redirect_chain[-1][0] == f"{FACTORS}reauthenticate/?next=%2Fadmin%2Fledger%2Flog%2F"
        assert "The admin opens to a second factor." in text(answer)
        said = {"next": "/admin/ledger/log/"}
        assert client.post(f"{FACTORS}reauthenticate/", said | {"code": wrong(code_of(secret))}).status_code == 200
        assert client.get("/admin/").status_code == 302
        answer = client.post(f"{FACTORS}reauthenticate/", said | {"code": code_of(secret)}, follow=True)
        assert answer.redirect_chain == [("/admin/ledger/log/", 302)]
        assert answer.status_code == 200

    def test_opens_after_password_and_code(self, client, officer, secret):
        answer = give_password(client, officer)
        assert answer.headers["Location"] == f"{FACTORS}authenticate/"
        assert client.get("/admin/").status_code == 302
        assert said("Incorrect code.") in text(client.post(f"{FACTORS}authenticate/", {"code": wrong(code_of(secret))}))
        answer = client.post(f"{FACTORS}authenticate/", {"code": code_of(secret)})
        assert answer.headers["Location"] == "/admin/"
        assert client.get("/admin/").status_code == 200
        assert client.get("/admin/login/?next=/admin/ledger/log/").headers["Location"] == "/admin/ledger/log/"

    def test_takes_a_code_once(self, client, officer, secret):
        code = code_of(secret)
        for status in (302, 200):
            browser = Client()
            give_password(browser, officer)
            assert browser.post(f"{FACTORS}authenticate/", {"code": code}).status_code == status

    def test_opens_after_password_and_a_recovery_code_which_is_spent(self, officer, secret):
        code = RecoveryCodes.activate(officer).get_unused_codes()[0]
        for status in (302, 200):
            browser = Client()
            give_password(browser, officer)
            assert browser.post(f"{FACTORS}authenticate/", {"code": code}).status_code == status
            assert browser.get("/admin/").status_code == {302: 200, 200: 302}[status]

    def test_closes_when_the_authenticator_is_gone(self, client, officer):
        sign_in(client, officer)
        assert client.get("/admin/").status_code == 200
        Authenticator.objects.all().delete()
        assert client.get("/admin/").status_code == 302
        # Another one opens it only to a session in which it was shown.
        TOTP.activate(officer, generate_totp_secret())
        assert client.get("/admin/").status_code == 302

    def test_takes_no_others_second_factor(self, client, officer):
        sign_in(client, UserFactory())
        session = client.session
        kept = {name: value for name, value in session.items() if "account_" in name}
        assert kept
        client.force_login(officer)
        TOTP.activate(officer, generate_totp_secret())
        session = client.session
        session.update(kept)
        session.save()
        assert client.get("/admin/").status_code == 302

    def test_is_closed_to_a_speaker_who_has_one(self, client):
        sign_in(client, UserFactory())
        assert client.get("/admin/", follow=True).status_code == 403


def test_who_was_made_by_createsuperuser_enrols_alone(client):
    """From the first sign-in on: the mailbox, the password once more, an app, and its code."""
    User.objects.create_superuser("first@test.localhost", PASSWORD)
    answer = client.post(f"{LOGIN}?next=/admin/", {"login": "first@test.localhost", "password": PASSWORD})
    assert answer.headers["Location"].startswith("/accounts/confirm-email/")
    code = re.search(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", mail.outbox[-1].body)[0]
    answer = client.post(answer.headers["Location"], {"code": code})
    assert answer.headers["Location"] == "/admin/"
    answer = client.get("/admin/", follow=True)
    assert "Officers sign in with a second factor." in text(answer)
    setting_up = f"{FACTORS}totp/activate/"
    answer = client.get(setting_up, follow=True)
    assert answer.redirect_chain[-1][0] == f"/accounts/reauthenticate/?next={setting_up.replace('/', '%2F')}"
    answer = client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": setting_up}, follow=True)
    secret = secret_on(text(answer))
    assert "data:" not in text(answer)
    assert client.post(setting_up, {"code": wrong(code_of(secret))}).status_code == 200
    assert not Authenticator.objects.exists()
    answer = client.post(setting_up, {"code": code_of(secret)}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{FACTORS}recovery-codes/"
    assert len(re.findall(r"<li>\d{8}</li>", text(answer))) == 10
    assert "Go on to the admin" in text(client.get(FACTORS))
    answer = client.get("/admin/", follow=True)
    assert "The admin opens to a second factor." in text(answer)
    client.post(f"{FACTORS}reauthenticate/", {"code": code_of(secret), "next": "/admin/"})
    assert client.get("/admin/").status_code == 200


class TestAnybody:
    def test_needs_none(self, client, user):
        assert give_password(client, user, after="/apps/").headers["Location"] == "/apps/"
        assert client.get("/apps/").status_code == 200

    def test_who_has_one_is_asked_for_it(self, client, user):
        secret = generate_totp_secret()
        TOTP.activate(user, secret)
        assert give_password(client, user, after="/apps/").headers["Location"] == f"{FACTORS}authenticate/"
        assert client.get("/apps/").status_code == 302
        answer = client.post(f"{FACTORS}authenticate/", {"code": code_of(secret)})
        assert answer.headers["Location"] == "/apps/"

    def test_five_wrong_codes_are_enough(self, client, user):
        secret = generate_totp_secret()
        TOTP.activate(user, secret)
        give_password(client, user)
        for _ in range(5):
            assert said("Incorrect code.") in text(
                client.post(f"{FACTORS}authenticate/", {"code": wrong(code_of(secret))})
            )
        answer = client.post(f"{FACTORS}authenticate/", {"code": code_of(secret)})
        assert answer.status_code == 200
        assert said("Too many failed login attempts. Try again later.") in text(answer)

    def test_takes_it_away_again(self, client, user):
        TOTP.activate(user, generate_totp_secret())
        RecoveryCodes.activate(user)
        sign_in(client, user)
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        assert client.post(f"{FACTORS}totp/deactivate/", follow=True).status_code == 200
        assert not Authenticator.objects.exists()


class TestWhatIsStored:
    def test_holds_no_secret_of_a_second_factor(self, officer, secret):
        seed = RecoveryCodes.activate(officer)
        stored = str(list(Authenticator.objects.values_list("data", flat=True)))
        assert secret not in stored
        assert not [code for code in seed.generate_codes() if code in stored]

    def test_is_read_with_the_key_before_while_that_is_named(self, settings, client, officer, secret):
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10
        give_password(client, officer)
        assert client.post(f"{FACTORS}authenticate/", {"code": code_of(secret)}).status_code == 302

    def test_opens_nothing_where_it_cannot_be_read(self, settings, client, officer, secret):
        settings.SECRET_KEY = "another" * 10
        give_password(client, officer)
        answer = client.post(f"{FACTORS}authenticate/", {"code": code_of(secret)})
        assert "Your second factor cannot be read any more." in text(answer)
        assert "_auth_user_id" not in client.session

    def test_a_sign_in_says_no_address(self, client, officer, secret):
        """Neither by password, nor by password and code."""
        for person in (UserFactory(), officer):
            client.logout()
            give_password(client, person)
            if person == officer:
                client.post(f"{FACTORS}authenticate/", {"code": code_of(secret)})
            kept = dict(client.session)
            assert kept["_auth_user_id"] == str(person.pk)
            assert kept["account_authentication_methods"][0]["method"] == "password"
            assert person.email not in str(kept)
            assert person.email.partition("@")[0] not in str(kept)


class TestReset:
    def run(self, email):
        out = io.StringIO()
        call_command("reset_second_factor", email, stdout=out)
        return out.getvalue()

    def test_takes_all_from_one(self, officer, secret, client):
        other = OfficerFactory()
        sign_in(client, other)
        assert self.run(officer.email.upper()) == "2 taken away\n"
        assert list(Authenticator.objects.values_list("user", flat=True)) == [other.pk]
        assert client.get("/admin/").status_code == 200

    def test_of_nobody_is_an_error(self):
        with pytest.raises(CommandError, match="nobody has this address"):
            self.run("nobody@test.localhost")
