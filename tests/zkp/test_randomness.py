"""Nonces: never the same twice, and where the system's randomness fails, still others for another statement."""

from tests.zkp.given import KEYS, TAGS, context
from zkp.core import group, own, randomness


def test_they_are_scalars_and_all_different():
    drawn = [*randomness.hedged(b"secret")(20), *randomness.hedged(b"secret")(20)]
    assert len(set(drawn)) == 40
    assert all(0 <= each < group.ORDER for each in drawn)
    assert max(each.bit_length() for each in drawn) > 250
    assert randomness.hedged(b"secret")(0) == []


def test_with_broken_randomness_they_depend_on_all_that_is_said(monkeypatch):
    monkeypatch.setattr(randomness.secrets, "token_bytes", bytes)
    said = [(b"s", b"a"), (b"t", b"a"), (b"s", b"b"), (b"sa", b""), (b"", b"sa"), (b"s", b"a", b"")]
    drawn = {parts: tuple(randomness.hedged(*parts)(2)) for parts in said}
    assert len({each for pair in drawn.values() for each in pair}) == 12
    assert drawn[said[0]] == tuple(randomness.hedged(*said[0])(2))
    assert drawn[said[0]] == tuple(randomness.hedged(*said[0])(5)[:2])


def test_with_broken_randomness_two_proofs_still_hide_the_secret(monkeypatch):
    """One nonce under two challenges gives s = (r1 - r2) / (c1 - c2)."""
    monkeypatch.setattr(randomness.secrets, "token_bytes", bytes)

    def solved(one, two):
        (c1, r1), (c2, r2) = (group.decode_scalars(each) for each in (one, two))
        return (r1 - r2) * pow(c1 - c2, -1, group.ORDER) % group.ORDER

    s = group.decode_scalar(KEYS.s)
    proof = own.prove(s=KEYS.s, tags=TAGS, context=context("own"))
    assert proof == own.prove(s=KEYS.s, tags=TAGS, context=context("own"))
    for tags, change in ((TAGS, {"nonce": b"\1" * 32}), (TAGS[:1], {}), (TAGS[::-1], {})):
        assert solved(proof, own.prove(s=KEYS.s, tags=tags, context=context("own", **change))) != s

    monkeypatch.setattr("zkp.core.sigma.hedged", lambda *_: lambda count: [5] * count)
    same = [own.prove(s=KEYS.s, tags=TAGS, context=context("own", size=size)) for size in (1, 2)]
    assert solved(*same) == s, "what would happen without the hedge"
