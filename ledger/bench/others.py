"""Other libraries, given the same work: pymerkle, a Merkle tree over SQLite or memory; django-pghistory, an event table by triggers.

Neither signs, publishes, or can forget; they are what a project would take instead.
"""

import random
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from ledger.bench.measure import Measure, percentile
from ledger.bench.processes import Clients, rate


def measures(
    *, folder: Path, leaves: list[bytes], clients: int, seconds: float, ours: dict[str, float]
) -> Iterator[Measure]:
    """Yield what the others do. `ours` holds our own numbers of this run: appends, sequencing, proof."""
    if find_spec("pymerkle"):
        yield from _pymerkle(folder, leaves, ours)
    if find_spec("pghistory"):
        yield _pghistory(clients, seconds, ours)


def _pymerkle(folder: Path, leaves: list[bytes], ours: dict[str, float]) -> Iterator[Measure]:
    from pymerkle import InmemoryTree, SqliteTree  # type: ignore[import-untyped]

    sizes = {"entries": len(leaves)}
    singles = leaves[: max(len(leaves) // 10, 1)]
    with SqliteTree(str(folder / "single.sqlite3")) as tree:
        begun = time.perf_counter()
        for leaf in singles:
            tree.append_entry(leaf)
        value = len(singles) / (time.perf_counter() - begun)
    yield _beside(
        "pymerkle.appends",
        value,
        "1/s",
        ours["appends"],
        {"entries": len(singles)},
        "SqliteTree.append_entry, one process",
    )
    with SqliteTree(str(folder / "many.sqlite3")) as tree:
        begun = time.perf_counter()
        tree.append_entries(leaves)
        value = len(leaves) / (time.perf_counter() - begun)
        yield _beside("pymerkle.batch", value, "1/s", ours["sequencing"], sizes, "SqliteTree.append_entries, one call")
        times = []
        for _ in range(50):
            index = random.randrange(1, len(leaves) + 1)  # noqa: S311 - a sample
            begun = time.perf_counter()
            tree.prove_inclusion(index)
            times.append((time.perf_counter() - begun) * 1000)
        yield _beside(
            "pymerkle.proof", percentile(times, 0.99), "ms", ours["proof"], sizes, "SqliteTree.prove_inclusion, p99"
        )
    memory = InmemoryTree()
    begun = time.perf_counter()
    memory.append_entries(leaves)
    value = len(leaves) / (time.perf_counter() - begun)
    yield _beside(
        "pymerkle.memory", value, "1/s", ours["sequencing"], sizes, "InmemoryTree.append_entries: nothing durable"
    )


def _pghistory(clients: int, seconds: float, ours: dict[str, float]) -> Measure:
    writers = Clients("ledger.bench.tracked.client", clients)
    value = rate(writers.do(seconds=seconds))
    writers.close()
    return _beside(
        "pghistory.appends",
        value,
        "1/s",
        ours["appends"],
        {"clients": clients},
        "rows of a tracked model, each with its event",
    )


def _beside(name: str, value: float, unit: str, ours: float, sizes: Mapping[str, float], says: str) -> Measure:  # noqa: PLR0913, PLR0917 - one line of the table
    return Measure(name, value, unit, ours, value / ours, sizes=sizes, says=f"{says}; the reference is ours")
