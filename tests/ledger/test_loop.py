"""What is wrong with one log stops no other, and is said."""

import signal
import threading

from django.db import IntegrityError

from ledger.management.loop import Loop
from ledger.models import Alarm
from tests.ledger.conftest import new_log


def test_a_database_error_of_one_log_leaves_the_others_their_turn(origin, monkeypatch):
    other, served = new_log(), []
    stop = threading.Event()
    monkeypatch.setattr("ledger.management.loop.threading.Event", lambda: stop)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def serve(which):
        if which == origin:
            raise IntegrityError("a place that is taken")
        served.append(which)
        if len(served) == 3:
            stop.set()
        return False

    Loop("sequencer", lambda: [origin, other], serve).run()
    assert served == [other] * 3
    assert list(Alarm.objects.values_list("log_id", "what", "detail")) == [
        (origin, "log.stalled", "sequencer: IntegrityError")
    ]
