"""How long things live: whose deadline holds, from which moment, for whom, and what moves it."""

import io
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from consent.models import Binding, Grant, Session
from retention.change_policy import add, apply_pending, change, remove
from retention.effect import effect
from retention.errors import NoPolicy, PolicyRefused
from retention.follow import follow, settle
from retention.models import Artifact, Custody, Kind, Policy
from retention.policy import Life, Moments, Rule, Since, covers, deadline, resolve, shortest
from retention.register_processor import Words, register_processor
from retention.sweep import sweep
from tests.conftest import Api, kinds, speech
from tests.factories import AppFactory
from tests.retention.combining import picture

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def opened(api, grant):
    return api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]


@pytest.fixture
def session(api, consent):
    return opened(api, consent(operations=("upload", "embed", "synthesize")))


def embedded(api, session, **more):
    body = {"session": session, "custody": "none", "dimensions": 192, "model": "test"} | more
    return api.post("/api/v1/embeddings", body)


def patch(api, artifact, **moments):
    said = {name: at.isoformat() for name, at in moments.items()}
    return api.client.patch(f"/api/v1/artifacts/{artifact}", said, content_type="application/json", headers=api.headers)


# --- pure -----------------------------------------------------------------------------------------------------------


def rule(hours, since=Since.RECORDED, **more):
    return Rule(hours * HOUR, 10, 16_000, for_app=False, since=since, **more)


def test_from_each_moment_the_shortest():
    life = resolve([rule(5), rule(3), rule(9, Since.PURPOSE), rule(2, Since.PURPOSE, allows=False)], asked=4 * HOUR)
    assert life.ttls == {Since.RECORDED: 3 * HOUR, Since.PURPOSE: 2 * HOUR}
    with pytest.raises(NoPolicy):
        resolve([rule(2, Since.PURPOSE, allows=False)], asked=None)
    assert shortest([life, Life({Since.SESSION: HOUR}, 5, 24_000)]) == Life(
        {Since.RECORDED: 3 * HOUR, Since.PURPOSE: 2 * HOUR, Since.SESSION: HOUR}, 5, 24_000
    )


@pytest.mark.parametrize(
    ("region", "place", "is_so"),
    [
        ("", "DE", True),
        ("US-IL", "US-IL", True),
        ("US-IL", "US", True),  # may live there
        ("US-IL", "", True),
        ("US-IL", "US-TX", False),
        ("US", "US-TX", True),
        ("EU", "DE", True),
        ("EU", "FR-75", True),
        ("EU", "GB", False),
        ("DE", "DE-BY", True),
    ],
)
def test_whom_a_policy_is_about(region, place, is_so):
    assert covers(region, place) is is_so


spans = st.none() | st.integers(0, 72).map(lambda hours: hours * HOUR)
moments = st.none() | st.integers(0, 72).map(lambda hours: NOON + hours * HOUR)


@given(st.data())
def test_a_deadline_is_never_later_than_any_that_holds(data):
    ttls = {since: ttl for since in Since if (ttl := data.draw(spans)) is not None}
    known = Moments(NOON + 50 * HOUR, NOON + HOUR, NOON, data.draw(moments), data.draw(moments))
    end = deadline(Life(ttls, 10, 16_000), known)
    assert end <= known.latest
    assert all(end <= at + ttls[since] for since, at in known.known.items() if since in ttls)
    assert end in {known.latest, *(at + ttls[since] for since, at in known.known.items() if since in ttls)}


# --- what comes later -----------------------------------------------------------------------------------------------


def test_s0_3_temporary_audio_goes_within_five_minutes_after_processing(api, session, clip):
    body = api.upload(session, clip).json()
    room = Session.objects.get(id=session)
    assert Artifact.objects.get().expires_at == room.expires_at + timedelta(minutes=5), "whatever the app does"
    done = timezone.now()
    answer = patch(api, body["id"], processed_at=done)
    assert answer.status_code == 200
    artifact = Artifact.objects.get()
    assert artifact.expires_at == artifact.processed_at + timedelta(minutes=5)
    assert answer.json()["expires_at"] == api.get(f"/api/v1/artifacts/{body['id']}").json()["expires_at"]
    assert kinds()[-1] == "artifact.processed"
    assert sweep(clock=lambda: artifact.expires_at) == 1
    assert Artifact.objects.get().state == "erased"


def test_s1_1_a_portrait_goes_five_minutes_after_processing_at_the_latest(api, consent):
    grant = consent(operations=("upload",))
    Grant.objects.update(scope=["portrait"])
    session = opened(api, grant)
    file = io.BytesIO(picture())
    file.name = "portrait.png"
    made = api.client.post("/api/v1/uploads", {"session": session, "portrait": file}, headers=api.headers).json()
    artifact = Artifact.objects.get()
    assert artifact.expires_at == artifact.session.expires_at + timedelta(seconds=300)
    patch(api, made["id"], processed_at=timezone.now())
    artifact.refresh_from_db()
    assert artifact.expires_at == artifact.processed_at + timedelta(seconds=300)
    assert sweep(clock=lambda: artifact.expires_at) == 1


def test_a_session_that_ends_early_brings_the_deadline_forward(api, session, clip):
    api.upload(session, clip)
    api.delete(f"/api/v1/sessions/{session}")
    assert follow(now=timezone.now())
    closed = Session.objects.get(id=session).closed_at
    assert Artifact.objects.get().expires_at == closed + timedelta(minutes=5)


def test_no_report_lengthens_a_life(api, session, clip):
    body = api.upload(session, clip).json()
    patch(api, body["id"], processed_at=timezone.now())
    first = Artifact.objects.get().expires_at
    patch(api, body["id"], processed_at=timezone.now() + timedelta(minutes=4))
    assert Artifact.objects.get().expires_at == first
    for wrong in (timezone.now() + HOUR, timezone.now() - HOUR):
        answer = patch(api, body["id"], processed_at=wrong)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (422, "moment-impossible")
    assert patch(api, body["id"]).status_code == 422
    assert patch(api, uuid.uuid4(), processed_at=timezone.now()).status_code == 404


def test_b1_a_voiceprint_of_illinois_goes_when_its_purpose_is_met_or_three_years_after_the_last_interaction(
    api, consent, user, now
):
    User.objects.filter(id=user.id).update(residence="US-IL")
    grant = consent(operations=("upload", "embed"), term=2000 * DAY)
    Policy.objects.filter(kind="embedding", custody="app").update(purpose=None, ttl=1900 * DAY)
    made = embedded(api, opened(api, grant), custody="app").json()
    artifact, tie = Artifact.objects.get(), Binding.objects.get()
    assert artifact.expires_at == tie.bound_at + 1095 * DAY
    tie.last_interaction_at = tie.bound_at + 400 * DAY  # as a session of that day notes
    tie.save()
    assert follow(now=now)
    artifact.refresh_from_db()
    assert artifact.expires_at == tie.bound_at + 1495 * DAY, "it counts from the last one"
    patch(api, made["id"], purpose_met_at=timezone.now())
    artifact.refresh_from_db()
    assert artifact.expires_at == artifact.purpose_met_at, "the first of the two wins"
    sweep(clock=timezone.now)
    artifact.refresh_from_db()
    assert (artifact.state, artifact.custody) == ("erasing", "app")
    assert "artifact.erase_requested" in kinds()


def test_b1_the_last_interaction_is_noted_to_the_day(api, consent, now):
    from consent.interact import interacted

    grant = consent()
    tie = Binding.objects.get()
    assert tie.last_interaction_at is None, "when it was tied"
    opened(api, grant)
    tie.refresh_from_db()
    assert tie.last_interaction_at is None
    interacted(tie, now=tie.bound_at + DAY)
    tie.refresh_from_db()
    assert tie.last_interaction_at == tie.bound_at + DAY


def test_one_use_that_is_over_meets_the_purpose(api, consent):
    grant = consent("once", operations=("upload", "embed"))
    Policy.objects.filter(kind="embedding", custody="app").update(purpose=None)
    session = opened(api, grant)
    embedded(api, session, custody="app")
    api.delete(f"/api/v1/sessions/{session}")
    follow(now=timezone.now())
    assert Artifact.objects.get().expires_at == Grant.objects.get().ended_at


def test_the_sql_says_the_same_as_the_rule(api, session, clip):
    """What a crash, or a change, makes the database compute is what was computed when it was recorded."""
    body = api.upload(session, clip).json()
    room, tie = Session.objects.get(), Binding.objects.get()
    base = room.opened_at
    cases = [
        ({"after_processing": HOUR}, {"processed_at": base + 2 * HOUR}),
        ({"after_processing": HOUR, "after_session": timedelta(minutes=1)}, {}),
        ({"after_interaction": 30 * HOUR, "after_purpose": HOUR}, {"purpose_met_at": base + HOUR}),
        ({"after_purpose": HOUR}, {}),
        ({}, {}),
    ]
    names = {
        Since.PROCESSED: "after_processing",
        Since.SESSION: "after_session",
        Since.INTERACTION: "after_interaction",
        Since.PURPOSE: "after_purpose",
    }
    for ttls, said in cases:
        clean = dict.fromkeys(names.values()) | {"processed_at": None, "purpose_met_at": None}
        latest = base + 40 * HOUR
        Artifact.objects.filter(id=body["id"]).update(**(clean | ttls | said), latest_at=latest, expires_at=latest)
        settle([uuid.UUID(body["id"])], now=base)
        life = Life({since: ttls[name] for since, name in names.items() if name in ttls}, 10, 16_000)
        known = Moments(latest, room.expires_at, tie.bound_at, said.get("processed_at"), said.get("purpose_met_at"))
        assert Artifact.objects.get().expires_at == deadline(life, known)


# --- every kind has one ---------------------------------------------------------------------------------------------


def test_g11_every_kind_of_artifact_has_a_rule_and_one_without_cannot_be_recorded(api, session):
    for kind in Kind:
        allowed = [policy for policy in Policy.objects.filter(kind=kind) if policy.rule().allows]
        assert allowed, kind
    calls = {
        "embeddings": {"dimensions": 192},
        "models": {},
        "features": {"feature": "mfcc", "dimensions": 13},
        "transcripts": {},
    }
    for path, more in calls.items():
        answer = api.post(f"/api/v1/{path}", {"session": session, **more})
        assert answer.status_code == 201, answer.content
        assert answer.json()["expires_at"]
    Policy.objects.exclude(custody="").delete()
    count = Artifact.objects.count()
    for path, more in calls.items():
        answer = api.post(f"/api/v1/{path}", {"session": session, **more})
        assert answer.json()["type"].rpartition(":")[2] == "no-retention-policy"
    assert Artifact.objects.count() == count
    assert not Artifact._meta.get_field("expires_at").null, "none can be without"


def test_s1_2_a_faceprint_is_a_kind_of_its_own(api, consent):
    grant = consent(operations=("upload", "embed"))
    Grant.objects.update(scope=["portrait"])
    made = embedded(api, opened(api, grant), media=["portrait"], dimensions=512).json()
    assert (made["kind"], made["media"], made["dimensions"], made["standing"]) == (
        "embedding",
        ["portrait"],
        512,
        "permitted",
    )
    stored = embedded(api, opened(api, grant), media=["portrait"], dimensions=512, custody="app")
    assert stored.json()["type"].endswith("no-retention-policy"), "no face is stored as numbers"


def test_s2_8_features_are_declared_and_have_forty_dimensions_at_most(api, session):
    def said(**more):
        return api.post("/api/v1/features", {"session": session, **more})

    made = said(feature="mfcc", dimensions=40)
    assert (made.status_code, made.json()["dimensions"], made.json()["kind"]) == (201, 40, "features")
    for wrong in ({"dimensions": 41}, {"dimensions": 0}, {}):
        assert said(feature="mfcc", **wrong).status_code == 422
    assert said(dimensions=13).status_code == 422, "what they are is declared"
    assert said(feature="waveform", dimensions=13).status_code == 422
    assert Artifact.objects.count() == 1
    batched = api.post(
        "/api/v1/records:batch",
        {"records": [{"kind": "features", "session": session, "feature": "mfcc", "dimensions": 80}]},
    )
    assert batched.json()["records"][0]["status"] == 422


def test_f1_each_artifact_has_a_bank_data_level(api, app, session, clip):
    assert api.upload(session, clip).json()["level"] == "C2"
    assert embedded(api, session).json()["level"] == "C3"
    from consent.use_class import RULES

    assert "provide" in RULES["identification"].never, "what authenticates is never passed on"
    Grant.objects.update(purpose="speaker-verification")
    made = api.upload(session, clip).json()
    assert made["level"] == "C3"
    words = Words("Far Away Speech", "Recognition", "US", "privacy@asr.test.localhost", "DPA 7", timedelta(days=30))
    one = register_processor(app=app, words=words, officer="7", now=timezone.now()).processor
    said = {"processor": str(one.id), "basis": "consent"}
    refused = api.post(f"/api/v1/artifacts/{made['id']}/disclosures", said)
    assert (refused.status_code, refused.json()["reason"]) == (403, "not_shared")
    [path] = [found for found in Path(settings.VAR).rglob(made["id"]) if found.is_file()]
    assert not any(clip[at : at + 16] in path.read_bytes() for at in range(0, len(clip) - 16, 1024)), "sealed at rest"


def test_s2_12_what_is_over_is_cleaned_up_by_itself_and_who_asks_is_erased(api, session, clip):
    for seconds in ("PT1S", "PT2S", "PT3S"):
        api.upload(session, clip, ttl=seconds)
    last = api.upload(session, clip).json()["id"]
    assert sweep(clock=lambda: timezone.now() + timedelta(seconds=4)) == 3
    assert Artifact.objects.get(id=last).state == "active"
    assert api.delete("/v1/voice/consent/user-1").status_code == 202
    sweep(clock=timezone.now)
    assert set(Artifact.objects.values_list("state", flat=True)) == {"erased"}


# --- a policy changes -----------------------------------------------------------------------------------------------


@pytest.fixture
def living(api, session, clip):
    api.upload(session, clip)
    api.post("/api/v1/models", {"session": session, "custody": "app"})
    return Artifact.objects.get(kind="model")


def test_what_the_simulator_says_is_what_happens(living, now):
    shorter = Policy(kind="model", custody="", since="recorded", ttl=2 * DAY)
    said = effect(shorter, now=now)
    assert (said.covered, said.earlier, said.at_once, said.held) == (1, 1, 0, 0)
    assert said.going[0].within == (0, 0, 0, 1, 1)
    assert said.going[0].first == living.recorded_at + 2 * DAY
    living.refresh_from_db()
    assert living.expires_at > now + 20 * DAY, "asking changes nothing"
    add(policy=shorter, actor="officer:1", now=now)
    assert apply_pending(now=now) > 0
    living.refresh_from_db()
    assert living.expires_at == living.recorded_at + 2 * DAY
    assert apply_pending(now=now) == 0
    change(policy=shorter, values={"ttl": 9 * DAY}, actor="officer:1", now=now)
    apply_pending(now=now)
    living.refresh_from_db()
    assert living.expires_at == living.recorded_at + 2 * DAY, "no deadline moves later"
    remove(policy=shorter, actor="officer:1", now=now)
    said = [kind for kind in kinds() if kind.startswith("policy.")]
    assert said == ["policy.added", "policy.changed", "policy.removed"]


def test_what_was_being_recorded_while_a_policy_came_is_brought_under_it_too(living, now):
    """It was decided by the policies of before, and committed after the first look."""
    shorter = add(policy=Policy(kind="model", custody="", since="recorded", ttl=2 * DAY), actor="officer:1", now=now)
    later, state = living.expires_at, Artifact.objects.filter(id=living.id)
    state.update(kind="transcript")  # as if it were not there yet
    apply_pending(now=now)
    state.update(kind="model")
    assert state.get().expires_at == later
    assert apply_pending(now=now + timedelta(seconds=30)) == 0, "nothing new"
    assert state.get().expires_at == living.recorded_at + shorter.ttl


def test_a_policy_that_counts_from_later_reaches_what_lives(api, living, now):
    add(policy=Policy(kind="model", custody="", since="session", ttl=HOUR), actor="officer:1", now=now)
    apply_pending(now=now)
    living.refresh_from_db()
    assert living.expires_at == living.session.expires_at + HOUR


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"kind": "poem"}, "kind_unknown"),
        ({"residence": "Illinois"}, "residence_unknown"),
        ({"since": "birth"}, "since_unknown"),
        ({"ttl": timedelta(days=-1)}, "ttl_impossible"),
        ({"kind": "upload", "longest_seconds": 30.0}, "audio_too_long"),
        ({"lowest_rate": 1}, "audio_impossible"),
    ],
)
def test_what_no_policy_says(values, reason, now):
    with pytest.raises(PolicyRefused) as refused:
        add(
            policy=Policy(**({"kind": "model", "custody": "", "since": "recorded", "ttl": DAY} | values)),
            actor="x",
            now=now,
        )
    assert refused.value.reason == reason


def test_two_policies_never_say_the_same(now):
    same = Policy.objects.filter(kind="model", custody="app").get()
    with pytest.raises(PolicyRefused, match="already"):
        add(policy=Policy(kind="model", custody="app", since=same.since, ttl=DAY), actor="x", now=now)


def test_s0_4_ten_seconds_for_all_and_more_for_one_app_by_an_officer(api, app, session, consent, now):
    def taken(by, where, seconds, rate=16_000):
        answer = by.upload(where, speech(seconds, rate=rate))
        return answer.json()["reason"] if answer.status_code == 422 else answer.status_code

    theirs = AppFactory(tenant=app.tenant)
    other = Api(theirs)
    elsewhere = opened(other, consent(by=theirs))
    assert Policy.objects.get(kind="upload", medium="voice", custody="vault").longest_seconds == 10
    more = Policy(
        kind="upload", custody=Custody.VAULT, app=app, since="processed", ttl=timedelta(minutes=5), longest_seconds=30.0
    )
    assert [taken(api, session, seconds) for seconds in (10.0, 10.1)] == [201, "too_long"]
    assert taken(api, session, 1.0, rate=8_000) == "sample_rate_too_low"
    add(policy=more, actor="officer:1", now=now)
    assert [taken(api, session, seconds) for seconds in (10.1, 30.0, 30.1)] == [201, 201, "too_long"]
    assert taken(other, elsewhere, 10.1) == "too_long", "and no other app"
