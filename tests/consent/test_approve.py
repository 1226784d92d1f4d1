"""Before an app may ask: what it declares, what it attests, what it says of itself, where it is had without consent."""

import threading
import uuid
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import timezone

from accounts.models import App
from consent.approve import approve, lacking
from consent.catalogue import assess
from consent.check_fallbacks import check_fallbacks
from consent.declare import declare
from consent.describe_app import describe_app
from consent.errors import AppIncomplete, AttestationMissing, OperationUnknown, PurposeUnknown
from consent.models import Declaration, Notice
from consent.notice_fields import LANGUAGES
from consent.terms import APP_UNAPPROVED
from hooks.errors import TargetRefused
from tests.conftest import Api, kinds
from tests.factories import AppFactory

pytestmark = pytest.mark.django_db
OFFICER = f"officer:{uuid.UUID(int=1)}"
WORDS = {"en": "words", "zh-hans": "文字"}


class Site:
    """An app's own address for whoever says no."""

    def __init__(self):
        self.status, self.got = 200, []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.got.append(dict(self.headers))
                self.send_response(site.status)
                if site.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format, *args):  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/typed"

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def now():
    """After what the fixtures make, so that entries stand in their order."""
    return timezone.now() + timedelta(seconds=1)


@pytest.fixture
def site():
    made = Site()
    yield made
    made.close()


@pytest.fixture
def waiting(tenant, now):
    """An app that has all it needs, and waits."""
    app = AppFactory(
        tenant=tenant,
        approved=False,
        purposes=["voice-cloning", "speaker-verification"],
        fallback_url="https://acme.example/typed",
    )
    for purpose in ("voice-cloning", "speaker-verification"):
        assess(purpose=purpose, reference="PIA 1", made_on=now.date(), actor=OFFICER, now=now)
    return app


def wanted(app, now):
    return [str(lack) for lack in lacking(app, today=now.date())]


def declared(app, **changes):
    said = {
        "app_id": app.id,
        "purpose": "text-to-speech",
        "operations": ["upload"],
        "fallback_url": "https://acme.example/typed",
        "attested": True,
        "actor": OFFICER,
    }
    return said | changes


def test_an_app_that_lacks_nothing_is_approved_once(waiting, now):
    assert Api(waiting).ask().json()["reason"] == APP_UNAPPROVED.reason
    approve(app_id=waiting.id, actor=OFFICER, now=now)
    approve(app_id=waiting.id, actor=OFFICER, now=now + timedelta(days=1))
    waiting.refresh_from_db()
    assert waiting.approved_at == now
    assert kinds(waiting.tenant.origin) == ["app.registered", "app.approved"]
    assert Api(waiting).ask().status_code == 201


def test_what_it_lacks_is_said_and_nothing_is_changed(waiting, now):
    cases = [
        (
            lambda: Declaration.objects.filter(purpose="voice-cloning").update(fallback_url=""),
            "fallback (voice-cloning)",
        ),
        (
            lambda: Declaration.objects.filter(purpose="voice-cloning").update(attested_by=""),
            "attestation (voice-cloning)",
        ),
        (lambda: App.objects.update(interaction_notice={"en": "words"}), "interaction_notice"),
    ]
    for change, lack in cases:
        change()
        waiting.refresh_from_db()
        assert lack in wanted(waiting, now)
    with pytest.raises(AppIncomplete) as incomplete:
        approve(app_id=waiting.id, actor=OFFICER, now=now)
    assert sorted(map(str, incomplete.value.lacks)) == sorted(lack for _, lack in cases)
    waiting.refresh_from_db()
    assert waiting.approved_at is None
    assert kinds(waiting.tenant.origin) == ["app.registered"]


def test_an_assessment_counts_for_three_years(tenant, now):
    app = AppFactory(tenant=tenant, approved=False, fallback_url="https://acme.example/typed")
    assert wanted(app, now) == ["assessment (voice-cloning)"]
    made_on = now.date().replace(day=1)
    assess(purpose="voice-cloning", reference="PIA 1", made_on=made_on, actor=OFFICER, now=now)
    assert wanted(app, now) == []
    last = made_on.replace(year=made_on.year + 3) - timedelta(days=1)
    assert list(lacking(app, today=last)) == []
    assert [lack.what for lack in lacking(app, today=last + timedelta(days=1))] == ["assessment"]


def test_without_a_purpose_or_a_complete_notice_there_is_nothing_to_approve(tenant, now):
    assert wanted(AppFactory(tenant=tenant, approved=False, purposes=[]), now) == ["purpose"]
    sharing = AppFactory(tenant=tenant, approved=False, purposes=["voice-sharing"], fallback_url="https://a.example/")
    assert "notice (voice-sharing)" in wanted(sharing, now)
    assess(purpose="voice-cloning", reference="PIA 1", made_on=now.date(), actor=OFFICER, now=now)
    old = AppFactory(tenant=tenant, approved=False, fallback_url="https://a.example/")
    Notice.objects.create(
        app=old,
        purpose_id="voice-cloning",
        locale="en",
        version=2,
        operations=["upload", "embed", "synthesize"],
        body={"title": "As it was before"},
        published_at=now,
    )
    (lack,) = lacking(old, today=now.date())
    assert (lack.what, "rights" in lack.fields["en"], "title" in lack.fields["en"]) == ("notice", True, False)


def test_p1_a_sensitive_purpose_needs_the_apps_word_that_whoever_is_imitated_is_asked_separately(waiting, now):
    with pytest.raises(AttestationMissing):
        declare(**declared(waiting, attested=False), now=now)
    assert not Declaration.objects.filter(purpose="text-to-speech").exists()
    made = declare(**declared(waiting), now=now)
    assert made.attested_by == OFFICER
    unattested = AppFactory(
        tenant=waiting.tenant, approved=False, attested=False, fallback_url="https://acme.example/typed"
    )
    with pytest.raises(AppIncomplete) as incomplete:
        approve(app_id=unattested.id, actor=OFFICER, now=now)
    assert list(map(str, incomplete.value.lacks)) == ["attestation (voice-cloning)"]


def test_p1_a_yes_to_one_purpose_is_none_to_another(app, consent, now):
    """Separate consent: one purpose a grant, and nothing merged with terms of use."""
    grant = consent(operations=("upload", "embed", "synthesize"))
    assert grant.purpose_id == "voice-cloning"
    api = Api(app)
    other = api.ask(purpose="text-to-speech")
    assert other.json()["type"].endswith("purpose-undeclared")
    declare(**declared(AppFactory(tenant=app.tenant, approved=False), operations=["synthesize"]), now=now)
    assert grant.request.purpose_id == grant.notice.purpose_id == "voice-cloning"


def test_p3_refusing_never_denies_the_base_service_and_a_checker_tests_it(waiting, site, now):
    Declaration.objects.filter(purpose="voice-cloning").update(fallback_url=site.url)
    Declaration.objects.filter(purpose="speaker-verification").update(fallback_url="")
    for status, works in ((200, True), (204, True), (302, False), (404, False), (500, False)):
        site.status = status
        assert check_fallbacks(clock=lambda: now) == (not works)
        found = Declaration.objects.get(purpose="voice-cloning")
        assert (found.fallback_works, found.fallback_checked_at) == (works, now)
    assert not any({"Cookie", "Authorization"} & set(headers) for headers in site.got)  # as anyone would
    assert Declaration.objects.get(purpose="speaker-verification").fallback_works is None
    assert sorted(wanted(waiting, now)) == ["fallback (speaker-verification)", "fallback (voice-cloning)"]
    site.close()
    assert check_fallbacks(clock=lambda: now, app_id=waiting.id) == 1
    assert check_fallbacks(clock=lambda: now, app_id=uuid.uuid4()) == 0


def test_p3_in_production_no_private_address_is_called(waiting, site, now, settings):
    settings.HOOK_TARGETS_PRIVATE = False
    Declaration.objects.filter(purpose="voice-cloning").update(fallback_url=site.url)
    Declaration.objects.filter(purpose="speaker-verification").update(fallback_url="https://127.0.0.1/")
    assert check_fallbacks(clock=lambda: now) == 2
    assert site.got == []
    with pytest.raises(TargetRefused):
        declare(**declared(waiting, fallback_url=site.url), now=now)
    assert not Declaration.objects.filter(purpose="text-to-speech").exists()


def test_an_address_that_was_declared_meanwhile_is_not_judged_by_the_old_ones_answer(waiting, site, now, monkeypatch):
    Declaration.objects.filter(purpose="voice-cloning").update(fallback_url=site.url)
    Declaration.objects.filter(purpose="speaker-verification").update(fallback_url="")

    def clock():
        Declaration.objects.filter(purpose="voice-cloning").update(fallback_url="https://new.example/")
        return now

    check_fallbacks(clock=clock)
    check = Declaration.objects.get(purpose="voice-cloning")
    assert (check.fallback_url, check.fallback_works) == ("https://new.example/", None)


def test_what_is_declared_is_in_the_catalogue(waiting, now):
    for change, error in (
        ({"purpose": "nothing"}, PurposeUnknown),
        ({"operations": ["embed"]}, OperationUnknown),
        ({"operations": []}, OperationUnknown),
    ):
        with pytest.raises(error):
            declare(**declared(waiting, **change), now=now)
    assert Declaration.objects.filter(app=waiting).count() == 2
    assert kinds(waiting.tenant.origin) == ["app.registered"]


def test_declaring_anew_keeps_the_notice_and_forgets_the_check(waiting, now):
    before = Declaration.objects.get(purpose="voice-cloning")
    Declaration.objects.filter(id=before.id).update(fallback_works=True, fallback_checked_at=now, material_version=3)
    made = declare(**declared(waiting, purpose="voice-cloning", operations=["upload", "embed"]), now=now)
    made.refresh_from_db()
    assert (made.id, made.operations, made.material_version) == (before.id, ["embed", "upload"], 3)
    assert (made.fallback_works, made.fallback_checked_at) == (None, None)
    assert kinds(waiting.tenant.origin)[-1] == "purpose.declared"


def test_an_approved_app_declares_nothing_it_could_not_have_been_approved_with(waiting, now):
    approve(app_id=waiting.id, actor=OFFICER, now=now)
    with pytest.raises(AppIncomplete) as incomplete:
        declare(**declared(waiting), now=now)
    assert list(map(str, incomplete.value.lacks)) == ["assessment (text-to-speech)"]
    assert not Declaration.objects.filter(purpose="text-to-speech").exists()
    assess(purpose="text-to-speech", reference="PIA 2", made_on=now.date(), actor=OFFICER, now=now)
    declare(**declared(waiting), now=now)
    assert Api(waiting).ask(purpose="text-to-speech").json()["type"].endswith("purpose-undeclared")  # no notice yet


def test_e2_an_app_says_that_it_is_a_machine_that_it_recognises_people_and_that_speech_is_made(waiting, now):
    texts = ("interaction_notice", "categorisation_notice", "disclosure")
    assert all(set(getattr(waiting, name)) == set(LANGUAGES) for name in texts)
    for name in texts:
        said = dict.fromkeys(texts, WORDS) | {name: {"en": "words", "zh-hans": " "}}
        describe_app(app_id=waiting.id, **said, actor=OFFICER, now=now)
        waiting.refresh_from_db()
        assert getattr(waiting, name) == {"en": "words"}
        with pytest.raises(AppIncomplete) as incomplete:
            approve(app_id=waiting.id, actor=OFFICER, now=now)
        assert list(map(str, incomplete.value.lacks)) == [name]
    describe_app(app_id=waiting.id, **dict.fromkeys(texts, WORDS), actor=OFFICER, now=now)
    approve(app_id=waiting.id, actor=OFFICER, now=now)
    assert kinds(waiting.tenant.origin) == ["app.registered", *["app.described"] * 4, "app.approved"]
    with pytest.raises(AppIncomplete):  # what it was approved with stays
        describe_app(app_id=waiting.id, **dict.fromkeys(texts, WORDS) | {"disclosure": {}}, actor=OFFICER, now=now)
    waiting.refresh_from_db()
    assert waiting.disclosure == WORDS


def test_e2_an_app_that_neither_speaks_nor_recognises_needs_neither_text(tenant, now):
    quiet = AppFactory(tenant=tenant, approved=False, purposes=["voice-training"], fallback_url="https://a.example/")
    assert (quiet.disclosure, quiet.categorisation_notice) == ({}, {})
    assert wanted(quiet, now) == ["assessment (voice-training)"]


@pytest.mark.parametrize("text", [{"fr": "mots"}, {"en": "x" * 2001}])
def test_a_text_in_no_language_of_ours_or_without_end_is_refused(waiting, now, text):
    with pytest.raises(ValueError):
        describe_app(
            app_id=waiting.id,
            interaction_notice=text,
            categorisation_notice=WORDS,
            disclosure=WORDS,
            actor=OFFICER,
            now=now,
        )
    assert kinds(waiting.tenant.origin) == ["app.registered"]
