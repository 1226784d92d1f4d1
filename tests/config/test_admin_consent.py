"""The officer's rooms about consent: what they show, what their buttons do, and who may press them."""

import html
import json
import re
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import App
from consent.catalogue import assess
from consent.describe_tenant import describe_tenant
from consent.draft_notice import draft_notice
from consent.editions import editions
from consent.models import Assessment, Declaration, Notice, Purpose
from consent.notice_fields import LANGUAGES
from consent.open_session import open_session
from keyring.keys import store
from keyring.seal import unseal
from ledger.models import Opening
from tests.conftest import kinds
from tests.factories import AppFactory, OfficerFactory, UserFactory, sign_in

pytestmark = pytest.mark.django_db
OFFICER = f"officer:{uuid.UUID(int=1)}"


@pytest.fixture
def officer(client):
    person = OfficerFactory()
    sign_in(client, person)
    return person


def text(answer, status=200):
    assert answer.status_code == status, answer
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def notice(app, name="version", *more, purpose="voice-cloning"):
    return reverse(f"admin:consent_notice_{name}", args=[app.id, purpose, *more])


def room(app, name="change"):
    return reverse(f"admin:accounts_app_{name}", args=[app.id])


def change(app, **texts):
    """Draft a next version in which some fields read otherwise."""
    bodies = {
        locale: body | texts for locale, body in editions(app_id=app.id, purpose_id="voice-cloning")[0].bodies.items()
    }
    return draft_notice(app_id=app.id, purpose="voice-cloning", bodies=bodies, actor=OFFICER, now=timezone.now())


def seen(page):
    return re.search(r'name="seen" value="([0-9a-f]{64})"', page.content.decode())[1]


class TestNotices:
    def test_the_list_says_what_each_app_tells_people(self, client, officer, app):
        sharing = AppFactory(tenant=app.tenant, purposes=["voice-sharing"])
        said = text(client.get(reverse("admin:consent_notice_changelist")))
        assert f"{app.name} {app.tenant.name} Copy your voice version 1, " in said
        assert (
            f"{sharing.name} {sharing.tenant.name} Pass your voice on to somebody else none: nobody can be asked"
            in said
        )
        assert "no address declared" in said

    def test_from_the_first_words_to_the_published_version(self, client, officer, app, consent):
        grant = consent()
        assert "Write the next version" in client.get(notice(app, "versions")).content.decode()
        begun = client.post(notice(app, "start"))
        assert begun.headers["Location"] == notice(app, "edit", 2)
        page = client.get(notice(app, "edit", 2))
        assert "GDPR 13(1)(b)" in text(page)
        fields = dict(page.context["form"].initial) | {"seen": seen(page)}
        assert len(fields) == 49
        saved = client.post(notice(app, "edit", 2), fields | {"why.en": "To sing.", "dpo.zh-hans": ""}, follow=True)
        assert "It cannot be published: something is missing 简体中文 Data protection officer" in text(saved)
        assert "Publish in every language" not in saved.content.decode()
        again = client.get(notice(app, "edit", 2))
        fields = fields | {"why.en": "To sing.", "seen": seen(again)}
        page = client.post(notice(app, "edit", 2), fields, follow=True)
        said = text(page)
        assert "It changes what matters, by what it changes: Why" in said
        assert "1 living consent was given under an older version." in said
        assert "<ins>To sing</ins>" in page.content.decode()
        done = client.post(notice(app, "publish", 2), {"seen": seen(page)}, follow=True)
        assert "is asked to confirm" in text(done)
        assert Declaration.objects.get().material_version == 2
        assert set(Notice.objects.filter(version=2).values_list("drafted_by", flat=True)) == {f"officer:{officer.id}"}
        refused = open_session(app=app, grant_id=grant.id, operations=None, now=timezone.now())
        assert refused.reason == "consent_stale"
        assert "notice.published" in kinds()
        assert client.get(notice(app, "edit", 2)).status_code == 404

    def test_the_difference_is_shown_side_by_side_in_each_language(self, client, officer, app):
        change(app, complaint="To the authority. 向主管部门投诉。")
        page = client.get(notice(app, "version", 2))
        shown = page.content.decode()
        assert [field.field.name for field in page.context["changed"]] == ["complaint"]
        assert len(page.context["same"]) == 23
        assert shown.count('<div class="columns">') == 2
        assert "<del>" in shown
        assert "<ins>" in shown

    def test_it_matters_only_if_somebody_says_so(self, client, officer, app):
        change(app, complaint="To another.")
        page = client.get(notice(app, "version", 2))
        assert "people have to confirm" in text(page)
        client.post(notice(app, "publish", 2), {"seen": seen(page)})
        assert Declaration.objects.get().material_version == 1
        change(app, complaint="To a third.")
        page = client.get(notice(app, "version", 3))
        client.post(notice(app, "publish", 3), {"seen": seen(page), "material": "yes"})
        assert Declaration.objects.get().material_version == 3

    def test_what_nobody_has_read_is_not_published(self, client, officer, app):
        change(app, complaint="As the officer read it.")
        before = seen(client.get(notice(app, "version", 2)))
        change(app, complaint="As somebody else wrote it meanwhile.")
        for said in ({"seen": before}, {}, {"seen": ""}):
            answer = client.post(notice(app, "publish", 2), said, follow=True)
            assert "The draft has changed since you read it." in text(answer)
        assert not Notice.objects.filter(version=2, published_at__isnull=False).exists()

    def test_what_somebody_else_wrote_is_not_written_over_unseen(self, client, officer, app):
        change(app, complaint="As the officer read it.")
        page = client.get(notice(app, "edit", 2))
        fields = dict(page.context["form"].initial) | {"seen": seen(page), "complaint.en": "Mine."}
        change(app, complaint="Theirs.")
        answer = client.post(notice(app, "edit", 2), fields)
        assert "Somebody else has changed this draft." in text(answer)
        assert Notice.objects.get(version=2, locale="en").body["complaint"] == "Theirs."
        client.post(notice(app, "edit", 2), fields | {"seen": seen(answer)})
        assert Notice.objects.get(version=2, locale="en").body["complaint"] == "Mine."

    def test_a_text_without_end_is_refused(self, client, officer, app):
        change(app)
        page = client.get(notice(app, "edit", 2))
        fields = dict(page.context["form"].initial) | {"seen": seen(page), "why.en": "x" * 2001}
        answer = client.post(notice(app, "edit", 2), fields)
        assert "at most 2000 characters" in text(answer)
        assert Notice.objects.get(version=2, locale="en").body["why"] != "x" * 2001

    def test_an_incomplete_draft_is_not_published_by_a_forged_button(self, client, officer, app):
        change(app, rights="")
        page = client.get(notice(app, "edit", 2))
        answer = client.post(notice(app, "publish", 2), {"seen": seen(page)}, follow=True)
        assert "English, missing: Your rights" in text(answer)
        assert not Notice.objects.filter(version=2, published_at__isnull=False).exists()

    def test_what_is_not_there_is_not_found(self, client, officer, app):
        stranger = App(id=uuid.uuid4())
        for path in (
            notice(app, "version", 9),
            notice(app, "edit", 9),
            notice(app, "versions", purpose="text-to-speech"),
            notice(stranger, "versions"),
            reverse("admin:consent_notice_change", args=[uuid.uuid4()]),
            reverse("admin:consent_notice_change", args=["nothing"]),
            reverse("admin:accounts_app_change", args=[uuid.uuid4()]),
            reverse("admin:accounts_app_change", args=["nothing"]),
            reverse("admin:consent_purpose_change", args=["nothing"]),
        ):
            assert client.get(path).status_code == 404, path
        assert client.post(notice(app, "publish", 1), {"seen": ""}).status_code == 302
        assert client.post(room(stranger, "approve")).status_code == 404

    def test_a_row_leads_to_its_version(self, client, officer, app):
        row = Notice.objects.get(locale="zh-hans")
        said = text(client.get(reverse("admin:consent_notice_change", args=[row.id])))
        assert row.shown()["sha256"] in said


class TestPurposes:
    NEW = {
        "slug": "voice-matching",
        "english": "Find voices that sound alike",
        "chinese": "查找相似的声音",
        "use_class": "non-identification",
        "strength": "15",
        "operations": ["upload", "embed"],
        "is_sensitive": "on",
    }

    def test_one_is_added(self, client, officer):
        assert "Add a purpose" in text(client.get(reverse("admin:consent_purpose_changelist")))
        assert client.get(reverse("admin:consent_purpose_new")).status_code == 200
        done = client.post(reverse("admin:consent_purpose_new"), self.NEW, follow=True)
        assert "Added, and entered in the platform's log." in text(done)
        made = Purpose.objects.get(slug="voice-matching")
        assert (made.operations, made.is_sensitive, made.provides, made.strength) == (
            ["embed", "upload"],
            True,
            False,
            15,
        )
        assert kinds() == ["purpose.added"]

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"slug": "voice-cloning"}, "There is a purpose of that short name."),
            ({"slug": "Böse"}, "The short name has small letters"),
            ({"english": "Sell voiceprints"}, "Its name speaks of trade."),
            ({"is_sensitive": ""}, "is sensitive."),
            ({"operations": ["provide"]}, "exactly if it has the operation"),
            ({"operations": ["shout"]}, "shout is not one of the available choices"),
            ({"strength": "0"}, "greater than or equal to 1"),
            ({"use_class": "marketing"}, "marketing is not one of the available choices"),
        ],
    )
    def test_what_is_no_purpose_is_refused_in_words(self, client, officer, change, said):
        before = Purpose.objects.count()
        assert said in text(client.post(reverse("admin:consent_purpose_new"), self.NEW | change))
        assert (Purpose.objects.count(), kinds()) == (before, [])

    def test_an_assessment_is_added(self, client, officer, now):
        page = reverse("admin:consent_purpose_change", args=["voice-cloning"])
        assert "There is none of the last three years." in text(client.get(page))
        path = reverse("admin:consent_purpose_assess", args=["voice-cloning"])
        assert "PIA 7" in text(
            client.post(path, {"reference": "PIA 7", "made_on": now.date().isoformat()}, follow=True)
        )
        assert "There is none" not in text(client.get(page))
        late = (now + timedelta(days=2)).date().isoformat()
        assert "is of no day to come" in text(client.post(path, {"reference": "PIA 8", "made_on": late}, follow=True))
        assert "This field is required." in text(client.post(path, {"reference": ""}), status=422)
        assert Assessment.objects.count() == 1
        assert "counts" in text(client.get(reverse("admin:consent_purpose_changelist")))

    def test_an_old_assessment_is_said_to_be_too_old(self, client, officer, now):
        old = (now - timedelta(days=3 * 366)).date()
        assess(purpose="voice-cloning", reference="PIA 1", made_on=old, actor=OFFICER, now=now)
        assert "no: too old" in text(client.get(reverse("admin:consent_purpose_change", args=["voice-cloning"])))
        assert "too old" in text(client.get(reverse("admin:consent_purpose_changelist")))


class TestApps:
    @pytest.fixture
    def waiting(self, tenant):
        return AppFactory(tenant=tenant, approved=False, fallback_url="https://acme.example/typed")

    def test_one_is_approved_when_nothing_is_missing(self, client, officer, waiting, now):
        said = text(client.get(room(waiting)))
        assert (
            "It cannot be approved yet Copy your voice: there is no impact assessment of the last three years." in said
        )
        assert "Approve: it may ask people" not in said
        answer = client.post(room(waiting, "approve"), follow=True)
        assert "there is no impact assessment" in text(answer)
        waiting.refresh_from_db()
        assert waiting.approved_at is None
        assess(purpose="voice-cloning", reference="PIA 1", made_on=now.date(), actor=OFFICER, now=now)
        assert "Approve: it may ask people" in client.get(room(waiting)).content.decode()
        assert "The app may ask people now." in text(client.post(room(waiting, "approve"), follow=True))
        waiting.refresh_from_db()
        assert waiting.approved_at

    def test_one_is_suspended_for_a_reason_and_reinstated(self, client, officer, app, consent):
        open_session(app=app, grant_id=consent().id, operations=None, now=timezone.now())
        assert "Open sessions 1" in text(client.get(room(app)))
        assert "Choose a reason." in text(client.post(room(app, "suspend"), {"reason": "a free text"}, follow=True))
        said = text(client.post(room(app, "suspend"), {"reason": "security_incident"}, follow=True))
        assert "State suspended" in said
        assert "Open sessions 0" in said
        app.refresh_from_db()
        assert app.suspended_at
        client.post(room(app, "reinstate"))
        app.refresh_from_db()
        assert app.suspended_at is None
        assert kinds(app.tenant.origin)[-3:] == ["app.suspended", "session.closed", "app.reinstated"]

    def test_a_new_secret_is_shown_once(self, client, officer, app):
        answer = client.post(room(app, "rotate"), {"days": "3"})
        secret = re.search(r"<code>([A-Za-z0-9]{100,})</code>", answer.content.decode())[1]
        assert "no-store" in answer.headers["Cache-Control"]
        token = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": secret}
        assert Client().post("/oauth/token", token).status_code == 200
        assert secret not in client.get(room(app)).content.decode()
        assert "app.secret_rotated" in kinds()
        for days in ("-1", "91", "x"):
            assert "0 to 90 days" in text(client.post(room(app, "rotate"), {"days": days}, follow=True))
        assert kinds().count("app.secret_rotated") == 1
        assert "its tokens are" in text(client.post(room(app, "rotate"), {"days": "0"}))

    def test_its_texts_are_written(self, client, officer, app):
        fields = dict(client.get(room(app, "describe")).context["form"].initial)
        assert "It makes speech" not in text(client.get(room(app)))
        done = client.post(room(app, "describe"), fields | {"disclosure.en": "Made by a machine."}, follow=True)
        assert "Made by a machine." in text(done)
        refused = client.post(room(app, "describe"), fields | {"disclosure.en": ""})
        assert "The app makes speech, and does not say so in each language." in text(refused)
        app.refresh_from_db()
        assert app.disclosure["en"] == "Made by a machine."
        assert kinds().count("app.described") == 1

    def test_it_declares_a_purpose(self, client, officer, waiting):
        assert "Speak texts in your voice" in text(client.get(room(waiting, "declare")))
        path = f"{room(waiting, 'declare')}?purpose=text-to-speech"
        assert client.get(path).status_code == 200
        said = {"operations": ["upload", "synthesize"], "fallback_url": "https://acme.example/typed", "attested": "on"}
        for change, sentence in (
            ({"attested": ""}, "needs the app's word"),
            ({"operations": ["embed"]}, "embed is not one of the available choices"),
            ({"fallback_url": ""}, "This field is required."),
            ({"fallback_url": "ftp://acme.example/"}, "This address cannot be called"),
        ):
            assert sentence in text(client.post(path, said | change))
        assert waiting.declarations.count() == 1
        assert "Declared. People are asked once a notice" in text(client.post(path, said, follow=True))
        made = waiting.declarations.get(purpose="text-to-speech")
        assert (made.operations, made.attested_by) == (["synthesize", "upload"], f"officer:{officer.id}")

    @pytest.mark.parametrize("local", [True, False])
    def test_why_one_of_a_developers_machine_lacks_something_is_said(
        self, client, officer, app, waiting, settings, local
    ):
        settings.LOCAL = local
        said = text(client.get(room(app)))
        assert "It is approved, and would not be today" in said
        assert ("on a developer's machine" in said) == local
        assert "on a developer's machine" not in text(client.get(room(waiting)))

    def test_its_addresses_are_checked(self, client, officer, app, waiting):
        assert "no address to call" in text(client.post(room(app, "check"), follow=True))
        Declaration.objects.filter(app=waiting).update(fallback_url="http://127.0.0.1:9/")
        assert "Not every address answers." in text(client.post(room(waiting, "check"), follow=True))
        assert "does not answer" in text(client.get(room(waiting)))


class TestTenants:
    SAID = {"address": "2 New Street, Testing", "contact": "privacy@new.example", "country": "FR"}

    def test_how_one_is_reached_is_written_anew(self, client, officer, tenant, app):
        shown = text(client.get(hall(tenant)))
        assert tenant.contact in shown
        assert app.name in shown
        done = text(client.post(hall(tenant, "describe"), self.SAID, follow=True))
        assert "2 New Street, Testing" in done
        assert "write the next version of each" in done
        tenant.refresh_from_db()
        assert {name: getattr(tenant, name) for name in self.SAID} == self.SAID
        assert kinds(tenant.origin)[-1] == "tenant.described"
        client.post(hall(tenant, "describe"), self.SAID | {"address": " 2 New Street, Testing "})
        assert kinds(tenant.origin).count("tenant.described") == 1, "nothing changed"

    def test_the_entry_says_what_changed_and_not_what_to(self, client, officer, tenant):
        client.post(hall(tenant, "describe"), self.SAID | {"country": tenant.country})
        opening = Opening.objects.get(kind="tenant.described")
        plain = json.loads(unseal(store().get(opening.holder), bytes(opening.sealed), context=opening.ref.bytes))
        assert json.loads(plain["payload"][1]) == {"tenant": str(tenant.id), "fields": ["address", "contact"]}

    @pytest.mark.parametrize(
        "change", [{"address": " "}, {"contact": ""}, {"contact": "x" * 201}, {"country": "de"}, {"country": "DEU"}]
    )
    def test_what_reaches_nobody_changes_nothing(self, client, officer, tenant, change):
        before = tenant.address
        assert client.post(hall(tenant, "describe"), self.SAID | change).status_code == 422
        with pytest.raises(ValueError, match="3166"):
            describe_tenant(tenant_id=tenant.id, **self.SAID | change, actor=OFFICER, now=timezone.now())
        tenant.refresh_from_db()
        assert tenant.address == before
        assert "tenant.described" not in kinds()

    def test_there_is_no_such_one(self, client, officer):
        nobody = "00000000-0000-0000-0000-000000000000"
        assert client.post(f"/admin/accounts/tenant/{nobody}/describe/", self.SAID).status_code == 404
        assert client.get(f"/admin/accounts/tenant/{nobody}/change/").status_code == 404


def hall(tenant, name="change"):
    return reverse(f"admin:accounts_tenant_{name}", args=[tenant.id])


ACTS = {
    "start": lambda app: notice(app, "start"),
    "edit": lambda app: notice(app, "edit", 2),
    "publish": lambda app: notice(app, "publish", 2),
    "new": lambda _: reverse("admin:consent_purpose_new"),
    "tenant": lambda app: hall(app.tenant, "describe"),
    "assess": lambda _: reverse("admin:consent_purpose_assess", args=["voice-cloning"]),
    **{
        name: (lambda app, name=name: room(app, name))
        for name in ("approve", "suspend", "reinstate", "rotate", "describe", "declare", "check")
    },
}
PAGES = ("edit", "new", "describe", "declare")


@pytest.mark.parametrize("name", ACTS)
def test_who_may_only_look_can_do_nothing(client, app, name):
    change(app)
    looker = UserFactory(is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    sign_in(client, looker)
    before = kinds()
    path = ACTS[name](app)
    assert client.post(path, {"reason": "own_wish", "days": "1"}).status_code == 403
    assert client.get(path).status_code == 403
    assert kinds() == before
    for page in (room(app), hall(app.tenant), notice(app, "version", 2), notice(app, "versions")):
        shown = client.get(page)
        assert shown.status_code == 200
        assert shown.content.decode().count("<form") == 1  # to sign out


@pytest.mark.parametrize("name", [name for name in ACTS if name not in PAGES])
def test_nothing_is_done_by_following_a_link(client, officer, app, name):
    change(app)
    before = kinds()
    assert client.get(ACTS[name](app)).status_code == 403
    assert kinds() == before


@pytest.mark.parametrize("name", ACTS)
def test_another_sites_form_does_nothing(officer, app, name):
    strict = Client(enforce_csrf_checks=True)
    sign_in(strict, officer)
    assert strict.post(ACTS[name](app), {}).status_code == 403


@pytest.mark.parametrize("name", ACTS)
def test_strangers_and_speakers_are_sent_to_sign_in(client, app, user, name):
    assert client.post(ACTS[name](app), {}).status_code == 302
    client.force_login(user)
    assert client.post(ACTS[name](app), {}).status_code == 302


def test_who_may_not_look_sees_nothing(client, app):
    nobody = UserFactory(is_staff=True)
    sign_in(client, nobody)
    for path in (
        room(app),
        hall(app.tenant),
        notice(app, "versions"),
        notice(app, "version", 1),
        reverse("admin:consent_notice_changelist"),
        reverse("admin:consent_purpose_changelist"),
        reverse("admin:consent_purpose_change", args=["voice-cloning"]),
    ):
        assert client.get(path).status_code == 403, path


def test_the_rooms_speak_the_officers_language(client, officer, app):
    client.cookies["django_language"] = "zh-hans"
    with translation.override("zh-hans"):
        assert "复刻您的声音" in text(client.get(reverse("admin:consent_notice_changelist")))
        assert text(client.get(room(app))).count("复刻您的声音：") >= 1, "in what it lacks, too"
    assert set(LANGUAGES) == {"en", "zh-hans"}
