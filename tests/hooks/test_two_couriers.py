"""Two couriers at one outbox, on a database of its own with real commits."""

import threading
from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone

from hooks.deliver import deliver
from hooks.models import Delivery
from hooks.notify import notify
from hooks.subscribe import subscribe
from tests.factories import AppFactory

EVENTS = 40


@pytest.mark.usefixtures("committed")
def test_each_event_is_sent_once(receiver, django_db_blocker):
    with django_db_blocker.unblock():
        app = AppFactory()
        made = subscribe(app=app, event="consent.given", target_url=receiver.url, now=timezone.now())
        receiver.secrets.append(made.secret)
        sent = [notify(app=app, event="consent.given", data={"n": n}, now=timezone.now()) for n in range(EVENTS)]
        start = threading.Barrier(3)

        def courier():
            start.wait()
            try:
                while Delivery.objects.filter(state="pending").exists():
                    deliver(clock=timezone.now)
            finally:
                connection.close()

        threads = [threading.Thread(target=courier) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Counter(event["id"] for event in receiver.got) == Counter(str(event) for event in sent)
        assert set(Delivery.objects.values_list("state", "tries")) == {("delivered", 1)}
