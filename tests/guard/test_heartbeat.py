"""Who stops the monitor is heard by its silence, and whoever sends a heartbeat learns how the host stands."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consent.suspend import suspend
from guard.look_for_silence import look_for_silence
from guard.models import Alert, Host
from tests.guard.happenings import started

pytestmark = pytest.mark.django_db


def test_a_heartbeat_says_how_the_host_stands(agent, now):
    said = agent.beat(queued=2, watched=3, ports=[50000], monitors={"sysmon": True})
    assert said.json() == {"interval": "PT15S", "app_suspended": False, "isolated": False}
    host = Host.objects.get()
    assert (host.agent, host.status["ports"], host.status["monitors"]) == ("consonant 0.1.0", [50000], {"sysmon": True})
    suspend(app_id=host.app_id, reason="x", officer="7", now=now)
    Host.objects.update(isolated_at=now)
    assert agent.beat().json() == {"interval": "PT15S", "app_suspended": True, "isolated": True}


@pytest.mark.parametrize(
    "wrong",
    [
        {"agent": "x" * 61},
        {"sequence": -1},
        {"ports": [0]},
        {"ports": [1] * 257},
        {"monitors": {"other": True}},
        {"x": 1},
    ],
)
def test_what_is_no_heartbeat_changes_nothing(agent, wrong):
    assert agent.beat(**wrong).status_code == 422
    assert Host.objects.get().last_heartbeat_at is None


def test_s3_8_silence_is_noticed_once_and_ends_with_the_next_heartbeat(agent):
    now = timezone.now()
    assert look_for_silence(now=now + timedelta(days=1)) == 0, "a host that was never heard is being set up"
    agent.beat()
    assert look_for_silence(now=timezone.now() + timedelta(seconds=44)) == 0
    later = timezone.now() + timedelta(seconds=46)
    assert [look_for_silence(now=later) for _ in range(2)] == [1, 0]
    alert = Alert.objects.get()
    assert (alert.rule, alert.host_id) == ("heartbeat_missing", agent.host.id)
    assert "last_heard" in alert.summary["consonant"]
    agent.beat(sequence=2)
    assert Host.objects.get().silent_at is None
    assert look_for_silence(now=timezone.now() + timedelta(seconds=46)) == 1


def test_s3_8_the_monitors_own_stop_is_noticed_from_the_event_and_from_the_heartbeat(agent):
    from tests.guard.happenings import sysmon

    agent.report(sysmon(4, State="Stopped", Version="15.0"))
    assert Alert.objects.filter(rule="monitor_stopped", level="critical").count() == 1
    agent.report(started("sc.exe stop sysmon64", image=r"C:\Windows\System32\sc.exe"))
    assert Alert.objects.get(rule="monitor_stopped").count == 2
    agent.beat(monitors={"sysmon": None})
    assert not Alert.objects.filter(rule="monitor_gone").exists(), "there never was one"
    agent.beat(monitors={"sysmon": False})
    assert Alert.objects.get(rule="monitor_gone").summary["consonant"] == {"monitor": "sysmon"}
