"""Signatures of deliveries: every vector of Standard Webhooks, those that must be rejected too."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from hooks import deliver as delivering
from hooks.notify import notify
from hooks.schedule import LONGEST_REST, LONGEST_WISH, rest_after
from hooks.signature import TOLERANCE, holds, public_text, sign
from tests import vectors

KNOWN = vectors.load("hooks/standard-webhooks/vectors.json")
VECTORS = KNOWN["vectors"]


def at_of(each):
    return datetime.fromtimestamp(each["timestamp"], tz=UTC)


def checked(each, now):
    by = {"public": each["public"]} if each["scheme"] == "v1a" else {"secrets": [each["secret"]]}
    return holds(each["signature"], message_id=each["id"], at=at_of(each), body=each["payload"], now=now, **by)


@pytest.mark.parametrize("each", VECTORS, ids=lambda each: each["name"])
def test_each_vector(each):
    now = datetime.fromtimestamp(each.get("now", each["timestamp"]), tz=UTC)
    if each["expect"].startswith("valid"):
        for moment in (now, now - TOLERANCE, now + TOLERANCE):
            assert checked(each, moment)
        for moment in (now - TOLERANCE - timedelta(seconds=1), now + TOLERANCE + timedelta(seconds=1)):
            assert not checked(each, moment)
    elif each["expect"].startswith("reject"):
        assert not checked(each, now)
    else:
        with pytest.raises(ValueError, match="empty"):
            checked(each, now)


@pytest.mark.parametrize(
    "each", [each for each in VECTORS if each["expect"].startswith("valid")], ids=lambda each: each["name"]
)
def test_what_is_signed_here_is_what_the_vectors_have(each):
    zone = timezone.get_fixed_timezone(480)
    words = {"message_id": each["id"], "at": at_of(each).astimezone(zone), "body": each["payload"]}
    if each["scheme"] == "v1":
        assert sign([each["secret"]], **words) in each["signature"].split(" ")
        return
    pair = base64.b64decode(each["secret"].removeprefix("whsk_"))
    key = Ed25519PrivateKey.from_private_bytes(pair[:32])
    assert public_text(key) == each["public"]
    assert sign([], key=key, **words) == each["signature"]


def test_every_expectation_is_one_that_is_tested():
    assert {each["expect"].split(" ")[0].rstrip(",") for each in VECTORS} == {"valid", "reject", "error"}
    assert KNOWN["tolerance_seconds"] == TOLERANCE.total_seconds()


@pytest.mark.django_db
def test_whoever_knows_the_public_key_can_tell_who_sent_it(api, app, receiver, subscribe):
    hook = subscribe(receiver)
    heard = []
    receiver._check = lambda headers, body, event: heard.append((headers, body.decode()))
    notify(app=app, event="consent.given", data={}, now=timezone.now())
    delivering.deliver(clock=timezone.now)
    [(headers, body)] = heard
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=UTC)
    words = {"message_id": headers["webhook-id"], "at": at, "now": timezone.now()}
    assert holds(headers["webhook-signature"], public=hook["public_key"], body=body, **words)
    assert not holds(headers["webhook-signature"], public=hook["public_key"], body=body + " ", **words)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "state", "failures"),
    [(200, "delivered", 0), (204, "delivered", 0), (302, "pending", 0), (410, "dead", 0), (429, "pending", 1),
     (502, "pending", 1), (503, "pending", 1), (504, "pending", 1), (500, "pending", 0), (404, "pending", 0)],
)  # fmt: skip
def test_each_status_is_handled_as_the_standard_says(app, receiver, subscribe, status, state, failures):
    from hooks.models import Delivery, Subscription

    assert KNOWN["status_handling"]["410"] == "disable endpoint"
    subscribe(receiver)
    receiver.status = status
    notify(app=app, event="consent.given", data={}, now=timezone.now())
    delivering.deliver(clock=timezone.now)
    assert Delivery.objects.get().state == state
    assert Subscription.objects.get().failures == failures
    assert Subscription.objects.get().state == ("ended" if status == 410 else "active")


def test_the_rest_of_a_target_grows_to_five_minutes():
    rests = [rest_after(failures).total_seconds() for failures in range(1, 12)]
    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]
    assert rest_after(10**6) == LONGEST_REST
    assert rest_after(1, wished=timedelta(minutes=20)) == timedelta(minutes=20)
    assert rest_after(1, wished=timedelta(days=20)) == LONGEST_WISH
    assert rest_after(3, wished=timedelta(seconds=-5)) == timedelta(seconds=20)
