"""The statement active: a grant that stood within five minutes, and a pseudonym that can be spent once."""

from datetime import timedelta

import pytest

from tests.zkp.given import (
    ENROLLED,
    GRANT,
    ISSUED,
    KEYS,
    NOW,
    OTHER,
    PK,
    SK,
    SOAK,
    altered,
    context,
    each_byte,
    misshapen,
)
from tests.zkp.test_group import BAD_G1
from zkp.core import active, credential, group, receipt
from zkp.core.active import Scope, Shown
from zkp.core.errors import InvalidAttributes, InvalidContext, InvalidCredential, InvalidScalar

CONTEXT = context("active")
HELD = {"pk": PK, "issued": ISSUED, "s": KEYS.s, "attributes": GRANT}
SHOWN = active.prove(**HELD, epoch=20_513, context=CONTEXT)
SEEN = {
    "pk": PK,
    "disclosed": {name: GRANT[name] for name in active.ALWAYS},
    "epoch": 20_513,
    "context": CONTEXT,
    "now": NOW,
}


def test_it_holds():
    assert active.check(**HELD)
    assert active.verify(**SEEN, shown=SHOWN)
    assert len(SHOWN.pseudonym) == 48
    assert len(SHOWN.proof) == credential.proof_bytes(4, 3) == 336
    shown = active.prove(**HELD, epoch=20_513, context=CONTEXT, show_purpose=True)
    assert active.verify(**SEEN | {"disclosed": GRANT}, shown=shown)


@pytest.mark.parametrize("prover", group.BACKENDS if SOAK else group.BACKENDS[1:])
def test_both_backends_agree(prover):
    with group.use(prover):
        shown = active.prove(**HELD, epoch=20_513, context=CONTEXT)
    assert shown.pseudonym == SHOWN.pseudonym
    for verifier in group.BACKENDS:
        with group.use(verifier):
            assert active.verify(**SEEN, shown=shown)
            assert not active.verify(**SEEN | {"epoch": 1}, shown=shown)


def test_every_byte_counts():
    for field in Shown._fields:
        value = getattr(SHOWN, field)
        for at, changed in each_byte(value):
            assert not active.verify(**SEEN, shown=SHOWN._replace(**{field: changed})), (field, at)
        for changed in misshapen(value):
            assert not active.verify(**SEEN, shown=SHOWN._replace(**{field: changed})), field


def test_every_byte_of_the_context_counts():
    for name, changed in altered(CONTEXT):
        assert not active.verify(**SEEN | {"context": changed}, shown=SHOWN), name


def test_one_person_has_one_pseudonym_in_a_scope():
    """Other nonces, other proofs, another credential: the same. Another scope or person: another."""
    again = active.prove(**HELD, epoch=20_513, context=context("active", nonce=b"\x08" * 32, purpose="again"))
    assert (again.pseudonym, again.proof != SHOWN.proof) == (SHOWN.pseudonym, True)
    seen = {SHOWN.pseudonym}
    for change in ({"epoch": 20_514}, {"context": context("active", verifier="https://b.example")}):
        seen.add(active.prove(**{**HELD, "epoch": 20_513, "context": CONTEXT} | change).pseudonym)
    for change in ({"app": "another app"}, {"operation": "training"}):
        seen.add(_granted(KEYS.s, GRANT | change)[1].pseudonym)
    seen.add(_granted(OTHER.s, GRANT)[1].pseudonym)
    assert len(seen) == 6
    _, later = _granted(KEYS.s, GRANT | {"purpose": "news"})
    assert later.pseudonym == SHOWN.pseudonym


def _granted(s, grant):
    issued = active.issue(sk=SK, pk=PK, key_commitment=credential.key_commitment(s), attributes=grant, now=NOW)
    return issued, active.prove(pk=PK, issued=issued, s=s, attributes=grant, epoch=20_513, context=CONTEXT)


def test_a_pseudonym_cannot_be_chosen():
    """Not another's, not a multiple, not one of another scope, and no point that is none."""
    twice = group.encode_g1(group.msm([group.decode_g1(SHOWN.pseudonym)], [2]))
    theirs = _granted(OTHER.s, GRANT)[1].pseudonym
    elsewhere = active.prove(**HELD, epoch=1, context=CONTEXT).pseudonym
    for bad in (twice, theirs, elsewhere, *BAD_G1.values()):
        assert not active.verify(**SEEN, shown=SHOWN._replace(pseudonym=bad))


def test_a_proof_without_its_pseudonym_is_none():
    """A proof over the same credential that links nothing, and one that links more."""
    words = {"pk": PK, "signature": ISSUED, "s": KEYS.s, "header": active.HEADER, "ph": CONTEXT.octets()}
    words |= {"messages": [GRANT[name].encode() for name in active.SCHEMA], "disclosed": [0, 1, 3]}
    scope = Scope(CONTEXT.origin, CONTEXT.verifier, GRANT["app"], GRANT["operation"], 20_513)
    base = group.hash_to_g1(scope.octets(), credential.API_ID + b"NYM_")
    link = credential.Link(base, group.decode_g1(SHOWN.pseudonym))
    assert active.verify(**SEEN, shown=SHOWN._replace(proof=credential.present(**words, links=[link])))
    for links in ([], [link, link]):
        assert not active.verify(**SEEN, shown=SHOWN._replace(proof=credential.present(**words, links=links)))


def test_time():
    until = active.valid_until(NOW)
    assert (until - NOW) <= timedelta(minutes=5)
    assert (until.second, until.microsecond) == (0, 0)
    assert active.valid_until(NOW.replace(second=0)) == NOW.replace(second=0) + timedelta(minutes=5)
    assert active.verify(**SEEN | {"now": until}, shown=SHOWN)
    for now in (until + timedelta(microseconds=1), until - timedelta(minutes=5, microseconds=1)):
        assert not active.verify(**SEEN | {"now": now}, shown=SHOWN)
        with pytest.raises(ValueError, match="five minutes"):
            active.issue(sk=SK, pk=PK, key_commitment=ENROLLED.key_commitment, attributes=GRANT, now=now)
    with pytest.raises(ValueError, match="whole minute"):
        active.attributes(app="a", operation="o", purpose="p", until=until + timedelta(seconds=1))


def test_the_end_is_always_shown():
    for name in active.ALWAYS:
        disclosed = {each: value for each, value in SEEN["disclosed"].items() if each != name}
        assert not active.verify(**SEEN | {"disclosed": disclosed}, shown=SHOWN)
    later = SEEN["disclosed"] | {"valid_until": "2026-03-01T12:02:00Z"}
    for changed in (
        later,
        later | {"valid_until": "soon"},
        SEEN["disclosed"] | {"app": "b"},
        GRANT,
        {**GRANT, "x": ""},
    ):
        assert not active.verify(**SEEN | {"disclosed": changed}, shown=SHOWN)


def test_it_is_no_receipt_and_a_receipt_is_not_active():
    words = {"sk": SK, "pk": PK, "key_commitment": ENROLLED.key_commitment}
    same = credential.issue(**words, header=receipt.HEADER, messages=[GRANT[name].encode() for name in active.SCHEMA])
    assert not active.check(**HELD | {"issued": same})


def test_what_is_not_asked():
    for change in ({"context": context("own")}, {"context": context("receipt")}):
        assert not active.verify(**SEEN | change, shown=SHOWN)
        with pytest.raises(InvalidContext):
            active.prove(**HELD, epoch=20_513, **change)
    with pytest.raises(InvalidAttributes):
        active.prove(**HELD | {"attributes": {}}, epoch=20_513, context=CONTEXT)
    with pytest.raises(InvalidCredential):
        active.prove(**HELD | {"s": OTHER.s}, epoch=20_513, context=CONTEXT)
    with pytest.raises(InvalidScalar):
        active.prove(**HELD | {"s": bytes(32)}, epoch=20_513, context=CONTEXT)
    with pytest.raises(InvalidContext):
        Scope("o", "v", "\ud800", "o", 1).octets()


def test_the_scope_is_for_ever():
    assert Scope("log.example", "https://v.example", "a", "synthesis", 7).octets() == (
        b'{"app":"a","epoch":7,"operation":"synthesis","origin":"log.example","v":1,"verifier":"https://v.example"}'
    )
