"""Who may do what: every address against everyone who could try it, and nothing of another's told apart from nothing at all."""

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone
from rest_framework.views import APIView

from accounts.models import App
from config.rates import Rate
from tests.api.world import OPERATIONS, SCOPES, build
from tests.conftest import Api, kinds, speech
from tests.factories import AppFactory, OfficerFactory, UserFactory, sign_in, sign_in_just_now

pytestmark = pytest.mark.django_db

CLIP = speech()
WATERMARK = {"kind": "watermark", "watermark_id": "wm-8"}
NOBODYS = "01a1fd23-445d-77c4-9f18-64658ac4f086"


@dataclass(frozen=True)
class Call:
    """An address and who gets what there: `own` its app, `others` the other apps, `suspended` its app once suspended."""

    method: str
    route: str
    scope: str | None
    own: int
    others: int
    suspended: int
    body: dict = field(default_factory=dict)
    """A text that names something of the world stands for it."""
    arguments: dict = field(default_factory=dict)
    """What of the world stands for an argument of another name."""
    query: str = ""
    files: tuple = ()
    """Names of parts that are files: a clip stands for each."""
    hides: bool | None = None
    """Whether what is another's is answered as what nobody has; None: where others get 404."""

    strict: bool = False
    """Open to all, and yet a token that is not good is refused."""

    def __str__(self):
        return f"{self.method} {self.route}"


ASK = {"subject_ref": "user-9", "purpose": "voice-cloning", "operations": OPERATIONS, "term": "P1D"}
QUESTION = {"statement": "own", "purpose": "to let you in", "log": "origin"}
SAID = {"model": "asr-1", "score": 0.9}
ACK = {"outcome": "deleted", "deleted_at": "2026-01-01T00:00:00Z"}
CALLS = [
    Call("post", "consent:requests", "consent", own=201, others=201, suspended=403, body=ASK),
    Call("get", "consent:request", "consent", own=200, others=404, suspended=200),
    Call("post", "retention:sessions", "consent", own=201, others=404, suspended=403, body={"grant": "grant_id"}),
    Call("get", "consent:session", "consent", own=200, others=404, suspended=200),
    Call("delete", "consent:session", "consent", own=204, others=404, suspended=204),
    Call("get", "consent:status_token", "consent", own=200, others=404, suspended=403, query="?audience=tts"),
    Call("get", "consent:receipt", "consent", own=200, others=404, suspended=200),
    Call("get", "consent:grants", "consent", own=200, others=200, suspended=200, query="?subject_ref=user-1"),
    Call("post", "retention:statements", "consent", own=201, others=404, suspended=403, body={"locale": "en"}),
    Call(
        "post",
        "retention:recording",
        "consent",
        own=201,
        others=404,
        suspended=403,
        body={"speech": json.dumps(SAID), "speaker": json.dumps(SAID | {"threshold": 0.5})},
        files=("audio",),
    ),
    Call(
        "post",
        "retention:batch",
        "record",
        own=200,
        others=200,
        suspended=200,
        body={"records": [{"kind": "embedding", "session": "session_id", "dimensions": 192}]},
        hides=True,
    ),
    Call(
        "post",
        "retention:uploads",
        "record",
        own=201,
        others=404,
        suspended=403,
        body={"session": "session_id"},
        files=("audio",),
    ),
    Call(
        "post",
        "retention:embeddings",
        "record",
        own=201,
        others=404,
        suspended=201,
        body={"session": "session_id", "dimensions": 192},
    ),
    Call(
        "post",
        "retention:syntheses",
        "record",
        own=201,
        others=404,
        suspended=201,
        body={"session": "session_id", "mark": WATERMARK},
    ),
    *(
        Call(
            "post",
            f"retention:{name}",
            "record",
            own=201,
            others=404,
            suspended=201,
            body={"session": "session_id", **facts},
        )
        for name, facts in (("models", {}), ("features", {"feature": "mfcc", "dimensions": 40}), ("transcripts", {}))
    ),
    Call("get", "retention:artifact", "record", own=200, others=404, suspended=200),
    Call(
        "patch",
        "retention:artifact",
        "record",
        own=200,
        others=404,
        suspended=200,
        body={"processed_at": "now"},
    ),
    Call("delete", "retention:artifact", "record", own=202, others=404, suspended=202),
    *(
        Call(
            method, "retention:mark", "record", own=own, others=404, suspended=own, arguments={"artifact_id": "held_id"}
        )
        for method, own in (("get", 200), ("put", 403), ("patch", 403), ("delete", 403))
    ),
    Call(
        "post",
        "retention:waivers",
        "record",
        own=201,
        others=404,
        suspended=201,
        body={"request": "ticket 7", "agreement": "terms v3", "recipient": "user_id"},
        arguments={"artifact_id": "held_id"},
    ),
    Call("post", "retention:places", "record", own=200, others=404, suspended=200, body={"places": ["ab" * 32]}),
    Call("get", "retention:content", "record", own=200, others=404, suspended=403),
    Call(
        "post",
        "retention:acks",
        "record",
        own=200,
        others=404,
        suspended=200,
        body=ACK,
        arguments={"artifact_id": "held_id"},
    ),
    Call("get", "retention:processors", "record", own=200, others=200, suspended=200),
    Call("get", "retention:disclosures", "record", own=200, others=404, suspended=200),
    Call(
        "post",
        "retention:disclosures",
        "record",
        own=201,
        others=404,
        suspended=403,
        body={"processor": "processor_id", "basis": "consent"},
    ),
    Call("post", "retention:attestations", None, own=403, others=403, suspended=403, body={"outcome": "received"}),
    Call("post", "retention:erasures", "consent", own=202, others=404, suspended=202, body={"subject_ref": "user_id"}),
    Call("get", "retention:erasure", "consent", own=200, others=404, suspended=200),
    Call("get", "retention:certificate", "consent", own=200, others=404, suspended=200),
    Call("get", "erasure_paper", "consent", own=200, others=404, suspended=200),
    Call("delete", "retention:voice_consent", "consent", own=202, others=404, suspended=202),
    Call("get", "guard:alerts", "guard", own=200, others=200, suspended=200),
    # No app's token opens a host's door, and no host's another (tests/guard/test_hosts.py).
    Call("post", "guard:telemetry", None, own=401, others=401, suspended=401),
    Call("post", "guard:heartbeats", None, own=401, others=401, suspended=401),
    Call("get", "hooks:hooks", "hooks", own=200, others=200, suspended=200),
    Call(
        "post",
        "hooks:hooks",
        "hooks",
        own=201,
        others=201,
        suspended=201,
        body={"event": "consent.given", "target_url": "target"},
    ),
    Call("get", "hooks:hook", "hooks", own=200, others=404, suspended=200),
    Call("delete", "hooks:hook", "hooks", own=204, others=404, suspended=204),
    Call("post", "hooks:hook_secret", "hooks", own=201, others=404, suspended=201, body={"overlap": "PT1H"}),
    Call("get", "ledger:entry", None, own=200, others=200, suspended=200),
    Call("get", "ledger:proof", None, own=200, others=200, suspended=200),
    Call("post", "zkp:challenges", None, own=201, others=201, suspended=201, body=QUESTION, strict=True),
    Call("get", "zkp:challenge", None, own=200, others=200, suspended=200),
    # What is no proof is told to everybody alike.
    Call("post", "zkp:verifications", None, own=422, others=422, suspended=422, body={"challenge": "challenge_id"}),
    Call(
        "get",
        "zkp:verification",
        None,
        own=200,
        others=200,
        suspended=200,
        arguments={"challenge_id": "verdict_id"},
    ),
]


MAKE = {f"retention:{name}" for name in ("embeddings", "syntheses", "models", "features", "transcripts", "batch")}
"""Where an app says what it made: a fact, permitted or not."""


@pytest.mark.parametrize("call", CALLS, ids=str)
class TestMatrix:
    """Each cell in a savepoint of its own, so that what one does no other finds."""

    def test_nobody(self, call, world):
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {world.api.token}"}):
            status = 401 if call.scope or (call.strict and headers) else call.own
            assert tried(call, world, headers=headers).status_code == status

    def test_a_person_who_signed_in(self, call, world):
        for person in (UserFactory(), OfficerFactory()):
            browser = Client()
            browser.force_login(person)
            assert tried(call, world, client=browser, headers={}).status_code == (401 if call.scope else call.own)

    def test_its_app(self, call, world):
        assert tried(call, world).status_code == call.own

    def test_its_app_without_the_scope(self, call, world):
        others = " ".join(scope for scope in SCOPES.split() if scope != call.scope)
        answer = tried(call, world, by=Api(world.app, scope=others))
        assert answer.status_code == (403 if call.scope else call.own)
        assert not call.scope or answer.json()["type"] == "urn:consonant:problem:not-permitted"

    @pytest.mark.parametrize("where", ["the same tenant", "another tenant"])
    def test_another_app(self, call, world, where):
        other = AppFactory(tenant=world.app.tenant) if where == "the same tenant" else AppFactory()
        api = Api(other, scope=SCOPES)
        answer = tried(call, world, by=api)
        assert answer.status_code == call.others
        assert str(world.grant_id) not in answer.content.decode()
        assert str(world.hook_id) not in answer.content.decode()
        if call.hides or call.others == 404:
            assert same(answer, tried(call, world, by=api, instead=NOBODYS))
            assert same(answer, tried(call, world, instead=NOBODYS))

    def test_its_app_once_suspended(self, call, world):
        App.objects.filter(id=world.app.id).update(suspended_at=timezone.now())
        before = kinds()
        with kept(call, world) as answer:
            assert answer.status_code == call.suspended, answer.content
            if call.suspended == 403 != call.own:
                assert answer.json()["reason"] == "app_suspended"
            if call.route in MAKE:
                [made] = answer.json().get("records", [answer.json()])
                assert made["standing"] == "unpermitted"
                assert kinds()[len(before) :] == ["use.unpermitted"]


def test_every_address_is_in_the_matrix():
    """A new address is not there until somebody has said who may use it."""
    found = set()
    for namespace, pattern in routes(get_resolver().url_patterns):
        view = getattr(pattern.callback, "cls", None)
        if issubclass(view or object, APIView):
            name = f"{namespace}{pattern.name}"
            found |= {(method, name) for method in ("get", "post", "put", "patch", "delete") if hasattr(view, method)}
    assert found == {(call.method, call.route) for call in CALLS}


def routes(patterns, namespace=""):
    for each in patterns:
        if isinstance(each, URLPattern):
            yield namespace, each
        else:
            yield from routes(each.url_patterns, f"{each.namespace}:" if each.namespace else namespace)


def same(one, other):
    """Nothing of an answer differs, but what it says of the app's limits, which each call and each second change."""
    told = []
    for answer in (one, other):
        headers = {name: value for name, value in answer.headers.items() if not name.startswith("RateLimit")}
        told.append((answer.status_code, headers, answer.content))
    assert told[0] == told[1]
    return True


def tried(call, world, **how):
    with kept(call, world, **how) as answer:
        return answer


@contextmanager
def kept(call, world, *, by=None, client=None, headers=None, instead=None):
    """Try a call; what it did is there in the block and is then undone. `instead` stands for every id."""
    names = vars(world) | {"target": world.receiver.url, "now": timezone.now().isoformat()}
    if instead:
        names |= dict.fromkeys([name for name in names if name.endswith("_id") or name == "ref"], instead)
    pattern = next(each for space, each in routes(get_resolver().url_patterns) if space + str(each.name) == call.route)
    given = {name: call.arguments.get(name, name) for name in pattern.pattern.converters}
    path = reverse(call.route, kwargs={name: names[value] for name, value in given.items()}) + call.query
    body = {name: filled(said, names) for name, said in call.body.items()}
    headers = (by or world.api).headers if headers is None else headers
    client = client or Client()
    with transaction.atomic():
        if call.files:
            files = {name: SimpleUploadedFile("clip", CLIP) for name in call.files}
            answer = client.post(path, {**body, **files}, headers=headers)
        elif body:
            answer = getattr(client, call.method)(path, body, content_type="application/json", headers=headers)
        else:
            answer = getattr(client, call.method)(path, headers=headers)
        yield answer
        transaction.set_rollback(True)


def filled(said, names):
    """What was said, with the things of the world in place of their names."""
    if isinstance(said, str):
        return str(names.get(said, said))
    if isinstance(said, dict):
        return {name: filled(each, names) for name, each in said.items()}
    return [filled(each, names) for each in said] if isinstance(said, list) else said


def test_s0_7_every_call_needs_a_token_but_those_that_prove_and_is_counted(world, settings):
    """Authentication everywhere: what is open holds nothing of anybody (proofs, the published logs, the document itself), or is signed.

    Against crawling each call counts, found or not: over the app's quota there is no answer.
    """
    open_to_all = {(call.method, call.route) for call in CALLS if call.scope is None}
    signed = {("post", "retention:attestations")}
    asked = {("get", f"zkp:{name}") for name in ("challenge", "verification")}
    asked |= {("post", f"zkp:{name}") for name in ("challenges", "verifications")}
    hosts = {
        ("post", "guard:telemetry"),
        ("post", "guard:heartbeats"),
    }  # with the token of the host's agent: tests/guard/test_hosts.py
    assert open_to_all == {("get", "ledger:entry"), ("get", "ledger:proof")} | signed | asked | hosts
    for call in CALLS:
        if call.scope:
            answer = tried(call, world, headers={})
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    settings.API_RATES = dict.fromkeys(settings.API_RATES, Rate(1, 86_400))
    for call in CALLS:
        if call.scope:
            cache.clear()
            assert tried(call, world, instead=NOBODYS).status_code != 429
            answer = tried(call, world)
            assert (answer.status_code, answer.json()["type"]) == (429, "urn:consonant:problem:too-many-requests")
    cache.clear()


@pytest.mark.parametrize("call", [call for call in CALLS if call.others == 404 or call.hides], ids=str)
def test_an_id_of_anothers_is_looked_for_as_long_as_one_of_nobodys(call, world):
    """The timing of ids: the same queries run, whatever they find."""
    api = Api(AppFactory(), scope=SCOPES)
    shapes = []
    for instead in (None, NOBODYS):
        with CaptureQueriesContext(connection) as queries:
            tried(call, world, by=api, instead=instead)
        shapes.append([re.sub(r"'[^']*'|\"s\w+\"", "?", query["sql"].partition("WHERE")[0]) for query in queries])
    assert shapes[0] == shapes[1]


def test_what_is_anothers_is_as_unknown_in_a_body(world, receiver):
    neighbour = build(AppFactory(tenant=world.app.tenant), receiver)
    for path, facts in (("embeddings", {"dimensions": 192}), ("syntheses", {"mark": WATERMARK})):
        body = {"session": neighbour.session_id, **facts}
        taken = neighbour.api.post(f"/api/v1/{path}", body | {"derived_from": [neighbour.artifact_id]})
        assert taken.status_code == 201, taken.content
        for name, theirs in (("with_sessions", world.session_id), ("derived_from", world.artifact_id)):
            refused = neighbour.api.post(f"/api/v1/{path}", body | {name: [theirs]})
            assert refused.status_code in {404, 422}
            assert same(refused, neighbour.api.post(f"/api/v1/{path}", body | {name: [NOBODYS]}))


PUBLIC = {"home", "card", "events", "consent", "theme", "tour", "verify", "defer", "notice", "qr", "schedule"}
PUBLIC |= {"wallet", "prove", "wallet_offline", "wallet_offline_page", "wallet_state", "ask_proof", "asked", "asked_qr"}
"""Pages that a stranger may open; what they show is told by the portal's own tests."""
CALLED = dict.fromkeys(("challenge", "claim", "claimed", "receipt", "active"), "post")
CALLED |= dict.fromkeys(("grants", "openings", "count"), "get")
"""What a wallet asks of the service: answered in JSON."""
NAMED = {
    "withdraw": ("post", "grant_id"),
    "pause": ("post", "grant_id"),
    "resume": ("post", "grant_id"),
    "reaffirm": ("get", "grant_id"),
    "erase_one": ("post", "artifact_id"),
    "restrict_one": ("post", "artifact_id"),
    "take_export": ("get", "export_token"),
    "drop_export": ("post", "export_id"),
    "erase_app": ("get", "app_id"),
    "erasure": ("get", "erasure_id"),
    "certificate": ("get", "erasure_id"),
    "certificate_pdf": ("get", "erasure_id"),
    "identify": ("get", "erasure_id"),
    "cancel_erasure": ("post", "erasure_id"),
    "receipt": ("get", "grant_id"),
    "sheet": ("get", "grant_id"),
    "sheet_pdf": ("get", "grant_id"),
    "delegate": ("get", "app_id"),
    "agree": ("post", "delegation_id"),
    "end_delegation": ("post", "delegation_id"),
    "give_account": ("post", "delegation_id"),
}


def pages():
    return {pattern.name: pattern for space, pattern in routes(get_resolver().url_patterns) if space == "portal:"}


class TestPages:
    @pytest.mark.parametrize("method", ["get", "post"])
    @pytest.mark.parametrize("name", sorted(pages().keys() - PUBLIC - {f"wallet_{each}" for each in CALLED}))
    def test_a_stranger_signs_in_first(self, name, method, world):
        path = reverse(f"portal:{name}", kwargs=dict.fromkeys(pages()[name].pattern.converters, NOBODYS))
        answer = getattr(Client(), method)(path)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/accounts/login/?next={path}")

    @pytest.mark.parametrize("name", sorted(CALLED))
    def test_a_strangers_wallet_is_told_to_sign_in(self, name):
        answer = getattr(Client(), CALLED[name])(reverse(f"portal:wallet_{name}"))
        assert (answer.status_code, answer.json()["problem"]) == (401, "signed-out")

    @pytest.mark.parametrize(
        "name", sorted(name for name, page in pages().items() if page.pattern.converters and name not in PUBLIC)
    )
    def test_what_is_anothers_is_as_unknown_as_nothing(self, name, world):
        method, argument = NAMED[name]
        for person in (UserFactory(), OfficerFactory()):
            browser = Client()
            sign_in_just_now(browser, person, reauthenticated=True)
            answers = []
            for one in (getattr(world, argument, world.app.id), NOBODYS):
                first, *others = pages()[name].pattern.converters
                path = reverse(f"portal:{name}", kwargs={first: one} | dict.fromkeys(others, "pipl"))
                answer = getattr(browser, method)(path)
                text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
                answers.append((answer.status_code, answer.headers.get("Location"), text.replace(str(one), "")))
            assert answers[0] == answers[1]
            assert answers[0][0] in {302, 404}


class TestAdmin:
    @pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda model: model._meta.label_lower))
    def test_officers_alone(self, model, world):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        paths = [reverse(f"{name}_changelist")]
        row = model._default_manager.first()
        if row is not None:
            paths.append(reverse(f"{name}_change", args=[row.pk]))
        for path in paths:
            for person, status in ((None, 302), (UserFactory(), 302), (OfficerFactory(), 200)):
                browser = Client()
                if person:
                    sign_in(browser, person)
                answer = browser.get(path)
                assert answer.status_code == status, path
                assert status == 200 or answer.headers["Location"].startswith("/admin/login/")
