"""Targets that answer what nobody should, and name servers that do not answer at all: no other delivery feels it."""

import threading
import time
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from config.admin import MOST_AGAIN
from hooks import deliver as delivering
from hooks import target
from hooks.errors import TargetRefused
from hooks.models import Delivery, Subscription
from hooks.notify import notify
from ledger import barrier
from ledger.errors import Behind
from tests.conftest import Api
from tests.factories import AppFactory, OfficerFactory, sign_in

WISHES = (
    "Mon, 20 Nov 1995 19:12:08 +99999999999999999", "Mon, 20 Nov 999999999999999999 19:12:08 +0000", "9" * 400, "-1",
    "caf\xe9", "soon", "Mon, 20 Nov 1995 19:12:08",
)  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("wish", WISHES)
def test_a_wish_that_cannot_be_read_is_no_wish_and_harms_no_other(app, receiver, other_receiver, subscribe, wish):
    elsewhere = AppFactory(tenant=app.tenant)
    subscribe(receiver)
    subscribe(other_receiver, by=Api(elsewhere, scope="hooks"))
    receiver.headers = {"Retry-After": wish}
    now = timezone.now()
    for each in (app, elsewhere):
        notify(app=each, event="consent.given", data={}, now=now)
    assert delivering.deliver(clock=timezone.now) == 2
    assert set(Delivery.objects.values_list("state", "last_status")) == {("delivered", 200)}
    receiver.status = 503
    notify(app=app, event="consent.given", data={}, now=now)
    delivering.deliver(clock=lambda: now)
    rest = Subscription.objects.get(app=app).not_before - now
    assert timedelta(seconds=5) <= rest <= timedelta(hours=1)


def test_as_many_are_sent_at_a_time_as_there_are_threads(receiver):
    """A client has no fewer connections than a courier threads: or slow targets would take those of others."""
    together = threading.Barrier(delivering.THREADS)
    receiver._check = lambda *_: together.wait(5)
    answers = []

    def send(client):
        words = {"event_id": "1", "body": '{"type": "x"}', "secrets": ["whsec_c2VjcmV0"]}
        answers.append(delivering.post(client, receiver.url, now=timezone.now(), **words).status_code)

    with target.client(private=True) as client:
        threads = [threading.Thread(target=send, args=(client,)) for _ in range(delivering.THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [200] * delivering.THREADS
    assert not together.broken


def test_no_cookie_is_kept_and_plain_answers_are_asked_for(receiver):
    heard = []
    receiver._check = lambda headers, *_: heard.append((headers["Cookie"], headers["Accept-Encoding"]))
    receiver.headers = {"Set-Cookie": "a=b; Path=/"}
    with target.client(private=True) as client:
        for _ in range(2):
            words = {"event_id": "1", "body": '{"type": "x"}', "secrets": ["whsec_c2VjcmV0"]}
            delivering.post(client, receiver.url, now=timezone.now(), **words)
    assert heard == [(None, "identity")] * 2


def test_a_name_server_that_does_not_answer_is_waited_for_no_longer_than_a_connection(monkeypatch):
    monkeypatch.setattr(target, "CONNECT_WITHIN", timedelta(seconds=0.2))
    over = threading.Event()
    transport = target.CheckedTransport(private=False, resolver=lambda *_: over.wait(20) and [])
    began = time.monotonic()
    with httpx.Client(transport=transport, trust_env=False) as client, pytest.raises(httpx.ConnectTimeout):
        client.post("https://app.test/")
    over.set()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("url", ["https://[::1", "https://app.test:99999/", "https://app.test:x/"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(TargetRefused):
        target.check_url(url, private=False)


@pytest.mark.django_db
def test_nothing_is_sent_from_a_database_that_is_behind(app, receiver, subscribe, monkeypatch):
    subscribe(receiver)
    notify(app=app, event="consent.given", data={}, now=timezone.now())
    with monkeypatch.context() as patch:
        patch.setattr(barrier, "recovery_is_unfinished", lambda: True)
        with pytest.raises(Behind):
            delivering.deliver(clock=timezone.now)
    assert receiver.got == []
    assert delivering.deliver(clock=timezone.now) == 1


@pytest.mark.django_db
def test_what_was_settled_long_ago_is_deleted_in_portions(app, receiver, subscribe, monkeypatch):
    monkeypatch.setattr(delivering, "_TIDIED_AT_ONCE", 2)
    subscribe(receiver)
    now = timezone.now()
    for _ in range(6):
        notify(app=app, event="consent.given", data={}, now=now)
    waiting = Delivery.objects.latest("id").id
    Delivery.objects.exclude(id=waiting).update(state="delivered")
    delivering.tidy(now=now + timedelta(days=29))
    assert Delivery.objects.count() == 6
    delivering.tidy(now=now + timedelta(days=31))
    assert [each.id for each in Delivery.objects.all()] == [waiting]


@pytest.mark.django_db
def test_officers_see_whom_a_hook_reaches_and_not_what_is_behind(client, app, receiver, subscribe, monkeypatch):
    subscribe(receiver)  # its address has `k=v` in it
    now = timezone.now()
    for _ in range(3):
        notify(app=app, event="consent.given", data={}, now=now)
    Delivery.objects.update(state="dead")
    sign_in(client, OfficerFactory())
    hook = Subscription.objects.get()
    for path in ("/admin/hooks/subscription/", f"/admin/hooks/subscription/{hook.id}/change/"):
        page = client.get(path).content.decode()
        assert hook.target in page
        assert "k=v" not in page
        assert "whsec_" not in page
    page = client.get(f"/admin/hooks/delivery/{Delivery.objects.first().id}/change/").content.decode()
    assert "whsec_" not in page
    monkeypatch.setattr("config.admin.MOST_AGAIN", MOST_AGAIN - 498)
    ids = [str(each.id) for each in Delivery.objects.all()]
    words = {"action": "replay_chosen", "_selected_action": ids}
    answer = client.post("/admin/hooks/delivery/?state__exact=dead", words, follow=True)
    assert "2 of 3" in answer.content.decode()
    assert list(Delivery.objects.order_by("id").values_list("state", flat=True)) == ["pending", "pending", "dead"]
