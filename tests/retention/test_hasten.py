"""All that one app has goes now: of the vault by the sweep, of the app's own by asking it, and of nobody else's anything."""

from datetime import timedelta

import pytest
from django.utils import timezone

from retention.hasten import hasten
from retention.models import Artifact
from retention.sweep import sweep
from tests.conftest import Api, kinds
from tests.factories import AppFactory

pytestmark = pytest.mark.django_db
MARK = {"kind": "watermark", "watermark_id": "wm-7"}


def session_of(api, grant):
    return api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]


def test_what_an_app_has_goes_and_its_people_read_why(app, api, consent, tenant, clip):
    session = session_of(api, consent(operations=["upload", "synthesize"]))
    here = api.upload(session, clip).json()["id"]
    there = api.post("/api/v1/syntheses", {"session": session, "mark": MARK, "custody": "app"}).json()["id"]
    never = api.post("/api/v1/syntheses", {"session": session, "mark": MARK}).json()["id"]
    other = AppFactory(tenant=tenant)
    others = Api(other)
    theirs = others.upload(session_of(others, consent(by=other)), clip).json()["id"]

    now = timezone.now()
    assert [hasten(app_id=app.id, now=now) for _ in range(2)] == [2, 0]
    sweep(clock=lambda: now + timedelta(seconds=1))
    states = {str(key): state for key, state in Artifact.objects.values_list("id", "state")}
    assert states == {here: "erased", there: "erasing", never: "active", theirs: "active"}
    assert kinds().count("artifact.hastened") == 2


def test_more_than_a_batch_goes_too(app, api, consent, monkeypatch):
    from retention import hasten as hastening

    monkeypatch.setattr(hastening, "BATCH", 2)
    session = session_of(api, consent(operations=["synthesize"]))
    records = [{"kind": "synthesis", "session": session, "mark": MARK, "custody": "app"}] * 5
    api.post("/api/v1/records:batch", {"records": records})
    assert hasten(app_id=app.id, now=timezone.now()) == 5
