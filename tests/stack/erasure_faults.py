"""Erasures under faults: workers killed, the broker emptied and killed, PostgreSQL killed, a storage that fails, and apps of every temper; then counts.

Four apps: one whose hook answers 200, one that answers 500, one that answers too late, one that never answers. The first two destroy what
they are asked to and say so, signed; of the others nobody ever hears. People are made in waves, and erased by `DELETE /v1/voice/consent/...`
while things are killed: what, in which order and after how long, which of the storage's calls fail and which app has whom is given by the seed.

What is there is counted from outside: rows, entries as they stand in the log, names in the key store, files in the vault.

`python -m tests.stack.erasure_faults 100000 [seed]` starts a service of its own, and prints what came of it.
"""

import http.client
import itertools
import json
import os
import random
import signal
import sys
import threading
import time
import xmlrpc.client
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import redis
from standardwebhooks.webhooks import Webhook

from deploy.demo_log import published
from ledger.note import Verifier
from retention import certificate
from tests.stack.service import ORPHAN_GRACE_SECONDS, Stack, until

TEMPERS = ("answers", "fails", "late", "never")
SAY_SO = ("answers", "fails")
WAITS = {"late": 12.0, "never": 60.0}
"""Seconds; the courier waits for ten, and has gone when the connection is closed."""
FLUSH = "the broker's queues"
VICTIMS = {"worker": 4, "courier": 2, "expiry": 2, FLUSH: 1, "redis": 1, "postgres": 1}
FEW = ("worker", FLUSH, "postgres", "expiry", "redis")
"""One of each, for few people: a courier that is killed in a send costs half a minute."""
SEED = 6
WAVE = 200
LOOKED_AT = 20
"""Certificates."""
SHARE = 0.05
SETTLED_WITHIN = 240.0
BACK_WITHIN = 60.0
SEED_PEOPLE = """
import json, sys
from datetime import timedelta
from django.utils import timezone
from accounts.models import App, User
from consent.allow import allow
from consent.ask import ask
from consent.open_session import open_session
from retention.marks import Mark, Marking
from retention.models import Custody, Kind
from retention.record import Facts, made, upload
from tests.conftest import speech
clip, apps, now = speech(1.0), [App.objects.get(id=each) for each in {apps!r}], timezone.now
for name in {names!r}:
    app = apps[int(name.rpartition("-")[2]) % len(apps)]
    user = User.objects.create(email=name + "@faults.test.localhost", is_adult=True)
    asked = ask(app=app, subject_ref=name, purpose="voice-cloning", operations=["upload", "synthesize"], term=timedelta(days=9), now=now())
    grant = allow(token=asked.token, user=user, choice="term", locale="en", now=now())
    session = open_session(app=app, grant_id=grant.id, operations=None, now=now()).session
    for _ in range(50):
        try:
            upload(app=app, session_id=session.id, data=clip, ttl=None, now=now())
            break
        except OSError:
            continue
    made(app=app, kind=Kind.SYNTHESIS, session_ids=[session.id], custody=Custody.APP, derived_from=[], data=None, ttl=None,
         facts=Facts(mark=Mark(Marking.WATERMARK, "", dict(watermark_id="wm-7"))), now=now())
"""
SEED_APPS = """
import json
from django.utils import timezone
from uuid_utils.compat import uuid7
from hooks.models import Subscription
from hooks.queries import secrets_of
from keyring.keys import store
from tests.factories import AppFactory, SECRET, TenantFactory
tenant, found = TenantFactory(slug="faults-" + {name!r}), {{}}
for temper, url in {urls!r}.items():
    app = AppFactory(tenant=tenant, name="An app that " + temper + " " + {name!r})
    hook = Subscription(id=uuid7(), app=app, event="artifact.erase_requested", target_url=url, created_at=timezone.now())
    store().make(hook.key_name, now=timezone.now())
    hook.save(force_insert=True)
    found[temper] = dict(app=str(app.id), client_id=app.client_id, client_secret=SECRET, secret=secrets_of(app=app, event=hook.event, now=timezone.now())[0])
print("FOUND " + json.dumps(found))
"""
SWEEP = """
from django.utils import timezone
from retention.sweep import sweep_orphans
from retention.mend import mend
for _ in range(50):
    try:
        sweep_orphans(now=timezone.now())
        mend(clock=timezone.now)
        break
    except OSError:
        continue
"""


class FaultyStack(Stack):
    """A service whose vault fails now and then."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    @property
    def environment(self) -> dict[str, str]:
        options = {"location": str(self.var / "vault"), "seed": self._seed, "share": SHARE}
        return {
            **super().environment,
            "CONSONANT_VAULT_BACKEND": "tests.stack.faulty.FaultyFolder",
            "CONSONANT_VAULT_OPTIONS": json.dumps(options),
        }


@dataclass
class Outcome:
    """What came of it, counted."""

    asked: int = 0
    planted: int = 0
    """Artifacts whose key and bytes were seen before anybody asked: so they would be seen if they were left."""
    can_be_certified: int = 0
    """Whose apps say that they have deleted."""
    certified: int = 0
    verified: int = 0
    """Certificates looked at, each of which verified offline and named all that there was."""
    escalated: int = 0
    """That say so in the log too."""
    elsewhere: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    keys_left: int = 0
    """Keys of artifacts, whether or not a row names them; of who is certified, those of ties and person too."""
    bytes_left: int = 0
    """Files of artifacts, whether or not a row names them."""
    false_entries: int = 0
    """Entries that say more than the rows, or rows that say more than key store, vault and apps."""
    seconds: float = 0.0
    trouble: str = ""
    """Why it was killed no more."""

    @property
    def share(self) -> float:
        """How many succeeded, of those that could."""
        return self.certified / self.can_be_certified

    @property
    def lost(self) -> int:
        """How many neither succeeded nor are visibly escalated."""
        return self.asked - self.certified - self.escalated

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {count}" for name, count in self.kills.most_common())
        return (
            f"{self.asked} erasures in {self.seconds:.0f} s, {self.kills.total()} kills ({kills}): {self.certified} certified, "
            f"({self.verified} looked at), {self.escalated} visibly escalated, elsewhere {dict(self.elsewhere)}; "
            f"success {self.share:.4%} of the {self.can_be_certified} whose apps say so; keys left {self.keys_left}, "
            f"bytes left {self.bytes_left}, false entries {self.false_entries} {self.trouble}".rstrip()
        )


class Apps:
    """The four apps, and their servers."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._heard, self._ended = stack, dict[str, str](), threading.Event()
        self.deleted = set[str]()
        """What they have said to be deleted."""
        apps = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                temper = self.path.strip("/")
                if temper not in SAY_SO:
                    apps._ended.wait(WAITS[temper])
                if temper in SAY_SO:
                    apps._heard[body["data"]["artifact"]] = temper
                with suppress(OSError):
                    self.send_response(500 if temper == "fails" else 200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{self._server.server_port}"
        urls = {temper: f"{here}/{temper}" for temper in TEMPERS}
        said = stack.manage("shell", "-c", SEED_APPS.format(name=os.urandom(4).hex(), urls=urls))
        self.logins = json.loads(said.rpartition("FOUND ")[2].splitlines()[0])
        self.calls = {temper: stack.app(self.logins[temper], patient=True) for temper in TEMPERS}
        self._deleter = threading.Thread(target=self._delete)
        self._deleter.start()

    @property
    def ids(self) -> list[str]:
        return [self.logins[temper]["app"] for temper in TEMPERS]

    def _delete(self) -> None:
        """Acknowledge what was heard of, until it is taken."""
        while not self._ended.wait(0.1):
            for artifact, temper in list(self._heard.items()):
                self.deleted.add(artifact)
                at = datetime.now(UTC)
                secret = self.logins[temper]["secret"]
                said = f"deleted.{int(at.timestamp())}"
                words = {
                    "outcome": "deleted",
                    "deleted_at": at.isoformat(),
                    "signed_at": at.isoformat(),
                    "signature": Webhook(secret).sign(artifact, at, said),
                }
                with suppress(httpx.HTTPError, AssertionError):
                    answer = self.calls[temper].http.post(f"/api/v1/artifacts/{artifact}/erasure-acks", json=words)
                    if answer.status_code == 200:
                        self._heard.pop(artifact, None)

    def erase(self, name: str) -> str:
        """Ask for one person, as their app does; return the erasure's id."""
        answer = self.calls[_temper(name)].http.delete(f"/v1/voice/consent/{name}")
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def close(self) -> None:
        self._ended.set()
        self._deleter.join()
        self._server.shutdown()
        self._server.server_close()


class Killer(threading.Thread):
    """Kills one after the other, with pauses, until there are no more or it is ended."""

    def __init__(self, stack: Stack, outcome: Outcome, victims: Iterable[str], pauses: Iterator[float]) -> None:
        super().__init__()
        self._stack, self._outcome, self._victims, self._pauses = stack, outcome, victims, pauses
        self._ended = threading.Event()
        self.people_are_made = threading.Lock()
        """Meanwhile the database is let live: whoever makes them is no part of the service."""

    def run(self) -> None:
        try:
            for victim in self._victims:
                if self._ended.wait(next(self._pauses)):
                    return
                with self.people_are_made if victim == "postgres" else nullcontext():
                    while not _kill(self._stack, victim, self._ended):
                        if self._ended.wait(0.2):
                            return
                self._outcome.kills[victim] += 1
        except BaseException as error:  # noqa: BLE001 - told in the end
            self._outcome.trouble = repr(error)

    def end(self) -> None:
        self._ended.set()
        if self.ident:
            self.join()


def erase_under_faults(
    stack: Stack,
    people: int,
    *,
    seed: int = SEED,
    between: tuple[float, float] = (1.0, 4.0),
    victims: Iterable[str] = (),
) -> Outcome:
    """Erase so many people while things are killed, `victims` one after the other or by the seed until all is settled; return what came of it."""
    outcome, chance, began = Outcome(asked=people), random.Random(seed), time.monotonic()
    pauses = iter(lambda: chance.uniform(*between), None)
    killer, apps = Killer(stack, outcome, victims or _victims(seed), pauses), Apps(stack)
    erasures: list[str] = []
    try:
        numbers = iter(range(people))
        while wave := list(itertools.islice(numbers, WAVE)):
            names = [f"person-{seed}-{number}" for number in wave]
            with killer.people_are_made:
                stack.manage("shell", "-c", SEED_PEOPLE.format(apps=apps.ids, names=names))
            if not killer.ident:
                outcome.planted = len(_artifact_keys(stack) & stack.vault_files())
                killer.start()
            with ThreadPoolExecutor(4) as pool:
                erasures += pool.map(apps.erase, names)
        if victims:
            killer.join()
        _wait(stack, erasures, states=("certified", "awaiting_acks", "escalated"))
        killer.end()
        outcome.can_be_certified = sum(_temper(name) in SAY_SO for name in map(str, range(people)))
        # Who is not heard by then has not succeeded; it is seen in the counts.
        with suppress(AssertionError):
            until(
                lambda: _count(stack, erasures)["certified"] >= outcome.can_be_certified,
                within=SETTLED_WITHIN + people / 20,
                what="who says so is certified",
            )
        _pass_time(stack, erasures)
        _wait(stack, erasures, states=("certified", "escalated"))
    finally:
        killer.end()
        apps.close()
    _sweep_up(stack)
    outcome.seconds = time.monotonic() - began
    _judge(stack, erasures, apps, outcome)
    return outcome


def _temper(name: str) -> str:
    """Say which app has somebody, by the number that the name ends with."""
    return TEMPERS[int(name.rpartition("-")[2]) % len(TEMPERS)]


def _victims(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    while True:
        yield from chance.choices(list(VICTIMS), weights=list(VICTIMS.values()))


def _kill(stack: Stack, victim: str, ended: threading.Event) -> bool:
    """Kill it, and wait until it runs again; say whether that was done."""
    if victim == FLUSH:
        with suppress(redis.RedisError), redis.Redis.from_url(stack.broker_url) as broker:
            return bool(broker.flushall())
        return False
    with suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
        if pid := stack.pid(victim):
            os.kill(pid, signal.SIGKILL)
            _wait_for(stack, victim, pid, ended)
            return True
    return False


def _sweep_up(stack: Stack) -> None:
    """What uploads left that failed is destroyed every half minute; here it is done at once, as often as the storage needs."""
    time.sleep(ORPHAN_GRACE_SECONDS)
    until(lambda: stack.run_manage("shell", "-c", SWEEP).returncode == 0, within=60, what="orphans are swept")


def _wait_for(stack: Stack, victim: str, pid: int, ended: threading.Event) -> None:
    """It is a service at work that is killed: wait until the victim runs again, and the database answers."""
    deadline = time.monotonic() + BACK_WITHIN
    while time.monotonic() < deadline and not ended.is_set():
        with suppress(Exception):
            if stack.pid(victim) not in {0, pid} and stack.sql("SELECT 1"):
                return
        time.sleep(0.2)


def _count(stack: Stack, erasures: list[str]) -> Counter[str]:
    with suppress(Exception):
        rows = stack.sql(
            "SELECT state, count(*) FROM retention_erasure WHERE id::text = ANY(%s) GROUP BY state", erasures
        )
        return Counter(dict(rows))
    return Counter()


def _wait(stack: Stack, erasures: list[str], *, states: tuple[str, ...]) -> None:
    def all_there() -> bool:
        return sum(_count(stack, erasures)[state] for state in states) == len(erasures)

    until(all_there, within=SETTLED_WITHIN + len(erasures) / 5, what=f"each is one of {states}")


def _pass_time(stack: Stack, erasures: list[str]) -> None:
    """Let the seven days pass in which an app may confirm."""
    stack.sql(
        "UPDATE retention_erasure SET acks_due_at = now() - interval '1 second' "
        "WHERE id::text = ANY(%s) AND state = 'awaiting_acks' RETURNING id",
        erasures,
    )


def _judge(stack: Stack, erasures: list[str], apps: Apps, outcome: Outcome) -> None:
    """Count what is there, and what is said of it."""
    states = _count(stack, erasures)
    outcome.certified, outcome.escalated = states.pop("certified", 0), states.pop("escalated", 0)
    outcome.elsewhere = states
    rows = stack.sql(
        "SELECT id::text, state, custody, key_destroyed_at FROM retention_artifact WHERE app_id::text = ANY(%s)",
        apps.ids,
    )
    names, files = stack.keys(), stack.vault_files()
    keys = _artifact_keys(stack)
    # The demonstration's accounts have made nothing: every artifact of this service is one of ours.
    outcome.keys_left, outcome.bytes_left = len(keys), len(files)
    said = {each for each, state, custody, _ in rows if (state, custody) == ("erased", "vault")}
    shredded = {each for each, _, custody, at in rows if custody == "vault" and at is not None}
    acknowledged = {each for each, state, custody, _ in rows if (state, custody) == ("erased", "app")}
    outcome.false_entries = len(said & (keys | files)) + len(shredded & keys) + len(acknowledged - apps.deleted)
    outcome.keys_left += len(_keys_of(stack, erasures) & names.keys())
    # The kinds in the log itself: what leaves say, whatever was shredded.
    entries = _entries(stack, apps.ids)
    for kind, number in {
        "artifact.key_destroyed": len(shredded),
        "artifact.erased": len(said),
        "artifact.erase_acknowledged": len(acknowledged),
        "erasure.requested": len(set(erasures)),
        "erasure.completed": outcome.certified,
        "erasure.escalated": outcome.escalated,
    }.items():
        outcome.false_entries += abs(entries[kind] - number)
    _look_at_certificates(stack, erasures, apps, outcome)


def _artifact_keys(stack: Stack) -> set[str]:
    names = stack.keys()
    return {name.partition(":")[2] for name in names if name.startswith(("voice:", "face:", "artifact:"))}


def _keys_of(stack: Stack, erasures: list[str]) -> set[str]:
    """Return the names that keys of ties and of the person had of those who are certified."""
    found = stack.sql(
        "SELECT b.key_name, b.subject_id::text FROM retention_erasure e "
        "JOIN retention_erasure_bindings t ON t.erasure_id = e.id JOIN consent_binding b ON b.id = t.binding_id "
        "WHERE e.id::text = ANY(%s) AND e.state = 'certified'",
        erasures,
    )
    return {name for key, subject in found for name in (key, f"subject:{subject}", f"custody:{subject}")}


def _entries(stack: Stack, apps: list[str]) -> Counter[str]:
    return Counter(
        dict(
            stack.sql(
                "SELECT convert_from(leaf, 'UTF8')::json->>'kind', count(*) FROM ledger_entry "
                "JOIN accounts_tenant t ON log_id LIKE '%%/' || t.slug JOIN accounts_app a ON a.tenant_id = t.id "
                "WHERE a.id::text = %s GROUP BY 1",
                apps[0],
            )
        )
    )


def _look_at_certificates(stack: Stack, erasures: list[str], apps: Apps, outcome: Outcome) -> None:
    """Verify some offline, as whoever holds one does: each names all that there was, as gone, and says of no app what it did not say."""
    certified = stack.sql(
        "SELECT id::text, app_id::text FROM retention_erasure WHERE id::text = ANY(%s) AND state = 'certified' ORDER BY id",
        erasures,
    )
    by_id = {apps.logins[temper]["app"]: apps.calls[temper] for temper in TEMPERS}
    for erasure, app in random.Random(outcome.asked).sample(certified, min(LOOKED_AT, len(certified))):
        signed = by_id[app].certificate(erasure)
        body = json.loads(signed)["certificate"]
        log = published(by_id[app].http, body["log"])
        keys = {"issuer": Verifier.from_vkey(log["certificates_vkey"]), "log": Verifier.from_vkey(log["vkey"])}
        named = {each["artifact"]: each["gone"] for each in body["artifacts"]}
        there = stack.sql(
            "SELECT a.id::text, a.custody FROM retention_artifact a JOIN consent_grant g ON g.id = a.grant_id "
            "JOIN retention_erasure_bindings b ON b.binding_id = g.binding_id WHERE b.erasure_id = %s",
            erasure,
        )
        gone = {"vault": "key_destroyed", "app": "acknowledged", "none": "never_stored"}
        good = [found.what for found in certificate.verify(signed, **keys)] == ["certificate.verified"]
        if good and named == {artifact: gone[custody] for artifact, custody in there}:
            outcome.verified += 1
        else:
            outcome.false_entries += 1


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    stack = FaultyStack(seed)
    stack.start()
    try:
        sys.stdout.write(f"{erase_under_faults(stack, people, seed=seed)}\n")
    finally:
        stack.stop()


if __name__ == "__main__":
    main()
