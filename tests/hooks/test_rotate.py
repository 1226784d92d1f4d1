"""A hook's secret is replaced while deliveries go on: for a while both sign."""

from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hooks import deliver as delivering
from hooks.models import Subscription
from hooks.notify import notify
from hooks.queries import secrets_of
from hooks.rotate import OVERLAP, rotate
from keyring.keys import store
from tests.conftest import Api, kinds
from tests.factories import AppFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard(receiver):
    """What comes, with its headers."""
    came = []
    receiver._check = lambda headers, body, event: came.append((headers, body))
    return came


def send(app, heard, at=None):
    now = at or timezone.now()
    notify(app=app, event="consent.given", data={}, now=now)
    delivering.deliver(clock=lambda: now)
    headers, body = heard.pop()
    return {name.lower(): value for name, value in headers.items()}, body


def accepts(secret, sent):
    headers, body = sent
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def rotated(api, hook, **words):
    answer = api.post(f"/api/v1/hooks/{hook['id']}/secret", words)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_both_sign_until_the_overlap_is_over(api, app, receiver, heard, subscribe):
    old = subscribe(receiver)
    new = rotated(api, old)
    assert new["secret"] != old["secret"]
    sent = send(app, heard)
    assert accepts(old["secret"], sent)
    assert accepts(new["secret"], sent)
    assert len([each for each in sent[0]["webhook-signature"].split() if each.startswith("v1,")]) == 2
    hook = Subscription.objects.get()
    Subscription.objects.update(previous_until=timezone.now())
    sent = send(app, heard)
    assert not accepts(old["secret"], sent)
    assert accepts(new["secret"], sent)
    old_key = f"hook:{old['id']}"
    delivering.tidy(now=timezone.now() + timedelta(hours=2))
    assert not store().has(old_key)
    assert store().has(hook.key_name)
    assert kinds().count("hook.secret_rotated") == 1


def test_the_overlap_is_a_day_or_what_is_asked_for(api, receiver, subscribe):
    hook = subscribe(receiver)
    assert hook["previous_until"] is None
    rotated(api, hook)
    left = Subscription.objects.get().previous_until - timezone.now()
    assert timedelta(0) <= OVERLAP - left < timedelta(minutes=1)
    shown = rotated(api, hook, overlap="PT1H")
    assert shown["previous_until"] is not None
    assert "secret" not in api.get(f"/api/v1/hooks/{hook['id']}").json()
    for overlap in ("P8D", "-PT1S", "soon", 10**30, 0.0, "0", []):
        assert api.post(f"/api/v1/hooks/{hook['id']}/secret", {"overlap": overlap}).status_code == 422


def test_at_once_when_the_old_one_is_known_to_others(api, app, receiver, heard, subscribe):
    old = subscribe(receiver)
    new = rotated(api, old, overlap="PT0S")
    sent = send(app, heard)
    assert not accepts(old["secret"], sent)
    assert accepts(new["secret"], sent)


def test_rotated_twice_the_first_one_is_out(api, app, receiver, heard, subscribe):
    first = subscribe(receiver)
    second, third = rotated(api, first), rotated(api, first)
    sent = send(app, heard)
    assert [accepts(each["secret"], sent) for each in (first, second, third)] == [False, True, True]
    delivering.tidy(now=timezone.now() + timedelta(hours=2))
    assert not store().has(f"hook:{first['id']}")
    sent = send(app, heard)
    assert accepts(second["secret"], sent), "tidying takes nothing that still signs"


def test_an_acknowledgement_counts_under_both(api, app, receiver, subscribe):
    hook = subscribe(receiver, "artifact.erase_requested")
    new = rotated(api, hook)
    found = secrets_of(app=app, event="artifact.erase_requested", now=timezone.now())
    assert found == [new["secret"], hook["secret"]]
    assert secrets_of(app=app, event="artifact.erase_requested", now=timezone.now() + 2 * OVERLAP) == [new["secret"]]


def test_the_same_question_again_has_the_same_answer(api, receiver, subscribe):
    hook = subscribe(receiver)
    path, headers = f"/api/v1/hooks/{hook['id']}/secret", api.headers | {"Idempotency-Key": "rotate-1"}
    first, again = (api.client.post(path, {}, "application/json", headers=headers).json() for _ in range(2))
    assert first == again


def test_unsubscribing_destroys_both(api, receiver, subscribe):
    hook = subscribe(receiver)
    rotated(api, hook)
    names = Subscription.objects.get().key_names(now=timezone.now())
    assert len(names) == 2
    api.delete(f"/api/v1/hooks/{hook['id']}")
    assert not any(store().has(name) for name in names)
    assert api.post(f"/api/v1/hooks/{hook['id']}/secret", {}).status_code == 404


def test_nobody_elses(api, app, receiver, subscribe):
    hook = subscribe(receiver)
    theirs = Api(AppFactory(tenant=app.tenant), scope="hooks")
    assert theirs.post(f"/api/v1/hooks/{hook['id']}/secret", {}).status_code == 404
    assert "hook.secret_rotated" not in kinds()


def test_killed_before_the_commit_the_old_one_signs_on(app, receiver, heard, subscribe, monkeypatch):
    hook = subscribe(receiver)

    def die(*_, **__):
        raise RuntimeError

    monkeypatch.setattr("hooks.rotate.append", die)
    with pytest.raises(RuntimeError):
        rotate(app=app, subscription_id=hook["id"], overlap=OVERLAP, now=timezone.now())
    sent = send(app, heard)
    assert accepts(hook["secret"], sent)
    delivering.tidy(now=timezone.now() + timedelta(hours=2))
    living = [name for names in store().older_than(timezone.now(), prefix="hook:") for name in names]
    assert f"hook:{hook['id']}" in living
