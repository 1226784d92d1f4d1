"""Two erasures about the same things: neither keeps the other from its end, and none leads back to the person afterwards."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consent.models import Subject
from consent.withdraw import withdraw
from keyring.keys import store
from retention import pursue
from retention.extend_erasure import extend
from retention.models import Artifact, Erasure, Kept
from tests.conftest import Api, kinds
from tests.factories import AppFactory
from tests.retention.test_erasure import CONSENT, acknowledged, live, turn
from tests.retention.test_erasure_requests import ask, hold_on, let_go, verified

pytestmark = pytest.mark.django_db


@pytest.fixture
def grant(consent):
    return consent(operations=CONSENT)


@pytest.fixture
def kept(api, grant, clip):
    return live(api, grant, clip)


def as_far_as_it_goes(erasure, at):
    while pursue._step(erasure.id, lambda: at):
        pass


@pytest.mark.parametrize("answers", [True, False], ids=["answered", "never"])
def test_who_takes_consent_back_and_then_wants_all_erased_gets_both(api, user, tenant, grant, kept, answers):
    """The erasure of everything destroys the key of the tie, which the certificate of the withdrawal needs."""
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    turn()
    everything = ask(user, shown="fresh_sign_in")
    taken_back = Erasure.objects.exclude(id=everything.id).get()
    turn()
    at = timezone.now()
    if answers:
        acknowledged(api, kept)
    else:
        extend(erasure_id=taken_back.id, reason="It waits for an app.", officer="7", now=at)
        at = everything.due_at + timedelta(seconds=1)
    as_far_as_it_goes(everything, at)  # seen first
    for _ in range(3):
        turn(at)
    assert dict(Erasure.objects.values_list("scope", "state")) == {"consent": "certified", "everything": "certified"}
    for each in (everything, taken_back):
        each.refresh_from_db()
        body, found = verified(each, tenant)
        assert ("artifact.unconfirmed" in found) is not answers
    assert body["scope"] == "consent"


def test_no_older_erasure_leads_from_what_is_left_to_the_person(api, app, user, grant, kept, consent, clip):
    """The person stays known here by another app, so what one app had becomes a stranger's."""
    elsewhere = AppFactory(tenant=app.tenant)
    live(Api(elsewhere), consent(by=elsewhere, ref="other-name", operations=CONSENT), clip)
    waiting = ask(user, app=app)
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    turn()
    acknowledged(api, kept)
    for _ in range(2):
        turn()
    gone = ask(user, app=app, shown="fresh_sign_in")
    assert gone.id == waiting.id
    for _ in range(3):
        turn()
    assert set(Erasure.objects.values_list("state", flat=True)) == {"certified"}
    subject = Subject.objects.get(user=user)
    things = Artifact.objects.filter(app=app)
    assert not things.filter(subject=subject).exists()
    assert not Erasure.objects.filter(bindings__grants__artifacts__in=things, subject=subject).exists()
    assert not Erasure.objects.filter(grants__artifacts__in=things, subject=subject).exists()


def test_what_was_taken_back_or_refused_leads_nowhere_either(api, app, user, kept, consent, clip):
    from retention.cancel_erasure import cancel

    elsewhere = AppFactory(tenant=app.tenant)
    live(Api(elsewhere), consent(by=elsewhere, ref="other-name", operations=CONSENT), clip)
    holds = [hold_on(each) for each in Artifact.objects.filter(app=app).exclude(state="erased")]
    taken_back = ask(user, app=app)
    cancel(erasure_id=taken_back.id, user=user, now=timezone.now())
    refused = ask(user, app=app, shown="fresh_sign_in")
    assert refused.state == "refused"
    for hold in holds:
        let_go(hold)
    turn()
    acknowledged(api, kept)
    for _ in range(3):
        turn()
    states = {each.id: each.state for each in Erasure.objects.all()}
    assert sorted(states.values()) == ["cancelled", "certified", "refused"]
    for each in (taken_back, refused):
        each.refresh_from_db()
        assert each.user == user, "it can still be read"
        assert not each.bindings.exists()
        assert not Kept.objects.filter(erasure=each, artifact__isnull=False).exists()


def test_a_request_that_waited_is_closed_by_the_one_that_takes_all_of_it(api, app, user, kept):
    waiting = ask(user, app=app)
    assert waiting.state == "identity_pending"
    api.delete("/v1/voice/consent/user-1")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.refusal) == ("cancelled", "taken_over")
    assert "erasure.cancelled" in kinds()


def test_one_whose_keys_died_before_its_certificate_ends_without_one(api, user, kept):
    """As after a restore: the database remembers the request, and the key store that all of it is gone."""
    erasure = ask(user, shown="fresh_sign_in")
    turn()
    tie = erasure.bindings.get()
    acknowledged(api, kept)
    store().destroy([tie.key_name, tie.subject.custody_name, tie.subject.key_name])
    for _ in range(3):
        turn()
    erasure.refresh_from_db()
    assert (erasure.state, erasure.sealed, erasure.keys_destroyed_at is not None) == ("completed", None, True)
    assert Subject.objects.filter(user=user).count() == 0
