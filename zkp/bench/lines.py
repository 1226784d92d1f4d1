"""Times as measures: the median and the 95th percentile, beside those of somebody else's in the same run, and beside what is hoped for. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ledger.bench.measure import Measure, percentile

PARTS: Final[Mapping[str, float]] = {"p50": 0.5, "p95": 0.95}
GOALS: Final[Mapping[str, float]] = {
    "chromium.own.1.prove": 25,
    "chromium.receipt.prove": 150,
    "chromium.active.prove": 180,
    "chromium.scan": 1_000,
    "py-arkworks-bls12381.own.1.verify": 3,
    "py-arkworks-bls12381.receipt.verify": 12,
    "py-arkworks-bls12381.active.verify": 15,
}
"""Milliseconds at the 95th percentile, on a machine with nothing else to do."""
FASTER: Final = 0.2
"""In the browser, proving takes at most this part of the reference's median."""
PROVEN: Final = ("chromium.own.1.prove", "chromium.receipt.prove", "chromium.active.prove")

_BESIDE: Final[Mapping[str, str]] = {
    "receipt.prove": "digitalbazaar.prove",
    "receipt.verify": "digitalbazaar.verify",
    "prove": "snarkjs.prove",
    "verify": "snarkjs.verify",
    "issue": "digitalbazaar.sign",
    "check": "digitalbazaar.check",
}
_SAYS: Final[Mapping[str, str]] = {
    "snarkjs.prove": "Groth16 by snarkjs: membership in a tree, with a nullifier",
    "snarkjs.verify": "snarkjs, the same proof",
    "digitalbazaar.prove": "@digitalbazaar/bbs-signatures, as many messages and as many of them shown",
    "digitalbazaar.verify": "@digitalbazaar/bbs-signatures, the same proof",
    "digitalbazaar.sign": "@digitalbazaar/bbs-signatures signs as many messages as a receipt has",
    "digitalbazaar.check": "@digitalbazaar/bbs-signatures verifies such a signature",
}


def counterpart(what: str) -> str | None:
    """Return the name of what others do that comes nearest to this; None where nothing does, as for enrolment."""
    name, _, way = what.rpartition(".")
    return None if name == "enrol" else _BESIDE.get(what) or _BESIDE.get(way)


def lines(
    name: str,
    times: Sequence[float],
    *,
    sizes: Mapping[str, float],
    says: str = "",
    beside: tuple[str, Sequence[float]] | None = None,
) -> Iterator[Measure]:
    """Yield a median and a 95th percentile of these milliseconds. `beside`: whose, and theirs."""
    for part, share in PARTS.items():
        value = percentile(times, share)
        reference = percentile(beside[1], share) if beside else None
        ratio = value / reference if reference else None
        goal, met = "", None
        if part == "p95" and name in GOALS:
            goal, met = f"<= {GOALS[name]:g}", value <= GOALS[name]
        elif part == "p50" and name in PROVEN and ratio is not None:
            goal, met = f"ratio <= {FASTER:g}", ratio <= FASTER
        yield Measure(
            name=f"zkp.{name}.{part}",
            value=value,
            unit="ms",
            reference=reference,
            ratio=ratio,
            goal=goal,
            met=met,
            sizes={"rounds": len(times), **sizes},
            says="; beside it ".join(filter(None, (says, _SAYS[beside[0]] if beside else ""))),
        )


def left_out(name: str, why: object) -> Measure:
    """Say that a part was not measured, and why."""
    return Measure(name=f"zkp.{name}", value=None, unit="", says=f"left out: {why}")
