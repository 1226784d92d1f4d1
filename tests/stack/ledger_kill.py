"""Kills parts of a running service with `kill -9`, again and again, while clients append and readers verify; then counts.

Clients (`tests.stack.appender`) are processes that remember what they tried and what was acknowledged, and are killed too. Beside the
service's own sequencer and publisher a second one of each runs on the same logs. A reader takes every checkpoint it can see, and proves
an entry under each from the published files while all this goes on.

`python -m tests.stack.ledger_kill 200` starts a service of its own, kills 200 times, and prints what came of it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy import embedded, steps
from ledger import checkpoint, merkle, note, tiles
from tests.stack.service import PROJECT, Stack, until

HOLDER = "tenant:killed"
CLIENTS = 3
AT_WORK_SECONDS = 1.5
"""A process of ours is killed when it has run at least so long."""
AT_LEAST = 10
"""So many entries are acknowledged from one kill to the next, and something is published: it is a service at work that is killed."""
VICTIMS = {
    "sequencer": 5,
    "publisher": 5,
    "rival sequencer": 2,
    "rival publisher": 2,
    "client": 4,
    "postgres": 3,
    "web worker": 1,
}
"""How often each is chosen, of all."""
SETTLED_WITHIN = 90.0
OPEN = """
from django.utils import timezone
from keyring.keys import store
from ledger.signing import open_log
store().make({holder!r}, now=timezone.now())
for origin in {origins!r}:
    open_log(origin=origin, now=timezone.now())
"""


@dataclass
class Outcome:
    """What came of it, counted."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    entries: int = 0
    doubtful: int = 0
    """In the log though nobody acknowledged them: the client or the database died in between."""
    lost: int = 0
    doubled: int = 0
    strangers: int = 0
    checkpoints: int = 0
    """Different ones that were seen or signed."""
    forks: int = 0
    proofs: int = 0
    """Inclusion proofs that readers verified meanwhile."""
    reader_errors: list[str] = field(default_factory=list)
    verified: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {count}" for name, count in self.kills.most_common())
        return (
            f"{self.kills.total()} kills in {self.seconds:.0f} s ({kills})\n"
            f"{self.acknowledged} entries acknowledged, {self.entries} in the logs, {self.doubtful} of them in doubt\n"
            f"lost {self.lost}, doubled {self.doubled}, strangers {self.strangers}\n"
            f"{self.checkpoints} checkpoints seen, forks {self.forks}; {self.proofs} proofs verified meanwhile, "
            f"{len(self.reader_errors)} failed\n{self.verified}"
        )


class Children:
    """Processes of our own beside the service's: the clients and the rivals."""

    def __init__(self, stack: Stack, folder: Path, origins: list[str]) -> None:
        self._stack, self._folder = stack, folder
        rows = {
            "rival sequencer": steps.manage(PROJECT, "sequence"),
            "rival publisher": steps.manage(PROJECT, "publish"),
        }
        for number in range(CLIENTS):
            arguments = ("-m", "tests.stack.appender", str(folder / f"memory-{number}"), HOLDER, *origins)
            rows[f"client {number}"] = steps.python(PROJECT, *arguments)
        self._listing = folder / "children.json"
        self._listing.write_text(json.dumps(rows), encoding="utf-8")
        self._since: dict[str, float] = {}
        self._running = {name: self._start(name) for name in rows}

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        log = self._folder / f"{name}.log"
        self._since[name] = time.monotonic()
        return embedded.start(name, listing=self._listing, log=log, environment=self._stack.environment)

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].wait()
        self._running[name] = self._start(name)

    def at_work(self, kind: str) -> list[str]:
        return [
            name
            for name, since in self._since.items()
            if name.startswith(kind) and since < time.monotonic() - AT_WORK_SECONDS
        ]

    def stop(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGKILL)
        for process in self._running.values():
            process.wait()

    def died(self) -> list[str]:
        """Those that ended by themselves, and why."""
        ended = [name for name, process in self._running.items() if process.poll() is not None]
        return [f"{name}: {(self._folder / f'{name}.log').read_text(encoding='utf-8')[-2000:]}" for name in ended]

    def acknowledged(self) -> int:
        """About how many entries were acknowledged so far."""
        return sum(path.stat().st_size for path in self._folder.glob("memory-*")) // 130

    def memories(self) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
        """Return what was tried and what was acknowledged, by log."""
        tried: dict[str, Counter[str]] = {}
        known: dict[str, Counter[str]] = {}
        for path in self._folder.glob("memory-*"):
            for line in path.read_text(encoding="ascii").splitlines():
                said, origin, ref = line.split(" ")
                (known if said == "!" else tried).setdefault(origin, Counter())[ref] += 1
        return tried, known


class Reader(threading.Thread):
    """Sees checkpoints as they are published and as they are kept, and proves an entry under each from the files."""

    def __init__(self, stack: Stack, verifiers: dict[str, note.Verifier]) -> None:
        super().__init__()
        self.kept: dict[str, set[checkpoint.Checkpoint]] = {origin: set() for origin in verifiers}
        self.published: dict[str, set[checkpoint.Checkpoint]] = {origin: set() for origin in verifiers}
        self.proofs = 0
        self.errors: list[str] = []
        self._stack, self._verifiers = stack, verifiers
        self._ended = threading.Event()

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.wait(0.02):
            for origin, verifier in self._verifiers.items():
                try:
                    self._look(origin, verifier)
                except FileNotFoundError as error:
                    if self.published[origin]:  # before its first checkpoint there is nothing of it
                        self.errors.append(f"{origin}: {error}")
                except Exception as error:  # noqa: BLE001 - whatever it was, it is told at the end
                    self.errors.append(f"{origin}: {error!r}")

    def _look(self, origin: str, verifier: note.Verifier) -> None:
        self.kept[origin].add(checkpoint.open((self._stack.var / "heads" / origin / "head").read_bytes(), [verifier]))
        folder = self._stack.var / "logs" / origin
        head = checkpoint.open((folder / "checkpoint").read_bytes(), [verifier])
        if head not in self.published[origin]:
            before = max(self.published[origin], key=lambda each: each.size, default=None)
            self.published[origin].add(head)
            if head.size:
                self._prove(folder, head, random.randrange(head.size), before)

    def _prove(
        self, folder: Path, head: checkpoint.Checkpoint, index: int, before: checkpoint.Checkpoint | None
    ) -> None:
        def read(path: str) -> bytes:
            try:
                return (folder / path).read_bytes()
            except FileNotFoundError:  # a partial one gives way to the full one, as tlog-tiles allows
                return (folder / path.partition(".p/")[0]).read_bytes()

        reader = tiles.TileReader(lambda path: (folder / path).read_bytes(), head.size)
        bundle = tiles.decode_bundle(
            read(tiles.tile_at(level=tiles.ENTRIES, index=index // tiles.WIDTH, size=head.size).path)
        )
        leaf_hash = merkle.leaf_hash(bundle[index % tiles.WIDTH])
        merkle.verify_inclusion(
            leaf_hash=leaf_hash,
            index=index,
            size=head.size,
            proof=merkle.prove_inclusion(index=index, size=head.size, reader=reader),
            root=head.root,
        )
        if before:
            assert before.size < head.size, f"{head} after {before}"
            merkle.verify_consistency(
                first=before.size,
                second=head.size,
                proof=merkle.prove_consistency(first=before.size, second=head.size, reader=reader),
                first_root=before.root,
                second_root=head.root,
            )
        self.proofs += 1


def kill_again_and_again(stack: Stack, kills: int, *, seed: int = 4) -> Outcome:
    """Kill so many times; wait until all is settled; return what came of it."""
    chance = random.Random(seed)
    name = f"test.local/{os.urandom(6).hex()}"
    origins = [f"{name}-one", f"{name}-two"]
    stack.manage("shell", "-c", OPEN.format(holder=HOLDER, origins=origins))
    rows = stack.sql("SELECT origin, vkey FROM ledger_log WHERE origin = ANY(%s)", origins)
    verifiers = {origin: note.Verifier.from_vkey(vkey) for origin, vkey in rows}
    outcome, dead = Outcome(), set[int]()
    with tempfile.TemporaryDirectory(prefix="consonant-kill-") as folder:
        children = Children(stack, Path(folder), origins)
        reader = Reader(stack, verifiers)
        reader.start()
        try:
            until(lambda: reader.proofs, within=60, what="something is published")
            began_to_kill = time.monotonic()
            while outcome.kills.total() < kills:
                _wait_for_work(children, reader)
                time.sleep(chance.uniform(0.0, 0.3))
                victim = _kill(stack, children, chance, dead)
                outcome.kills[victim] += 1
            outcome.seconds = time.monotonic() - began_to_kill
            until(lambda: _is_growing(stack, origins), within=SETTLED_WITHIN, what="the log goes on")
            children.stop()
            tried, known = children.memories()
            _settle(stack, origins)
        finally:
            children.stop()
            reader.stop()
    _count(stack, outcome, reader, tried, known)
    return outcome


def _wait_for_work(children: Children, reader: Reader) -> None:
    """Wait until the clients and the publisher have done something more."""
    known, published = children.acknowledged(), reader.proofs

    def at_work() -> bool:
        assert not children.died(), children.died()
        return children.acknowledged() >= known + AT_LEAST and reader.proofs > published

    until(at_work, within=SETTLED_WITHIN, what="the service goes on")


def _kill(stack: Stack, children: Children, chance: random.Random, dead: set[int]) -> str:
    """Kill one that runs; return what it was."""
    while True:
        (victim,) = chance.choices(list(VICTIMS), weights=list(VICTIMS.values()))
        if victim.startswith(("client", "rival")):
            for name in children.at_work(victim)[:1]:
                children.kill(name)
                return victim
        else:
            with suppress(OSError):
                pid = stack.pid(victim)
                if pid and pid not in dead:
                    os.kill(pid, signal.SIGKILL)
                    dead.add(pid)
                    return victim
        time.sleep(0.05)


def _is_growing(stack: Stack, origins: list[str]) -> bool:
    with suppress(Exception):
        sizes = stack.sql("SELECT sum(size) FROM ledger_log WHERE origin = ANY(%s)", origins)
        time.sleep(0.3)
        return stack.sql("SELECT sum(size) FROM ledger_log WHERE origin = ANY(%s)", origins) > sizes
    return False


def _settle(stack: Stack, origins: list[str]) -> None:
    """Wait until all that waits is sequenced and published."""

    def settled() -> bool:
        with suppress(Exception):
            waiting = stack.sql("SELECT count(*) FROM ledger_pending WHERE log_id = ANY(%s)", origins)
            sizes = dict(stack.sql("SELECT origin, size FROM ledger_log WHERE origin = ANY(%s)", origins))
            heads = {each: (stack.var / "logs" / each / "checkpoint").read_text(encoding="utf-8") for each in origins}
            published = {each: checkpoint.parse(note.read_text(text)).size for each, text in heads.items()}
            return waiting == [(0,)] and sizes == published
        return False

    until(settled, within=SETTLED_WITHIN, what="all is published")


def _count(stack: Stack, outcome: Outcome, reader: Reader, tried, known) -> None:
    for origin, kept in reader.kept.items():
        rows = stack.sql("SELECT ref::text, leaf_hash FROM ledger_entry WHERE log_id = %s ORDER BY index", origin)
        refs = Counter(ref for ref, _ in rows)
        outcome.entries += len(rows)
        outcome.acknowledged += known[origin].total()
        outcome.lost += len(known[origin].keys() - refs.keys())
        outcome.doubled += sum(count - 1 for count in refs.values())
        outcome.strangers += len(refs.keys() - tried[origin].keys())
        outcome.doubtful += len(refs.keys() - known[origin].keys())
        signed = stack.sql("SELECT note FROM ledger_checkpoint WHERE log_id = %s", origin)
        heads = kept | reader.published[origin] | {checkpoint.parse(note.read_text(text)) for (text,) in signed}
        outcome.checkpoints += len(heads)
        roots = _roots([bytes(leaf_hash) for _, leaf_hash in rows], {head.size for head in heads})
        outcome.forks += sum(roots.get(head.size) != head.root for head in heads)
        outcome.verified += stack.manage("verify_log", "--origin", origin)
    outcome.proofs, outcome.reader_errors = reader.proofs, reader.errors


def _roots(hashes: list[bytes], sizes: set[int]) -> dict[int, bytes]:
    roots: dict[int, bytes] = {}
    frontier: list[bytes] = []
    for size in range(len(hashes) + 1):
        if size in sizes:
            roots[size] = merkle.frontier_root(frontier)
        if size < len(hashes):
            frontier = merkle.frontier_append(frontier, size, hashes[size])
    return roots


def main() -> int:
    """Run it by itself; say what came of it."""
    stack = Stack()
    stack.start()
    try:
        outcome = kill_again_and_again(stack, int(sys.argv[1]))
    finally:
        stack.stop()
    sys.stdout.write(f"{outcome}\n")
    sys.stdout.writelines(f"{error}\n" for error in outcome.reader_errors)
    return 1 if outcome.lost or outcome.doubled or outcome.strangers or outcome.forks or outcome.reader_errors else 0


if __name__ == "__main__":
    sys.exit(main())
