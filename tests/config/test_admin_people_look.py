"""The officer's pages about people in a real browser: accessible, in bounds, in both languages; a decision by keyboard and mouse."""

import pytest
from django.urls import reverse
from django.utils import timezone

from consent.capacity import Relationship
from consent.delegate import Address, request_delegation
from consent.models import Delegation, Grant, Subject
from tests.factories import OfficerFactory, UserFactory
from tests.portal.conftest import _compiled, browser, site, window  # noqa: F401
from tests.portal.look import VIEWS
from tests.portal.look import look_at_office as look  # noqa: F401 - a fixture
from tests.portal.scene import live

pytestmark = pytest.mark.browser
PDF = b"%PDF-1.7"


def scene():
    now = timezone.now()
    life = live(now)
    request_delegation(
        delegate=UserFactory(),
        relationship=Relationship.GUARDIAN,
        whom=Address(life.user.email, now.date().replace(year=now.date().year - 9, day=1)),
        label="x",
        document=PDF,
        now=now,
    )
    request_delegation(
        delegate=UserFactory(),
        relationship=Relationship.ESTATE,
        whom=Address(life.user.email),
        label="x",
        document=PDF,
        now=now,
    )
    return life


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_the_pages_of_people(window, look, size, language):  # noqa: F811
    life = scene()
    page = window(user=OfficerFactory(), size=size, language=language)
    at = timezone.now().strftime("%Y-%m-%dT%H:%M:%S")
    guardian, estate = Delegation.objects.order_by("id")
    for name, path in {
        "admin-people": reverse("admin:accounts_user_changelist"),
        "admin-find": reverse("admin:accounts_user_find"),
        "admin-subjects": reverse("admin:consent_subject_changelist"),
        "admin-subject": reverse("admin:consent_subject_change", args=[Subject.objects.get().id]) + f"?at={at}",
        "admin-grants": reverse("admin:consent_grant_changelist"),
        "admin-grant": reverse("admin:consent_grant_change", args=[Grant.objects.get(id=life.standing.id).id]),
        "admin-delegations": reverse("admin:consent_delegation_changelist"),
        "admin-delegation": reverse("admin:consent_delegation_change", args=[guardian.id]),
        "admin-estate": reverse("admin:consent_delegation_change", args=[estate.id]),
        "admin-person": reverse("admin:accounts_user_change", args=[life.user.id]),
    }.items():
        page.goto(path)
        look(page, name, size=size, language=language)
    page.check("[name=fields][value=email]")
    page.select_option("[name=reason]", "person_asked")
    page.fill("[name=words]", "The person wrote to us about it.")
    page.click("form[action$='/reveal/'] [type=submit]")
    assert life.user.email in page.inner_text("main, #content")
    look(page, "admin-person-shown", size=size, language=language)


def test_an_officer_opens_the_document_and_decides(window):  # noqa: F811
    scene()
    page = window(user=OfficerFactory())
    page.goto(reverse("admin:consent_delegation_changelist") + "?relationship__exact=estate")
    page.click("#result_list tbody th a")
    page.select_option("[name=document-reason]", "delegation")
    page.fill("[name=document-words]", "To decide about the estate.")
    with page.expect_download() as download:
        page.click("form[action$='/document/'] [type=submit]")
    assert download.value.suggested_filename.endswith(".pdf")
    page.fill("[name=died_on]", timezone.now().date().isoformat())
    page.click("form[action$='/approve/'] [type=submit]")
    page.wait_for_selector("text=Approved, from now on.")
    assert Delegation.objects.get(relationship="estate").state == "approved"
