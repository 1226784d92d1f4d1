"""Measure proofs, in Chromium, in node, and in Python on both backends, beside what a project would take instead.

Others are measured first, in the same places and the same run: Groth16 by snarkjs, whose circuit is built here, and BBS by
@digitalbazaar/bbs-signatures. What this machine lacks is left out, and a line says so.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ledger.bench.measure import Measure
from zkp import wallet
from zkp.bench import groth16, log_files, workshop
from zkp.bench.acts import acts
from zkp.bench.lines import counterpart, left_out, lines
from zkp.bench.places import PLACES, Ask, serve
from zkp.core import bbs, group, receipt

_SHOWN: Final = (0, 4)
"""Which messages others show: as many as our receipts do here."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rounds: int = 100
    """How often, in Chromium, in node, and on the default backend; a fifth as often, what is about many entries."""
    slow_rounds: int = 3
    """How often, on the second backend."""
    their_rounds: int = 30
    """How often, what others do."""
    scans: int = 20
    """How often a wallet looks through the log."""
    entries: int = 10_000
    """Among so many entries it finds its own."""
    many: int = 100
    """Of so many entries the larger proof is."""
    depth: int = 20
    """Of the tree that snarkjs proves membership in."""
    scratch: str = ""
    """The folder where JavaScript is built; without a name, a temporary one."""

    @classmethod
    def quick(cls) -> "Sizes":
        """For a look whether everything runs: the numbers mean nothing."""
        return cls(rounds=2, slow_rounds=1, their_rounds=1, scans=2, entries=600, many=3, depth=1)

    @classmethod
    def full(cls) -> "Sizes":
        """Ten times as often."""
        return cls(rounds=1_000, slow_rounds=10, their_rounds=100, scans=100)


def run(sizes: Sizes) -> Iterator[Measure]:
    """Measure; yield each number as it is known. Raises ValueError where the scratch folder lies in the repository."""
    with workshop.scratch(sizes.scratch) as folder:
        bench = _Bench(sizes, folder)
        yield from bench.javascript()
        yield from bench.python()


class _Bench:
    def __init__(self, sizes: Sizes, folder: Path) -> None:
        self._sizes = sizes
        self._folder = folder
        self._log = log_files.make(folder / "log", sizes.entries)
        self._others: dict[str, list[float]] = {}
        self._groth16: dict[str, Any] | None = None

    def javascript(self) -> Iterator[Measure]:
        there = set()
        constraints = 0
        try:
            workshop.build_ours(self._folder)
            there.add("ours")
        except workshop.LeftOut as why:
            yield left_out("javascript", why)
        try:
            constraints = workshop.build_theirs(self._folder, self._sizes.depth)
            there.add("theirs")
        except workshop.LeftOut as why:
            yield left_out("others", why)
        if not there:
            return
        with serve(self._folder) as address:
            for name, place in PLACES.items():
                with ExitStack() as stack:
                    try:
                        ask = stack.enter_context(place(self._folder, address))
                    except workshop.LeftOut as why:
                        yield left_out(name, why)
                        continue
                    if "theirs" in there:
                        yield from self._theirs(name, ask, constraints)
                    if "ours" in there:
                        yield from self._ours(name, ask, address)

    def _theirs(self, place: str, ask: Ask, constraints: int) -> Iterator[Measure]:
        sizes = self._sizes
        made = ask("theirs", "groth16", sizes.their_rounds, sizes.depth)
        self._groth16 = made
        about = {"depth": sizes.depth, "constraints": constraints}
        for way, times in made["times"].items():
            yield from self._other(place, f"snarkjs.{way}", times, about)
        messages = [f"some {name}" for name in receipt.SCHEMA]
        secret = bbs.keygen(os.urandom(32)).hex()
        answer = ask("theirs", "signatures", sizes.their_rounds, secret, messages, list(_SHOWN))
        for way, times in answer["times"].items():
            yield from self._other(place, f"digitalbazaar.{way}", times, {"messages": len(messages)})

    def _other(self, place: str, what: str, times: list[float], about: Mapping[str, float]) -> Iterator[Measure]:
        self._others[f"{place}.{what}"] = times
        yield from lines(f"{place}.{what}", times, sizes=about, says="others', to compare with")

    def _ours(self, place: str, ask: Ask, address: str) -> Iterator[Measure]:
        log = {"origin": log_files.ORIGIN, "address": f"{address}/log/", "vkey": self._log.vkey}
        times = ask("ours", "scan", self._sizes.scans, self._log.seed.hex(), log, self._log.mine)
        about = {"entries": len(self._log.leaves), "mine": self._log.mine, "days": log_files.DAYS, "first": times[0]}
        says = (
            "from nothing but the seed: the head, all bundles, marks, commitments, the root; the first time in `sizes`"
        )
        yield from lines(f"{place}.scan", times, sizes=about, says=says)
        for what, each in ask("ours", "bench", self._sizes.rounds, self._sizes.many).items():
            yield from self._line(place, place, what, each)

    def _line(self, place: str, beside: str, what: str, times: list[float]) -> Iterator[Measure]:
        other = counterpart(what)
        known = self._others.get(f"{beside}.{other}")
        yield from lines(f"{place}.{what}", times, sizes={}, beside=(other, known) if other and known else None)

    def python(self) -> Iterator[Measure]:
        first = group.BACKENDS[0]
        for name in group.BACKENDS:
            with group.use(name):
                for what, act in acts((1, self._sizes.many)):
                    rounds = self._sizes.rounds if name == first else self._sizes.slow_rounds
                    few = name == first and what.startswith(f"own.{self._sizes.many}.")
                    times = _times(what, act, -(-rounds // 5) if few else rounds)
                    yield from self._line(name, "node", what, times)
        if made := self._groth16:
            key, public, proof = made["key"], made["made"]["publicSignals"], made["made"]["proof"]
            times = _times("groth16", lambda: groth16.verify(key, public, proof), self._sizes.slow_rounds)
            says = "others', to compare with: what snarkjs proved, verified in Python by py-ecc"
            yield from lines("py-ecc.groth16.verify", times, sizes={"depth": self._sizes.depth}, says=says)
        yield from self._scan()

    def _scan(self) -> Iterator[Measure]:
        log = self._log
        mine = wallet.Wallet(log.seed, log_files.ORIGIN)
        times = _times("scan", lambda: len(mine.find(log.leaves)) == log.mine, self._sizes.slow_rounds)
        about = {"entries": len(log.leaves), "mine": log.mine, "days": log_files.DAYS}
        yield from lines(
            "python.scan", times, sizes=about, says="marks and commitments of leaves in memory, without the tree"
        )


def _times(what: str, act: Callable[[], object], rounds: int) -> list[float]:
    """Return milliseconds of each round; what is made once, such as generators, is not counted."""
    times = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        if not act():
            raise AssertionError(what)
        times.append(1_000 * (time.perf_counter() - begun))
    return times[1:]
