"""The catalogue of purposes: what it holds, what it takes, what each class of use demands."""

import json
import uuid
from datetime import date, timedelta

import pytest
from django.conf import settings as project
from django.db import DatabaseError, transaction

from accounts.models import User
from consent.allow import allow
from consent.ask import ask
from consent.catalogue import add_purpose, assess
from consent.consent_record import tell
from consent.errors import NeedsItsOwn, NotExplicit, PurposeForbidden, PurposeInvalid, PurposeUnknown
from consent.models import Assessment, Grant, Notice, Purpose
from consent.notice_texts import Recipient
from consent.open_session import Opened, open_session
from consent.queries import newest_notice
from consent.terms import Operation
from consent.use_class import RULES
from ledger.models import Opening
from portal.words.sheets import sheet
from retention.models import Artifact
from tests.conftest import Api, kinds
from tests.factories import AppFactory

pytestmark = pytest.mark.django_db
OFFICER = f"officer:{uuid.UUID(int=1)}"
NAMES = {"en": "Find voices that sound alike", "zh-hans": "查找相似的声音"}
PURPOSE = {
    "slug": "voice-matching",
    "names": NAMES,
    "use_class": "non-identification",
    "strength": 15,
    "operations": ["upload", "embed"],
    "is_sensitive": True,
    "provides": False,
    "trades_voiceprints": False,
    "actor": OFFICER,
}
LAB = Recipient(
    "Lab Ltd", "privacy@lab.test.localhost", ("research", "研究"), ("by computer", "计算机"), ("clips", "录音")
)


def asked(app, purpose, operations, now, ref="user-1"):
    return ask(app=app, subject_ref=ref, purpose=purpose, operations=operations, term=timedelta(days=9), now=now).token


def test_the_catalogue_is_ordered_by_strength_and_named_in_each_language():
    slugs = list(Purpose.objects.order_by("strength", "slug").values_list("slug", flat=True))
    assert slugs == [
        "speaker-verification",
        "text-to-speech",
        "voice-cloning",
        "voice-experiment",
        "digital-human",
        "voice-training",
        "voice-sharing",
    ]
    assert all(set(purpose.names) == {"en", "zh-hans"} for purpose in Purpose.objects.all())
    assert all(set(purpose.operations) <= set(Operation) for purpose in Purpose.objects.all())


def test_a_purpose_is_added_on_the_record(now):
    purpose = add_purpose(**PURPOSE, now=now)
    assert (purpose.strength, purpose.operations, purpose.names) == (15, ["embed", "upload"], NAMES)
    assert kinds(project.PLATFORM_ORIGIN) == ["purpose.added"]
    app = AppFactory(purposes=["voice-matching"])
    assert set(Notice.objects.filter(app=app).values_list("published_at", flat=True)) == {None}  # nobody has written it


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"slug": "Voice Matching"}, "slug_invalid"),
        ({"slug": "voice-cloning"}, "slug_taken"),
        ({"names": {"en": "Only English"}}, "name_missing"),
        ({"names": NAMES | {"en": "x" * 61}}, "name_missing"),
        ({"strength": 0}, "strength_invalid"),
        ({"use_class": "marketing"}, "use_class_unknown"),
        ({"operations": []}, "operations_missing"),
        ({"operations": ["shout"]}, "operation_unknown"),
        ({"operations": ["upload", "provide"]}, "provide_unflagged"),
        ({"provides": True}, "provide_unflagged"),
        ({"is_sensitive": False}, "sensitive_unflagged"),
    ],
)
def test_what_is_no_purpose_is_refused_with_a_reason(now, change, fault):
    before = Purpose.objects.count()
    with pytest.raises(PurposeInvalid) as invalid:
        add_purpose(**PURPOSE | change, now=now)
    assert fault in invalid.value.faults
    assert (Purpose.objects.count(), Opening.objects.count()) == (before, 0)


def test_an_assessment_is_kept_three_years(now):
    made = assess(purpose="voice-cloning", reference=" PIA 1 ", made_on=now.date(), actor=OFFICER, now=now)
    assert (made.reference, made.keep_until.year) == ("PIA 1", now.year + 3)
    assert kinds(project.PLATFORM_ORIGIN) == ["purpose.assessed"]
    with pytest.raises(DatabaseError, match="stays as it is"), transaction.atomic():
        made.delete()


def test_an_assessment_has_a_reference_a_past_day_and_a_purpose(now):
    for change in ({"reference": " "}, {"made_on": now.date() + timedelta(days=1)}):
        with pytest.raises(PurposeInvalid):
            assess(
                **{"purpose": "voice-cloning", "reference": "PIA", "made_on": date(2026, 1, 1)} | change,
                actor=OFFICER,
                now=now,
            )
    with pytest.raises(PurposeUnknown):
        assess(purpose="nothing", reference="PIA", made_on=date(2026, 1, 1), actor=OFFICER, now=now)
    assert not Assessment.objects.exists()


def test_g4_to_recognise_somebody_takes_an_explicit_yes(user, now):
    door = AppFactory(purposes=["speaker-verification", "text-to-speech"])
    notice = newest_notice(app_id=door.id, purpose_id="speaker-verification", locale="en")
    token = asked(door, "speaker-verification", ["embed"], now)
    for act in ({}, {"notice_id": notice.id}, {"screen": "<p>read</p>"}, {"notice_id": notice.id, "screen": ""}):
        with pytest.raises(NotExplicit):
            allow(token=token, user=user, choice="term", locale="en", now=now, **act)
    assert not Grant.objects.exists()
    given = allow(
        token=token, user=user, choice="term", locale="en", now=now, notice_id=notice.id, screen="<p>read</p>"
    )
    assert given.screen.html == "<p>read</p>"
    assert "explicit consent" in notice.body["legal_basis"]
    assert "9(2)(a)" in notice.body["legal_basis"]
    # To speak in a voice identifies nobody: it stays with Article 6.
    spoken = newest_notice(app_id=door.id, purpose_id="text-to-speech", locale="en").body
    assert "6(1)(a)" in spoken["legal_basis"]
    assert "9(2)" not in spoken["legal_basis"]
    allow(
        token=asked(door, "text-to-speech", ["upload"], now, ref="user-1"),
        user=user,
        choice="term",
        locale="en",
        now=now,
    )


def test_p11_each_purpose_has_a_use_class_and_each_class_its_rules(now):
    assert {purpose.use_class for purpose in Purpose.objects.all()} == set(RULES)
    forbidden = {
        "identification": ["synthesize", "combine", "provide"],
        "experiment": ["combine", "provide"],
        "non-identification": [],
    }
    for use_class, operations in forbidden.items():
        assert RULES[use_class].never == set(operations)
        assert not any(
            set(purpose.operations) & set(operations) for purpose in Purpose.objects.filter(use_class=use_class)
        )
        for operation in operations:
            with pytest.raises(PurposeInvalid) as invalid:
                add_purpose(
                    **PURPOSE | {"use_class": use_class, "operations": [operation], "provides": operation == "provide"},
                    now=now,
                )
            assert invalid.value.faults == ["operation_not_of_class"]
    assert [name for name, rules in RULES.items() if rules.explicit_act] == ["identification"]


def test_p6_passing_on_is_a_consent_of_its_own_under_a_notice_that_names_the_recipient(user, now):
    app = AppFactory(purposes=["voice-sharing", "voice-cloning"], recipient=LAB)
    body = newest_notice(app_id=app.id, purpose_id="voice-sharing", locale="en").body
    assert [body[f"recipient_{name}"] for name in ("name", "contact", "purpose", "method", "kinds")] == [
        "Lab Ltd",
        "privacy@lab.test.localhost",
        "research",
        "by computer",
        "clips",
    ]
    cloning = allow(token=asked(app, "voice-cloning", ["upload"], now), user=user, choice="term", locale="en", now=now)
    refused = open_session(app=app, grant_id=cloning.id, operations=["provide"], now=now)
    assert refused.reason == "operation_not_covered"
    sharing = allow(token=asked(app, "voice-sharing", ["provide"], now), user=user, choice="term", locale="en", now=now)
    assert isinstance(open_session(app=app, grant_id=sharing.id, operations=["provide"], now=now), Opened)
    add_purpose(**PURPOSE | {"slug": "show-and-pass", "operations": ["upload", "provide"], "provides": True}, now=now)
    both = AppFactory(purposes=["show-and-pass"])
    Notice.objects.filter(app=both).update(published_at=now)
    with pytest.raises(NeedsItsOwn):
        asked(both, "show-and-pass", ["upload", "provide"], now)


def test_p13_a_licence_for_a_recording_is_no_consent_to_use_the_voice(app, user, consent, now):
    """What an app may say or attest gives it nothing: a yes is the speaker's own, for one purpose, and the API has no call for it."""
    api = Api(app)
    question = api.ask(operations=["synthesize"]).json()["id"]
    refused = api.post("/api/v1/sessions", {"grant": question})
    assert refused.status_code == 404
    assert not Grant.objects.exists()
    schema = api.get("/api/schema/?format=json").json()
    posts = {path for path, calls in schema["paths"].items() if "post" in calls}
    assert not any("grants" in path.rstrip("/").rsplit("/", 1)[-1] for path in posts)
    grant = consent(operations=("upload",), at=now)
    assert (grant.actor, grant.subject.user) == ("self", user)
    refused = open_session(app=app, grant_id=grant.id, operations=["synthesize"], now=now)
    assert refused.reason == "operation_not_covered"
    body = newest_notice(app_id=app.id, purpose_id="voice-cloning", locale="en").body
    assert "by a licence for instance, is no such consent" in body["legal_basis"]


@pytest.mark.parametrize(
    "name", ["Sell my voiceprint", "Voiceprint trading", "Lease of voices", "出售声纹", "声纹交易"]
)
def test_b3_a_purpose_that_trades_voiceprints_says_so(now, name):
    with pytest.raises(PurposeInvalid) as invalid:
        add_purpose(**PURPOSE | {"names": NAMES | {"en": name}}, now=now)
    assert invalid.value.faults == ["trade_unflagged"]
    assert add_purpose(**PURPOSE | {"names": NAMES | {"en": name}, "trades_voiceprints": True}, now=now)


@pytest.mark.parametrize(
    ("residence", "may"), [("", False), ("US", False), ("US-IL", False), ("US-NY", True), ("DE", True)]
)
def test_b3_no_voiceprint_of_who_may_live_in_illinois_is_traded(user, now, residence, may):
    add_purpose(**PURPOSE | {"trades_voiceprints": True}, now=now)
    app = AppFactory(purposes=["voice-matching"])
    Notice.objects.filter(app=app).update(published_at=now)
    User.objects.filter(id=user.id).update(residence=residence)
    token = asked(app, "voice-matching", ["embed"], now)
    if may:
        assert allow(token=token, user=user, choice="term", locale="en", now=now).jurisdiction == residence
    else:
        with pytest.raises(PurposeForbidden):
            allow(token=token, user=user, choice="term", locale="en", now=now)
        assert not Grant.objects.exists()
    assert not Purpose.objects.exclude(slug="voice-matching").filter(trades_voiceprints=True).exists()


def test_b2_before_the_first_recording_stand_a_notice_and_a_release(app, user, clip, now):
    api = Api(app)
    question = api.ask().json()["id"]
    for session in (question, api.post("/api/v1/sessions", {"grant": question}).json().get("id", "")):
        assert api.upload(session, clip).status_code in {404, 422}  # without a yes there is no session to record in
    assert not Artifact.objects.exists()
    notice = newest_notice(app_id=app.id, purpose_id="voice-cloning", locale="en")
    assert all(notice.body[name] for name in ("voiceprint", "what", "why", "kept"))
    token = asked(app, "voice-cloning", ["upload"], now)
    grant = allow(
        token=token, user=user, choice="term", locale="en", now=now, notice_id=notice.id, screen="<h1>read</h1>"
    )
    assert (grant.notice, grant.screen.html, grant.notice.published_at < grant.valid_from) == (
        notice,
        "<h1>read</h1>",
        True,
    )
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    assert api.upload(session, clip).status_code == 201
    # The release: what was collected, what for and how long, and the electronic signature, by the entry that proves it.
    told = tell(grant)
    release = sheet("bipa", told.facts, notice.body, log=app.tenant.origin, now=now)
    assert "I release the private entity named above" in release.declaration
    ref = next(ref for ref, (_, said) in told.openings.items() if "choice" in json.loads(said))
    for said in (notice.body["what"], notice.body["why"], notice.body["kept"], "9 days", grant.screen.sha256, ref):
        assert said in release.text()
