"""A session ends with the page, with its consent, with its app, and with its hour; from then on nothing is permitted in it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import App
from consent.lapse import lapse
from consent.make_stale import make_stale
from consent.models import Declaration, Grant, Session
from consent.pause import pause, resume
from consent.revoke import revoke
from consent.suspend import reinstate, suspend
from consent.withdraw import stop_all, withdraw
from ledger.models import Opening
from retention.models import Artifact
from tests.conftest import kinds

pytestmark = pytest.mark.django_db

EVERYTHING = ("upload", "embed", "synthesize")
WATERMARK = {"kind": "watermark", "watermark_id": "wm-7"}


@pytest.fixture
def grant(consent):
    return consent(operations=EVERYTHING)


def opened(api, grant):
    answer = api.post("/api/v1/sessions", {"grant": str(grant.id)})
    assert answer.status_code == 201, answer.content
    return answer.json()["id"]


@pytest.fixture
def session(api, grant):
    return opened(api, grant)


def closes(api, session, **_):
    assert api.delete(f"/api/v1/sessions/{session}").status_code == 204


def withdraws(grant, user, **_):
    withdraw(grant_id=grant.id, user=user, now=timezone.now())


def stops_all(user, **_):
    stop_all(user=user, now=timezone.now())


def pauses(grant, user, **_):
    pause(grant_id=grant.id, user=user, now=timezone.now())


def restores(**_):
    make_stale(now=timezone.now())


def changes_the_notice(grant, **_):
    """The decision does not wait for the sweep that makes it stale."""
    Declaration.objects.filter(id=grant.declaration_id).update(material_version=2)


def revokes(grant, **_):
    revoke(grant_id=grant.id, reason="controller", officer="7", now=timezone.now())


def suspends(app, **_):
    suspend(app_id=app.id, reason="complaints", officer="7", now=timezone.now())


def waits_an_hour(session, **_):
    Session.objects.filter(id=session).update(expires_at=timezone.now())


def waits_for_the_term(grant, **_):
    Grant.objects.filter(id=grant.id).update(valid_until=timezone.now())


ENDS = [
    (closes, "session_ended", "late"),
    (waits_an_hour, "session_ended", "late"),
    (withdraws, "consent_withdrawn", "unpermitted"),
    (stops_all, "consent_withdrawn", "unpermitted"),
    (pauses, "consent_paused", "unpermitted"),
    (restores, "consent_stale", "unpermitted"),
    (changes_the_notice, "consent_stale", "unpermitted"),
    (revokes, "consent_revoked", "unpermitted"),
    (suspends, "app_suspended", "unpermitted"),
    (waits_for_the_term, "term_over", "unpermitted"),
]


@pytest.mark.parametrize(("ends", "reason", "standing"), ENDS, ids=[end[0].__name__ for end in ENDS])
def test_from_then_on_it_is_dead(ends, reason, standing, api, app, user, grant, session, clip):
    artifact = api.upload(session, clip).json()["id"]
    assert api.get(f"/api/v1/artifacts/{artifact}/content").status_code == 200
    ends(api=api, app=app, user=user, grant=grant, session=session)
    refused = [api.upload(session, clip), api.get(f"/api/v1/artifacts/{artifact}/content")]
    assert [(answer.status_code, answer.json()["reason"]) for answer in refused] == [(403, reason)] * 2
    records = [
        api.post("/api/v1/embeddings", {"session": session, "dimensions": 192}).json(),
        api.post("/api/v1/syntheses", {"session": session, "mark": WATERMARK}).json(),
        api.post(
            "/api/v1/records:batch", {"records": [{"kind": "embedding", "session": session, "dimensions": 192}]}
        ).json()["records"][0],
    ]
    assert [(made["standing"], made["reason"]) for made in records] == [(standing, reason)] * 3
    if reason != "session_ended":
        assert api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["reason"] == reason


@pytest.mark.parametrize("ends", [withdraws, pauses, restores, revokes, suspends], ids=lambda end: end.__name__)
def test_what_ends_a_consent_closes_its_sessions_at_once(ends, api, app, user, grant, session):
    ends(api=api, app=app, user=user, grant=grant, session=session)
    assert Session.objects.get(id=session).closed_at is not None
    assert kinds().count("session.closed") == 1


def test_what_stands_again_opens_no_old_session(api, app, user, grant, session, clip):
    pause(grant_id=grant.id, user=user, now=timezone.now())
    resume(grant_id=grant.id, user=user, now=timezone.now())
    suspend(app_id=app.id, reason="complaints", officer="7", now=timezone.now())
    reinstate(app_id=app.id, officer="7", now=timezone.now())
    assert App.objects.get(id=app.id).suspended_at is None
    assert api.upload(session, clip).json()["reason"] == "session_ended"
    assert api.upload(opened(api, grant), clip).status_code == 201


class TestEnds:
    """S2.4: everything has its end, and the sweep brings it about."""

    def test_s2_4_every_session_has_an_end_and_the_sweep_ends_it(self, api, app, grant, consent):
        short = consent(term=timedelta(minutes=7), ref="user-2")
        for each, life in ((grant, timedelta(hours=1)), (short, short.valid_until - timezone.now())):
            session = Session.objects.get(id=opened(api, each))
            assert session.expires_at is not None
            assert session.expires_at - session.opened_at <= min(timedelta(hours=1), life + timedelta(seconds=5))
        assert Session.objects.filter(closed_at=None).count() == 2
        lapse(now=timezone.now() + timedelta(hours=1))
        assert not Session.objects.filter(closed_at=None).exists()
        closed = [kind for kind in kinds() if kind == "session.closed"]
        assert len(closed) == 2
        assert not Session._meta.get_field("expires_at").null, "none can be without"

    def test_s2_4_an_hour_is_the_most_whatever_is_asked(self, api, grant):
        answer = api.post("/api/v1/sessions", {"grant": str(grant.id), "expires_at": "2099-01-01T00:00:00Z"})
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["expires_at"])


class TestNothingOffTheRecord:
    def test_s0_8_every_upload_and_every_generation_is_an_entry(self, api, session, clip):
        """Each by its own call, by a batch, permitted or not; and no artifact is there without one."""
        answers = [
            api.upload(session, clip).json(),
            api.post("/api/v1/embeddings", {"session": session, "dimensions": 192}).json(),
            api.post("/api/v1/syntheses", {"session": session, "mark": WATERMARK}).json(),
        ]
        api.delete(f"/api/v1/sessions/{session}")
        answers += [
            api.post("/api/v1/syntheses", {"session": session, "mark": WATERMARK}).json(),
            *api.post(
                "/api/v1/records:batch",
                {"records": [{"kind": "synthesis", "session": session, "mark": WATERMARK}] * 2},
            ).json()["records"],
        ]
        entries = dict(Opening.objects.values_list("ref", "kind"))
        said = [entries.get(Opening._meta.pk.to_python(answer["entry"])) for answer in answers]
        assert said == ["artifact.recorded"] * 3 + ["use.late"] * 3
        assert Artifact.objects.count() == len(answers)

    def test_s0_8_a_refused_upload_is_an_entry_too(self, api, user, grant, session, clip):
        withdraw(grant_id=grant.id, user=user, now=timezone.now())
        assert api.upload(session, clip).status_code == 403
        assert kinds()[-1] == "use.refused"
        assert not Artifact.objects.exists()


class TestEnrolment:
    """S1.4: consent is verified before a voice is enrolled."""

    def test_s1_4_no_voice_is_enrolled_before_consent_was_verified(self, api, user, consent, clip):
        never = consent(operations=("synthesize",))
        for session in (opened(api, never), str(never.id)):
            assert api.upload(session, clip).status_code in {403, 404}
        assert not Artifact.objects.exists()
        grant = consent(operations=("upload", "embed"))
        session = opened(api, grant)
        assert api.upload(session, clip).status_code == 201
        withdraw(grant_id=grant.id, user=user, now=timezone.now())
        assert api.upload(session, clip).json()["reason"] == "consent_withdrawn"
        made = api.post("/api/v1/embeddings", {"session": session, "dimensions": 192}).json()
        assert made["standing"] == "unpermitted"
        assert made["expires_at"] == made["recorded_at"], "due at once"
