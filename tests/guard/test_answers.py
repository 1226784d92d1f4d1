"""What is done about an alert: by its playbook, after the commit, once, whatever crashes between."""

import smtplib
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

import guard.answer as answering
from accounts.models import App
from consent.models import Session
from consent.suspend import reinstate, suspend
from guard.answer import LEASE, answer
from guard.change_playbook import change_playbook
from guard.change_rule import change_rule
from guard.errors import RuleUnknown, StepUnknown
from guard.models import Alert, Answer, Host, Playbook, RuleState
from guard.raise_alert import TOGETHER
from hooks.models import Delivery, Subscription
from ledger.models import Opening
from retention import sweep as sweeping
from retention.hold import place
from retention.models import Artifact, Hold
from tests.conftest import kinds
from tests.factories import OfficerFactory, UserFactory
from tests.guard.happenings import connected, wrote

pytestmark = pytest.mark.django_db
PROGRAM = wrote(r"C:\CosyVoice\outputs\x.exe")
ALL = ["suspend", "isolate", "hasten", "notify"]


class Killed(BaseException):
    """The process is gone at this line."""


def soon():
    return timezone.now() + timedelta(seconds=1)


def playbook(key="critical", steps=ALL, enabled=True):
    change_playbook(key=key, steps=steps, enabled=enabled, officer="7", now=timezone.now())


def states():
    return {each.step: each.state for each in Answer.objects.all()}


@pytest.fixture
def session(api, consent):
    grant = consent(operations=["upload", "synthesize"])
    return api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]


def listen(app, *events):
    for event in events:
        url = "https://app.test.localhost/hook"
        Subscription.objects.create(app=app, event=event, target_url=url, created_at=timezone.now())


def test_s3_7_each_step_is_taken_and_entered(agent, app, api, session, clip, now):
    OfficerFactory()
    uploaded = api.upload(session, clip).json()["id"]
    listen(app, "alert.raised", "host.isolate", "app.suspended")
    playbook()
    agent.report(PROGRAM)
    assert states() == dict.fromkeys(ALL, "pending")
    assert answer(clock=timezone.now) == 4
    assert states() == dict.fromkeys(ALL, "done")
    assert Alert.objects.get().state == "answered"
    # suspend: the session died, and decisions refuse
    assert Session.objects.get().closed_at is not None
    assert App.objects.get(id=app.id).suspended_at is not None
    refused = api.ask()
    assert (refused.status_code, refused.json()["reason"]) == (403, "app_suspended")
    # isolate: the host is told
    assert agent.beat().json() == {"interval": "PT15S", "app_suspended": True, "isolated": True}
    # hasten: the sweep destroys it
    sweeping.sweep(clock=soon)
    assert Artifact.objects.get(id=uploaded).state == "erased"
    # notify: the app by hook, as OCSF; the officer by letter
    told = {each.event: each.body for each in Delivery.objects.all()}
    assert set(told) == {"alert.raised", "host.isolate", "app.suspended"}
    assert '"class_uid":2004' in told["alert.raised"]
    [letter] = mail.outbox
    assert str(Alert.objects.get().id) in letter.body
    said = kinds()
    assert said.count("alert.raised") == 1
    assert said.count("alert.answered") == 4
    assert "artifact.hastened" in said
    assert said.index("alert.raised") < said.index("app.suspended") < said.index("alert.answered")


def test_what_is_done_twice_is_done_once(agent):
    OfficerFactory()
    playbook()
    agent.report(PROGRAM)
    assert [answer(clock=timezone.now) for _ in range(2)] == [4, 0]
    assert kinds().count("app.suspended") == 1
    assert len(mail.outbox) == 1


WHERE = [
    ("before suspending", "suspend", "before"),
    ("after suspending", "suspend", "after"),
    ("before hastening", "hasten", "before"),
    ("after hastening", "hasten", "after"),
    ("after a letter", "write_letters", "after"),
    ("before the entry", "enter_for_tenant", "before"),
    ("before the hook", "notify", "before"),
    ("when taken up", "_act", "before"),
    ("before the end", "_done", "before"),
    ("after the end", "_done", "after"),
]


@pytest.mark.parametrize(("where", "name", "when"), WHERE, ids=[each[0] for each in WHERE])
def test_killed_between_the_steps_and_resumed(agent, api, session, clip, monkeypatch, where, name, when):
    uploaded = api.upload(session, clip).json()["id"]
    playbook()
    agent.report(PROGRAM)
    real = getattr(answering, name)

    def dying(*args, **words):
        if when == "before":
            raise Killed
        real(*args, **words)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(answering, name, dying)
        with pytest.raises(Killed):
            answer(clock=timezone.now)
    assert "done" not in states().values() or when == "after" or name in {"hasten", "write_letters", "notify"}
    later = timezone.now() + 2 * LEASE
    answer(clock=lambda: later)
    assert states() == dict.fromkeys(ALL, "done")
    assert (App.objects.get().suspended_at, Host.objects.get().isolated_at) != (None, None)
    said = kinds()
    assert (said.count("app.suspended"), said.count("alert.answered"), said.count("artifact.hastened")) == (1, 4, 1)
    sweeping.sweep(clock=lambda: later)
    assert Artifact.objects.get(id=uploaded).state == "erased"


def test_an_alert_and_its_answers_come_with_the_events_or_not_at_all(agent, monkeypatch):
    from guard import ingest, raise_alert
    from guard.models import Event

    def dying(**_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(raise_alert, "ship", dying)
        with pytest.raises(Killed):
            ingest.ingest(host=agent.host, body=__import__("json").dumps(PROGRAM).encode(), now=timezone.now())
    assert not any(model.objects.exists() for model in (Event, Alert, Answer))
    assert "alert.raised" not in kinds()


def test_a_step_that_cannot_be_taken_keeps_no_other_waiting_and_is_tried_again(agent, monkeypatch):
    OfficerFactory()
    playbook()
    agent.report(PROGRAM)

    def away(_alert):
        raise smtplib.SMTPServerDisconnected

    with monkeypatch.context() as patch:
        patch.setattr(answering, "write_letters", away)
        assert answer(clock=timezone.now) == 3
    assert states() == {"suspend": "done", "isolate": "done", "hasten": "done", "notify": "failed"}
    assert Alert.objects.get().state == "open"
    assert answer(clock=timezone.now) == 0
    assert answer(clock=lambda: timezone.now() + timedelta(seconds=3)) == 1
    assert (states()["notify"], Alert.objects.get().state, len(mail.outbox)) == ("done", "answered", 1)


def test_what_a_hold_keeps_is_not_destroyed(agent, app, api, session, clip, tenant, now):
    kept = api.upload(session, clip).json()["id"]
    place(
        tenant=tenant, subject=None, app=app, artifact=None, ground=Hold.Ground.LITIGATION, reference="7", actor="officer:7",
        now=now,
    )  # fmt: skip
    playbook()
    agent.report(PROGRAM)
    answer(clock=timezone.now)
    sweeping.sweep(clock=soon)
    assert Artifact.objects.get(id=kept).state == "restricted"
    assert api.get(f"/api/v1/artifacts/{kept}").json()["restriction"] == "held"


def test_the_same_again_within_five_minutes_counts_on(agent, monkeypatch):
    for _ in range(3):
        agent.report(PROGRAM, PROGRAM)
        answer(clock=timezone.now)
    alert = Alert.objects.get()
    assert (alert.count, len(alert.evidence), Answer.objects.count()) == (6, 6, 3)
    assert kinds().count("alert.raised") == 1
    Alert.objects.update(last_counted_at=timezone.now() - TOGETHER - timedelta(seconds=1))
    agent.report(PROGRAM)
    assert Alert.objects.count() == 2


def test_another_host_and_another_rule_have_alerts_of_their_own(agent, make_host):
    other = make_host("tts-2", profile="cosyvoice")
    agent.report(PROGRAM, connected("203.0.113.9", "443"))
    other.report(PROGRAM)
    assert Alert.objects.count() == 3


def test_an_app_that_somebody_reinstated_is_suspended_again_if_it_goes_on(agent, app):
    agent.report(PROGRAM)
    answer(clock=timezone.now)
    reinstate(app_id=app.id, officer="7", now=timezone.now())
    agent.report(PROGRAM)
    assert (Alert.objects.get().count, states()["suspend"]) == (2, "pending")
    answer(clock=timezone.now)
    assert App.objects.get(id=app.id).suspended_at is not None
    assert Alert.objects.get().state == "answered"


def test_a_suspended_host_still_reports(agent, app, now):
    suspend(app_id=app.id, reason="x", officer="7", now=now)
    assert (agent.report(PROGRAM).status_code, agent.beat().status_code) == (200, 200)


def test_without_an_officers_word_nothing_is_destroyed_and_little_is_done(agent):
    agent.report(PROGRAM, connected("203.0.113.9", "443"))
    by_rule = {alert.rule: {each.step for each in alert.answers.all()} for alert in Alert.objects.all()}
    assert by_rule == {
        "python_writes_program": {"suspend", "isolate", "notify"},
        "egress_from_listener": {"notify"},
    }


def test_a_rules_own_playbook_comes_before_its_levels(agent):
    playbook("critical", ["notify"])
    playbook("python_writes_program", ["isolate", "notify"])
    agent.report(PROGRAM)
    assert set(states()) == {"isolate", "notify"}
    playbook("python_writes_program", ["isolate"], enabled=False)
    Alert.objects.update(last_counted_at=timezone.now() - 2 * TOGETHER)
    agent.report(PROGRAM)
    assert not Alert.objects.latest("raised_at").answers.exists()


def test_a_rule_that_is_off_raises_nothing(agent, now):
    change_rule(slug="python_writes_program", enabled=False, officer="7", now=now)
    agent.report(PROGRAM)
    assert not Alert.objects.filter(rule="python_writes_program").exists()
    change_rule(slug="python_writes_program", enabled=True, officer="7", now=now)
    agent.report(PROGRAM)
    assert Alert.objects.filter(rule="python_writes_program").exists()
    assert (
        list(Opening.objects.filter(log__origin__endswith="platform.log").values_list("kind", flat=True)).count(
            "rule.changed"
        )
        == 2
    )


def test_what_is_no_rule_or_step_changes_nothing(db, now):
    with pytest.raises(RuleUnknown):
        change_rule(slug="nothing", enabled=False, officer="7", now=now)
    with pytest.raises(RuleUnknown):
        playbook("nothing")
    with pytest.raises(StepUnknown):
        playbook("critical", ["explode"])
    assert not RuleState.objects.exists()
    assert not Playbook.objects.exists()


def test_letters_go_to_those_who_may_look_and_name_no_event(agent):
    UserFactory(is_staff=True)  # may look at nothing
    UserFactory()
    officer = OfficerFactory()
    agent.report(PROGRAM)
    answer(clock=timezone.now)
    [letter] = mail.outbox
    assert letter.to == [officer.email]
    assert agent.host.name in letter.body
    assert "x.exe" not in letter.body
