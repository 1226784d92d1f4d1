"""A session ends with the page, with its consent, with its app, and with its hour; from then on nothing is permitted in it."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import App
from consent import suspend as suspension
from consent.lapse import lapse
from consent.make_stale import make_stale
from consent.models import Declaration, Grant, Session
from consent.pause import pause, resume
from consent.queries import records_of
from consent.revoke import revoke
from consent.suspend import reinstate, suspend
from consent.withdraw import stop_all, withdraw
from hooks.models import Delivery, Subscription
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


class Killed(BaseException):
    pass


class TestSuspension:
    """What a crash leaves at each line of `suspend`: nothing is permitted from the flag on, and whoever comes next ends the rest."""

    @pytest.fixture
    def two(self, api, consent, grant):
        return [opened(api, grant), opened(api, consent(ref="user-2"))]

    def killed_at(self, monkeypatch, name, call):
        """Suspend, and die at the so-many-eth call of `name`."""
        real, calls = getattr(suspension, name), []

        def dying(**words):
            calls.append(words)
            if len(calls) > call:
                raise Killed
            return real(**words)

        with monkeypatch.context() as patch:
            patch.setattr(suspension, name, dying)
            with pytest.raises(Killed):
                suspend(app_id=App.objects.get().id, reason="complaints", officer="7", now=timezone.now())
        return list(Session.objects.order_by("opened_at").values_list("closed_at", flat=True))

    def test_killed_before_the_flag_is_entered_nothing_has_happened(self, api, two, monkeypatch, clip):
        assert self.killed_at(monkeypatch, "enter_for_tenant", 0) == [None, None]
        assert App.objects.get().suspended_at is None
        assert "app.suspended" not in kinds()
        assert api.upload(two[0], clip).status_code == 201

    @pytest.mark.parametrize("closed", [0, 1])
    @pytest.mark.parametrize("then", ["suspended again", "reinstated"])
    def test_killed_between_the_sessions_none_permits_and_none_comes_back(
        self, api, app, two, monkeypatch, clip, closed, then
    ):
        left = self.killed_at(monkeypatch, "close", closed)
        assert left.count(None) == 2 - closed
        assert kinds().count("app.suspended") == 1
        for session in two:
            assert api.upload(session, clip).json()["reason"] == "app_suspended"
        if then == "suspended again":
            suspend(app_id=app.id, reason="complaints", officer="7", now=timezone.now())
        else:
            reinstate(app_id=app.id, officer="7", now=timezone.now())
            for session in two:
                assert api.upload(session, clip).json()["reason"] == "session_ended"
        assert not Session.objects.filter(closed_at=None).exists()
        assert (kinds().count("app.suspended"), kinds().count("session.closed")) == (1, 2)

    def test_to_reinstate_one_that_works_ends_nothing(self, api, app, session, clip):
        reinstate(app_id=app.id, officer="7", now=timezone.now())
        assert api.upload(session, clip).status_code == 201
        assert "app.reinstated" not in kinds()


class TestSpent:
    """A consent to one use is over when its session is, however that ended; and nobody vouches for it then."""

    @pytest.fixture
    def once(self, api, consent):
        grant = consent("once")
        opened(api, grant)
        return grant

    def vouched(self, api, grant):
        answer = api.get(f"/api/v1/grants/{grant.id}/status-token?audience=tts.example")
        return answer.json().get("reason", "yes")

    def test_while_its_session_lives_it_is_vouched_for_and_not_a_moment_longer(self, api, once):
        assert self.vouched(api, once) == "yes"
        Session.objects.update(expires_at=timezone.now())
        assert self.vouched(api, once) == "uses_exhausted", "before the sweep has seen it"

    def test_after_a_suspension_it_is_used_up(self, api, app, once):
        suspend(app_id=app.id, reason="complaints", officer="7", now=timezone.now())
        reinstate(app_id=app.id, officer="7", now=timezone.now())
        assert self.vouched(api, once) == "uses_exhausted"
        assert Grant.objects.get().state == "exhausted"

    def test_after_a_pause_it_is_used_up(self, api, user, once):
        pause(grant_id=once.id, user=user, now=timezone.now())
        resume(grant_id=once.id, user=user, now=timezone.now())
        assert Grant.objects.get().state == "exhausted"
        assert kinds()[-2:] == ["consent.resumed", "consent.exhausted"]

    def test_one_that_was_not_used_is_not(self, api, user, consent):
        grant = consent("once")
        pause(grant_id=grant.id, user=user, now=timezone.now())
        resume(grant_id=grant.id, user=user, now=timezone.now())
        assert self.vouched(api, grant) == "yes"
        assert opened(api, grant)


def test_however_many_sessions_end_with_a_consent_they_end_in_as_many_statements(api, app, user, consent):
    """For while they end, nobody else may use the consent."""
    target = Subscription.objects.create(
        app=app, event="session.ended", target_url="https://example.org/h", created_at=timezone.now()
    )

    def statements(count):
        grant = consent(operations=EVERYTHING, ref=f"user-{count}")
        sessions = {opened(api, grant) for _ in range(count)}
        with CaptureQueriesContext(connection) as queries:
            withdraw(grant_id=grant.id, user=user, now=timezone.now())
        told = Delivery.objects.filter(subscription=target, body__contains=str(grant.id))
        assert {json.loads(each.body)["data"]["session"] for each in told} == sessions
        assert len({each.event_id for each in told}) == count
        return len(queries)

    assert statements(2) == statements(30)
    closed = [each.payload for each in records_of(user=user, limit=200) if each.kind == "session.closed"]
    assert len({each["session"] for each in closed}) == len(closed) == 32
    assert {each["reason"] for each in closed} == {"consent_withdrawn"}
    assert kinds()[-1] == "consent.withdrawn"
