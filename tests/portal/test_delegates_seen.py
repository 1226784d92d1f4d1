"""Acting for somebody in a real browser: accessible in each language and size, and without script from the form to the child's consent."""

import pytest

from consent.capacity import Relationship
from consent.delegate import Address, Child, request_delegation
from consent.delegate_decide import approve
from consent.models import Delegation, Grant
from tests.factories import AppFactory, OfficerFactory, UserFactory
from tests.portal.look import VIEWS, look  # noqa: F401 - a fixture
from tests.portal.scene import question
from tests.portal.test_delegates import PDF, young

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_pages_of_who_acts_for_somebody(window, look, now, size, language):  # noqa: F811
    person = UserFactory()
    asked = request_delegation(
        delegate=person, relationship=Relationship.GUARDIAN, whom=Child(young(now)), label="Bear", document=PDF, now=now
    )
    approve(delegation_id=asked.id, officer=OfficerFactory(), now=now)
    request_delegation(
        delegate=UserFactory(),
        relationship=Relationship.ATTORNEY,
        whom=Address(person.email),
        label="x",
        document=PDF,
        now=now,
    )
    page = window(user=person, size=size, language=language)
    page.goto("/delegates/")
    look(page, "delegates", size=size, language=language)
    page.click("[name=relationship][value=attorney]")
    look(page, "delegates-code", size=size, language=language)
    for way in ("child", "code", "address", "estate"):
        page.goto(f"/delegates/ask/{way}/")
        look(page, f"delegate-{way}", size=size, language=language)
    page.goto("/delegates/")
    page.click("main form[action='/act-for/'] button")
    look(page, "acting", size=size, language=language)


def test_a_second_window_follows_when_one_acts_for_somebody(window, now):
    """Its button would else stop one person's consents under another's name."""
    person, child = UserFactory(), Child(young(now))
    asked = request_delegation(
        delegate=person, relationship=Relationship.GUARDIAN, whom=child, label="Bear", document=PDF, now=now
    )
    approve(delegation_id=asked.id, officer=OfficerFactory(), now=now)
    first = window(user=person)
    first.goto("/")
    second = first.context.new_page()
    second.goto("/delegates/")
    second.click("main form[action='/act-for/'] button")
    assert "You act for Bear" not in first.inner_text("body")
    first.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when somebody looks at it again
    first.wait_for_selector("text=You act for Bear")
    window.complaints[:] = [said for said in window.complaints if "403" not in said]


def test_a_guardian_answers_for_a_minor_without_script(window, now, tmp_path):
    """From the form to the child's consent and its end, by keyboard and mouse as people do it, with JavaScript off."""
    person, officer, app = UserFactory(), OfficerFactory(), AppFactory()
    paper = tmp_path / "certificate.png"
    paper.write_bytes(b"\x89PNG\r\n\x1a\n a certificate")
    page = window(user=person, java_script_enabled=False)
    page.goto("/delegates/")
    page.click("text=My child, who has no account here")
    page.fill("[name=label]", "Little Bear")
    page.fill("[name=born_on]", young(now).isoformat())
    page.set_input_files("[name=document]", paper)
    page.click("main [type=submit]")
    assert "An officer looks at your document" in page.inner_text("main")
    delegation = Delegation.objects.get()
    approve(delegation_id=delegation.id, officer=officer, now=now)
    token = question(app, now=now)
    page.goto(f"/consent/{token}/")
    page.click("text=Answer for Little Bear")
    assert page.url.endswith(f"/consent/{token}/")
    assert "You act for Little Bear as guardian" in page.inner_text("body")
    page.click("button[value=once]")
    grant = Grant.objects.get()
    assert (grant.actor, grant.subject.user) == ("guardian", delegation.principal)
    page.goto("/apps/")
    page.click("form[action*=withdraw] button")
    grant.refresh_from_db()
    assert grant.end_reason == "withdrawn_by_guardian"
    page.click("text=Stop acting")
    assert "You act for" not in page.inner_text("body")
