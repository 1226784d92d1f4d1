"""Passkeys: made on the pages, taken alone or after a password; nothing else is taken for one."""

import copy
import html
import json
import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import STATE_SESSION_KEY
from django.core.cache import cache
from django.test import Client

from tests.accounts.device import PRESENT, Device
from tests.factories import PASSWORD, OfficerFactory, UserFactory

pytestmark = pytest.mark.django_db
FACTORS = "/accounts/2fa/"
RECORDS = "account_authentication_methods"


@pytest.fixture(autouse=True)
def _no_tries_yet():
    cache.clear()


def browser():
    return Client(SERVER_NAME="localhost")


def asked(answer, what):
    """Return what a page or an answer asks of a device."""
    if answer.headers["Content-Type"] == "application/json":
        return answer.json()[what]
    found = re.search(r'<script id="js_data" type="application/json">(.*?)</script>', answer.content.decode())
    return json.loads(found[1])[what]


def sure(client, person):
    """Sign in, and show once more that it is oneself."""
    client.force_login(person)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def add(person, device):
    client = sure(browser(), person)
    options = asked(client.get(f"{FACTORS}webauthn/add/"), "creation_options")
    said = {"name": "Telephone", "passwordless": "on", "credential": json.dumps(device.create(options))}
    return client.post(f"{FACTORS}webauthn/add/", said, follow=True)


@pytest.fixture
def officer():
    return OfficerFactory()


@pytest.fixture
def device(officer):
    made = Device()
    add(officer, made)
    return made


def options_to_sign_in(client):
    return asked(client.get(f"{FACTORS}webauthn/login/", headers={"Accept": "application/json"}), "request_options")


def send(client, page, credential, **more):
    return client.post(f"{FACTORS}{page}/", {"credential": json.dumps(credential), **more})


def test_one_is_added_and_brings_recovery_codes(officer):
    answer = add(officer, Device())
    assert answer.redirect_chain == [(f"{FACTORS}recovery-codes/", 302)]
    key = Authenticator.objects.get(type="webauthn")
    assert (key.user, key.wrap().name, key.wrap().is_passwordless) == (officer, "Telephone", True)
    client = browser()
    client.force_login(officer)
    page = html.unescape(client.get(f"{FACTORS}webauthn/").content.decode())
    assert "Telephone" in page
    assert "It signs you in by itself." in page


def test_it_signs_in_alone_and_is_a_second_factor(officer, device):
    client = browser()
    answer = send(client, "webauthn/login", device.get(options_to_sign_in(client)), next="/admin/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200


def test_it_follows_a_password(officer, device):
    client = browser()
    client.post("/accounts/login/?next=/admin/", {"login": officer.email, "password": PASSWORD})
    page = client.get(f"{FACTORS}authenticate/")
    assert "Or with a passkey" in page.content.decode()
    answer = send(client, "authenticate", device.get(asked(page, "request_options")))
    assert answer.headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_it_opens_the_admin_to_a_session_that_has_none_yet(officer, device):
    client = browser()
    client.force_login(officer)
    page = client.get("/admin/", follow=True)
    assert page.redirect_chain[-1][0] == f"{FACTORS}webauthn/reauthenticate/?next=%2Fadmin%2F"
    answer = send(client, "webauthn/reauthenticate", device.get(asked(page, "request_options")), next="/admin/")
    assert answer.headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    "how",
    ["an old answer", "another key", "another site", "nobody at the device", "nobody verified", "of a removed one"],
)
def test_what_does_not_fit_signs_nobody_in(officer, device, how):
    client = browser()
    options = options_to_sign_in(client)
    match how:
        case "an old answer":
            said = device.get(options)
            options_to_sign_in(client)
        case "another key":
            said = device.get(options)
            said["response"]["signature"] = Device().get(options)["response"]["signature"]
        case "another site":
            said = device.get(options)
            there = Device(origin="https://consonant.example", rp="consonant.example")
            there.__dict__.update(_key=device._key, _id=device._id, _person=device._person)
            said = there.get(options)
        case "nobody at the device":
            said = device.get(options, flags=0)
        case "nobody verified":
            said = device.get(options, flags=PRESENT)
        case "of a removed one":
            said = device.get(options)
            Authenticator.objects.filter(type="webauthn").delete()
    answer = send(client, "webauthn/login", said)
    assert answer.headers["Location"] == "/accounts/login/"
    assert "_auth_user_id" not in client.session


def broken(credential, names):
    """Yield a credential with each of these parts left out, or of another kind."""
    for name in names:
        for value in (..., None, 1, [], {}, "", "AA", "!!!", "gICA", "x" * 100):
            made = copy.deepcopy(credential)
            part = made if name in made else made["response"]
            part[name] = value
            if value is ...:
                del part[name]
            yield made


@pytest.mark.parametrize("page", ["webauthn/login", "authenticate", "webauthn/reauthenticate", "webauthn/add"])
def test_what_is_no_credential_is_refused_with_a_page_and_changes_nothing(officer, device, page):
    client = browser()
    if page == "webauthn/login":
        good = device.get(options_to_sign_in(client))
    elif page == "webauthn/add":
        good = Device().create(asked(sure(client, officer).get(f"{FACTORS}{page}/"), "creation_options"))
    else:
        if page == "authenticate":
            client.post("/accounts/login/", {"login": officer.email, "password": PASSWORD})
        else:
            sure(client, officer)
        good = device.get(asked(client.get(f"{FACTORS}{page}/"), "request_options"))
    before = dict(client.session)

    def tried(said):
        cache.clear()
        session = client.session
        session[STATE_SESSION_KEY] = before[STATE_SESSION_KEY]
        session.save()
        assert send(client, page, said).status_code in {200, 302}, said

    signed = {"rawId", "response", *good["response"]} - {"userHandle"}
    for said in [{}, [], "x", None, 7, {"id": 1}, {"response": {}}, [[]] * 3, *broken(good, sorted(signed))]:
        tried(said)
        assert client.session.get(RECORDS) == before.get(RECORDS), said
    assert Authenticator.objects.filter(type="webauthn").count() == 1
    for said in broken(good, ["id", "type", *({"userHandle"} & good["response"].keys())]):
        tried(said)


@pytest.mark.parametrize("said", [None, 1, [], "x", {"credProps": None}, {"credProps": {"rk": "yes"}}])
def test_what_a_browser_says_beside_the_credential_breaks_no_page(officer, said):
    client = sure(browser(), officer)
    options = asked(client.get(f"{FACTORS}webauthn/add/"), "creation_options")
    send(client, "webauthn/add", Device().create(options) | {"clientExtensionResults": said}, name="x")
    assert client.get(f"{FACTORS}webauthn/").status_code == 200


def test_a_credential_of_unusual_length_is_refused(officer):
    client = sure(browser(), officer)
    options = asked(client.get(f"{FACTORS}webauthn/add/"), "creation_options")
    send(client, "webauthn/add", Device().create(options) | {"more": "x" * 20_000}, name="x")
    assert not Authenticator.objects.exists()


def test_one_is_renamed_and_removed_by_its_owner_alone(officer, device):
    key = Authenticator.objects.get(type="webauthn")
    stranger, owner = sure(browser(), UserFactory()), sure(browser(), officer)
    for page in ("edit", "remove"):
        assert stranger.get(f"{FACTORS}webauthn/keys/{key.pk}/{page}/").status_code == 404
        assert stranger.post(f"{FACTORS}webauthn/keys/{key.pk}/{page}/", {"name": "x"}).status_code == 404
        assert owner.get(f"{FACTORS}webauthn/keys/{key.pk}/{page}/").status_code == 200
    owner.post(f"{FACTORS}webauthn/keys/{key.pk}/edit/", {"name": "Old telephone"})
    key.refresh_from_db()
    assert key.wrap().name == "Old telephone"
    owner.post(f"{FACTORS}webauthn/keys/{key.pk}/remove/")
    assert not Authenticator.objects.exists()
