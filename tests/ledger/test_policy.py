"""Trust policies: the specification's example, quorums of every kind against counting, and every refusal."""

from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import note, policy
from ledger.cosignature import CosignatureSigner
from ledger.errors import InvalidNote, InvalidPolicy, InvalidSignature, UnsignedNote
from tests.ledger.witnessing import ML_DSA, Log

LOG = Log()
SIGNERS = [CosignatureSigner(f"w{n}.example", Ed25519PrivateKey.from_private_bytes(bytes([n] * 32))) for n in range(6)]
VKEYS = [signer.verifier().vkey for signer in SIGNERS]
X1, X2, X3, Y1, Y2, Y3 = VKEYS
EXAMPLE = f"""
log {LOG.vkey}

witness X1 {X1}
witness X2 {X2}
witness X3 {X3}
group X-witnesses 2 X1 X2 X3

witness Y1 {Y1}
witness Y2 {Y2}
witness Y3 {Y3}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def cosigned(size, *signers):
    text = LOG.text(size).encode()
    return LOG.signed(size) + "".join(signer.sign(text, at=1).line() for signer in signers)


def test_the_example_of_the_specification():
    parsed = policy.parse(EXAMPLE)
    assert [log.vkey for log in parsed.logs] == [LOG.vkey]
    assert [witness.name for witness in parsed.witnesses] == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    for bits in product([False, True], repeat=6):
        chosen = [signer for signer, bit in zip(SIGNERS, bits, strict=True) if bit]
        expected = sum(bits[:3]) >= 2 and any(bits[3:])
        assert parsed.satisfied_by([signer.verifier() for signer in chosen]) is expected
        checked = policy.check(cosigned(7, *chosen), parsed)
        assert checked.satisfied is expected
        assert checked.checkpoint.size == 7
        assert checked.cosigned_by == tuple(
            witness.name for witness, bit in zip(parsed.witnesses, bits, strict=True) if bit
        )


def test_a_signature_or_a_key_says_who_verified():
    parsed = policy.parse(f"witness A {X1} https://w.example/\nquorum A\n")
    verifier = SIGNERS[0].verifier()
    assert parsed.witnesses[0].url == "https://w.example/"
    assert parsed.satisfied_by([verifier])
    assert parsed.satisfied_by([SIGNERS[0].sign(LOG.text(1).encode(), at=1)])
    assert parsed.satisfied_by({(verifier.name, verifier.key_id)})
    assert not parsed.satisfied_by([(verifier.name, b"\0\0\0\0")])
    assert not parsed.satisfied_by([("other", verifier.key_id)])
    assert not parsed.satisfied_by([])


def test_without_a_quorum_nobody_is_needed():
    parsed = policy.parse(f"quorum none\nlog {LOG.vkey} https://log.example/\n")
    assert parsed.satisfied_by([])
    assert policy.check(LOG.signed(3), parsed) == policy.Checked(
        checkpoint=policy.checkpoint.parse(LOG.text(3)), cosigned_by=(), satisfied=True
    )


def test_blanks_comments_and_octets():
    text = f"\n \t\n # a comment\n\t#another\n \twitness\t \tK\u00f6ln {X1} \t\n#\u212a\nquorum \tK\u00f6ln\t"
    assert policy.parse(text).witnesses[0].name == "K\u00f6ln"
    raw = b"witness \xff\xfe " + X1.encode() + b" \xfd\nquorum \xff\xfe\n# \x80\n"
    assert policy.parse(raw).satisfied_by([SIGNERS[0].verifier()])
    with pytest.raises(InvalidPolicy, match="line 2: nothing before it"):
        policy.parse(f"witness K {X1}\nquorum \u212a\n")  # a Kelvin sign is no K
    assert policy.parse(f"witness a\u00a0b {X1}\nquorum a\u00a0b\n").quorum == "a\u00a0b"  # no white space here


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "names no quorum"),
        (f"witness A {X1}\n", "names no quorum"),
        ("quorum none\nquorum none\n", "line 2: it is the second quorum"),
        ("quorum A\n", "line 1: nothing before it"),
        (f"quorum A\nwitness A {X1}\n", "line 1: nothing before it"),
        ("quorum\n", "line 1: it is no log"),
        ("quorum none none\n", "it is no log"),
        ("Quorum none\n", "it is no log"),
        ("what is this\nquorum none\n", "line 1: it is no log"),
        ("log\nquorum none\n", "it is no log"),
        (f"log {LOG.vkey} a b\nquorum none\n", "it is no log"),
        ("log nonsense\nquorum none\n", "line 1: it is not"),
        (f"log {X1}\nquorum none\n", "signs no log"),
        (f"witness A {LOG.vkey}\nquorum A\n", "no type that cosigns"),
        (f"witness A {X1[:-4]}\nquorum A\n", "line 1"),
        ("witness A\nquorum A\n", "it is no log"),
        (f"witness none {X1}\nquorum none\n", "the name 'none' is taken"),
        (f"witness A {X1}\nwitness A {X2}\nquorum A\n", "line 2: the name 'A' is taken"),
        (f"witness A {X1}\ngroup A any A\nquorum A\n", "the name 'A' is taken"),
        (f"witness A {X1}\ngroup none any A\nquorum none\n", "the name 'none' is taken"),
        (f"witness A {X1}\nwitness B {X1}\nquorum A\n", "two witnesses have this key"),
        (f"log {LOG.vkey}\nlog {LOG.vkey}\nquorum none\n", "two logs have this key"),
        (f"witness A {X1}\ngroup G any\nquorum A\n", "it is no log"),
        (f"witness A {X1}\ngroup G any none\nquorum A\n", "nothing before it is called 'none'"),
        (f"witness A {X1}\ngroup G any G\nquorum A\n", "nothing before it is called 'G'"),
        (f"witness A {X1}\ngroup G any A A\nquorum A\n", "'A' is a member already"),
        (f"witness A {X1}\ngroup G any A\ngroup H any A\nquorum A\n", "'A' is a member already"),
        (f"witness A {X1}\ngroup G any A\ngroup H any G\ngroup I all G\nquorum A\n", "'G' is a member already"),
        (f"witness A {X1}\ngroup G 0 A\nquorum A\n", "'0' of 1"),
        (f"witness A {X1}\ngroup G 2 A\nquorum A\n", "'2' of 1"),
        (f"witness A {X1}\ngroup G -1 A\nquorum A\n", "'-1' of 1"),
        (f"witness A {X1}\ngroup G 01 A\nquorum A\n", "'01' of 1"),
        (f"witness A {X1}\ngroup G 1.0 A\nquorum A\n", "of 1"),
        (f"witness A {X1}\ngroup G 99999999999999999999 A\nquorum A\n", "of 1"),
        (f"witness A {X1}\ngroup G most A\nquorum A\n", "'most' of 1"),
        ("quorum none\r\n", "control character"),
        ("quorum none\n\0", "control character"),
        ("quorum none\n\x7f", "control character"),
        ("quorum none\n\x0c", "control character"),
        ("quorum none\n\ud800", "no octet"),
        ("quorum none\n" + "#" * 1_000_000, "more than 1000000 bytes"),
    ],
)
def test_refused(bad, why):
    with pytest.raises(InvalidPolicy, match=why):
        policy.parse(bad)


def test_one_key_under_two_names_is_one_key():
    twin = CosignatureSigner("twin.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert twin.verifier().key_id != SIGNERS[0].verifier().key_id
    with pytest.raises(InvalidPolicy, match="line 2: two witnesses have this key"):
        policy.parse(f"witness A {X1}\nwitness B {twin.verifier().vkey}\nquorum A\n")
    renamed = note.Verifier("renamed.example", LOG.signer.verifier().public_key)
    with pytest.raises(InvalidPolicy, match="line 2: two logs have this key"):
        policy.parse(f"log {LOG.vkey}\nlog {renamed.vkey}\nquorum none\n")


def test_both_algorithms_count_and_a_log_may_sign_with_ml_dsa():
    parsed = policy.parse(
        f"witness ed {X1}\nwitness pq {ML_DSA.verifier().vkey}\ngroup both all ed pq\nquorum both\nlog {LOG.vkey}\n"
    )
    assert policy.check(cosigned(4, SIGNERS[0], ML_DSA), parsed).satisfied
    assert not policy.check(cosigned(4, ML_DSA), parsed).satisfied
    text = Log(ML_DSA.verifier().name).text(2)
    own = note.with_signatures(text, [ML_DSA.sign(text.encode(), at=0)])
    by_log = policy.parse(f"log {ML_DSA.verifier().vkey}\nquorum none\n")
    assert policy.check(own, by_log).checkpoint.size == 2


def test_the_log_itself_must_have_signed_under_its_own_name():
    parsed = policy.parse(EXAMPLE)
    text = LOG.text(5)
    alone = note.with_signatures(text, [SIGNERS[0].sign(text.encode(), at=1)])
    with pytest.raises(UnsignedNote, match=r"log\.example/one did not sign"):
        policy.check(alone, parsed)
    other = Log("log.example/other")
    with pytest.raises(UnsignedNote):
        policy.check(note.sign(other.text(5), [LOG.signer]), parsed)  # the right key under another origin
    with pytest.raises(UnsignedNote):
        policy.check(other.signed(5), parsed)
    assert policy.check(other.signed(5), parsed, log_verifiers=[other.signer.verifier()]).checkpoint.size == 5
    with pytest.raises(UnsignedNote):
        policy.check(LOG.signed(5), parsed, log_verifiers=[])


def test_a_bad_cosignature_spoils_the_note():
    bad = SIGNERS[0].sign(LOG.text(6).encode(), at=1).line()
    with pytest.raises(InvalidSignature):
        policy.check(LOG.signed(5) + bad, policy.parse(EXAMPLE))


def test_as_large_as_the_specification_asks_and_as_deep_as_one_likes():
    keys = [
        CosignatureSigner(f"w{n}", Ed25519PrivateKey.from_private_bytes(n.to_bytes(32, "big"))).verifier()
        for n in range(2000)
    ]
    lines = [f"witness n{n} {key.vkey}" for n, key in enumerate(keys)]
    lines += ["group g0 any n0", *(f"group g{n} all g{n - 1} n{n}" for n in range(1, 2000)), "quorum g1999"]
    parsed = policy.parse("\n".join(lines))
    assert parsed.satisfied_by(keys)
    assert not parsed.satisfied_by(keys[:1000] + keys[1001:])


@given(st.text() | st.binary())
def test_no_junk_crashes(junk):
    for text in (junk, "quorum none\nlog " + str(junk), f"witness A {X1}\ngroup {junk!s}\nquorum A\n"):
        try:
            parsed = policy.parse(text)
        except InvalidPolicy:
            continue
        assert parsed.satisfied_by([]) is (parsed.quorum == "none")
    with pytest.raises(InvalidNote):
        policy.check(junk, policy.parse(EXAMPLE))
