"""The officer's rooms about consent in a real browser: accessible, in bounds, in both languages; and a notice goes from draft to published."""

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from consent.catalogue import assess
from consent.draft_notice import draft_notice
from consent.editions import editions
from consent.models import Declaration, Notice
from consent.suspend import suspend
from tests.factories import AppFactory, OfficerFactory, TenantFactory
from tests.portal.conftest import DESKTOP, PHONE, _compiled, browser, site, window  # noqa: F401
from tests.portal.look import VIEWS
from tests.portal.look import look_at_office as look  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser
OFFICER = "officer:00000000-0000-0000-0000-000000000001"


def write(app, purpose="voice-cloning", **texts):
    """Draft a next version; `texts` by field, as (English, Chinese)."""
    last = editions(app_id=app.id, purpose_id=purpose)[0].bodies
    bodies = {
        locale: body | {name: pair[at] for name, pair in texts.items()}
        for at, (locale, body) in enumerate(last.items())
    }
    return draft_notice(app_id=app.id, purpose=purpose, bodies=bodies, actor=OFFICER, now=timezone.now())


def scene():
    """An app of which all is well, one that waits, and one that is suspended."""
    now = timezone.now()
    tenant = TenantFactory(name="Harbour Audio")
    calm = AppFactory(tenant=tenant, name="Storyteller", fallback_url="https://story.example/typed")
    Declaration.objects.filter(app=calm).update(fallback_works=True, fallback_checked_at=now)
    assess(purpose="voice-cloning", reference="PIA 2026-7, file server", made_on=now.date(), actor=OFFICER, now=now)
    write(
        calm,
        why=("Storyteller reads your children a story in your voice.", "Storyteller 用您的声音给您的孩子读故事。"),
        complaint=("To the authority of the place where you live.", "您可以向居住地的监管部门投诉。"),
    )
    waiting = AppFactory(
        tenant=tenant, name="Front Door", purposes=["speaker-verification", "voice-sharing"], approved=False
    )
    write(waiting, "voice-sharing", recipient_name=("Lab Ltd", "实验室有限公司"))
    stopped = AppFactory(tenant=tenant, name="Loud Hailer", fallback_url="https://loud.example/")
    Declaration.objects.filter(app=stopped).update(fallback_works=False, fallback_checked_at=now)
    suspend(app_id=stopped.id, reason="security_incident", officer=OFFICER, now=now)
    return calm, waiting, stopped


def notice(app, name, *more, purpose="voice-cloning"):
    return reverse(f"admin:consent_notice_{name}", args=[app.id, purpose, *more])


def room(app, name="change"):
    return reverse(f"admin:accounts_app_{name}", args=[app.id])


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_the_rooms(window, look, size, language):  # noqa: F811
    calm, waiting, stopped = scene()
    page = window(user=OfficerFactory(), size=size, language=language)
    for name, path in {
        "rooms-notices": reverse("admin:consent_notice_changelist"),
        "rooms-versions": notice(calm, "versions"),
        "rooms-version": notice(calm, "version", 2),
        "rooms-version-first": notice(calm, "version", 1),
        "rooms-version-missing": notice(waiting, "version", 1, purpose="voice-sharing"),
        "rooms-edit": notice(waiting, "edit", 1, purpose="voice-sharing"),
        "rooms-purposes": reverse("admin:consent_purpose_changelist"),
        "rooms-purpose": reverse("admin:consent_purpose_change", args=["voice-cloning"]),
        "rooms-purpose-new": reverse("admin:consent_purpose_new"),
        "rooms-apps": reverse("admin:accounts_app_changelist"),
        "rooms-app": room(calm),
        "rooms-tenant": reverse("admin:accounts_tenant_change", args=[calm.tenant_id]),
        "rooms-app-waiting": room(waiting),
        "rooms-app-suspended": room(stopped),
        "rooms-app-describe": room(calm, "describe"),
        "rooms-app-choose": room(calm, "declare"),
        "rooms-app-declare": f"{room(calm, 'declare')}?purpose=text-to-speech",
    }.items():
        page.goto(path)
        look(page, name, size=size, language=language)
    page.goto(room(calm))
    page.locator("form[action$='/rotate/'] input[type=submit]").click()
    look(page, "rooms-secret", size=size, language=language)


def test_an_officer_writes_a_notice_and_publishes_it(window):  # noqa: F811
    calm, *_ = scene()
    page = window(user=OfficerFactory(), size=DESKTOP)
    page.goto("/admin/")
    page.get_by_role("link", name="Notices", exact=True).first.click()
    page.get_by_role("row", name="Storyteller").get_by_role("link").click()
    page.get_by_role("link", name="Go on with the draft, version 2").click()
    expect(page.get_by_text("It changes what matters, by what it changes:")).to_be_visible()
    page.get_by_role("link", name="Write on").click()
    page.get_by_label("Where to complain (English)").fill("")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("heading", name="It cannot be published")).to_be_visible()
    expect(page.get_by_role("button", name="Publish in every language")).to_have_count(0)
    page.get_by_role("link", name="Write on").click()
    page.get_by_label("Where to complain (English)").fill("To the authority where you live.")
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_role("button", name="Publish in every language").click()
    expect(page.get_by_text("Published. Whoever allowed something")).to_be_visible()
    assert Notice.objects.filter(app=calm, version=2, published_at__isnull=False).count() == 2


def test_an_officer_approves_an_app_once_nothing_is_missing(window):  # noqa: F811
    _, waiting, _ = scene()
    page = window(user=OfficerFactory(), size=PHONE)
    page.goto(room(waiting))
    expect(page.get_by_role("heading", name="It cannot be approved yet")).to_be_visible()
    expect(page.get_by_role("button", name="Approve: it may ask people")).to_have_count(0)
    Declaration.objects.filter(app=waiting, purpose="voice-sharing").delete()
    page.get_by_role("link", name="Recognise you by your voice").click()
    page.get_by_label("Reference").fill("PIA 2026-9")
    page.get_by_label("Made on").fill(timezone.now().date().isoformat())
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("rowheader", name="PIA 2026-9")).to_be_visible()
    page.get_by_role("link", name="Front Door").click()
    page.get_by_role("link", name="Declare anew").click()
    page.get_by_label("Where the service is had without consent").fill("https://door.example/bell")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Approve: it may ask people").click()
    expect(page.get_by_text("Approved. The app may ask people now.")).to_be_visible()
