"""What a person sees of their own record."""

import pytest
from django.utils import timezone

from consent.models import Binding, Subject
from consent.queries import records_of
from consent.withdraw import withdraw
from keyring.keys import store
from ledger.publish import publish
from ledger.sequence import sequence
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_newest_first_with_place_and_seal(api, user, tenant, consent):
    grant = consent()
    api.post("/api/v1/sessions", {"grant": str(grant.id)})
    assert [(record.index, record.sealed) for record in records_of(user=user)] == [(None, False)] * 2
    sequence(origin=tenant.origin)
    assert not any(record.sealed for record in records_of(user=user))
    publish(origin=tenant.origin, now=timezone.now())
    records = records_of(user=user)
    assert [record.kind for record in records] == ["session.opened", "consent.given"]
    assert all(record.sealed and record.origin == tenant.origin for record in records)
    assert records[0].index > records[1].index
    assert records[0].app == grant.app


def test_pages_lose_nothing(api, user, consent, now):
    for n in range(3):
        grant = consent(ref=f"user-{n}")
        api.post("/api/v1/sessions", {"grant": str(grant.id)})
        withdraw(grant_id=grant.id, user=user, now=timezone.now())
    whole = [record.ref for record in records_of(user=user)]
    paged, before = [], None
    while page := records_of(user=user, limit=3, before=before):
        paged += [record.ref for record in page]
        before = page[-1].at
    assert len(whole) == 12
    assert sorted(paged) == sorted(whole)


def test_others_see_nothing(consent):
    consent()
    assert records_of(user=UserFactory()) == []


def test_after_the_subject_key_only_consent_can_still_be_proved(api, user, consent):
    api.post("/api/v1/sessions", {"grant": str(consent().id)})
    store().destroy([Subject.objects.get().key_name, Binding.objects.get().key_name])
    assert [record.kind for record in records_of(user=user)] == ["consent.given"]
