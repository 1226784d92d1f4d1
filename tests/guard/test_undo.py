"""An officer undoes what was done, with a reason; what was destroyed stays destroyed."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import App
from consent.suspend import suspend
from guard import answer as answering
from guard.answer import answer
from guard.close_alert import close_alert
from guard.errors import AlertUnknown, NothingToUndo
from guard.models import Alert, Answer, Host, Step
from guard.undo import undo
from hooks.models import Delivery
from retention import sweep as sweeping
from retention.models import Artifact
from tests.conftest import kinds
from tests.guard.happenings import sidecar, wrote
from tests.guard.test_answers import PROGRAM, listen, playbook, session, states

pytestmark = pytest.mark.django_db
__all__ = ["session"]


def undone(alert=None, reason="false_alarm", **words):
    alert = alert or Alert.objects.get()
    return undo(alert_id=alert.id, reason=reason, officer="7", now=timezone.now(), **words)


def stopped(app):
    return App.objects.get(id=app.id).suspended_at is not None


def isolated():
    return Host.objects.get().isolated_at is not None


def test_an_alert_is_undone_with_its_reason(agent, app, api, session, clip):
    gone = api.upload(session, clip).json()["id"]
    listen(app, "host.release", "app.resumed")
    playbook()
    agent.report(PROGRAM)
    answer(clock=timezone.now)
    sweeping.sweep(clock=lambda: timezone.now() + timedelta(seconds=1))
    said = undone(reason="planned", note="we were testing")
    assert (said.reinstated, said.released, said.destroyed) == (True, True, 1)
    assert (stopped(app), isolated()) == (False, False)
    assert Artifact.objects.get(id=gone).state == "erased"
    alert = Alert.objects.get()
    assert (alert.state, alert.undone_for, alert.note) == ("undone", "planned", "we were testing")
    assert states() == {"suspend": "undone", "isolate": "undone", "hasten": "done", "notify": "done"}
    assert {each.event for each in Delivery.objects.all()} >= {"host.release", "app.resumed"}
    assert "alert.undone" in kinds()
    assert "app.reinstated" in kinds()
    with pytest.raises(NothingToUndo):
        undone()
    assert api.ask().status_code == 201


def test_what_was_not_done_yet_is_not_done_any_more(agent, app):
    agent.report(PROGRAM)
    said = undone()
    assert (said.reinstated, said.released) == (False, False)
    assert answer(clock=timezone.now) == 0
    assert not stopped(app)


def test_what_was_being_done_meanwhile_is_taken_back(agent, app, monkeypatch):
    agent.report(PROGRAM)
    real = answering.suspend

    def slow(**words):
        real(**words)
        undone()

    with monkeypatch.context() as patch:
        patch.setattr(answering, "suspend", slow)
        answer(clock=timezone.now)
    assert (stopped(app), isolated()) == (False, False)
    assert set(states().values()) == {"undone"}


def test_what_another_alert_holds_too_stays(agent, app):
    agent.report(PROGRAM)
    answer(clock=timezone.now)
    playbook("residue_left", ["suspend", "isolate"])
    agent.report(sidecar("residue.left", folder="gradio", suffix=".wav"))
    answer(clock=timezone.now)
    first, second = Alert.objects.order_by("raised_at")
    assert undone(first).reinstated is False
    assert (stopped(app), isolated()) == (True, True)
    said = undone(second)
    assert (said.reinstated, said.released) == (True, True)
    assert (stopped(app), isolated()) == (False, False)


def test_what_an_officer_did_stays(agent, app, now):
    suspend(app_id=app.id, reason="complaints", officer="7", now=now)
    agent.report(PROGRAM)
    answer(clock=timezone.now)
    assert undone().reinstated is False
    assert stopped(app)


def test_an_old_alert_holds_nothing_that_came_later(agent, app):
    from consent.suspend import reinstate

    agent.report(PROGRAM)
    answer(clock=timezone.now)
    reinstate(app_id=app.id, officer="7", now=timezone.now())
    close_alert(alert_id=Alert.objects.get().id, officer="7", now=timezone.now())
    agent.report(PROGRAM)
    answer(clock=timezone.now)
    assert stopped(app)
    assert undone(Alert.objects.latest("raised_at")).reinstated is True
    assert not stopped(app)


def test_what_goes_on_after_an_undoing_is_a_new_alert_and_answered(agent, app):
    agent.report(PROGRAM)
    answer(clock=timezone.now)
    undone()
    agent.report(wrote(r"C:\CosyVoice\outputs\y.dll"))
    answer(clock=timezone.now)
    assert Alert.objects.count() == 2
    assert stopped(app)


def test_an_alert_is_closed_once(agent):
    agent.report(PROGRAM)
    for _ in range(2):
        close_alert(alert_id=Alert.objects.get().id, officer="7", now=timezone.now())
    assert kinds().count("alert.closed") == 1
    agent.report(PROGRAM)
    assert Alert.objects.count() == 2, "what happens again is a new one"


def test_what_is_no_alert_or_reason_changes_nothing(agent):
    with pytest.raises(AlertUnknown):
        undo(alert_id=uuid.uuid4(), reason="other", officer="7", now=timezone.now())
    with pytest.raises(AlertUnknown):
        close_alert(alert_id=uuid.uuid4(), officer="7", now=timezone.now())
    agent.report(PROGRAM)
    with pytest.raises(ValueError):
        undone(reason="because")
    assert Alert.objects.get().state == "open"


def test_what_was_undone_while_somebody_gave_it_and_crashed_is_lifted(agent, app):
    playbook(steps=[Step.SUSPEND])
    agent.report(PROGRAM)
    now = timezone.now()
    taken = answering._take_up(Answer.objects.get().id, now)
    undone()
    answering._act(taken, timezone.now)  # and there the worker dies
    assert stopped(app)
    answer(clock=lambda: now)
    assert stopped(app)  # it may still be at it
    answer(clock=lambda: now + answering.LEASE)
    assert not stopped(app)
