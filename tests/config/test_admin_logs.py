"""The officer's pages about the logs: how each stands, an entry with its proof, what is wrong, a verification on demand."""

import html
from datetime import timedelta

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from config.alarmwords import MEANINGS
from ledger import note, proof
from ledger.alarms import end_alarm, raise_alarm
from ledger.folder import folder_of
from ledger.models import Alarm, Anchor, Entry, Log, Opening, Verification, Witnessing
from ledger.publish import publish
from ledger.sequence import sequence
from ledger.tiles import bundle_path
from ledger.verify_now import carry_out
from tests.conftest import kinds
from tests.factories import OfficerFactory, UserFactory, sign_in
from tests.ledger.conftest import add, new_log

pytestmark = pytest.mark.django_db
LOGS = "/admin/ledger/log/"


def published(count=3):
    origin = new_log()
    refs = add(origin, count)
    sequence(origin=origin)
    publish(origin=origin, now=timezone.now())
    return origin, refs


@pytest.fixture
def officer(client):
    person = OfficerFactory()
    sign_in(client, person)
    return person


def text(answer):
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.content.decode()).split())


def page_of(origin):
    return reverse("admin:ledger_log_change", args=[quote(origin)])


def entry_of(origin, index):
    return reverse("admin:ledger_log_entry", args=[quote(origin), index])


def full(origin):
    """A log of which everything can be said."""
    now = timezone.now()
    Witnessing.objects.create(log_id=origin, witness="w.example/1", size=2, trouble="no answer", since=now)
    Witnessing.objects.create(log_id=origin, witness="x.example/1", size=3, cosigned_at=now)
    Anchor.objects.create(log_id=origin, size=3, kind="rfc3161", at=now, path="anchors/3.tsr")
    Verification.objects.create(log_id=origin, asked_at=now, ended_at=now, size=3, errors=1, findings=["error: x"])
    raise_alarm(origin=origin, what="witness.disagrees", detail="w.example/1", now=now)


class TestOverview:
    def test_it_says_how_each_log_stands(self, client, officer):
        origin, _ = published()
        full(origin)
        add(origin, 2)
        said = text(client.get(LOGS))
        root = bytes(Log.objects.get(origin=origin).checkpoints.get().root).hex()
        for word in (origin, root[:12], "w.example/1: 2", "(no answer)", "x.example/1: 3", "rfc3161", "the oldest for"):
            assert word in said, word
        assert "A witness knows another history" in said

    def test_calm_is_said(self, client, officer):
        published()
        assert "No alarm" in text(client.get(LOGS))
        assert 'class="alarms"' not in text(client.get(LOGS))

    def test_fifty_logs_cost_the_queries_of_two(self, client, officer):
        def asked(count):
            while len(made) < count:
                origin, _ = published(1)
                full(origin)
                add(origin)
                made.append(origin)
            client.get(LOGS)
            costs = []
            for path in (LOGS, "/admin/"):
                with CaptureQueriesContext(connection) as queries:
                    assert made[-1] in text(client.get(path))
                costs.append(len(queries))
            return costs

        made = []
        assert asked(2) == asked(50)

    def test_many_logs_come_in_pages(self, client, officer, monkeypatch):
        origins = sorted(published(1)[0] for _ in range(3))
        monkeypatch.setattr("config.adminlogs.LOGS_A_PAGE", 2)
        first, second, beyond = (text(client.get(LOGS, {"p": page})) for page in (1, 2, "x"))
        assert page_of(origins[0]) in first
        assert page_of(origins[2]) in second
        assert page_of(origins[2]) not in first
        assert "Page 1 of 2" in beyond


class TestOneLog:
    def test_it_says_everything(self, client, officer):
        origin, _ = published()
        full(origin)
        said = text(client.get(page_of(origin)))
        log = Log.objects.get(origin=origin)
        for word in (log.vkey, bytes(log.checkpoints.get().root).hex(), "anchors/3.tsr", "error: x", "no answer"):
            assert word in said, word

    def test_an_unknown_one(self, client, officer):
        assert client.get(page_of("nowhere/log")).status_code == 404

    def test_it_is_read_only(self, client, officer):
        origin, _ = published()
        assert client.post(page_of(origin), {"size": 0}).status_code == 403


class TestEntry:
    def test_it_shows_the_leaf_its_place_and_that_its_proof_holds(self, client, officer):
        origin, refs = published()
        entry = Entry.objects.get(log=origin, index=1)
        said = text(client.get(entry_of(origin, 1)))
        assert bytes(entry.leaf).decode() in said
        assert bytes(entry.leaf_hash).hex() in said
        assert "Verified just now from the published files" in said
        assert entry_of(origin, 0) in said
        assert entry_of(origin, 2) in said
        assert reverse("ledger:proof", args=[refs[1]]) in said
        file = client.get(reverse("ledger:proof", args=[refs[1]])).content.decode()
        proof.verify(file, bytes(entry.leaf), [note.Verifier.from_vkey(Log.objects.get(origin=origin).vkey)])

    def test_it_never_shows_what_a_commitment_stands_for(self, client, officer, app, consent):
        consent()
        origin = app.tenant.origin
        sequence(origin=origin)
        publish(origin=origin, now=timezone.now())
        before = Opening.objects.count()
        for index in range(Log.objects.get(origin=origin).size):
            said = text(client.get(entry_of(origin, index)))
            assert "voice-cloning" not in said
            assert "user-1" not in said
        # So it is no look at a person's record, and none is entered.
        assert Opening.objects.count() == before
        assert "access.viewed" not in kinds()

    def test_the_ends_of_the_log(self, client, officer):
        origin, _ = published(2)
        first, last = (text(client.get(entry_of(origin, index))) for index in (0, 1))
        assert "Previous entry" not in first
        assert "Next entry" in first
        assert "Previous entry" in last
        assert "Next entry" not in last
        assert client.get(entry_of(origin, 2)).status_code == 404
        assert client.get(entry_of("nowhere", 0)).status_code == 404

    def test_one_that_is_not_published_yet(self, client, officer):
        origin, _ = published()
        add(origin)
        sequence(origin=origin)
        said = text(client.get(entry_of(origin, 3)))
        assert "No published checkpoint covers this entry yet" in said
        assert "Verified just now" not in said

    def test_one_whose_published_form_was_changed(self, client, officer):
        origin, _ = published()
        bundle = folder_of(origin) / bundle_path(0, 3)
        bundle.write_bytes(bundle.read_bytes().replace(b'"kind":"test.h', b'"kind":"test.x', 1))
        said = text(client.get(entry_of(origin, 0)))
        assert "This entry does not verify" in said
        assert "Verified just now" not in said

    def test_it_is_found_by_its_id_and_by_its_index(self, client, officer):
        origin, refs = published()
        for wanted in (str(refs[2]), refs[2].hex, f" {refs[2]} ", "2"):
            answer = client.get(reverse("admin:ledger_log_find"), {"entry": wanted, "log": origin})
            assert (answer.status_code, answer.headers["Location"]) == (302, entry_of(origin, 2))

    @pytest.mark.parametrize(
        "wanted", ["3", "-1", "9" * 30, "²", "x", "", "0f0e0d0c-0b0a-4908-8706-050403020100", "'; --"]
    )
    def test_what_there_is_not(self, client, officer, wanted):
        origin, _ = published()
        answer = client.get(reverse("admin:ledger_log_find"), {"entry": wanted, "log": origin}, follow=True)
        assert "There is no such entry" in text(answer)

    def test_one_that_waits_for_its_place(self, client, officer):
        origin, _ = published()
        [ref] = add(origin)
        answer = client.get(reverse("admin:ledger_log_find"), {"entry": str(ref)}, follow=True)
        assert "has no place yet" in text(answer)


class TestVerifyNow:
    def test_it_is_asked_for_carried_out_and_shown(
        self, client, officer, django_capture_on_commit_callbacks, monkeypatch
    ):
        origin, _ = published()
        sent = []
        monkeypatch.setattr("hooks.wake._send", sent.append)
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(reverse("admin:ledger_log_verify", args=[quote(origin)]))
        assert (answer.status_code, sent) == (302, ["ledger.verify_now"])
        assert "not begun" in text(client.get(page_of(origin)))
        carry_out(clock=timezone.now)
        said = text(client.get(page_of(origin)))
        assert "Everything holds: 3 entries." in said
        assert "log.verified" in said
        assert "good," in text(client.get(LOGS))

    def test_what_it_finds_is_shown_and_stands_on_the_first_page(self, client, officer):
        origin, _ = published()
        (folder_of(origin) / bundle_path(0, 3)).unlink()
        client.post(reverse("admin:ledger_log_verify", args=[quote(origin)]))
        carry_out(clock=timezone.now)
        assert "bundle.missing" in text(client.get(page_of(origin)))
        assert "The published log does not verify" in text(client.get("/admin/"))
        assert (
            client.get(reverse("admin:ledger_verification_change", args=[Verification.objects.get().pk])).status_code
            == 200
        )

    def test_a_link_alone_does_not_start_it(self, client, officer):
        origin, _ = published()
        assert client.get(reverse("admin:ledger_log_verify", args=[quote(origin)])).status_code == 403
        assert client.post(reverse("admin:ledger_log_verify", args=["nowhere"])).status_code == 404
        strict = Client(enforce_csrf_checks=True)
        sign_in(strict, officer)
        assert strict.post(reverse("admin:ledger_log_verify", args=[quote(origin)])).status_code == 403
        assert not Verification.objects.exists()


class TestAlarms:
    @pytest.mark.parametrize("what", sorted(set(MEANINGS) - {"head.stalled", "checkpoint.unreadable"}))
    def test_an_open_one_stands_on_the_first_page_and_has_its_own(self, client, officer, what):
        origin, _ = published()
        raise_alarm(origin=origin, what=what, detail="the-detail", now=timezone.now())
        row = Alarm.objects.get()
        said, own = text(client.get("/admin/")), text(client.get(reverse("admin:ledger_alarm_change", args=[row.pk])))
        for page in (said, own):
            assert str(MEANINGS[what][0]) in page
            assert str(MEANINGS[what][1]) in page
            assert "the-detail" in page
        assert reverse("admin:ledger_alarm_change", args=[row.pk]) in said
        end_alarm(origin=origin, what=what, detail="the-detail", now=timezone.now())
        assert str(MEANINGS[what][0]) not in text(client.get("/admin/"))
        assert str(MEANINGS[what][0]) in text(client.get(reverse("admin:ledger_alarm_changelist")))

    def test_a_head_that_stalls(self, client, officer, monkeypatch):
        origin, _ = published()
        add(origin)
        later = timezone.now() + timedelta(seconds=11)
        monkeypatch.setattr("config.adminsite.timezone.now", lambda: later)
        said = text(client.get("/admin/"))
        assert "The head stalls" in said
        assert page_of(origin) in said

    def test_the_list_can_be_narrowed(self, client, officer):
        origin, _ = published()
        for what in ("log.stalled", "anchor.failed"):
            raise_alarm(origin=origin, what=what, now=timezone.now())
        end_alarm(origin=origin, what="anchor.failed", now=timezone.now())
        path = reverse("admin:ledger_alarm_changelist")
        pages = {chosen: text(client.get(path, {"open": chosen} if chosen else {})) for chosen in ("yes", "no", "")}
        titles = [str(MEANINGS[what][0]) for what in ("log.stalled", "anchor.failed")]
        assert {chosen: [title in page for title in titles] for chosen, page in pages.items()} == {
            "yes": [True, False],
            "no": [False, True],
            "": [True, True],
        }

    def test_one_of_a_kind_without_words_is_shown_by_its_name(self, client, officer):
        origin, _ = published()
        raise_alarm(origin=origin, what="sky.fell", now=timezone.now())
        assert "sky.fell" in text(client.get("/admin/"))

    def test_details_are_text(self, client, officer):
        origin, _ = published()
        raise_alarm(origin=origin, what="log.stalled", detail="<script>alert(1)</script>", now=timezone.now())
        for path in ("/admin/", LOGS, page_of(origin), reverse("admin:ledger_alarm_changelist")):
            assert b"<script>alert" not in client.get(path).content


class TestWho:
    def paths(self):
        origin, refs = published()
        return [
            LOGS,
            page_of(origin),
            entry_of(origin, 0),
            reverse("admin:ledger_log_find") + f"?entry={refs[0]}",
            reverse("admin:ledger_log_verify", args=[quote(origin)]),
        ]

    def test_nobody_else(self):
        for path in self.paths():
            for person in (None, UserFactory()):
                browser = Client()
                if person:
                    browser.force_login(person)
                for answer in (browser.get(path), browser.post(path)):
                    assert answer.status_code == 302
                    assert answer.headers["Location"].startswith("/admin/login/"), path
        assert not Verification.objects.exists()

    def test_no_officer_without_the_right_to_view(self):
        browser = Client()
        sign_in(browser, UserFactory(is_staff=True))
        for path in self.paths():
            assert {browser.get(path).status_code, browser.post(path).status_code} == {403}, path
        raise_alarm(origin=Log.objects.first().origin, what="log.corrupt", now=timezone.now())
        assert "does not verify" not in text(browser.get("/admin/"))

    def test_an_officer_with_it(self):
        person = UserFactory(is_staff=True)
        person.user_permissions.add(Permission.objects.get(codename="view_log"))
        browser = Client()
        sign_in(browser, person)
        assert [browser.get(path).status_code for path in self.paths()] == [200, 200, 200, 302, 403]


def test_in_chinese(client, officer):
    origin, _ = published()
    full(origin)
    client.cookies["django_language"] = "zh-hans"
    with translation.override("zh-hans"):
        wanted = str(MEANINGS["witness.disagrees"][0])
    assert wanted != "A witness knows another history"
    for path in ("/admin/", LOGS, page_of(origin)):
        assert wanted in text(client.get(path))
