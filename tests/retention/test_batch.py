"""`records:batch`: many records in one durable call, each with a verdict of its own; and no two batches wait for each other in a circle."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent.models import Binding
from consent.open_session import open_session
from consent.queries import records_of
from consent.withdraw import withdraw
from keyring.keys import store
from ledger.models import Entry, Opening, Pending
from ledger.sequence import sequence
from retention.models import Artifact, Custody, Derivation, Kind
from retention.record_batch import Draft, Facts, record_all
from tests.conftest import Api, kinds
from tests.factories import AppFactory, TenantFactory, UserFactory

EVERYTHING = ("upload", "embed", "synthesize")
MARK = {"kind": "watermark", "watermark_id": "wm-7"}
EMBEDDING = {"kind": "embedding", "dimensions": 192}
SYNTHESIS = {"kind": "synthesis", "mark": MARK}


def send(api, records, **headers):
    return api.client.post(
        "/api/v1/records:batch",
        {"records": records},
        content_type="application/json",
        headers=api.headers | headers,
    )


def verdicts(api, records, **headers):
    answer = send(api, records, **headers)
    assert answer.status_code == 200, answer.content
    return answer.json()["records"]


def opened(api, grant):
    return api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]


@pytest.mark.django_db
class TestVerdicts:
    @pytest.fixture
    def grant(self, consent):
        return consent(operations=EVERYTHING)

    @pytest.fixture
    def session(self, api, grant):
        return opened(api, grant)

    def test_each_as_its_own_call_would_have_recorded_it(self, api, user, session, clip):
        source = api.upload(session, clip).json()["id"]
        facts = {"model": "resnet-192", "derived_from": [source]}
        [alone, batched] = [
            api.post("/api/v1/embeddings", {"session": session, "dimensions": 192, **facts}).json(),
            *verdicts(api, [EMBEDDING | facts | {"session": session}]),
        ]
        assert batched.keys() == {"status", "artifact", "entry", "act", "standing", "reason", "expires_at", "others"}
        assert (batched["status"], batched["standing"], batched["others"]) == (201, "permitted", [])
        one, other = (api.get(f"/api/v1/artifacts/{each}").json() for each in (alone["id"], batched["artifact"]))
        assert other["expires_at"] == batched["expires_at"]
        changes = {"id", "act", "recorded_at"}
        assert {k: v for k, v in one.items() if k not in changes} == {
            k: v for k, v in other.items() if k not in changes
        }
        batch, single = records_of(user=user)[:2]
        assert str(batch.ref) == batched["entry"]
        assert batch.kind == single.kind == "artifact.recorded"
        changes = {"artifact", "act"}
        assert {k: v for k, v in batch.payload.items() if k not in changes} == {
            k: v for k, v in single.payload.items() if k not in changes
        }

    def test_a_record_that_cannot_be_taken_drops_no_other(self, api, app, session, consent, user):
        theirs = AppFactory(tenant=app.tenant)
        foreign = opened(Api(theirs), consent(by=theirs, operations=EVERYTHING))
        good = EMBEDDING | {"session": session}
        bad = {
            "unknown session": (EMBEDDING | {"session": str(uuid.uuid4())}, 404, "session-unknown"),
            "another app's session": (EMBEDDING | {"session": foreign}, 404, "session-unknown"),
            "unknown source": (good | {"derived_from": [str(uuid.uuid4())]}, 422, "lineage-unknown"),
            "one person twice": (good | {"with_sessions": [session]}, 422, "subject-twice"),
            "no policy": (good | {"custody": "app"}, 422, "no-retention-policy"),
            "no mark": ({"kind": "synthesis", "session": session}, 422, "mark-refused"),
            "no such field": (good | {"sha256": "0"}, 422, "invalid-request"),
            "bytes": (good | {"custody": "vault"}, 422, "invalid-request"),
            "content": (good | {"content": "AAAA"}, 422, "invalid-request"),
            "no kind": ({"session": session}, 422, "invalid-request"),
            "no such kind": ({"kind": "upload", "session": session}, 422, "invalid-request"),
            "a kind that is none": ({"kind": ["embedding"], "session": session}, 422, "invalid-request"),
            "no object": (7, 422, "invalid-request"),
        }
        records = [each for record, *_ in bad.values() for each in (good, record)]
        found = verdicts(api, records)
        assert [each["standing"] for each in found[::2]] == ["permitted"] * len(bad)
        for (name, (_, status, problem)), verdict in zip(bad.items(), found[1::2], strict=True):
            assert (verdict["status"], verdict["type"]) == (status, f"urn:consonant:problem:{problem}"), name
            assert verdict["title"]
            assert verdict["detail"]
        assert Artifact.objects.count() == len(bad)
        assert kinds().count("artifact.recorded") == len(bad)

    def test_facts_are_never_dropped(self, api, user, consent, session, grant):
        late = opened(api, grant)
        api.delete(f"/api/v1/sessions/{late}")
        fallen_grant = consent(operations=EVERYTHING, ref="user-2")
        fallen = opened(api, fallen_grant)
        withdraw(grant_id=fallen_grant.id, user=user, now=timezone.now())
        narrow = opened(api, consent(operations=("upload",), ref="user-3"))
        found = verdicts(api, [EMBEDDING | {"session": each} for each in (session, late, fallen, narrow)])
        assert [(each["standing"], each["reason"]) for each in found] == [
            ("permitted", None),
            ("late", "session_ended"),
            ("unpermitted", "consent_withdrawn"),
            ("unpermitted", "operation_not_covered"),
        ]
        assert kinds()[-4:] == ["artifact.recorded", "use.late", "use.unpermitted", "use.unpermitted"]

    def test_an_allow_once_session_admits_each_operation_once(self, api, consent):
        session = opened(api, consent("once", operations=EVERYTHING))
        records = [EMBEDDING | {"session": session}] * 2 + [SYNTHESIS | {"session": session}]
        assert [each["standing"] for each in verdicts(api, records)] == ["permitted", "unpermitted", "permitted"]
        assert verdicts(api, records[2:])[0]["reason"] == "operation_spent"

    def test_two_people_in_one_act(self, api, app, consent, session):
        other = opened(api, consent(operations=EVERYTHING, who=UserFactory(), ref="user-2"))
        [made] = verdicts(api, [SYNTHESIS | {"session": session, "with_sessions": [other], "custody": "app"}])
        [theirs] = made["others"]
        assert theirs["session"] == other
        acts = {Artifact.objects.get(id=each).act for each in (made["artifact"], theirs["artifact"])}
        assert acts == {uuid.UUID(made["act"])}
        assert made["entry"] != theirs["entry"]

    def test_the_same_key_gets_the_same_verdicts(self, api, session):
        records = [EMBEDDING | {"session": session}, {"kind": "synthesis", "session": session}]
        first, again = (verdicts(api, records, **{"Idempotency-Key": "k"}) for _ in range(2))
        assert first == again
        assert Artifact.objects.count() == 1
        assert send(api, records[:1], **{"Idempotency-Key": "k"}).json()["type"].endswith("idempotency-key-reused")

    def test_the_places_are_in_the_order_of_the_records(self, api, app, session):
        found = verdicts(api, [EMBEDDING | {"session": session} for _ in range(30)])
        sequence(origin=app.tenant.origin)
        places = dict(Entry.objects.values_list("ref", "index"))
        indexes = [places[uuid.UUID(each["entry"])] for each in found]
        assert indexes == list(range(indexes[0], indexes[0] + 30))

    def test_a_thousand_and_no_more(self, api, session, clip):
        source = api.upload(session, clip).json()["id"]
        record = SYNTHESIS | {"session": session, "derived_from": [source], "custody": "app"}
        with CaptureQueriesContext(connection) as queries:
            found = verdicts(api, [record] * 1_000)
        assert {each["standing"] for each in found} == {"permitted"}
        assert Artifact.objects.count() == 1_001
        assert Derivation.objects.filter(parent=source).count() == 1_000
        assert len(queries) < 25
        assert Pending.objects.count() == Opening.objects.count()
        before = kinds()
        for records in ([record] * 1_001, []):
            answer = send(api, records)
            assert (answer.status_code, list(answer.json()["errors"])) == (422, ["records"])
        assert kinds() == before

    def test_a_body_of_more_containers_than_records_can_have(self, api, session):
        deep = "[" * 8_000 + "]" * 8_000
        answer = api.client.post(
            "/api/v1/records:batch",
            f'{{"records": [{{"kind": "embedding", "derived_from": {deep}}}]}}',
            content_type="application/json",
            headers=api.headers,
        )
        assert answer.status_code == 400

    def test_a_suspended_app_still_tells_what_it_made(self, api, app, session):
        app.suspended_at = timezone.now()
        app.save()
        [verdict] = verdicts(api, [EMBEDDING | {"session": session}])
        assert (verdict["standing"], verdict["reason"]) == ("unpermitted", "app_suspended")

    def test_what_is_told_of_somebody_who_is_forgotten_is_entered_about_nobody(self, api, app, user, session, consent):
        other = opened(api, consent(operations=EVERYTHING, who=UserFactory(), ref="user-2"))
        binding = Binding.objects.get(subject__user=user)
        binding.closed_at = timezone.now()
        binding.save()
        store().destroy([binding.key_name])
        found = verdicts(api, [EMBEDDING | {"session": each} for each in (session, other)])
        assert [each["status"] for each in found] == [201, 201]
        holders = dict(Opening.objects.values_list("ref", "holder"))
        assert holders[uuid.UUID(found[0]["entry"])] == app.tenant.key_name
        assert holders[uuid.UUID(found[1]["entry"])].startswith("subject:")

    def test_a_lost_key_loses_no_record(self, api, user, session, grant):
        """Nothing is written of any, and all can be sent again."""
        store().destroy([grant.binding.key_name])
        before = kinds()
        assert send(api, [EMBEDDING | {"session": session}]).json()["type"].endswith("keys-destroyed")
        assert kinds() == before
        assert not Artifact.objects.exists()


class TestAtOnce:
    """On a database of its own, over several connections."""

    @pytest.fixture
    def people(self, committed, django_db_blocker):
        """Six people's consents to one app, some for a term and some for one use, each with an open session."""
        from consent.allow import allow
        from consent.ask import ask

        with django_db_blocker.unblock():
            app = AppFactory(tenant=TenantFactory())
            now = timezone.now()
            made = []
            for n in range(6):
                words = {"purpose": "voice-cloning", "operations": list(EVERYTHING), "term": timedelta(days=1)}
                asked = ask(app=app, subject_ref=f"user-{n}", now=now, **words)
                choice = "once" if n % 2 else "term"
                user = UserFactory()
                grant = allow(token=asked.token, user=user, choice=choice, locale="en", now=now)
                session = open_session(app=app, grant_id=grant.id, operations=None, now=now).session
                made.append((user, grant, session))
            yield app, made

    def test_batches_and_withdrawals_never_wait_in_a_circle(self, people):
        app, made = people
        start = threading.Barrier(7)

        def record(order):
            try:
                start.wait()
                for _ in range(12):
                    drafts = [
                        Draft(Kind.EMBEDDING, [session.id], Custody.NONE, Facts(dimensions=8))
                        for _, _, session in order
                    ]
                    found = record_all(app=app, drafts=drafts, now=timezone.now())
                    assert all(each.recorded for each in found)
            finally:
                connection.close()

        def stop():
            try:
                start.wait()
                for user, grant, _ in made[:2]:
                    withdraw(grant_id=grant.id, user=user, now=timezone.now())
            finally:
                connection.close()

        orders = [made, made[::-1], made[3:] + made[:3]] * 2
        with ThreadPoolExecutor(7) as pool:
            running = [pool.submit(record, order) for order in orders] + [pool.submit(stop)]
            for each in running:
                each.result(timeout=60)
        assert Artifact.objects.count() == 6 * 12 * 6
        for _, grant, session in made:
            permitted = Artifact.objects.filter(session=session, standing="permitted").count()
            if grant.uses_left is not None:
                assert permitted <= 1, "one use is one use, however many ask at once"
        untouched = made[3]
        assert Artifact.objects.filter(session=untouched[2], standing="permitted").count() == 1
