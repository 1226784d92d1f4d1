"""The client of witnesses: our own witness over HTTP, and foreign ones that lie, stall, flood, lead astray or are not there."""

import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import note, policy, witness
from ledger.addcheckpoint import parse_request
from ledger.cosign import MOST_ANSWER_BYTES, collect
from ledger.cosignature import CosignatureSigner
from ledger.errors import LedgerError
from ledger.management.witness_server import Logs, Witness
from ledger.management.witness_state import State
from tests.ledger.witnessing import ML_DSA, Log

LOG = Log()
ALGORITHMS = ["ml-dsa-44", "ed25519"]


class Foreign(ThreadingHTTPServer):
    """A witness that does what `behave(handler, body)` says."""

    daemon_threads = True

    def __init__(self, behave):
        self.behave = behave
        self.asked = []
        self.connections = set()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/prefix/"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, body))
        self.server.connections.add(self.client_address)
        self.server.behave(self, body)

    do_GET = do_POST  # noqa: N815 - the library's names

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def handle(self):
        with suppress(OSError):  # the client has hung up, as it should
            super().handle()


@contextmanager
def foreign(behave):
    server = Foreign(behave)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def signer(n):
    return CosignatureSigner(f"w{n}.example", Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)))


GOOD = signer(1)


def cosign(size, by=GOOD, *, at=1):
    return by.sign(LOG.text(size).encode(), at=at).line().encode()


def policy_of(*witnesses, quorum="all"):
    """A policy of (signer, url) pairs, called w0, w1, ..."""
    lines = [f"witness w{n} {each.verifier().vkey} {url}" for n, (each, url) in enumerate(witnesses)]
    names = " ".join(f"w{n}" for n in range(len(witnesses)))
    return policy.parse("\n".join([*lines, f"group all-of-them {quorum} {names}", "quorum all-of-them"]))


def ask(asked_policy, *, size=20, old_sizes=None, timeout=5.0, signed=None):
    caller = threading.current_thread()

    def prove(old):
        assert threading.current_thread() is caller
        return LOG.prove(old, size)

    return collect(
        signed=LOG.signed(size) if signed is None else signed,
        policy=asked_policy,
        old_sizes=old_sizes or {},
        prove=prove,
        timeout=timeout,
    )


def our_witness(folder, log=LOG):
    """Our own witness, behind the foreign server's HTTP."""
    state = State(folder)
    signers = state.signers("ours.example", ALGORITHMS)
    application = Witness(state=state, signers=signers, logs=Logs([(log.origin, log.signer.verifier())], None))

    def behave(handler, body):
        answer = application.add_checkpoint(body)
        handler.answer(answer.status, answer.body.encode(), **{"Content-Type": answer.content_type})

    return behave, signers


def test_our_own_witness_cosigns_as_the_log_grows(tmp_path):
    behave, signers = our_witness(tmp_path)
    with foreign(behave) as server:
        both = policy_of(*((each, server.url) for each in signers))
        sizes = {}
        for size in (1, 5, 5, 300):
            found = ask(both, size=size, old_sizes=sizes)
            assert found.satisfied
            assert [(each.witness, each.size, each.ok, each.trouble) for each in found.answers] == [
                ("w0", size, True, ""),
                ("w1", size, True, ""),
            ]
            sizes = {each.witness: each.size for each in found.answers}
            checked = policy.check(found.note, both, log_verifiers=[LOG.signer.verifier()])
            assert checked.satisfied
            assert checked.cosigned_by == ("w0", "w1")
            assert found.note.startswith(LOG.signed(size))
        assert len(server.asked) == 4  # two keys, one address: asked once
        assert server.asked[0][0] == "/prefix/add-checkpoint"
        assert len(server.connections) == 1  # kept


def test_a_witness_that_knows_another_size_is_asked_once_more(tmp_path):
    behave, signers = our_witness(tmp_path)
    with foreign(behave) as server:
        one = policy_of((signers[0], server.url))
        assert ask(one, size=7).satisfied
        for old in (0, 3, 20, -1, 10**30):
            assert ask(one, size=20, old_sizes={"w0": old}).satisfied
        behind = ask(one, size=9, old_sizes={"w0": 20})
        assert not behind.satisfied
        assert behind.answers[0].disagrees
        assert behind.answers[0].size == 20
        assert "longer log, of size 20" in behind.answers[0].trouble


def test_a_witness_that_saw_another_history_disagrees(tmp_path):
    fork = Log(fork=b"x", common=3)
    behave, signers = our_witness(tmp_path)
    with foreign(behave) as server:
        one = policy_of((signers[1], server.url))
        first = collect(
            signed=fork.signed(9), policy=one, old_sizes={}, prove=lambda old: fork.prove(old, 9), timeout=5
        )
        assert first.satisfied
        found = ask(one, size=20)
        assert not found.satisfied
        assert found.answers[0].disagrees
        assert "does not extend" in found.answers[0].trouble
        assert found.note == LOG.signed(20)
        assert State(tmp_path).evidence()[0].evidence == witness.Evidence(
            witness.UNPROVEN, fork.signed(9), LOG.signed(20)
        )


def drip(handler, _body):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def drip_headers(handler, _body):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for n in range(200):
        handler.wfile.write(b"X-%d: y\r\n" % n)
        time.sleep(0.05)


def flood(handler, _body):
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**9))
    handler.end_headers()
    for _ in range(10**4):
        handler.wfile.write(b"x" * 10**5)


def hang_up(handler, _body):
    handler.close_connection = True
    handler.connection.close()


BIT = bytearray(GOOD.sign(LOG.text(20).encode(), at=1).signature)
BIT[-1] ^= 1
LIES = {
    "a bad signature": (
        lambda h, _: h.answer(200, note.Signature("w1.example", GOOD.verifier().key_id, bytes(BIT)).line().encode()),
        "does not verify",
    ),
    "another head": (lambda h, _: h.answer(200, cosign(19)), "does not verify"),
    "another name": (lambda h, _: h.answer(200, cosign(20, signer(2))), "no cosignature by the key"),
    "another key": (
        lambda h, _: h.answer(
            200, cosign(20, CosignatureSigner("w1.example", Ed25519PrivateKey.from_private_bytes(b"?" * 32)))
        ),
        "no cosignature by the key",
    ),
    "its note's signature": (
        lambda h, _: h.answer(
            200,
            note.Signer("w1.example", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
            .sign(LOG.text(20).encode())
            .line()
            .encode(),
        ),
        "no cosignature by the key",
    ),
    "no time": (lambda h, _: h.answer(200, cosign(20, at=0)), "is no cosignature"),
    "nothing": (lambda h, _: h.answer(200), "is no cosignature"),
    "garbage": (lambda h, _: h.answer(200, b"\xff\0garbage"), "is no cosignature"),
    "a whole other note": (
        lambda h, _: h.answer(200, b"\nother\ntext\n\n" + cosign(20)),
        "does not verify",
    ),
    "500": (lambda h, _: h.answer(500, b"oops"), "it answered 500"),
    "403": (lambda h, _: h.answer(403), "it answered 403"),
    "404": (lambda h, _: h.answer(404), "it answered 404"),
    "a redirect": (lambda h, _: h.answer(307, Location="http://127.0.0.1:1/"), "it answered 307"),
    "409 without a size": (lambda h, _: h.answer(409, b"many\n"), "409 without a size"),
    "409 for ever": (lambda h, _: h.answer(409, b"3\n"), "it answered 409"),
    "too much": (lambda h, _: h.answer(200, cosign(20) + b"x" * MOST_ANSWER_BYTES), "more than 65536 bytes"),
    "a flood": (flood, "more than 65536 bytes"),
    "a hang-up": (hang_up, "not reached (RemoteProtocolError)"),
    "a drip": (drip, "in time"),
    "a drip of headers": (drip_headers, "in time"),
    "silence": (lambda _h, _: time.sleep(3), "in time"),
}


@pytest.mark.parametrize("lie", LIES)
def test_whatever_one_witness_does_the_other_counts(lie):
    behave, trouble = LIES[lie]
    other = signer(3)
    with foreign(behave) as liar, foreign(lambda h, _: h.answer(200, cosign(20, other))) as honest:
        begun = time.monotonic()
        found = ask(policy_of((GOOD, liar.url), (other, honest.url)), timeout=0.4)
        assert time.monotonic() - begun < 1.5
        assert not found.satisfied
        bad, good = found.answers
        assert not bad.ok
        assert not bad.disagrees
        assert trouble in bad.trouble or (
            lie in {"a drip", "a drip of headers", "silence"} and "Timeout" in bad.trouble
        )
        assert good.ok
        assert found.note == LOG.signed(20) + cosign(20, other).decode()
        assert len(liar.asked) <= 2
        one = policy_of((GOOD, liar.url), (other, honest.url), quorum="any")
        assert ask(one, timeout=0.4).satisfied


def test_a_redirect_is_not_followed():
    with foreign(lambda h, _: h.answer(200, cosign(20))) as target:
        with foreign(lambda h, _: h.answer(307, Location=target.url + "add-checkpoint")) as astray:
            assert not ask(policy_of((GOOD, astray.url))).satisfied
        assert target.asked == []


def test_nobody_there_and_no_address():
    found = ask(policy_of((GOOD, "http://127.0.0.1:1"), (ML_DSA, ""), (signer(2), "nonsense")), timeout=2)
    assert [each.ok for each in found.answers] == [False] * 3
    assert "not reached (ConnectError)" in found.answers[0].trouble
    assert "no address" in found.answers[1].trouble
    assert "not reached" in found.answers[2].trouble
    assert found.note == LOG.signed(20)


def test_with_a_quorum_the_slow_are_waited_for_a_moment_only():
    def slow(handler, _body):
        time.sleep(3)
        handler.answer(200, cosign(20, signer(2)))

    with foreign(lambda h, _: h.answer(200, cosign(20))) as quick, foreign(slow) as tardy:
        begun = time.monotonic()
        found = ask(policy_of((GOOD, quick.url), (signer(2), tardy.url), quorum="any"), timeout=10)
        assert time.monotonic() - begun < 2
        assert found.satisfied
        assert found.answers[1] == found.answers[1].__class__(
            "w1", 0, ok=False, trouble="it has not answered in time", disagrees=False
        )


def test_witnesses_are_asked_at_the_same_time():
    def unhurried(handler, body):
        time.sleep(0.4)
        name = int(handler.server.server_address[1])
        handler.answer(200, cosign(20, by[name]))

    by = {}
    signers = [signer(n) for n in range(10, 16)]
    servers = [foreign(unhurried) for _ in signers]
    opened = [server.__enter__() for server in servers]
    try:
        by.update({server.server_address[1]: each for server, each in zip(opened, signers, strict=True)})
        begun = time.monotonic()
        found = ask(policy_of(*((each, server.url) for server, each in zip(opened, signers, strict=True))))
        assert time.monotonic() - begun < 6 * 0.4
        assert found.satisfied
    finally:
        for server in servers:
            server.__exit__(None, None, None)


def test_cosignatures_that_are_there_already_count_and_stay():
    signed = LOG.signed(20) + cosign(20).decode()
    found = ask(policy_of((GOOD, "")), signed=signed)
    assert found.satisfied
    assert found.note == signed
    with foreign(lambda h, _: h.answer(200, cosign(20, at=9))) as server:
        assert ask(policy_of((GOOD, server.url)), signed=signed).note == signed


def test_a_policy_without_witnesses_asks_nobody():
    found = ask(policy.parse("quorum none\n"))
    assert found == type(found)(LOG.signed(20), (), satisfied=True)


def test_what_is_sent_is_what_the_protocol_says():
    with foreign(lambda h, _: h.answer(500)) as server:
        ask(policy_of((GOOD, server.url)), old_sizes={"w0": 7})
        asked = parse_request(server.asked[0][1])
        assert (asked.old, list(asked.proof), asked.note) == (7, LOG.prove(7, 20), LOG.signed(20))


def test_only_a_checkpoint_can_be_cosigned():
    for signed in ("", note.sign("text\n", [LOG.signer])):
        with pytest.raises(LedgerError):
            ask(policy_of((GOOD, "")), signed=signed)
