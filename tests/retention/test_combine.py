"""Portraits beside voices: taken under their own scope, and put together only by a consent of its own that names both."""

import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from consent.models import Grant, Session
from consent.notice_texts import Recipient
from consent.pause import pause
from consent.queries import records_of
from consent.withdraw import withdraw
from retention.models import Artifact
from retention.sweep import sweep
from tests.conftest import Api, kinds, speech
from tests.factories import AppFactory, UserFactory
from tests.retention.combining import (
    BOTH,
    COLLECT,
    WATERMARK,
    allowed,
    begun,
    face_and_voice,
    opened,
    picture,
    portray,
    synthesise,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def app(tenant):
    return AppFactory(tenant=tenant, purposes=["digital-human", "voice-cloning"])


@pytest.fixture
def collected(app, user):
    """A consent to record portrait and voice, and to work with each."""
    return allowed(app, user, COLLECT)


@pytest.fixture
def combined(app, user):
    """A consent to combine."""
    return allowed(app, user, ["combine"])


@pytest.fixture
def session(api, collected):
    return begun(api, collected)


@pytest.fixture
def sources(api, session):
    return face_and_voice(api, session)


class TestPortraits:
    def test_a_portrait_lives_five_minutes(self, api, session):
        taken = portray(api, session).json()
        assert (taken["kind"], taken["media"], taken["custody"], taken["standing"]) == (
            "upload",
            ["portrait"],
            "vault",
            "permitted",
        )
        assert (taken["duration_ms"], taken["sample_rate"]) == (None, None)
        artifact = Artifact.objects.get(id=taken["id"])
        assert artifact.expires_at == Session.objects.get(id=session).expires_at + timedelta(seconds=300)
        assert api.get(f"/api/v1/artifacts/{taken['id']}/content").content == picture()
        sweep(clock=lambda: artifact.expires_at)
        assert api.get(f"/api/v1/artifacts/{taken['id']}").json()["state"] == "erased"

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_of_three_kinds(self, api, session, kind):
        assert portray(api, session, picture(kind=kind)).status_code == 201

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "empty"),
            (b"no picture", "not_a_picture"),
            (picture(kind="GIF"), "not_a_picture"),
            (picture()[:-900], "not_a_picture"),
            (picture() + b"and a film", "not_one_picture"),
            (picture(kind="PNG", save_all=True, append_images=[]) + b"x", "not_one_picture"),
            (picture(63, 200), "too_small"),
            (speech(), "not_a_picture"),
        ],
    )
    def test_what_is_no_portrait_is_refused_and_nothing_is_written(self, api, session, data, reason):
        before = kinds()
        answer = portray(api, session, data)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:consonant:problem:portrait-refused")
        assert answer.json()["reason"] == reason
        assert kinds() == before

    def test_one_file_comes(self, api, session, clip):
        for files in ({}, {"audio": clip, "portrait": picture()}):
            parts = {name: (name, data) for name, data in files.items()}
            answer = api.client.post("/api/v1/uploads", {"session": session, **parts}, headers=api.headers)
            assert answer.status_code == 422, answer.content

    def test_each_under_its_own_scope(self, api, app, user, clip):
        for scope, medium in ((["voice"], "voice"), (["portrait"], "portrait")):
            grant = allowed(app, user, ["upload"], scope=scope)
            session = begun(api, grant)
            answers = {"voice": api.upload(session, clip), "portrait": portray(api, session)}
            assert answers.pop(medium).status_code == 201
            [refused] = answers.values()
            assert (refused.status_code, refused.json()["reason"]) == (403, "scope_not_covered")
            assert sorted(kinds()[-2:]) == ["artifact.recorded", "use.refused"]

    def test_what_is_made_of_a_face_needs_a_consent_about_faces(self, api, app, user, collected):
        """What was made already is entered all the same."""
        face = portray(api, begun(api, collected)).json()["id"]
        narrow = begun(api, allowed(app, user, COLLECT, scope=["voice"]))
        body = {"session": narrow, "dimensions": 512, "derived_from": [face]}
        made = api.post("/api/v1/embeddings", body).json()
        assert (made["media"], made["standing"], made["reason"]) == (["portrait"], "unpermitted", "scope_not_covered")
        body = {"session": narrow, "dimensions": 512, "media": ["portrait"]}
        assert api.post("/api/v1/embeddings", body).json()["reason"] == "scope_not_covered"
        about_faces = begun(api, allowed(app, user, COLLECT, scope=["portrait"]))
        made = api.post("/api/v1/embeddings", {"session": about_faces, "dimensions": 512}).json()
        assert (made["media"], made["standing"]) == (["portrait"], "permitted"), (
            "a consent about faces alone is about a face"
        )

    def test_no_policy_stores_a_face(self, api, app, user, session):
        body = {"session": session, "dimensions": 512, "media": ["portrait"], "custody": "app"}
        assert api.post("/api/v1/embeddings", body).json()["type"].endswith("no-retention-policy")


class TestCombining:
    """S1.3: never linked by themselves; an explicit authorisation (绝不自动关联, 必须显式授权)."""

    def test_s1_3_face_and_voice_are_never_linked_automatically(self, api, user, session, sources):
        """Not even where one consent covers both, and each on its own is permitted."""
        for each in sources:
            assert synthesise(api, session, [each])["standing"] == "permitted"
        made = synthesise(api, session, sources)
        assert (made["standing"], made["reason"]) == ("unpermitted", "combination_not_allowed")
        assert made["media"] == BOTH
        assert made["expires_at"] == made["recorded_at"]
        record = records_of(user=user)[0]
        assert (record.kind, record.payload["reason"]) == ("use.unpermitted", "combination_not_allowed")

    def test_s1_3_an_explicit_consent_that_names_both_allows_it(self, api, user, combined, sources):
        session = begun(api, combined, artifacts=sources)
        made = synthesise(api, session, sources)
        assert (made["standing"], made["reason"], made["media"]) == ("permitted", None, BOTH)
        assert sorted(made["derived_from"]) == sorted(sources)
        opening = next(record for record in records_of(user=user) if record.kind == "session.opened")
        assert sorted(opening.payload["artifacts"]) == sorted(sources)
        cut = synthesise(api, session, [made["id"]])
        assert (cut["standing"], cut["media"]) == ("permitted", BOTH), "what is made from that, in the same session"

    def test_by_lineage(self, api, session, sources, combined):
        """Neither direct source shows both."""
        animated = synthesise(api, session, sources[:1])["id"]
        spoken = synthesise(api, session, sources[1:])["id"]
        made = synthesise(api, session, [animated, spoken])
        assert (made["media"], made["reason"]) == (BOTH, "combination_not_allowed")
        combining = begun(api, combined, artifacts=[animated, spoken])
        assert synthesise(api, combining, [animated, spoken])["standing"] == "permitted"
        assert synthesise(api, combining, sources)["reason"] == "combination_not_allowed", "others than those named"

    def test_a_model_of_both_is_a_combination_too(self, api, session, sources):
        body = {"session": session, "dimensions": 512, "derived_from": sources}
        assert api.post("/api/v1/embeddings", body).json()["reason"] == "combination_not_allowed"

    def test_what_the_app_says_counts_as_well(self, api, session, sources, combined):
        for made_from in ([], sources[:1]):
            assert synthesise(api, session, made_from, media=BOTH)["reason"] == "combination_not_allowed"
        combining = begun(api, combined, artifacts=sources)
        assert synthesise(api, combining, [], media=BOTH)["reason"] == "combination_not_allowed", "it has to name both"

    def test_nothing_else_is_done_in_such_a_session(self, api, combined, sources, clip):
        session = begun(api, combined, artifacts=sources)
        assert synthesise(api, session, sources[1:])["reason"] == "operation_not_covered"
        assert api.upload(session, clip).json()["reason"] == "operation_not_covered"

    def test_one_persons_face_with_anothers_voice(self, api, app, session, sources):
        other = begun(api, allowed(app, UserFactory(), COLLECT, ref="user-2"))
        voice = api.upload(other, speech()).json()["id"]
        made = synthesise(api, session, [sources[0], voice], with_sessions=[other])
        assert made["reason"] == "combination_not_allowed"
        assert [made["standing"], made["others"][0]["standing"]] == ["unpermitted"] * 2

    def test_not_after_a_source_was_taken_back(self, api, app, user, collected, combined, sources):
        session = begun(api, combined, artifacts=sources)
        withdraw(grant_id=collected.id, user=user, now=timezone.now())
        assert synthesise(api, session, sources)["reason"] == "combination_not_allowed"

    def test_allowed_once_is_one_clip(self, api, app, user, sources):
        once = allowed(app, user, ["combine"], choice="once")
        session = begun(api, once, artifacts=sources)
        assert synthesise(api, session, sources)["standing"] == "permitted"
        assert synthesise(api, session, sources)["reason"] == "operation_spent"
        assert opened(api, once, artifacts=sources).json()["reason"] == "uses_exhausted"

    def test_a_late_record_of_it_is_no_offence(self, api, combined, sources):
        session = begun(api, combined, artifacts=sources)
        api.delete(f"/api/v1/sessions/{session}")
        made = synthesise(api, session, sources)
        assert (made["standing"], made["reason"]) == ("late", "session_ended")


class TestTheSession:
    """S1.5: short-lived, named, dead when the page closes."""

    def test_s1_5_a_portrait_session_lives_an_hour_at_most_and_dies_with_the_page(self, api, combined, sources):
        answer = opened(api, combined, artifacts=sources).json()
        session = Session.objects.get(id=answer["id"])
        assert session.expires_at - session.opened_at == timedelta(hours=1)
        assert api.delete(f"/api/v1/sessions/{session.id}").status_code == 204
        assert synthesise(api, str(session.id), sources)["reason"] == "session_ended"

    @pytest.fixture
    def refused(self, api, combined):
        def refused(artifacts, grant=combined):
            before = kinds()
            answer = opened(api, grant, artifacts=artifacts)
            assert (answer.status_code, answer.json()["type"]) == (422, "urn:consonant:problem:artifacts-unnamed")
            assert kinds() == before
            return answer.content

        return refused

    def test_it_names_one_portrait_and_a_voice(self, api, combined, session, sources, refused):
        another = portray(api, session).json()["id"]
        voice = api.upload(session, speech()).json()["id"]
        assert opened(api, combined, artifacts=[*sources, voice]).status_code == 201
        refused([*sources, another])
        refused([sources[1], voice])
        refused([sources[0], another])
        assert opened(api, combined).json()["type"].endswith("artifacts-unnamed")
        assert opened(api, combined, artifacts=sources[:1]).status_code == 422

    def test_only_it_names_any(self, collected, sources, refused):
        refused(sources, collected)

    def test_of_the_same_person_and_app_and_alike_for_what_is_unknown(self, api, app, tenant, user, sources, refused):
        other = begun(api, allowed(app, UserFactory(), COLLECT, ref="user-2"))
        foreign_app = AppFactory(tenant=tenant, purposes=["digital-human"])
        foreign = Api(foreign_app)
        foreign_session = begun(foreign, allowed(foreign_app, user, COLLECT))
        strangers = [api.upload(other, speech()), foreign.upload(foreign_session, speech())]
        told = {refused([sources[0], each.json()["id"]]) for each in strangers}
        assert told == {refused([sources[0], str(uuid.uuid4())])}

    def test_still_there(self, api, sources, refused):
        api.delete(f"/api/v1/artifacts/{sources[1]}")
        refused(sources)

    def test_under_a_consent_that_stands(self, user, collected, sources, refused):
        pause(grant_id=collected.id, user=user, now=timezone.now())
        refused(sources)

    def test_what_was_allowed_once_lives_out_its_term(self, api, app, user, combined):
        once = begun(api, allowed(app, user, ["upload"], choice="once"))
        face = portray(api, once).json()["id"]
        api.delete(f"/api/v1/sessions/{once}")
        voice = api.upload(begun(api, allowed(app, user, ["upload"])), speech()).json()["id"]
        assert opened(api, combined, artifacts=[face, voice]).status_code == 201

    def test_not_what_was_made_without_permission(self, api, session, sources, refused):
        api.delete(f"/api/v1/sessions/{session}")
        made = api.post("/api/v1/syntheses", {"session": session, "mark": WATERMARK, "derived_from": sources}).json()
        assert made["standing"] == "unpermitted"
        refused([sources[0], made["id"]])

    def test_asked_for_alone_and_about_both(self, api):
        words = {"purpose": "digital-human", "operations": ["combine"]}
        assert api.ask(**words, scope=BOTH).status_code == 201
        answer = api.ask(**words)
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["scope"])
        answer = api.ask(purpose="digital-human", operations=["combine", "synthesize"], scope=BOTH)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:consonant:problem:needs-its-own")

    def test_a_consent_that_has_ended_says_so_first(self, api, user, combined, sources):
        withdraw(grant_id=combined.id, user=user, now=timezone.now())
        for words in ({}, {"artifacts": sources}):
            assert opened(api, combined, **words).json()["reason"] == "consent_withdrawn"


class TestPurposes:
    def test_what_was_collected_for_a_weaker_purpose_feeds_no_stronger(self, api, app, user, session, combined, clip):
        weaker = begun(api, allowed(app, user, ["upload"], purpose="voice-cloning", scope=["voice"]))
        voice = api.upload(weaker, clip).json()["id"]
        made = synthesise(api, session, [voice])
        assert (made["standing"], made["reason"]) == ("unpermitted", "purpose_exceeded")
        assert synthesise(api, session, [made["id"]])["reason"] == "source_unpermitted", "nor by a detour"
        face = portray(api, session).json()["id"]
        answer = opened(api, combined, artifacts=[face, voice])
        assert (answer.status_code, answer.json()["reason"]) == (403, "purpose_exceeded")
        assert kinds()[-1] == "use.refused"

    def test_the_other_way_round_it_may(self, api, app, user, session, clip):
        voice = api.upload(session, clip).json()["id"]
        weaker = begun(api, allowed(app, user, ["synthesize"], purpose="voice-cloning", scope=["voice"]))
        assert synthesise(api, weaker, [voice])["standing"] == "permitted"


def test_p6_handing_a_voice_on_is_a_consent_of_its_own_in_which_nothing_is_recorded(tenant, user, clip):
    """PIPL 23: the session itself is the record."""
    to = Recipient("A studio", "privacy@studio.test.localhost", ("Dubbing", "配音"), ("API", "接口"), ("Voice", "声音"))
    app = AppFactory(tenant=tenant, purposes=["voice-sharing", "voice-cloning"], recipient=to)
    api = Api(app)
    grant = allowed(app, user, ["provide"], purpose="voice-sharing", scope=["voice"])
    session = begun(api, grant)
    assert Session.objects.get(id=session).operations == ["provide"]
    assert kinds()[-1] == "session.opened"
    assert api.upload(session, clip).json()["reason"] == "operation_not_covered"
    for path, facts in (("embeddings", {"dimensions": 192}), ("syntheses", {"mark": WATERMARK})):
        made = api.post(f"/api/v1/{path}", {"session": session, **facts}).json()
        assert (made["standing"], made["reason"]) == ("unpermitted", "operation_not_covered")
    assert Grant.objects.get(id=grant.id).operations == ["provide"]
    other = allowed(app, user, ["upload"], purpose="voice-cloning", scope=["voice"])
    assert opened(api, other, operations=["provide"]).json()["reason"] == "operation_not_covered"


def test_a_form_says_media_as_json_or_repeated(api, session):
    for said in (json.dumps(BOTH), BOTH):
        body = {"session": session, "mark": json.dumps(WATERMARK), "media": said, "custody": "none"}
        answer = api.client.post("/api/v1/syntheses", body, headers=api.headers)
        assert answer.json()["media"] == BOTH, answer.content
