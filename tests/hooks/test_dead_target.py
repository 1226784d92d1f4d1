"""One target of many that takes deliveries and never answers delays nobody: measured as the bench does, and seen step by step."""

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from consent.suspend import reinstate, suspend
from hooks import deliver as delivering
from hooks import target
from hooks.models import Delivery, Subscription
from hooks.notify import notify
from hooks.queries import due
from hooks.replay import replay
from hooks.schedule import GIVEN_UP_AFTER
from retention.bench.hooks import hooks
from tests.conftest import Api
from tests.factories import AppFactory


@pytest.mark.usefixtures("committed")
def test_as_it_is_measured(django_db_blocker, monkeypatch):
    monkeypatch.setattr(target, "ANSWER_WITHIN", timedelta(seconds=6))
    with django_db_blocker.unblock():
        rate, late = hooks(targets=12, events=360, rounds=1)
        assert set(Delivery.objects.exclude(subscription=Subscription.objects.earliest("id")).values_list("state")) == {
            ("delivered",)
        }
    assert rate.ratio > 0.3, "the threads that it holds are few, whatever the machine does besides"
    assert late.value < 5_500, "nobody waited for its six seconds"


@pytest.mark.django_db
def test_a_thread_that_waits_for_it_holds_no_other(app, receiver, other_receiver, subscribe):
    elsewhere = AppFactory(tenant=app.tenant)
    subscribe(receiver)
    subscribe(other_receiver, by=Api(elsewhere, scope="hooks"))
    now = timezone.now()
    notify(app=app, event="consent.given", data={}, now=now)
    for _ in range(100):
        notify(app=elsewhere, event="consent.given", data={}, now=now)
    all_others = threading.Event()
    receiver._check = lambda *_: all_others.wait(20)
    heard = []
    other_receiver._check = lambda *_: heard.append(1) or (len(heard) == 100 and all_others.set())
    began = time.monotonic()
    assert delivering.deliver(clock=timezone.now) == 101
    assert time.monotonic() - began < 15
    assert all_others.is_set()


@pytest.mark.django_db
def test_of_a_target_that_does_not_answer_one_delivery_is_on_its_way(app, receiver, other_receiver, subscribe):
    subscribe(receiver)
    subscribe(receiver, "consent.refused")
    subscribe(other_receiver)
    now = timezone.now()
    for _ in range(9):
        notify(app=app, event="consent.given", data={}, now=now)
    there = Subscription.objects.filter(target=receiver.url.partition("/hook")[0])
    assert there.count() == 2
    there.update(failures=3)
    chosen = Delivery.objects.filter(id__in=due(now=now, most=16, per_app=4))
    assert sorted(each.subscription.failures for each in chosen) == [0, 0, 0, 3]


@pytest.mark.django_db
def test_another_apps_hook_to_the_same_place_is_not_held_up_by_it(app, receiver, subscribe):
    """Or an app could stop another's hooks at a place that both use."""
    elsewhere = AppFactory(tenant=app.tenant)
    subscribe(receiver)
    subscribe(receiver, by=Api(elsewhere, scope="hooks"))
    receiver.status = 503
    notify(app=app, event="consent.given", data={}, now=timezone.now())
    delivering.deliver(clock=timezone.now)
    states = dict(Subscription.objects.values_list("app", "failures"))
    assert states == {app.pk: 1, elsewhere.pk: 0}


@pytest.mark.django_db
def test_retry_after_is_kept_to(app, receiver, subscribe):
    subscribe(receiver)
    receiver.status, receiver.headers = 429, {"Retry-After": "1800"}
    now = timezone.now()
    notify(app=app, event="consent.given", data={}, now=now)
    delivering.deliver(clock=lambda: now)
    assert Subscription.objects.get().not_before == now + timedelta(minutes=30)
    assert delivering.deliver(clock=lambda: now + timedelta(minutes=29)) == 0
    receiver.status = 200
    assert delivering.deliver(clock=lambda: now + timedelta(minutes=30)) == 1
    assert Subscription.objects.get().failures == 0


@pytest.mark.django_db
def test_what_an_officer_sends_again_does_not_wait(app, receiver, subscribe):
    subscribe(receiver)
    receiver.status = 503
    now = timezone.now()
    notify(app=app, event="consent.given", data={}, now=now)
    delivering.deliver(clock=lambda: now)
    Delivery.objects.update(state="dead")
    receiver.status = 200
    assert replay(delivery_id=Delivery.objects.get().id, officer="1", now=now)
    assert delivering.deliver(clock=lambda: now) == 1
    assert Delivery.objects.get().state == "delivered"


@pytest.mark.django_db
def test_an_app_is_told_that_it_is_suspended_and_that_it_is_not(app, receiver, subscribe):
    for event in ("app.suspended", "app.resumed"):
        subscribe(receiver, event)
    for _ in range(2):
        suspend(app_id=app.id, reason="complaints", officer="1", now=timezone.now())
    reinstate(app_id=app.id, officer="1", now=timezone.now())
    delivering.deliver(clock=timezone.now)
    assert sorted((each["type"], each["data"]["app"]) for each in receiver.got) == [
        ("app.resumed", str(app.id)),
        ("app.suspended", str(app.id)),
    ]


@pytest.mark.django_db
def test_what_waits_for_somebody_who_never_answers_is_given_up_in_the_end(app, receiver, subscribe):
    subscribe(receiver)
    now = timezone.now()
    for _ in range(3):
        notify(app=app, event="consent.given", data={}, now=now)
    Subscription.objects.update(failures=9)
    delivering.tidy(now=now + GIVEN_UP_AFTER)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"pending"}
    delivering.tidy(now=now + GIVEN_UP_AFTER + timedelta(seconds=1))
    assert set(Delivery.objects.values_list("state", "last_error")) == {("dead", "unreachable")}
