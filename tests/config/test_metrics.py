"""`/metrics`: everything that an operator watches, for operators alone."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from ledger.alarms import raise_alarm
from ledger.folder import folder_of
from ledger.metrics import ALARMS, OF_A_LOG, OF_A_WITNESS, LogCollector
from ledger.models import Anchor, Verification, Witnessing
from ledger.publish import publish
from ledger.sequence import sequence
from tests.docs.pages import DOCS, prose
from tests.factories import OfficerFactory, sign_in
from tests.ledger.conftest import add, new_log

pytestmark = pytest.mark.django_db
TOKEN = "a-token-that-is-long-enough"


def scraped(client=None, **how):
    answer = (client or Client()).get("/metrics", **how)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.fixture
def token(settings, tmp_path, tenant):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    settings.METRICS_TOKEN = str(file)
    return file


def test_what_a_log_says_of_itself(db):
    origin, now = new_log(), timezone.now()
    add(origin, 5)
    sequence(origin=origin, batch=3)
    publish(origin=origin, now=now)
    sequence(origin=origin, batch=1)
    Witnessing.objects.create(log_id=origin, witness="w.example", size=2, trouble="no answer")
    Witnessing.objects.create(log_id=origin, witness="x.example", size=3)
    Anchor.objects.create(log_id=origin, size=3, kind="rfc3161", at=now - timedelta(hours=1), path="x")
    Verification.objects.create(log_id=origin, asked_at=now, ended_at=now, errors=2)
    raise_alarm(origin=origin, what="witness.quorum", now=now)
    said, log = scraped(), ("log", origin)
    assert {
        name: said[name, log]
        for name in (
            "consonant_log_entries",
            "consonant_log_signed_entries",
            "consonant_log_published_entries",
            "consonant_log_pending_entries",
            "consonant_log_anchored_entries",
            "consonant_log_verification_errors",
        )
    } == {
        "consonant_log_entries": 4,
        "consonant_log_signed_entries": 3,
        "consonant_log_published_entries": 3,
        "consonant_log_pending_entries": 1,
        "consonant_log_anchored_entries": 3,
        "consonant_log_verification_errors": 2,
    }
    assert 0 < said["consonant_log_oldest_unpublished_seconds", log] < 60
    assert 0 <= said["consonant_log_head_age_seconds", log] < 60
    assert 3600 <= said["consonant_log_anchor_age_seconds", log] < 3660
    assert said["consonant_witness_cosigned_entries", log, ("witness", "w.example")] == 2
    assert said["consonant_witness_lag_entries", log, ("witness", "w.example")] == 1
    assert said["consonant_witness_trouble", log, ("witness", "w.example")] == 1
    assert said["consonant_witness_trouble", log, ("witness", "x.example")] == 0
    assert said["consonant_log_alarms", log, ("what", "witness.quorum")] == 1


def test_a_head_that_stalls_is_an_alarm_here_too(db):
    origin = new_log()
    add(origin)
    families = {family.name: family for family in LogCollector(now=timezone.now() + timedelta(seconds=11)).collect()}
    assert [sample.labels for sample in families["consonant_log_alarms"].samples if sample.labels["log"] == origin] == [
        {"log": origin, "what": "head.stalled"}
    ]


def test_what_there_is_not_is_left_out(db):
    origin = new_log()
    add(origin)
    sequence(origin=origin)
    publish(origin=origin, now=timezone.now())
    (folder_of(origin) / "checkpoint").write_text("broken")
    names = {name for name, *labels in scraped() if ("log", origin) in labels}
    assert "consonant_log_published_entries" not in names
    assert "consonant_log_anchor_age_seconds" not in names
    assert {"consonant_log_entries", "consonant_log_alarms"} <= names


class TestWhoMayRead:
    def test_this_machine_in_local_mode(self):
        assert Client(REMOTE_ADDR="127.0.0.1").get("/metrics").status_code == 200
        assert Client(REMOTE_ADDR="::1").get("/metrics").status_code == 200

    @pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "", "unix:", "2001:db8::1"])
    def test_no_other_machine(self, address):
        answer = Client(REMOTE_ADDR=address).get("/metrics")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert b"consonant_" not in answer.content

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host"])
    def test_nobody_whom_a_proxy_brings(self, header):
        assert Client().get("/metrics", headers={header: "127.0.0.1"}).status_code == 401

    def test_nobody_in_production_without_a_token(self, settings):
        settings.LOCAL = False
        assert Client().get("/metrics").status_code == 401

    def test_no_officer_by_their_login_alone(self, settings):
        settings.LOCAL = False
        browser = Client()
        sign_in(browser, OfficerFactory())
        assert browser.get("/metrics").status_code == 401

    @pytest.mark.parametrize("local", [True, False])
    def test_whoever_shows_the_token(self, settings, token, local):
        settings.LOCAL = local
        outside = Client(REMOTE_ADDR="192.0.2.1")
        assert scraped(outside, headers={"Authorization": f"Bearer {TOKEN}"})
        for shown in ("", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \u00e9"):
            assert outside.get("/metrics", headers={"Authorization": shown}).status_code == 401
        # Where a token is asked for, this machine shows it too.
        assert Client().get("/metrics").status_code == 401

    @pytest.mark.parametrize("kept", ["", "\n", "short"])
    def test_nobody_by_a_token_that_is_none(self, token, kept):
        token.write_text(kept)
        assert Client().get("/metrics", headers={"Authorization": f"Bearer {kept.strip()}"}).status_code == 401

    def test_nobody_where_the_token_cannot_be_read(self, token):
        token.unlink()
        assert Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 401

    def test_a_new_token_holds_at_once(self, token):
        token.write_text("another-token-that-is-long")
        assert Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 401
        assert scraped(headers={"Authorization": "Bearer another-token-that-is-long"})

    def test_it_is_read_only_and_kept_by_nobody(self):
        answer = Client().get("/metrics")
        assert "no-store" in answer.headers["Cache-Control"]
        assert Client().post("/metrics").status_code == 405


def test_every_metric_is_documented():
    named = {name for name, *_ in (*OF_A_LOG, *OF_A_WITNESS, ALARMS)}
    text = prose(DOCS / "operations.md")
    assert {name for name in named if f"| `{name}` |" not in text} == set()
    assert set(re.findall(r"\bconsonant_[a-z_]+\b", text)) <= named
