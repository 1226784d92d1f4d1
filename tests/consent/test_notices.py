"""Notices from the draft to the letter: nothing incomplete is published, nothing published changes, and what matters asks people anew."""

import smtplib
import uuid
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import DatabaseError, transaction
from django.utils import timezone

from consent import tell_of_notice as letters
from consent.allow import allow
from consent.ask import ask
from consent.delegate_end import end_delegation
from consent.draft_notice import draft_notice, start_notice
from consent.editions import editions, newest_published
from consent.errors import (
    NeedsItsOwn,
    NoticeIncomplete,
    NoticeUnknown,
    OperationUnknown,
    PurposeUnknown,
)
from consent.lapse import lapse
from consent.models import Announcement, Declaration, Delegation, Grant, Notice
from consent.notice_fields import LANGUAGES, NAMES, NOT_GIVEN
from consent.open_session import Opened, open_session
from consent.publish_notice import publish_notice
from consent.queries import newest_notice
from consent.reaffirm import reaffirm
from consent.tell_of_notice import tell_of_notice
from consent.withdraw import withdraw
from ledger.models import Opening
from tests.conftest import kinds
from tests.factories import AppFactory, UserFactory

pytestmark = pytest.mark.django_db
OFFICER = f"officer:{uuid.UUID(int=1)}"


@pytest.fixture
def write(app, now):
    """Draft a next version in which some fields read otherwise; return its number."""

    def make(*, by=app, purpose="voice-cloning", languages=LANGUAGES, **texts):
        last = editions(app_id=by.id, purpose_id=purpose)[0].bodies
        bodies = {locale: body | (texts if locale in languages else {}) for locale, body in last.items()}
        return draft_notice(app_id=by.id, purpose=purpose, bodies=bodies, actor=OFFICER, now=now)

    return make


@pytest.fixture
def publish(app, write, now):
    """Publish such a version."""

    def make(*, material=False, at=None, **texts):
        version = write(**texts)
        return publish_notice(
            app_id=app.id, purpose="voice-cloning", version=version, material=material, actor=OFFICER, now=at or now
        )

    return make


def uses(app, grant, now):
    opened = open_session(app=app, grant_id=grant.id, operations=None, now=now)
    return "yes" if isinstance(opened, Opened) else opened.reason


class TestPublishing:
    @pytest.mark.parametrize("locale", LANGUAGES)
    def test_g6_a_notice_with_a_field_missing_cannot_be_published(self, app, write, now, locale):
        names = [name for name in NAMES if not name.startswith("recipient_")]
        assert len(names) == 24
        for name in names:
            for nothing in ("", NOT_GIVEN[locale]):
                body = newest_notice(app_id=app.id, purpose_id="voice-cloning", locale=locale).body
                version = write(languages=[locale], **body | {name: nothing})
                with pytest.raises(NoticeIncomplete) as incomplete:
                    publish_notice(
                        app_id=app.id, purpose="voice-cloning", version=version, material=True, actor=OFFICER, now=now
                    )
                assert incomplete.value.missing == {locale: [name]}
        assert newest_published(app_id=app.id, purpose_id="voice-cloning").version == 1
        assert kinds() == ["app.registered"]

    def test_p4_without_necessity_or_impact_it_cannot_be_published(self, app, write, now):
        version = write(necessity="", impact=" ")
        with pytest.raises(NoticeIncomplete) as incomplete:
            publish_notice(
                app_id=app.id, purpose="voice-cloning", version=version, material=True, actor=OFFICER, now=now
            )
        assert incomplete.value.missing == {locale: ["necessity", "impact"] for locale in LANGUAGES}

    def test_a_language_that_is_missing_keeps_all_back(self, app, write, now):
        version = write()
        Notice.objects.filter(version=version, locale="zh-hans").delete()
        with pytest.raises(NoticeIncomplete) as incomplete:
            publish_notice(
                app_id=app.id, purpose="voice-cloning", version=version, material=True, actor=OFFICER, now=now
            )
        assert "title" in incomplete.value.missing["zh-hans"]

    def test_a_version_is_published_once_in_all_its_languages(self, app, publish, now):
        edition = publish(complaint="To the authority.")
        assert {notice.locale for notice in edition.notices.values()} == set(LANGUAGES)
        assert set(Notice.objects.filter(version=2).values_list("published_at", flat=True)) == {now}
        with pytest.raises(NoticeUnknown):
            publish_notice(app_id=app.id, purpose="voice-cloning", version=2, material=False, actor=OFFICER, now=now)
        with pytest.raises(NoticeUnknown):
            publish_notice(app_id=app.id, purpose="voice-cloning", version=9, material=False, actor=OFFICER, now=now)

    def test_what_was_published_stays_as_it_is(self, app):
        notice = Notice.objects.get(locale="en")
        for change in (lambda: Notice.objects.filter(id=notice.id).update(version=7), notice.delete):
            with pytest.raises(DatabaseError, match="stays as it is"), transaction.atomic():
                change()

    def test_the_entry_says_which_text_it_was(self, app, publish, user):
        edition = publish(why="For something else.")
        from keyring.keys import store
        from keyring.seal import unseal

        opening = Opening.objects.get(kind="notice.published")
        told = unseal(store().get(opening.holder), bytes(opening.sealed), context=opening.ref.bytes).decode()
        for notice in edition.notices.values():
            assert notice.shown()["sha256"] in told
        assert OFFICER in told

    def test_a_purpose_nobody_declared_has_no_notice(self, app, now):
        with pytest.raises(PurposeUnknown):
            start_notice(app_id=app.id, purpose="text-to-speech", actor=OFFICER, now=now)
        with pytest.raises(PurposeUnknown):
            publish_notice(app_id=app.id, purpose="text-to-speech", version=1, material=True, actor=OFFICER, now=now)


class TestDrafting:
    def test_of_one_purpose_there_is_one_draft_and_nobody_is_shown_it(self, app, write, now):
        assert write(why="First words.") == 2
        assert write(why="Better words.") == 2
        assert start_notice(app_id=app.id, purpose="voice-cloning", actor=OFFICER, now=now) == 2
        assert [edition.version for edition in editions(app_id=app.id, purpose_id="voice-cloning")] == [2, 1]
        shown = newest_notice(app_id=app.id, purpose_id="voice-cloning", locale="en")
        assert (shown.version, Notice.objects.get(version=2, locale="en").body["why"]) == (1, "Better words.")
        assert set(Notice.objects.filter(version=2).values_list("drafted_by", flat=True)) == {OFFICER}

    def test_it_begins_with_what_the_newest_says_and_with_what_is_known(self, app, now):
        old = Notice.objects.get(locale="en").body
        with transaction.atomic():  # as notices were before they had to say more
            Notice.objects.create(
                app=app,
                purpose_id="voice-cloning",
                locale="en",
                version=2,
                operations=["upload"],
                body={"title": "Older", "why": "Older words."},
                published_at=now,
            )
        assert start_notice(app_id=app.id, purpose="voice-cloning", actor=OFFICER, now=now) == 3
        begun = Notice.objects.get(version=3, locale="en").body
        assert (begun["title"], begun["why"], begun["rights"]) == ("Older", "Older words.", old["rights"])

    @pytest.mark.parametrize(
        "bodies",
        [
            {"en": {"why": "words"}},
            {"en": {"why": "words"}, "zh-hans": {"nothing": "words"}},
            {"en": {"why": "x" * 2001}, "zh-hans": {}},
            {"en": {}, "zh-hans": {}, "fr": {}},
        ],
    )
    def test_what_is_no_notice_is_refused(self, app, now, bodies):
        with pytest.raises(ValueError):
            draft_notice(app_id=app.id, purpose="voice-cloning", bodies=bodies, actor=OFFICER, now=now)
        assert Notice.objects.count() == 2

    def test_p6_a_recipient_in_a_notice_of_another_purpose_is_refused(self, app, write):
        with pytest.raises(NeedsItsOwn):
            write(recipient_name="Lab Ltd")
        assert not Notice.objects.filter(version=2).exists()


class TestWhatMatters:
    def test_p2_a_change_of_what_is_done_stops_use_until_it_is_confirmed(self, app, user, consent, publish, now):
        grant = consent(at=now)
        assert uses(app, grant, now) == "yes"
        publish(method="Otherwise than before.")  # though its author says that it does not matter
        assert uses(app, grant, now) == "consent_stale"
        lapse(now=now)
        grant.refresh_from_db()
        assert (grant.state, grant.end_reason) == ("stale", "notice_changed")
        assert not grant.sessions.filter(closed_at=None).exists()
        newest = newest_notice(app_id=app.id, purpose_id="voice-cloning", locale="en")
        reaffirm(grant_id=grant.id, user=user, notice_id=newest.id, screen="<p>read</p>", now=now)
        assert uses(app, grant, now) == "yes"

    @pytest.mark.parametrize("field", ["why", "method", "what", "recipients", "kept", "transfers"])
    def test_p2_each_field_that_matters_forces_it_in_each_language(self, app, publish, field):
        for version, locale in enumerate(LANGUAGES, start=2):
            edition = publish(languages=[locale], **{field: "Otherwise than before."})
            assert (edition.version, edition.is_material) == (version, True)
            assert Declaration.objects.get().material_version == version

    def test_p2_other_operations_force_it(self, app, consent, write, now):
        grant = consent(at=now)
        Declaration.objects.update(operations=["upload"])
        edition = publish_notice(
            app_id=app.id, purpose="voice-cloning", version=write(), material=False, actor=OFFICER, now=now
        )
        assert (edition.is_material, edition.operations) == (True, ["upload"])
        assert uses(app, grant, now) == "consent_stale"

    def test_a_change_that_does_not_matter_leaves_grants_as_they_are(self, app, consent, publish, now):
        grant = consent(at=now)
        edition = publish(complaint="To the authority next door.")
        assert not edition.is_material
        lapse(now=now)
        assert uses(app, grant, now) == "yes"
        assert Declaration.objects.get().material_version == 1

    def test_its_author_can_say_that_it_matters(self, app, consent, publish, now):
        grant = consent(at=now)
        assert publish(complaint="To another.", material=True).is_material
        assert uses(app, grant, now) == "consent_stale"

    def test_a_later_small_change_does_not_bring_back_what_went_stale(self, app, consent, publish, now):
        grant = consent(at=now)
        publish(why="For something else.")
        publish(complaint="To another.")
        assert uses(app, grant, now) == "consent_stale"
        assert Declaration.objects.get().material_version == 2

    def test_other_apps_and_purposes_are_left_alone(self, app, consent, publish, now):
        other = AppFactory(tenant=app.tenant)
        theirs = consent(by=other, ref="user-2", at=now)
        publish(why="For something else.")
        assert uses(other, theirs, now) == "yes"

    def test_nothing_is_asked_that_the_notice_does_not_say(self, app, now):
        asked = {"app": app, "subject_ref": "u", "purpose": "voice-cloning", "term": timedelta(days=1), "now": now}
        Notice.objects.create(
            app=app,
            purpose_id="voice-cloning",
            locale="en",
            version=2,
            operations=["upload"],
            body={},
            published_at=now,
        )
        ask(operations=["upload"], **asked)
        with pytest.raises(OperationUnknown):
            ask(operations=["embed"], **asked)

    def test_without_a_published_notice_nobody_is_asked(self, tenant, now):
        app = AppFactory(tenant=tenant, purposes=["voice-sharing"])
        with pytest.raises(PurposeUnknown):
            ask(
                app=app,
                subject_ref="u",
                purpose="voice-sharing",
                operations=["provide"],
                term=timedelta(days=1),
                now=now,
            )


class Flaky(EmailBackend):
    """A mail server that takes so many letters, and then is away."""

    takes = 1
    error = smtplib.SMTPServerDisconnected

    def send_messages(self, messages):
        if len(mail.outbox) >= Flaky.takes:
            raise Flaky.error({})
        return super().send_messages(messages)


class Picky(EmailBackend):
    """A mail server that does not take letters to one address."""

    refuses = ""
    error = ValueError("")

    def send_messages(self, messages):
        if [Picky.refuses] in [letter.to for letter in messages]:
            raise Picky.error
        return super().send_messages(messages)


class TestTelling:
    @pytest.fixture
    def people(self, consent, now):
        """Three people who allowed it, in the order of their accounts."""
        found = sorted((UserFactory() for _ in range(3)), key=lambda person: person.id)
        for number, person in enumerate(found):
            consent(who=person, ref=f"user-{number}", at=now)
        return found

    def test_p4_changes_are_told_to_whoever_they_concern(self, app, people, publish, now):
        stopped = Grant.objects.get(subject__user=people[1])
        withdraw(grant_id=stopped.id, user=people[1], now=now)
        publish(complaint="To another.")
        assert tell_of_notice(now=now) == 2
        assert [letter.to for letter in mail.outbox] == [[people[0].email], [people[2].email]]
        for letter in mail.outbox:
            assert app.name in letter.subject
            assert "Make a copy of your voice" in letter.body
            assert "what you allowed still stands" in letter.body
            assert "http://127.0.0.1:8000/apps/" in letter.body
        assert Announcement.objects.get().done_at == now
        assert Announcement.objects.get().reached is None
        assert tell_of_notice(now=now) == 0

    def test_what_matters_is_said_to_matter_in_the_language_that_was_read(self, app, people, publish, now):
        Grant.objects.filter(subject__user=people[0]).update(notice=Notice.objects.get(locale="zh-hans"))
        publish(why="For something else.")
        lapse(now=now)  # stale ones can still be confirmed
        assert tell_of_notice(now=now) == 3
        assert "复刻您的声音并用它说话" in mail.outbox[0].body
        assert "until you have read the new notice and confirmed" in mail.outbox[1].body

    def test_a_first_version_is_news_to_nobody(self, app, people, now):
        assert not Announcement.objects.exists()
        assert tell_of_notice(now=now) == 0

    def test_who_confirmed_meanwhile_is_not_told(self, app, people, publish, now):
        publish(why="For something else.")
        newest = newest_notice(app_id=app.id, purpose_id="voice-cloning", locale="en")
        grant = Grant.objects.get(subject__user=people[0])
        reaffirm(grant_id=grant.id, user=people[0], notice_id=newest.id, screen="<p>read</p>", now=now)
        assert tell_of_notice(now=now) == 2

    def test_one_person_gets_one_letter(self, app, user, consent, publish, now):
        consent(at=now)
        consent(at=now)
        publish(complaint="To another.")
        assert tell_of_notice(now=now) == 1

    @pytest.mark.parametrize("error", [smtplib.SMTPServerDisconnected, ConnectionRefusedError])
    def test_a_mail_server_that_goes_away_leaves_the_rest_to_the_next_round(
        self, app, people, publish, now, settings, monkeypatch, error
    ):
        settings.EMAIL_BACKEND = f"{Flaky.__module__}.Flaky"
        monkeypatch.setattr(Flaky, "error", error)
        publish(complaint="To another.")
        assert tell_of_notice(now=now) == 1
        assert Announcement.objects.get().done_at is None
        monkeypatch.setattr(Flaky, "takes", 9)
        assert tell_of_notice(now=now) == 2
        assert [letter.to for letter in mail.outbox] == [[person.email] for person in people]
        assert Announcement.objects.get().done_at == now

    def test_an_address_that_is_refused_is_passed_over_and_not_logged(
        self, app, people, publish, now, settings, monkeypatch, caplog
    ):
        settings.EMAIL_BACKEND = f"{Flaky.__module__}.Flaky"
        monkeypatch.setattr(Flaky, "error", smtplib.SMTPRecipientsRefused)
        publish(complaint="To another.")
        assert tell_of_notice(now=now) == 1
        assert Announcement.objects.get().done_at == now
        assert "letter_refused" in caplog.text
        assert not any(person.email in caplog.text for person in people)

    def test_a_round_ends_so_that_others_have_their_turn(self, app, people, publish, now, monkeypatch):
        monkeypatch.setattr(letters, "A_ROUND", 2)
        publish(complaint="To another.")
        assert [tell_of_notice(now=now) for _ in range(3)] == [2, 1, 0]

    def test_who_has_no_address_is_passed_over(self, app, people, publish, now):
        type(people[0]).objects.filter(id=people[0].id).update(email=None)
        type(people[1]).objects.filter(id=people[1].id).update(is_active=False)
        publish(complaint="To another.")
        assert tell_of_notice(now=timezone.now()) == 1
        assert mail.outbox[0].to == [people[2].email]

    @pytest.mark.parametrize(
        "error",
        [
            smtplib.SMTPDataError(554, b"refused"),
            smtplib.SMTPNotSupportedError("SMTPUTF8"),
            ValueError("no address"),
            UnicodeEncodeError("ascii", "", 0, 1, "no address"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_one_letter_that_cannot_be_sent_holds_up_no_other(
        self, app, people, publish, now, settings, monkeypatch, caplog, error
    ):
        settings.EMAIL_BACKEND = f"{Picky.__module__}.Picky"
        monkeypatch.setattr(Picky, "refuses", people[0].email)
        monkeypatch.setattr(Picky, "error", error)
        publish(complaint="To another.")
        assert tell_of_notice(now=now) == 2
        assert [letter.to for letter in mail.outbox] == [[person.email] for person in people[1:]]
        assert Announcement.objects.get().done_at == now
        assert "letter_refused" in caplog.text

    def test_a_server_that_is_busy_is_asked_again(self, app, people, publish, now, settings, monkeypatch):
        settings.EMAIL_BACKEND = f"{Picky.__module__}.Picky"
        monkeypatch.setattr(Picky, "refuses", people[0].email)
        monkeypatch.setattr(Picky, "error", smtplib.SMTPDataError(451, b"later"))
        publish(complaint="To another.")
        assert tell_of_notice(now=now) == 0
        monkeypatch.setattr(Picky, "refuses", "")
        assert tell_of_notice(now=now) == 3

    @pytest.mark.parametrize("ended", ["by somebody", "by the clock", None])
    def test_who_answered_for_a_person_is_told_as_long_as_they_may_act(self, app, user, publish, now, ended):
        person = UserFactory()
        by = Delegation.objects.create(
            principal=person,
            delegate=user,
            relationship="attorney",
            label="a friend",
            state="approved",
            requested_at=now,
            valid_until=now + timedelta(days=1),
        )
        asked = ask(
            app=app, subject_ref="u", purpose="voice-cloning", operations=["upload"], term=timedelta(days=9), now=now
        )
        allow(token=asked.token, user=person, choice="term", locale="en", now=now, by=by)
        if ended == "by somebody":
            end_delegation(delegation_id=by.id, user=person, now=now)
        elif ended:
            Delegation.objects.update(valid_until=now)
        publish(complaint="To another.")
        assert tell_of_notice(now=now) == 1
        assert mail.outbox[0].to == [person.email if ended else user.email]
