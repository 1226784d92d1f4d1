"""The witness as another organisation runs it: a process, its folder, real HTTP, kill -9."""

import json
import os
import random
import signal
import socket
import sqlite3
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from io import StringIO

import httpx
import pytest
from django.core.management import CommandError, call_command

from ledger import checkpoint, merkle, note, policy, witness
from ledger.addcheckpoint import MAX_REQUEST_BYTES
from ledger.cosign import collect
from ledger.cosignature import timestamp_of, verifier_from_vkey
from ledger.errors import InvalidKey
from ledger.management.witness_server import Logs, Witness
from ledger.management.witness_state import MOST_EVIDENCE, AnotherName, State
from tests.ledger.witnessing import Log, running

KILLS = 200 if os.environ.get("CONSONANT_SOAK") else 8
DIES = """
import os, signal, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
from ledger.management import witness_server, witness_state
def dying(inner, when):
    def die(*arguments, **named):
        answer = inner(*arguments, **named)
        if when(answer, *arguments):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return die
witness_state.Locked.replace = dying(witness_state.Locked.replace, lambda _, locked, *__: "before" in locked._origin)
witness_server.Witness.add_checkpoint = dying(
    witness_server.Witness.add_checkpoint, lambda answer, *_: answer.status == 200)
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
"""A witness that kills itself before it commits the head of one log, and after it has persisted the head of another."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One witness for the tests that need no death; they make logs known through its file."""
    folder = tmp_path_factory.mktemp("witness")
    listed = folder / "logs"
    listed.write_text("# none yet\n")
    with running(folder / "state", "--logs", listed) as process:
        process.vkeys.append(process.process.stdout.readline().strip())
        process.listed = listed
        yield process


def known(shared, origin, **options):
    """Make a log known to the running witness."""
    log = Log(origin, **options)
    with shared.listed.open("a") as file:
        file.write(f"{log.vkey}\n")
    return log


def verifiers(process):
    return [verifier_from_vkey(vkey) for vkey in process.vkeys]


def test_it_cosigns_with_both_keys_what_extends_the_last(shared):
    log = Log("log.example/new")
    assert shared.post(log.request(0, 5)).status_code == 404
    known(shared, "log.example/new")
    for old, size in ((0, 5), (5, 5), (5, 300), (300, 301)):
        before = int(time.time())
        answer = shared.post(log.request(old, size))
        assert answer.status_code == 200
        opened = note.open(f"{log.text(size)}\n{answer.text}", verifiers(shared))
        assert [each.name for each in opened.signatures] == ["witness.example/w1"] * 2
        assert {each.key_id for each in opened.signatures} == {each.key_id for each in verifiers(shared)}
        assert all(before <= timestamp_of(each) <= time.time() for each in opened.signatures)
        served = shared.get(log.origin)
        assert served.status_code == 200
        assert served.text == log.signed(size) + answer.text
        assert len(note.open(served.text, [log.signer.verifier(), *verifiers(shared)]).signatures) == 3


def test_the_client_gets_its_quorum_from_it(shared):
    log = known(shared, "log.example/client")
    pq, ed = shared.vkeys
    asked = policy.parse(
        f"log {log.vkey}\nwitness pq {pq} {shared.url}\nwitness ed {ed} {shared.url}\ngroup both all pq ed\nquorum both\n"
    )
    for size, old_sizes in ((3, {}), (200, {"pq": 3, "ed": 3}), (301, {})):
        found = collect(
            signed=log.signed(size),
            policy=asked,
            old_sizes=old_sizes,
            prove=lambda old: log.prove(old, size),  # noqa: B023
            timeout=10,
        )
        assert found.satisfied
        assert policy.check(found.note, asked) == policy.Checked(
            checkpoint.Checkpoint(log.origin, size, log.root(size)), ("pq", "ed"), satisfied=True
        )


def test_it_refuses_to_roll_back_and_says_where_it_is(shared):
    log = known(shared, "log.example/back")
    assert shared.post(log.request(0, 9)).status_code == 200
    for old, size in ((0, 5), (5, 7), (0, 9), (0, 0)):
        answer = shared.post(log.request(old, size))
        assert (answer.status_code, answer.text) == (409, "9\n")
        assert answer.headers["Content-Type"] == "text/x.tlog.size"
    assert shared.post(log.request(9, 12, proof=[bytes(32)])).status_code == 422
    assert shared.get(log.origin).text.startswith(log.signed(9))


def test_it_keeps_both_notes_of_a_log_that_tells_two_histories(shared):
    log = known(shared, "log.example/two", common=0)
    fork = Log("log.example/two", fork=b"x", common=3)
    assert shared.post(log.request(0, 8)).status_code == 200
    assert shared.post(fork.request(8, 8)).status_code == 422
    assert shared.post(fork.request(8, 8)).status_code == 422  # again: kept once
    assert shared.post(fork.request(8, 10)).status_code == 422
    printed = StringIO()
    call_command("witness", "--state", str(shared.state), "--evidence", stdout=printed)
    found = [each for each in map(json.loads, printed.getvalue().splitlines()) if each["origin"] == log.origin]
    assert [each["kind"] for each in found] == [witness.EQUIVOCATION, witness.UNPROVEN]
    assert (found[0]["kept"], found[0]["offered"]) == (log.signed(8), fork.signed(8))
    for signed in (found[0]["kept"], found[0]["offered"]):
        assert note.open(signed, [log.signer.verifier()]).text.split("\n")[1] == "8"
    assert shared.post(log.request(8, 10)).status_code == 200
    kinds = [each.evidence for each in State(shared.state).evidence() if each.origin == log.origin]
    assert kinds[1] == witness.Evidence(
        witness.EQUIVOCATION, log.signed(10), fork.signed(10)
    )  # now there are two of size 10


def test_a_head_that_was_proven_after_all_is_held_against_nobody(shared):
    log = known(shared, "log.example/late")
    assert shared.post(log.request(0, 4)).status_code == 200
    for size in (6, 9):
        assert shared.post(log.request(4, size, proof=[bytes(32)])).status_code == 422
    assert shared.post(log.request(4, 6)).status_code == 200
    left = [each.evidence for each in State(shared.state).evidence() if each.origin == log.origin]
    assert left == [witness.Evidence(witness.UNPROVEN, log.signed(4), log.signed(9))]


def test_of_two_clients_that_race_one_wins(shared):
    log = known(shared, "log.example/race")
    size = 1
    assert shared.post(log.request(0, size)).status_code == 200
    with ThreadPoolExecutor(8) as pool:
        for _ in range(6):
            steps = random.sample(range(1, 40), 8)
            answers = list(pool.map(lambda step: shared.post(log.request(size, size + step)), steps))  # noqa: B023
            won = [step for step, answer in zip(steps, answers, strict=True) if answer.status_code == 200]
            assert len(won) == 1
            size += won[0]
            assert {answer.text for answer in answers if answer.status_code == 409} == {f"{size}\n"}
            assert {answer.status_code for answer in answers} == {200, 409}
            assert shared.get(log.origin).text.startswith(log.signed(size))


def test_what_it_does_not_serve(shared):
    log = known(shared, "log.example/quiet")
    assert shared.get(log.origin).status_code == 404
    for path in ("/", "/checkpoint", f"/{'0' * 63}/checkpoint", f"/{'A' * 64}/checkpoint", f"/{'0' * 64}/checkpoint/"):
        assert httpx.get(shared.url + path, trust_env=False).status_code == 404
    assert httpx.get(f"{shared.url}/add-checkpoint", trust_env=False).status_code == 405
    assert httpx.post(f"{shared.url}/{'0' * 64}/checkpoint", trust_env=False).status_code == 405


def test_bodies_are_bounded(shared):
    log = known(shared, "log.example/large")
    assert shared.post(b"x" * (MAX_REQUEST_BYTES + 1)).status_code == 413
    with suppress(httpx.WriteError, httpx.RemoteProtocolError):  # it may hang up before all is sent
        assert shared.post(b"x" * 10_000_000).status_code == 413
    assert shared.post(iter([b"x" * 65_536] * 9)).status_code == 413  # without a length
    assert shared.post(iter([b"old 0\n\n", log.signed(2).encode()])).status_code == 200
    for junk in (b"", b"\0" * 1000, os.urandom(5000), b"old 0\n\n" + os.urandom(100)):
        assert shared.post(junk).status_code == 400
    with socket.create_connection(("127.0.0.1", httpx.URL(shared.url).port), timeout=5) as half:
        half.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 1000\r\n\r\nold 0\n")
        assert shared.post(log.request(2, 3)).status_code == 200  # nobody waits for who sends nothing


def test_connections_are_kept(shared):
    log = known(shared, "log.example/kept")
    with httpx.Client(trust_env=False) as client:
        streams = []
        for old in range(3):
            answer = client.post(f"{shared.url}/add-checkpoint", content=log.request(old, old + 1))
            assert answer.status_code == 200
            streams.append(answer.extensions["network_stream"].get_extra_info("client_addr"))
        assert len(set(streams)) == 1


def test_a_list_of_logs_that_breaks_changes_nothing(shared):
    log = known(shared, "log.example/listed")
    assert shared.post(log.request(0, 1)).status_code == 200
    good = shared.listed.read_text()
    shared.listed.write_text("broken")
    assert shared.post(log.request(1, 2)).status_code == 200
    shared.listed.unlink()
    assert shared.post(log.request(2, 3)).status_code == 200
    shared.listed.write_text(good)
    assert shared.post(log.request(3, 4)).status_code == 200


def test_its_keys_are_its_own_and_private(shared):
    assert [verifier.type_byte for verifier in verifiers(shared)] == [b"\x06", b"\x04"]
    for algorithm in ("ml-dsa-44", "ed25519"):
        assert stat.S_IMODE((shared.state / "keys" / algorithm).stat().st_mode) == 0o600
    assert stat.S_IMODE((shared.state / "witness.sqlite3").stat().st_mode) == 0o600
    assert State(shared.state).signers("witness.example/w1", ["ed25519"])[0].verifier().vkey == shared.vkeys[1]
    with pytest.raises(AnotherName, match="another name"):
        State(shared.state).signers("witness.example/w2", ["ed25519"])


def test_killed_before_the_commit_and_between_persisting_and_answering(tmp_path):
    before, after = Log("log.example/before"), Log("log.example/after")
    arguments = ("--log", before.vkey, "--log", after.vkey, "--algorithm", "ed25519")
    with running(tmp_path / "state", *arguments, script=DIES) as dying:
        for _ in range(2):
            with pytest.raises(httpx.HTTPError):
                dying.post(before.request(0, 5))
            dying.wait()
            assert dying.get(before.origin).status_code == 404
        with pytest.raises(httpx.HTTPError):
            dying.post(after.request(0, 5))
        dying.wait()
        answer = dying.post(after.request(0, 7))
        assert (answer.status_code, answer.text) == (409, "5\n")
        dying.process.kill()
    started = running(tmp_path / "state", *arguments)
    with started as again, httpx.Client(trust_env=False) as client:
        assert again.vkeys == dying.vkeys
        assert again.post(before.request(0, 2)).status_code == 200
        assert again.post(after.request(0, 3)).text == "5\n"
        assert again.post(after.request(5, 5)).status_code == 200  # the cosignature that got lost
        assert client.post(f"{again.url}/add-checkpoint", content=after.request(5, 7)).status_code == 200
        again.process.send_signal(signal.SIGTERM)  # with a connection open
        assert again.process.wait(15) == 0


def test_killed_under_load_it_never_rolls_back(shared):
    """A client remembers what was answered; after each kill the witness knows at least that, and one history."""
    log = known(shared, "log.example/killed")
    acknowledged, stop = [0], threading.Event()

    def ask():
        size = 0
        while not stop.is_set():
            with suppress(httpx.HTTPError):
                target = min(size + 1, 599)
                answer = shared.post(log.request(size, target))
                assert answer.status_code in {200, 409}
                size = target if answer.status_code == 200 else int(answer.text)
                assert size >= acknowledged[-1]
                acknowledged.append(size)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        for _ in range(KILLS):
            time.sleep(random.uniform(0.02, 0.2))
            shared.kill_worker()
            shared.wait()
        stop.set()
        asking.result(30)
    _, size, root, *_ = shared.get(log.origin).text.split("\n")
    assert int(size) >= acknowledged[-1] > 0
    assert root == log.text(int(size)).split("\n")[2]


def test_a_clock_set_back_does_not_turn_time_back(tmp_path):
    log = Log()
    now = [1_000_000.0]
    state = State(tmp_path)
    signers = state.signers("w.example", ["ed25519"])
    application = Witness(
        state=state, signers=signers, logs=Logs([(log.origin, log.signer.verifier())], None), clock=lambda: now[0]
    )
    times = []
    for old, clock in ((0, 1_000_000), (1, 999_000), (2, -5), (3, 1_000_001)):
        now[0] = clock
        answer = application.add_checkpoint(log.request(old, old + 1))
        opened = note.open(f"{log.text(old + 1)}\n{answer.body}", [signers[0].verifier()])
        times.append(timestamp_of(opened.signatures[0]))
    assert times == [1_000_000, 1_000_000, 1_000_000, 1_000_001]


def test_the_database_itself_refuses_to_roll_back(tmp_path):
    state, log = State(tmp_path), Log()
    with state.locked("a") as locked:
        locked.replace(witness.Head(5, log.root(5), "n"), cosigned="c", at=9)
    for size, root, at in ((4, log.root(4), 10), (5, log.root(4), 10), (6, log.root(6), 8)):
        with pytest.raises(sqlite3.IntegrityError), state.locked("a") as locked:
            locked.replace(witness.Head(size, root, "n"), cosigned="c", at=at)
    with closing(sqlite3.connect(tmp_path / "witness.sqlite3")) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM head")
    with pytest.raises(ValueError, match="half way"), state.locked("a") as locked:  # noqa: PT012 - it raises in the block
        locked.replace(witness.Head(7, log.root(7), "n"), cosigned="c", at=10)
        raise ValueError("half way")
    with state.locked("a") as locked:
        assert locked.head == witness.Head(5, log.root(5), "n")
    assert state._connect().execute("PRAGMA synchronous").fetchone() == (2,)


def test_evidence_is_bounded(tmp_path):
    state = State(tmp_path)
    with state.locked("a") as locked:
        for kind in (witness.EQUIVOCATION, witness.UNPROVEN):
            for n in range(MOST_EVIDENCE + 5):
                assert locked.keep(witness.Evidence(kind, "kept", f"{n}"), at=n) == (
                    n < MOST_EVIDENCE or kind == witness.UNPROVEN
                )
            assert not locked.keep(witness.Evidence(kind, "kept", f"{MOST_EVIDENCE - 1}"), at=0)
    kept = [(each.evidence.kind, int(each.evidence.offered)) for each in state.evidence()]
    assert kept == [
        *((witness.EQUIVOCATION, n) for n in range(MOST_EVIDENCE)),
        *((witness.UNPROVEN, n) for n in range(5, MOST_EVIDENCE + 5)),
    ]


def test_extension_lines_need_a_key_that_covers_them(tmp_path):
    log = Log()
    for algorithms, expected in ((["ml-dsa-44"], 400), (["ml-dsa-44", "ed25519"], 200)):
        state = State(tmp_path / str(expected))
        application = Witness(
            state=state,
            signers=state.signers("w.example", algorithms),
            logs=Logs([(log.origin, log.signer.verifier())], None),
        )
        body = b"old 0\n\n" + log.signed(3, "extended").encode()
        answer = application.add_checkpoint(body)
        assert answer.status == expected
        assert answer.body.count("\u2014") == (1 if expected == 200 else 0)
        with state.locked(log.origin) as locked:
            assert (locked.head is None) == (expected == 400)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--state", "{state}"], "--name and --listen"),
        (["--state", "{state}", "--evidence"], "no witness's folder"),
        (["--state", "{state}", "--name", "a b", "--listen", "127.0.0.1:1"], "name"),
        (["--state", "{state}", "--name", "w", "--listen", "127.0.0.1:1", "--log", "nonsense"], "not acceptable"),
        (["--state", "{state}", "--name", "w", "--listen", "127.0.0.1:1", "--logs", "/none"], "/none"),
    ],
)
def test_what_it_does_not_start_with(tmp_path, options, why):
    with pytest.raises(CommandError, match=why):
        call_command("witness", *(option.format(state=tmp_path / "state") for option in options))


def test_a_list_that_is_broken_at_the_start_is_an_error(tmp_path):
    (tmp_path / "logs").write_text("broken")
    with pytest.raises(InvalidKey):
        Logs([], tmp_path / "logs")


def test_it_answers_500_when_its_folder_fails(tmp_path):
    log = Log()
    state = State(tmp_path)
    application = Witness(
        state=state,
        signers=state.signers("w.example", ["ed25519"]),
        logs=Logs([(log.origin, log.signer.verifier())], None),
    )
    (tmp_path / "witness.sqlite3").write_bytes(b"not a database" * 1000)
    said = []
    body = application(
        {"REQUEST_METHOD": "GET", "PATH_INFO": f"/{'0' * 64}/checkpoint"}, lambda status, _: said.append(status)
    )
    assert said == ["500 Internal Server Error"]
    assert body == [b"the witness cannot answer now\n"]


def test_the_empty_log_can_be_witnessed(shared):
    log = known(shared, "log.example/empty")
    assert log.root(0) == merkle.EMPTY_ROOT
    assert shared.post(log.request(0, 0)).status_code == 200
    assert shared.post(log.request(0, 4)).status_code == 200
