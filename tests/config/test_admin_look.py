"""The officer's pages about the logs in a real browser: accessible, in bounds, in both languages; and the button works."""

from datetime import timedelta

import pytest
from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from ledger.alarms import raise_alarm
from ledger.models import Alarm, Anchor, Entry, Verification, Witnessing
from ledger.publish import publish
from ledger.sequence import sequence
from ledger.verify_now import carry_out
from tests.factories import OfficerFactory
from tests.ledger.conftest import add, new_log
from tests.portal.conftest import DESKTOP, PHONE, _compiled, browser, site, window  # noqa: F401
from tests.portal.look import VIEWS
from tests.portal.look import look_at_office as look  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser


def scene():
    """Two logs: one with all that can be wrong, and one of which all is well."""
    now = timezone.now()
    troubled, calm = new_log(), new_log()
    for origin in (troubled, calm):
        add(origin, 3)
        sequence(origin=origin)
        publish(origin=origin, now=now)
        Witnessing.objects.create(log_id=origin, witness="witness.example/cosigner-1", size=3, cosigned_at=now)
        Anchor.objects.create(log_id=origin, size=3, kind="rfc3161", at=now - timedelta(hours=1), path="anchors/3.tsr")
    Verification.objects.create(log_id=calm, asked_at=now, started_at=now, ended_at=now, size=3)
    finding = "error: entry.changed 1: entry 1 was changed: it does not give the hash in the tile"
    Verification.objects.create(
        log_id=troubled, asked_at=now, started_at=now, ended_at=now, size=3, errors=1, findings=[finding]
    )
    Witnessing.objects.create(
        log_id=troubled, witness="witness.example/cosigner-2", size=1, trouble="no answer within 5 s", since=now
    )
    raise_alarm(origin=troubled, what="witness.disagrees", detail="witness.example/cosigner-2", now=now)
    raise_alarm(origin=troubled, what="log.corrupt", now=now)
    return troubled, calm


def page_of(origin):
    return reverse("admin:ledger_log_change", args=[quote(origin)])


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_the_pages_of_the_logs(window, look, size, language):  # noqa: F811
    troubled, calm = scene()
    page = window(user=OfficerFactory(), size=size, language=language)
    for name, path in {
        "admin-index": "/admin/",
        "admin-logs": "/admin/ledger/log/",
        "admin-log": page_of(troubled),
        "admin-log-calm": page_of(calm),
        "admin-entry": reverse("admin:ledger_log_entry", args=[quote(calm), 1]),
        "admin-alarms": "/admin/ledger/alarm/",
        "admin-alarm": reverse("admin:ledger_alarm_change", args=[Alarm.objects.latest("id").pk]),
    }.items():
        page.goto(path)
        look(page, name, size=size, language=language)


def test_an_officer_proves_an_entry_and_verifies_the_log(window, tmp_path):  # noqa: F811
    _, calm = scene()
    entry = Entry.objects.get(log=calm, index=1)
    page = window(user=OfficerFactory(), size=DESKTOP)
    page.goto("/admin/")
    expect(page.get_by_role("heading", name="2 alarms")).to_be_visible()
    page.get_by_role("link", name="Logs", exact=True).first.click()
    page.get_by_label("Entry: its id, or its index").fill(str(entry.ref))
    page.get_by_role("button", name="Show the entry").click()
    expect(page.get_by_text("Verified just now from the published files")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the proof").click()
    assert download.value.suggested_filename == f"{entry.ref}.tlog-proof"
    page.get_by_role("link", name=calm).click()
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text("Asked for, and not begun.")).to_be_visible()
    carry_out(clock=timezone.now)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("Everything holds: 3 entries.").first).to_be_visible()
