"""Deliveries: signed, at least once, said only when so; retried, given up, replayed; one dead target holds up nobody."""

import json
import threading
from datetime import datetime, timedelta

import httpx
import jsonschema
import pytest
from django.test import Client
from django.utils import timezone

from consent.withdraw import withdraw
from hooks import deliver as delivering
from hooks import target
from hooks.models import Delivery, Subscription
from hooks.notify import notify
from hooks.schedule import DELAYS
from tests import vectors
from tests.conftest import Api, kinds
from tests.factories import AppFactory, OfficerFactory, sign_in

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The process is gone at this line."""


def deliver(at=None):
    return delivering.deliver(clock=(lambda: at) if at else timezone.now)


@pytest.fixture
def given(receiver, subscribe, consent):
    """A subscription and an event on its way."""
    subscribe(receiver)
    return consent()


def test_signed_and_received(receiver, given):
    assert deliver() == 1
    (event,) = receiver.got
    assert receiver.forged == []
    assert event["type"] == "consent.given"
    assert event["data"]["grant"] == str(given.id)
    assert event["data"]["request"] == str(given.request_id)
    assert "user-1" not in str(event)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries, delivery.last_status) == ("delivered", 1, 200)
    assert str(delivery.event_id) == event["id"]
    assert deliver() == 0


def test_every_event(api, receiver, subscribe, consent, user, clip):
    for event in ("consent.given", "consent.withdrawn", "session.ended", "artifact.erased"):
        subscribe(receiver, event)
    grant = consent()
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    api.upload(session, clip)
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    from retention.sweep import sweep

    sweep(clock=timezone.now)
    while deliver():
        pass
    assert sorted(event["type"] for event in receiver.got) == [
        "artifact.erased",
        "consent.given",
        "consent.withdrawn",
        "session.ended",
    ]
    assert receiver.forged == []


def test_the_shape_is_cloudevents(receiver, given):
    deliver()
    (event,) = receiver.got
    assert event.keys() == {"specversion", "id", "source", "type", "time", "datacontenttype", "data"}
    (schema,) = vectors.path("hooks/cloudevents").rglob("*schema*.json")
    jsonschema.validate(event, json.loads(schema.read_text()))


def test_a_failure_is_tried_again_by_the_schedule_and_then_given_up(receiver, given):
    receiver.status = 500
    at = timezone.now()
    for tries, following in enumerate([*DELAYS[1:], None], start=1):
        assert deliver(at) == 1
        delivery = Delivery.objects.get()
        assert delivery.tries == tries
        if following is None:
            assert (delivery.state, delivery.last_status, delivery.last_error) == ("dead", 500, "status")
        else:
            assert (delivery.state, delivery.next_try_at) == ("pending", at + following)
            assert deliver(at + following - timedelta(milliseconds=1)) == 0
            at += following
    assert deliver(at + timedelta(days=30)) == 0
    assert len({event["id"] for event in receiver.got}) == 1


def test_a_redirect_is_a_failure(receiver, other_receiver, given):
    receiver.status, receiver.headers = 302, {"Location": other_receiver.url}
    deliver()
    assert Delivery.objects.get().last_status == 302
    assert other_receiver.got + other_receiver.forged == []


def test_gone_ends_the_subscription(receiver, given, consent):
    receiver.status = 410
    deliver()
    subscription = Subscription.objects.get()
    assert (subscription.state, subscription.end_reason) == ("ended", "gone")
    assert Delivery.objects.get().state == "dead"
    assert kinds().count("hook.ended") == 1
    consent(ref="user-2")
    assert Delivery.objects.count() == 1


def test_an_officer_replays_a_dead_letter(receiver, given):
    Delivery.objects.update(state="dead", tries=10)
    officer = Client()
    sign_in(officer, OfficerFactory())
    page = officer.get("/admin/hooks/delivery/?state__exact=dead")
    assert str(given.app) in page.content.decode()
    delivery = Delivery.objects.get()
    answer = officer.post(
        "/admin/hooks/delivery/", {"action": "replay_chosen", "_selected_action": [str(delivery.id)]}, follow=True
    )
    assert "1 of 1" in answer.content.decode()
    assert kinds()[-1] == "hook.replayed"
    deliver()
    assert len(receiver.got) == 1
    assert officer.post(f"/admin/hooks/delivery/{delivery.id}/change/", {}).status_code == 403


def test_a_suspended_app_is_told(app, receiver, given):
    app.suspended_at = timezone.now()
    app.save()
    deliver()
    assert len(receiver.got) == 1


@pytest.mark.parametrize("where", ["_send", "_write", "_delivered"])
def test_killed_at_each_step_nothing_is_said_that_is_not_so(receiver, given, monkeypatch, where):
    def die(*_args, **_words):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(delivering, where, die)
        with pytest.raises(Killed):
            deliver()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.delivered_at) == ("pending", None)
    deliver(timezone.now() + delivering.LEASE)
    assert Delivery.objects.get().state == "delivered"
    assert len({event["id"] for event in receiver.got}) == 1


def test_the_backlog_of_a_dead_target_holds_up_no_other_app(app, receiver, other_receiver, subscribe):
    elsewhere = AppFactory(tenant=app.tenant)
    subscribe(receiver)
    subscribe(other_receiver, by=Api(elsewhere, scope="hooks"))
    now = timezone.now()
    for _ in range(600):
        notify(app=app, event="consent.given", data={}, now=now)
    notify(app=elsewhere, event="consent.given", data={}, now=now + timedelta(seconds=1))
    other_has_it, waited = threading.Event(), []
    receiver._check = lambda *_: waited.append(other_has_it.wait(3))  # answers nothing until the other has its own
    other_receiver._check = lambda *_: other_has_it.set()
    deliver(now + timedelta(seconds=2))
    assert waited[:4] == [True] * 4, "four of the one, and meanwhile the other's"


def test_a_target_that_was_not_reached_is_left_alone_for_a_moment(receiver, subscribe, consent, monkeypatch):
    subscribe(receiver)
    for number in range(6):
        consent(ref=f"user-{number}")
    at = timezone.now()
    with monkeypatch.context() as patch:
        patch.setattr(delivering, "post", lambda *_, **__: (_ for _ in ()).throw(httpx.ConnectTimeout("away")))
        assert deliver(at) == 4
    assert deliver(at) == 0
    assert deliver(at + timedelta(seconds=4.9)) == 0
    taken, tried = [], delivering._claim
    monkeypatch.setattr(delivering, "_claim", lambda **words: taken.append(tried(**words)) or taken[-1])
    assert deliver(at + timedelta(seconds=5)) == 6
    assert [len(each) for each in taken if each][:2] == [1, 4], "one finds out whether it is back"
    assert set(Subscription.objects.values_list("failures", "not_before")) == {(0, None)}


def test_what_is_on_its_way_counts_also_in_another_courier(receiver, subscribe, consent):
    subscribe(receiver)
    for number in range(6):
        consent(ref=f"user-{number}")
    now = timezone.now()
    assert len(delivering._claim(now=now)) == 4
    assert delivering._claim(now=now) == []
    assert len(delivering._claim(now=now + delivering.LEASE)) == 4


def test_an_outcome_that_cannot_be_written_loses_no_other(
    app, receiver, other_receiver, subscribe, consent, monkeypatch
):
    elsewhere = AppFactory(tenant=app.tenant)
    subscribe(receiver)
    subscribe(other_receiver, by=Api(elsewhere, scope="hooks"))
    receiver.status = 410
    consent()
    consent(by=elsewhere, ref="u")

    def broken(**_words):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(delivering, "end", broken)
        deliver()
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["dead", "delivered"]
    assert set(Subscription.objects.values_list("state", flat=True)) == {"active"}
    consent(ref="user-2")
    deliver()
    assert sorted(Subscription.objects.values_list("state", flat=True)) == ["active", "ended"], (
        "said at its next delivery"
    )


def test_no_rows_without_a_listener(consent):
    consent()
    assert Delivery.objects.count() == 0


def test_what_was_settled_long_ago_is_deleted(receiver, given):
    deliver()
    delivering.tidy(now=timezone.now() + timedelta(days=29))
    assert Delivery.objects.count() == 1
    delivering.tidy(now=timezone.now() + timedelta(days=31))
    assert Delivery.objects.count() == 0


STANDARD = "hooks/standard-webhooks/vectors.json"


def test_what_is_sent_has_the_signatures_of_the_vectors(receiver):
    valid = [each for each in vectors.load(STANDARD)["vectors"] if each["scheme"] == "v1" and "valid" in each["expect"]]
    assert valid
    heard = []
    receiver._take = lambda request, body: (
        heard.append((request.headers["webhook-id"], request.headers["webhook-timestamp"], body)),
        heard.append(request.headers["webhook-signature"]),
        request.send_response(204),
        request.end_headers(),
    )
    with target.client(private=True) as client:
        for each in valid:
            heard.clear()
            at = datetime.fromtimestamp(int(each["timestamp"]), tz=timezone.get_fixed_timezone(480))
            delivering.post(
                client, receiver.url, event_id=each["id"], body=each["payload"], secrets=[each["secret"]], now=at
            )
            assert heard[0] == (each["id"], str(each["timestamp"]), each["payload"].encode())
            assert heard[1] in each["signature"].split(" ")


def test_the_schedule_is_the_recommended_one():
    recommended = vectors.load(STANDARD)["recommended_retry_delays_seconds"]
    assert [delay.total_seconds() for delay in DELAYS] == recommended
