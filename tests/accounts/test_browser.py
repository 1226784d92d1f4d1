"""Passkeys and second factors in a real browser, with a device that the browser itself simulates; and how their pages look."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from playwright.sync_api import expect

from tests.accounts.codes import code_of
from tests.accounts.device import Device
from tests.accounts.test_passkeys import add
from tests.factories import PASSWORD, OfficerFactory, UserFactory
from tests.portal.conftest import DESKTOP, PHONE, _compiled, _no_tries_yet, browser, site, window  # noqa: F401
from tests.portal.look import VIEWS, look  # noqa: F401

pytestmark = pytest.mark.browser
FACTORS = "/accounts/2fa/"
NOT_HERE = "Passkeys work only at an https:// address, or at http://localhost on your own machine."


@pytest.fixture
def home(site):  # noqa: F811
    """The service under a name, as passkeys need it."""
    site.origin = site.origin.replace("127.0.0.1", "localhost")
    return site


def device_of(page, **more):
    """Give the browser a device that keeps passkeys."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options | more})


def give_password(page, person):
    page.fill("[name=login]", person.email)
    page.fill("[name=password]", PASSWORD)
    page.click("main [type=submit] >> nth=0")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_an_officer_enrols_a_passkey_and_signs_in_with_it_alone(home, window, size):  # noqa: F811
    officer, page = OfficerFactory(), window(size=size, language="en")
    device_of(page)
    page.goto("/admin/")
    give_password(page, officer)
    expect(page.get_by_text("Officers sign in with a second factor.")).to_be_visible()
    page.get_by_role("link", name="Add a passkey").click()
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_label("Name, for yourself")).to_have_value("My passkey")
    expect(page.get_by_label("Sign in with it alone, without a password")).to_be_checked()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("list", name="Codes that have not been used").get_by_role("listitem")).to_have_count(10)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download them").click()
    assert download.value.suggested_filename == "recovery-codes.txt"

    page.goto("/admin/")
    expect(page.get_by_text("The admin opens to a second factor.")).to_be_visible()
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_text("Consonant: compliance")).to_be_visible()

    page.goto("/accounts/logout/")
    page.locator("main [type=submit]").click()
    page.goto("/admin/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("Consonant: compliance")).to_be_visible()
    assert Authenticator.objects.get(type="webauthn").last_used_at


def test_a_passkey_after_the_password(home, window):  # noqa: F811
    person, page = UserFactory(), window(size=PHONE, language="en")
    device_of(page)
    page.goto(f"/accounts/login/?next={FACTORS}webauthn/add/")
    give_password(page, person)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Sign in with it alone, without a password").uncheck()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto("/accounts/logout/")
    page.locator("main [type=submit]").click()
    page.goto("/accounts/login/?next=/apps/")
    give_password(page, person)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("heading", name="My apps")).to_be_visible()


def test_a_device_that_does_not_finish_changes_nothing_and_says_so(home, window):  # noqa: F811
    page = window(user=UserFactory(), size=PHONE, language="en")
    device_of(page, isUserVerified=False)
    page.goto(f"{FACTORS}webauthn/add/")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    assert not Authenticator.objects.exists()


def test_without_a_name_in_the_address_the_pages_say_what_passkeys_need(window):  # noqa: F811
    person, page = UserFactory(), window(size=PHONE, language="en")
    page.goto(f"/accounts/login/?next={FACTORS}webauthn/add/")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    expect(page.get_by_text(NOT_HERE)).to_be_visible()
    give_password(page, person)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("This page was opened at another kind of address")).to_be_visible()
    expect(page.get_by_role("button", name="Add it")).to_be_hidden()


def test_without_javascript_a_password_and_a_code_are_enough(home, window):  # noqa: F811
    person, page = UserFactory(), window(size=PHONE, language="en", java_script_enabled=False)
    secret = generate_totp_secret()
    TOTP.activate(person, secret)
    page.goto(f"/accounts/login/?next={FACTORS}webauthn/add/")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    give_password(page, person)
    page.fill("[name=code]", code_of(secret))
    page.get_by_role("button", name="Sign in").click()
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    expect(page.get_by_role("button", name="Add it")).to_be_hidden()


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_the_pages(home, window, look, size, language):  # noqa: F811
    person = UserFactory()
    page = window(user=person, size=size, language=language)

    def at(name, path):
        page.goto(path)
        look(page, name, size=size, language=language)

    at("factors-none", FACTORS)
    at("reauthenticate", f"{FACTORS}totp/activate/")
    page.fill("[name=password]", PASSWORD)
    page.click("main [type=submit]")
    look(page, "totp-activate", size=size, language=language)
    page.fill("[name=code]", "000000")
    page.click("main [type=submit]")
    look(page, "totp-wrong", size=size, language=language)
    at("passkey-add", f"{FACTORS}webauthn/add/")
    TOTP.activate(person, generate_totp_secret())
    RecoveryCodes.activate(person)
    add(person, Device())
    for name, path in {
        "factors": FACTORS,
        "totp-deactivate": f"{FACTORS}totp/deactivate/",
        "codes": f"{FACTORS}recovery-codes/",
        "codes-generate": f"{FACTORS}recovery-codes/generate/",
        "passkeys": f"{FACTORS}webauthn/",
        "passkey-rename": f"{FACTORS}webauthn/keys/{Authenticator.objects.get(type='webauthn').pk}/edit/",
        "passkey-remove": f"{FACTORS}webauthn/keys/{Authenticator.objects.get(type='webauthn').pk}/remove/",
        "factor-code-again": f"{FACTORS}reauthenticate/",
        "factor-passkey-again": f"{FACTORS}webauthn/reauthenticate/",
    }.items():
        at(name, path)
    stranger = window(size=size, language=language)
    stranger.goto("/accounts/login/")
    look(stranger, "login-passkey", size=size, language=language)
    give_password(stranger, person)
    look(stranger, "factor", size=size, language=language)
