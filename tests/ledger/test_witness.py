"""A witness's decisions: each status of tlog-witness, foreign exchanges, evidence, and a history at random that never rolls back."""

import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger import merkle, note, witness
from ledger.addcheckpoint import SIZE_TYPE, format_request
from ledger.errors import InvalidKey
from ledger.witness import Answer, Decision, Evidence, Submission
from tests import vectors
from tests.ledger.witnessing import ED25519, ML_DSA, Log

LOG = Log()
FORK = Log(fork=b"x", common=4)
LOGS = {LOG.origin: (LOG.signer.verifier(),)}
SIGSUM = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
SIGSUM_KEY = bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
SUMDB_VKEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"


def status(body, latest=None, logs=None):
    """Return the status of a request, and the decision or the refusal."""
    read = witness.read(body, LOGS if logs is None else logs)
    if isinstance(read, Answer):
        return read.status, read
    decision = witness.decide(read, latest)
    return (decision.refusal.status if decision.refusal else 200), decision


def head(log, size):
    return witness.Head(size, log.root(size), log.signed(size))


def bodies(*, size_zero_root=None, log=LOG):
    text = f"{log.origin}\n0\n{size_zero_root}\n"
    return format_request(old=0, proof=[], checkpoint=note.sign(text, [log.signer]))


def test_the_first_head_and_those_that_extend_it():
    for old in range(1, 40):
        assert status(LOG.request(0, old)) == (200, Decision(None))
        for size in range(old, 40):
            assert status(LOG.request(old, size), head(LOG, old)) == (200, Decision(None))


def test_400_an_old_size_larger_than_the_checkpoint():
    for latest in (None, head(LOG, 3), head(LOG, 5)):
        body = format_request(old=5, proof=[], checkpoint=LOG.signed(3))
        assert status(body, latest)[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"old 0\n\n\n\n",
        b"old 0\n\n" + LOG.text(3).encode(),
        b"old 0\n\n" + LOG.text(3).encode() + b"\n",
        b"old 0\n\n" + LOG.signed(3).encode()[:-1],
        b"old 0\n\n" + LOG.signed(3).encode() + b"junk\n",
        b"old 0\n\n" + LOG.signed(3).encode() + "\u2014 a AAAAAAB=\n".encode(),
        b"old 0\n\n" + LOG.signed(3).encode().replace(b"\n3\n", b"\n03\n"),
        b"old 0\n\n" + LOG.signed(3).encode().replace(b"\n3\n", b"\n-3\n"),
        b"old 0\n\n" + LOG.signed(3).encode().replace(b"\n3\n", b"\n3\t\n"),
        b"old 0\n\n" + note.sign("one line\n", [LOG.signer]).encode(),
        b"old 0\n\n" + note.sign(f"{LOG.origin}\n9223372036854775808\n{'A' * 43}=\n", [LOG.signer]).encode(),
        b"old x\n\n" + LOG.signed(3).encode(),
    ],
)
def test_400_malformed(body):
    code, answer = status(body)
    assert code == 400
    assert answer.body.endswith("\n")


def test_404_an_unknown_origin_whoever_signed():
    other = Log("log.example/unknown")
    assert status(other.request(0, 3))[0] == 404
    assert status(format_request(old=0, proof=[], checkpoint=note.sign(other.text(3), [LOG.signer])))[0] == 404
    assert status(format_request(old=9, proof=[], checkpoint=other.signed(3)))[0] == 404


def test_403_no_signature_by_a_known_key():
    stranger = note.Signer(LOG.origin, Ed25519PrivateKey.from_private_bytes(b"?" * 32))
    assert status(format_request(old=0, proof=[], checkpoint=note.sign(LOG.text(3), [stranger])))[0] == 403
    both = note.sign(LOG.text(3), [stranger, LOG.signer])
    assert status(format_request(old=0, proof=[], checkpoint=both))[0] == 200  # unknown keys are ignored


def test_403_a_signature_in_a_known_name_that_does_not_verify():
    wrong = LOG.signer.sign(LOG.text(4).encode()).line()
    for signed in (LOG.signed(3) + wrong, LOG.text(3) + "\n" + wrong):
        assert status(format_request(old=0, proof=[], checkpoint=signed))[0] == 403


def test_409_tells_the_size_and_nothing_else():
    for latest, old, size in ((None, 1, 3), (head(LOG, 5), 0, 7), (head(LOG, 5), 3, 7), (head(LOG, 5), 0, 3)):
        code, decision = status(LOG.request(old, size), latest)
        assert code == 409
        assert decision.refusal == Answer(409, f"{latest.size if latest else 0}\n", SIZE_TYPE)
        assert SIZE_TYPE == "text/x.tlog.size"
        assert decision.evidence is None


def test_422_the_empty_tree_has_one_root():
    empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert status(bodies(size_zero_root=empty))[0] == 200
    assert status(bodies(size_zero_root="A" * 43 + "="))[0] == 422
    latest = witness.Head(0, merkle.EMPTY_ROOT, "")
    assert status(bodies(size_zero_root=empty), latest)[0] == 200
    assert status(bodies(size_zero_root="A" * 43 + "="), latest)[0] == 422
    assert status(LOG.request(0, 3), latest)[0] == 200


def test_422_a_proof_where_none_belongs():
    assert status(LOG.request(0, 3, proof=[bytes(32)]))[0] == 422
    assert status(LOG.request(3, 3, proof=[bytes(32)]), head(LOG, 3))[0] == 422


def test_422_every_changed_proof():
    latest = head(LOG, 5)
    good = LOG.prove(5, 21)
    assert status(LOG.request(5, 21, proof=good), latest)[0] == 200
    changed = [good[:-1], good[1:], [*good, bytes(32)], [], good[::-1]]
    for place in range(len(good)):
        for byte in range(32):
            bad = bytearray(good[place])
            bad[byte] ^= 1 << byte % 8
            changed.append([*good[:place], bytes(bad), *good[place + 1 :]])
    for proof in changed:
        code, decision = status(LOG.request(5, 21, proof=proof), latest)
        assert code == 422
        assert decision.evidence == Evidence(witness.UNPROVEN, latest.note, LOG.signed(21))


def test_422_two_roots_of_one_size_convict_the_log():
    latest = head(LOG, 5)
    code, decision = status(FORK.request(5, 5), latest)
    assert code == 422
    assert decision.evidence == Evidence(witness.EQUIVOCATION, LOG.signed(5), FORK.signed(5))
    for signed in (decision.evidence.kept, decision.evidence.offered):
        note.open(signed, [LOG.signer.verifier()])
    code, decision = status(FORK.request(0, 5), latest)  # refused for its old size, and evidence all the same
    assert (code, decision.evidence.kind) == (409, witness.EQUIVOCATION)
    code, decision = status(FORK.request(5, 9), latest)
    assert (code, decision.evidence.kind) == (422, witness.UNPROVEN)


def test_what_strangers_add_to_a_note_is_not_kept():
    stranger = note.Signer("stranger", Ed25519PrivateKey.from_private_bytes(b"?" * 32))
    asked = format_request(old=0, proof=[], checkpoint=note.sign(LOG.text(3), [stranger, LOG.signer, LOG.signer]))
    read = witness.read(asked, LOGS)
    assert read.head.note == LOG.signed(3)


def test_any_of_several_keys_of_a_log_signs_and_ml_dsa_too():
    keys = witness.parse_logs(f"{LOG.vkey}\n{ML_DSA.verifier().vkey} {LOG.origin}\n")
    assert len(keys[LOG.origin]) == 2
    text = LOG.text(3)
    for signature in (LOG.signer.sign(text.encode()), ML_DSA.sign(text.encode(), at=0)):
        body = format_request(old=0, proof=[], checkpoint=note.with_signatures(text, [signature]))
        assert status(body, logs=keys)[0] == 200
    empty_lie = f"{LOG.origin}\n0\n{'A' * 43}=\n"
    asked = note.sign(empty_lie, [LOG.signer])
    assert status(format_request(old=0, proof=[], checkpoint=asked), logs=keys)[0] == 422


def test_lists_of_logs():
    plain = f"# ours\n\n{LOG.vkey}\n{SUMDB_VKEY} go.sum database tree\n"
    assert set(witness.parse_logs(plain)) == {LOG.origin, "go.sum database tree"}
    listed = (
        f"#\nlogs/v0\n\nvkey {LOG.vkey}\norigin none\nbastion none\nqpd 86400\ncontact you@example.com\n\n"
        f"vkey {SUMDB_VKEY}\norigin go.sum database tree\nqpd 24\n"
    )
    assert witness.parse_logs(listed) == witness.parse_logs(plain)
    assert witness.parse_logs("") == witness.parse_logs("logs/v0\n") == {}
    for bad in ("logs/v1\n", "logs/v0\norigin x\n", "logs/v0\nvkey x\n", f"logs/v0\nvkey {LOG.vkey}\nwhat\n", "x"):
        with pytest.raises(InvalidKey):
            witness.parse_logs(bad)
    with pytest.raises(InvalidKey):
        witness.parse_logs(ED25519.verifier().vkey)


EXCHANGE = re.compile(
    r"POST \S+/add-checkpoint\n```\n(.*?)```\nHTTP (\d+)\n\[Asserts\]\nbody (contains|==) \"(.*?)\"\n", re.DOTALL
)


def test_the_exchanges_of_litewitness():
    """As tlog-witness v1.1 has it since: an unknown origin is 404."""
    keys = {SIGSUM: (note.Verifier(SIGSUM, SIGSUM_KEY),)}
    seen = replay("ledger/witness-exchanges/litewitness.hurl.txt", keys)
    assert seen == [200, 403, 404, 422, 422, 200, 409, 200, 409]


def test_the_exchange_with_the_go_checksum_database():
    keys = witness.parse_logs(f"{SUMDB_VKEY} go.sum database tree")
    assert replay("ledger/witness-exchanges/sumdb.hurl.txt", keys) == [200]


def replay(name, keys):
    latest, seen = None, []
    for body, expected, how, said in EXCHANGE.findall(vectors.path(name).read_text()):
        read = witness.read(body.encode(), keys)
        decision = None if isinstance(read, Answer) else witness.decide(read, latest)
        answer = read if decision is None else decision.refusal
        seen.append(answer.status if answer else 200)
        assert seen[-1] == (404 if said == "unknown log" else int(expected)), body
        if answer is None:
            latest = read.head
        elif how == "==":
            assert answer.body == said.replace("\\n", "\n")
        else:
            assert said in answer.body
    return seen


@given(st.binary() | st.text().map(str.encode))
def test_no_junk_crashes(junk):
    for body in (junk, b"old 0\n\n" + junk, b"old 0\n\n" + LOG.text(3).encode() + b"\n" + junk):
        assert status(body)[0] in {400, 403, 404}
    assert status(b"old 0\n" + junk + b"\n" + LOG.signed(3).encode())[0] in {200, 400, 403, 404, 422}


class Histories(RuleBasedStateMachine):
    """A log and its fork ask at random: what is cosigned is one history, and every same-size lie is kept."""

    def __init__(self):
        super().__init__()
        self.latest = None
        self.cosigned = []

    @rule(log=st.sampled_from([LOG, FORK]), old=st.integers(0, 12), size=st.integers(0, 12), honest=st.booleans())
    def ask(self, log, old, size, honest):
        if honest and self.latest:
            old = self.latest.size
        proof = log.prove(old, size) if old <= size else []
        read = witness.read(log.request(old, size, proof=proof), LOGS)
        if old > size:
            assert read.status == 400
            return
        assert isinstance(read, Submission)
        decision = witness.decide(read, self.latest)
        known = self.latest.size if self.latest else 0
        lie = self.latest and size == known and log.root(size) != self.latest.root
        extends = self.latest is None or log.root(known) == self.latest.root
        expected = 409 if old != known else 200 if extends else 422
        assert (decision.refusal.status if decision.refusal else 200) == expected
        assert (decision.evidence is not None and decision.evidence.kind == witness.EQUIVOCATION) == bool(lie)
        if decision.refusal is None:
            self.latest = read.head
            self.cosigned.append((size, log.root(size)))

    @invariant()
    def one_history(self):
        sizes = [size for size, _ in self.cosigned]
        assert sizes == sorted(sizes)
        assert any(all(log.root(size) == root for size, root in self.cosigned) for log in (LOG, FORK))


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
