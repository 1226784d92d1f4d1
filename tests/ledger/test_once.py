"""One Idempotency-Key, one effect, one answer: over REST, with real tokens, on a database that commits where that matters."""

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.client import encode_multipart
from django.utils import timezone

import consent.api
from consent.models import ConsentRequest, Session
from consent.withdraw import withdraw
from keyring.keys import reference_key, store
from ledger import reserve
from ledger.models import Opening, Reservation
from ledger.tasks import expire_reservations
from retention.models import Artifact
from tests.conftest import Api, kinds
from tests.factories import AppFactory, UserFactory

ASK = {"subject_ref": "user-1", "purpose": "voice-cloning", "operations": ["upload"], "term": "P30D"}
REQUESTS = "/api/v1/consent-requests"
SESSIONS = "/api/v1/sessions"


def send(api, path, body, key, *, kind="application/json"):
    data = body if isinstance(body, bytes) else json.dumps(body)
    headers = api.headers | ({} if key is None else {"Idempotency-Key": key})
    return api.client.post(path, data, content_type=kind, headers=headers)


def is_problem(answer, status, name):
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:consonant:problem:{name}"), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    return True


def is_replay(answer, of):
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert (answer.status_code, answer.content) == (of.status_code, of.content)
    assert answer.headers.get("Location") == of.headers.get("Location")
    assert answer.headers["Content-Type"] == of.headers["Content-Type"]
    return True


@pytest.fixture
def real(committed):
    """An app in a database that commits."""
    return Api(AppFactory())


@pytest.mark.django_db
class TestAnswers:
    def test_without_a_key_each_request_is_its_own(self, api):
        first, second = send(api, REQUESTS, ASK, None), send(api, REQUESTS, ASK, None)
        assert first.json()["id"] != second.json()["id"]
        assert "Idempotency-Replayed" not in second.headers
        assert not Reservation.objects.exists()

    def test_the_same_request_gets_the_first_answer(self, api):
        first = send(api, REQUESTS, ASK, "k-1")
        assert first.status_code == 201
        assert "Idempotency-Replayed" not in first.headers
        before = kinds()
        again = send(api, REQUESTS, dict(reversed(ASK.items())), "k-1")
        spaced = send(api, REQUESTS, json.dumps(ASK, indent=3).replace("user", "\\u0075ser").encode(), '"k-1"')
        assert is_replay(again, first)
        assert is_replay(spaced, first)
        assert first.headers["Location"]
        assert ConsentRequest.objects.count() == Reservation.objects.count() == 1
        assert kinds() == before

    @pytest.mark.parametrize(
        "change",
        [{"subject_ref": "user-2"}, {"state": "x"}, {"term": "P31D"}, {"operations": ["embed"]}, {"subject_ref": 1}],
    )
    def test_another_body_under_the_same_key(self, api, change):
        send(api, REQUESTS, ASK, "k-1")
        assert is_problem(send(api, REQUESTS, ASK | change, "k-1"), 422, "idempotency-key-reused")
        assert ConsentRequest.objects.count() == 1

    def test_another_address_under_the_same_key(self, api, consent):
        send(api, REQUESTS, ASK, "k-1")
        answer = send(api, SESSIONS, {"grant": str(consent().id)}, "k-1")
        assert is_problem(answer, 422, "idempotency-key-reused")

    def test_the_same_body_at_another_address(self, api, consent):
        """What an address names is part of what was asked."""
        grant = consent(operations=["synthesize"])
        session = send(api, SESSIONS, {"grant": str(grant.id)}, None).json()["id"]
        body = {"session": session, "custody": "app", "mark": {"kind": "watermark", "watermark_id": "wm-7"}}
        one, two = (send(api, "/api/v1/syntheses", body, None).json()["id"] for _ in range(2))
        erased = {"outcome": "deleted", "deleted_at": timezone.now().isoformat()}
        assert send(api, f"/api/v1/artifacts/{one}/erasure-acks", erased, "k-1").status_code == 200
        answer = send(api, f"/api/v1/artifacts/{two}/erasure-acks", erased, "k-1")
        assert is_problem(answer, 422, "idempotency-key-reused")
        assert Artifact.objects.get(id=two).state == "active"

    def test_multipart_is_compared_by_what_is_in_it(self, api, consent, clip):
        session = send(api, SESSIONS, {"grant": str(consent().id)}, None).json()["id"]

        def upload(boundary, data=clip, **more):
            part = f'--{boundary}\r\nContent-Disposition: form-data; name="audio"; filename="{boundary}.wav"\r\n\r\n'
            fields = encode_multipart(boundary, {"session": session, **more}).removesuffix(
                f"--{boundary}--\r\n".encode()
            )
            body = fields + part.encode() + data + f"\r\n--{boundary}--\r\n".encode()
            return send(api, "/api/v1/uploads", body, "k-1", kind=f"multipart/form-data; boundary={boundary}")

        first = upload("one")
        assert first.status_code == 201
        assert is_replay(upload("another"), first)
        assert Artifact.objects.count() == 1
        assert is_problem(upload("one", clip + b"\0"), 422, "idempotency-key-reused")
        assert is_problem(upload("one", ttl="PT8S"), 422, "idempotency-key-reused")
        assert kinds().count("artifact.recorded") == 1

    @pytest.mark.parametrize(
        "key",
        ["", "a b", '"', '""', '"a', 'a"', '"a b"', '"a\\c"', "a,b", '"a", "b"', '"a";b', "\xe9", "\x7f", "k" * 256],
    )
    def test_a_key_that_is_none(self, api, key):
        assert is_problem(send(api, REQUESTS, ASK, key), 422, "idempotency-key-invalid")
        assert not ConsentRequest.objects.exists()

    @pytest.mark.parametrize(
        "key", ["k", "k" * 255, '"' + "k" * 255 + '"', str(uuid.UUID(int=7)), "a;b=c", '"a\\"\\\\,;"']
    )
    def test_a_key_that_is_one(self, api, key):
        first = send(api, REQUESTS, ASK, key)
        assert first.status_code == 201
        assert is_replay(send(api, REQUESTS, ASK, key), first)

    def test_what_changed_nothing_may_be_mended_under_the_same_key(self, api):
        assert is_problem(send(api, REQUESTS, ASK | {"purpose": "unheard-of"}, "k-1"), 422, "purpose-undeclared")
        assert is_problem(send(api, REQUESTS, ASK | {"term": "P1Y"}, "k-1"), 422, "invalid-request")
        assert is_problem(send(api, REQUESTS, b"{", "k-1"), 400, "malformed-request")
        assert is_problem(send(api, SESSIONS, {"grant": str(uuid.uuid4())}, "k-1"), 404, "grant-unknown")
        assert not Reservation.objects.exists()
        assert send(api, REQUESTS, ASK, "k-1").status_code == 201

    def test_a_suspension_is_not_remembered_where_nothing_was_entered(self, api, app):
        app.suspended_at = timezone.now()
        app.save()
        assert is_problem(send(api, REQUESTS, ASK, "k-1"), 403, "use-refused")
        app.suspended_at = None
        app.save()
        assert send(api, REQUESTS, ASK, "k-1").status_code == 201

    def test_the_same_key_of_another_app_is_another_key(self, api, app):
        other = Api(AppFactory(tenant=app.tenant))
        first, second = send(api, REQUESTS, ASK, "k-1"), send(other, REQUESTS, ASK, "k-1")
        assert first.status_code == second.status_code == 201
        assert first.json()["id"] != second.json()["id"]
        assert Reservation.objects.count() == 2


@pytest.mark.django_db
class TestKept:
    def test_an_answer_dies_with_its_key(self, api, consent):
        grant = consent()
        body = {"grant": str(grant.id)}
        first = send(api, SESSIONS, body, "k-1")
        assert first.status_code == 201
        assert Reservation.objects.get().holder == grant.binding.key_name
        store().destroy([grant.binding.key_name])
        assert is_problem(send(api, SESSIONS, body, "k-1"), 410, "keys-destroyed")
        assert Session.objects.count() == 1

    def test_the_tenants_key_seals_by_default(self, api, app):
        send(api, REQUESTS, ASK, "k-1")
        assert Reservation.objects.get().holder == app.tenant.key_name

    def test_nothing_stands_there_in_clear(self, api, app):
        answer = send(api, REQUESTS, ASK | {"subject_ref": "a-name-of-a-user"}, "the-key-itself")
        link = answer.json()["url"].rstrip("/").rpartition("/")[2]
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM ledger_reservation")
            row = b"|".join(
                bytes(v) if isinstance(v, memoryview | bytes) else str(v).encode() for v in cursor.fetchone()
            )
        for secret in ("the-key-itself", "a-name-of-a-user", link, answer.json()["id"], "voice-cloning"):
            assert secret.encode() not in row
        assert str(app.id).encode() not in row

    def test_a_guessed_body_is_tried_in_vain_without_the_idempotency_key(self, api, app):
        """Who holds the row and the service's key, and guesses the body right, still lacks the key of its HMAC."""
        send(api, REQUESTS, ASK, "k-1")
        send(api, REQUESTS, ASK, "k-2")
        one, two = (bytes(kept.body) for kept in Reservation.objects.all())
        assert one != two
        guess = json.dumps(
            ["POST", "consent:requests", {}, "json", ASK], sort_keys=True, separators=(",", ":")
        ).encode()
        taken = reserve.take(app=app, key="k-1", body=guess)  # right, and with the Idempotency-Key
        assert taken.answer
        assert taken.body in {one, two}
        tried = {
            reserve.hmac.digest(key, said, "sha256")
            for key in (reference_key(), reserve.hmac.digest(reference_key(), reserve._BODY + app.id.bytes, "sha256"))
            for said in (guess, reserve._BODY + guess, reserve._BODY + app.id.bytes + guess)
        }
        assert not tried & {one, two}

    def test_forgetting_and_expiring(self, api, app, consent):
        grant = consent()
        send(api, SESSIONS, {"grant": str(grant.id)}, "k-1")
        send(api, REQUESTS, ASK, "k-2")
        reserve.forget(holders=[grant.binding.key_name])
        assert Reservation.objects.get().holder == app.tenant.key_name
        expire_reservations()
        assert Reservation.objects.exists()
        reserve.expire(now=timezone.now() + timedelta(days=7, seconds=1))
        assert not Reservation.objects.exists()


class TestCommits:
    def test_a_refusal_is_entered_once_and_answered_again(self, real, consent_in):
        grant = consent_in(real)
        withdraw(grant_id=grant.id, user=grant.subject.user, now=timezone.now())
        first = send(real, SESSIONS, {"grant": str(grant.id)}, "k-1")
        assert is_problem(first, 403, "use-refused")
        connection.close()  # what is seen from now on was committed
        assert is_replay(send(real, SESSIONS, {"grant": str(grant.id)}, "k-1"), first)
        assert kinds().count("use.refused") == 1

    def test_twenty_at_once(self, real):
        start = threading.Barrier(20)

        def ask(_):
            start.wait()
            try:
                return send(Again(real), REQUESTS, ASK, "k-1")
            finally:
                connection.close()

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(ask, range(20)))
        taken = [answer for answer in answers if answer.status_code == 201]
        refused = [answer for answer in answers if answer.status_code != 201]
        (first,) = [answer for answer in taken if "Idempotency-Replayed" not in answer.headers]
        assert all(is_replay(answer, first) for answer in taken if answer is not first)
        assert all(is_problem(answer, 409, "idempotency-key-in-use") for answer in refused)
        assert ConsentRequest.objects.count() == Reservation.objects.count() == 1
        assert kinds().count("consent.requested") == 1
        assert is_replay(send(real, REQUESTS, ASK, "k-1"), first)

    def test_who_comes_meanwhile_does_not_wait(self, real, monkeypatch):
        working, go_on = threading.Event(), threading.Event()

        def slow(**words):
            asked = ask(**words)
            working.set()
            assert go_on.wait(10)
            return asked

        ask = consent.api.ask
        monkeypatch.setattr("consent.api.ask", slow)

        def first():
            try:
                return send(Again(real), REQUESTS, ASK, "k-1")
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            begun = pool.submit(first)
            assert working.wait(10)
            began = time.monotonic()
            meanwhile = send(real, REQUESTS, ASK, "k-1")
            other = send(real, REQUESTS, {}, "k-2")
            took = time.monotonic() - began
            go_on.set()
            answer = begun.result()
        assert is_problem(meanwhile, 409, "idempotency-key-in-use")
        assert meanwhile.headers["Retry-After"] == "1"
        assert is_problem(other, 422, "invalid-request")
        assert took < 5
        assert is_replay(send(real, REQUESTS, ASK, "k-1"), answer)

    @pytest.mark.parametrize("death", ["before the answer is kept", "before the commit"])
    def test_killed_after_the_effect(self, real, monkeypatch, death):
        before = kinds()

        def die(**words):
            if death == "before the commit":
                reserve.keep(**words)
            assert ConsentRequest.objects.exists()
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr("ledger.once.keep", die)
            with pytest.raises(SystemExit):
                send(real, REQUESTS, ASK, "k-1")
        assert not ConsentRequest.objects.exists()
        assert not Reservation.objects.exists()
        assert kinds() == before
        answer = send(real, REQUESTS, ASK, "k-1")
        assert answer.status_code == 201
        assert "Idempotency-Replayed" not in answer.headers

    @pytest.mark.parametrize(("error", "status"), [(RuntimeError("x"), 500), (OperationalError("x"), 503)])
    def test_a_fault_takes_its_effect_back(self, real, monkeypatch, error, status):
        def broken(**words):
            ask(**words)
            raise error

        ask = consent.api.ask
        with monkeypatch.context() as patch:
            patch.setattr("consent.api.ask", broken)
            assert send(real, REQUESTS, ASK, "k-1").status_code == status
        assert not ConsentRequest.objects.exists()
        assert not Reservation.objects.exists()
        assert send(real, REQUESTS, ASK, "k-1").status_code == 201

    def test_an_answer_that_cannot_be_kept_has_no_effect(self, real, consent_in, monkeypatch):
        """The person's key goes between the effect and the answer."""
        grant = consent_in(real)

        def last(**words):
            store().destroy([words["holder"]])
            reserve.keep(**words)

        monkeypatch.setattr("ledger.once.keep", last)
        assert is_problem(send(real, SESSIONS, {"grant": str(grant.id)}, "k-1"), 410, "keys-destroyed")
        assert not Session.objects.exists()
        assert not Opening.objects.filter(kind="session.opened").exists()


class Again:
    """The same app's calls from another thread: Django's test client is one thread's."""

    def __init__(self, api):
        self.client, self.headers = Client(), api.headers


@pytest.fixture
def consent_in(committed):
    """Make a grant of a person to the app of `api`, in the database that commits."""
    from accounts.models import App
    from consent.allow import allow
    from consent.ask import ask

    def make(_api):
        now = timezone.now()
        words = {
            "subject_ref": "user-1",
            "purpose": "voice-cloning",
            "operations": ["upload"],
            "term": timedelta(days=1),
        }
        asked = ask(app=App.objects.get(), now=now, **words)
        return allow(token=asked.token, user=UserFactory(), choice="term", locale="en", now=now)

    return make
