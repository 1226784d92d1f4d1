"""A file that no record names is an unrecorded voice; one that has its record is nobody's business."""

from datetime import timedelta

import pytest
from django.utils import timezone

from guard.models import Alert, Event, Sighting
from guard.reconcile import reconcile
from retention.models import Place
from tests.conftest import Api
from tests.guard.happenings import sidecar

pytestmark = pytest.mark.django_db
MARK = {"kind": "watermark", "watermark_id": "wm-7"}
HERE, THERE = "ab" * 32, "cd" * 32


def seen(place=HERE, action="file.seen", **more):
    return sidecar(action, place=place, folder="outputs", suffix=".wav", **more)


@pytest.fixture
def session(api, consent):
    grant = consent(operations=["synthesize"])
    return api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]


def record(api, session, place=HERE):
    words = {"session": session, "mark": MARK, "custody": "app", "places": [place]}
    said = api.post("/api/v1/syntheses", words)
    assert said.status_code == 201, said.content
    return said.json()["id"]


def after(seconds):
    return timezone.now() + timedelta(seconds=seconds)


def test_a_file_without_a_record_is_an_alarm_after_three_seconds(agent):
    assert agent.report(seen()).json()["alerts"] == 0
    came = Sighting.objects.get().received_at
    assert reconcile(now=came + timedelta(seconds=2.9)) == 0
    assert [reconcile(now=came + timedelta(seconds=3)) for _ in range(2)] == [1, 0]
    alert = Alert.objects.get()
    assert (alert.rule, alert.summary["consonant"]) == ("unrecorded_file", {"folder": "outputs", "suffix": ".wav"})
    assert Sighting.objects.get().state == "alarmed"


@pytest.mark.parametrize("first", ["record", "file"])
def test_a_file_with_its_record_is_none_and_its_place_is_kept_once(agent, api, session, first):
    if first == "record":
        record(api, session)
    agent.report(seen())
    if first == "file":
        record(api, session)
    reconcile(now=after(3600))
    assert not Alert.objects.exists()
    assert not Sighting.objects.exists()
    assert Place.objects.count() == 1


def test_no_place_stands_in_a_stored_event(agent):
    other = {"event": {"category": ["file"], "type": ["creation"]}, "consonant": {"place": HERE}}
    agent.report(seen(), seen(THERE, "file.gone"), seen(THERE, "residue.removed"), other)
    assert Event.objects.count() == 4
    assert not any(word in str(list(Event.objects.values())) for word in (HERE, THERE))


def test_a_file_whose_record_waits_in_the_queue_has_an_hour(agent, api, session):
    agent.report(seen(queued=True))
    assert reconcile(now=after(3000)) == 0
    record(api, session)
    reconcile(now=after(3700))
    assert not Alert.objects.exists()


def test_a_file_that_is_said_to_be_queued_afterwards_has_it_too_and_not_for_ever(agent):
    agent.report(seen())
    agent.report(seen(queued=True))
    assert reconcile(now=after(60)) == 0
    assert reconcile(now=after(3700)) == 1


def test_a_file_that_is_gone_waits_for_nothing(agent):
    agent.report(seen())
    agent.report(seen(action="file.gone"))
    assert reconcile(now=after(10)) == 0


def test_a_record_of_another_app_is_no_record_of_this_one(agent, tenant, consent, user):
    from tests.factories import AppFactory

    other = AppFactory(tenant=tenant)
    api = Api(other)
    grant = consent(operations=["synthesize"], by=other)
    record(api, api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"])
    agent.report(seen())
    assert reconcile(now=after(4)) == 1


def test_a_file_that_outlives_its_record_is_an_alarm(agent, api, session):
    artifact = record(api, session)
    api.delete(f"/api/v1/artifacts/{artifact}")
    from retention.sweep import sweep

    sweep(clock=timezone.now)
    said = {"outcome": "deleted", "deleted_at": timezone.now().isoformat()}
    api.post(f"/api/v1/artifacts/{artifact}/erasure-acks", said)
    agent.report(seen())
    assert reconcile(now=after(4)) == 1


def test_s0_9_residue_and_open_ports_that_the_host_scan_finds_are_alerts(agent):
    agent.report(sidecar("residue.removed", folder="gradio", suffix=".wav"))
    assert not Alert.objects.exists(), "what was removed is as it should be"
    agent.report(sidecar("residue.left", folder="gradio", suffix=".wav"))
    agent.report({**sidecar("port.open"), "destination": {"port": 8080}})
    assert set(Alert.objects.values_list("rule", flat=True)) == {"residue_left", "port_open"}
    assert Alert.objects.get(rule="port_open").summary["destination"] == {"port": 8080}


def when(seconds):
    return after(seconds).isoformat()


def test_what_is_written_later_where_a_recorded_clip_lay_is_an_alarm(agent, api, session):
    record(api, session)
    Place.objects.update(told_at=after(-3600))
    agent.report(seen())
    assert reconcile(now=after(4)) == 1
    agent.report(seen())
    assert reconcile(now=after(8)) == 1, "and again, when it is written again"


def test_an_old_clip_that_is_seen_again_after_the_guards_start_is_none(agent, api, session):
    record(api, session)
    Place.objects.update(told_at=after(-3600))
    agent.report(seen(at=after(-3595)))
    assert reconcile(now=after(4)) == 0


def test_the_same_path_recorded_again_is_no_alarm(agent, api, session):
    artifact = record(api, session)
    Place.objects.update(told_at=after(-3600))
    agent.report(seen())
    api.post(f"/api/v1/artifacts/{artifact}/places", {"places": [HERE]})
    assert reconcile(now=after(4)) == 0
    assert not Sighting.objects.exists()


@pytest.mark.parametrize("minutes", [-45, 45])
def test_a_host_whose_clock_is_wrong_is_judged_by_ours(agent, api, session, minutes):
    agent.beat(sent_at=when(60 * minutes))
    record(api, session)
    agent.report(seen(at=after(60 * minutes)))
    assert reconcile(now=after(4)) == 0
    Place.objects.update(told_at=after(-600))
    agent.report(seen(at=after(60 * minutes)))
    assert reconcile(now=after(4)) == 1


@pytest.mark.parametrize("sent_at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_clock_that_is_years_off_tells_nothing(agent, sent_at):
    assert agent.beat(sent_at=sent_at).status_code == 200
    assert agent.report(seen()).json()["accepted"] == 1
    assert reconcile(now=after(4)) == 1
