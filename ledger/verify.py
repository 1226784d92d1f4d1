"""Verify what a log has published, offline: checkpoints, proofs, and the whole log from its folder alone.

What holds for a good log, and is checked here from the bytes up:

1. The checkpoint is signed by the log's own key, and where a policy is given, cosigned as it demands (tlog-policy).
2. The hash tiles of every level agree, and lead to the checkpoint's root.
3. Every entry up to the checkpoint's size hashes to its place in the tiles of level 0.
4. Every entry is a canonical leaf, says its own index and log, and carries the hash of the entry before it.
5. The log extends every earlier checkpoint that the caller has kept.

A log is first replayed quickly, stretch by stretch, by as many processes as the caller allows (`stretch`): that says
only whether everything holds. If anything does not, it is replayed once more, slowly, to say what (`diagnose`).

Nothing here asks a network. Nothing raises on bad input: a finding is a value. Each process has one bundle, the next
one, and a few tiles in memory at a time, whatever the size of the log.
"""

from __future__ import annotations

import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import checkpoint as checkpoints
from . import merkle, note, policy, proof, tiles
from .climb import Climb
from .diagnose import diagnose
from .errors import InvalidProof, InvalidTile, LedgerError
from .finding import Finding, bad, good
from .leaf import GENESIS_PREV
from .logcopy import LogCopy, read_file
from .stretch import BUNDLES, Job, Stretch, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from .checkpoint import Checkpoint
    from .policy import Policy

__all__ = ["Finding", "verify_checkpoint", "verify_consistency", "verify_inclusion", "verify_log"]

MAX_FINDINGS: Final = 300
_WORTH_A_PROCESS: Final = 4 * BUNDLES
"""Bundles. A process takes a fifth of a second to start: a smaller log is replayed sooner without."""


def verify_checkpoint(
    signed: bytes, verifiers: Sequence[note.AnyVerifier], *, quorum: Policy | None = None
) -> Generator[Finding, None, Checkpoint | None]:
    """Yield what a signed checkpoint is; return it if the log signed it, also when the witnesses' quorum is missing.

    `verifiers` are the log's keys. With a policy, its witnesses' cosignatures must satisfy its quorum.
    """
    try:
        checkpoint = checkpoints.open(signed, verifiers)
    except LedgerError as error:
        yield bad("checkpoint.signature", None, f"the checkpoint is not the log's: {error}")
        return None
    yield good(
        "checkpoint.signed", f"{checkpoint.origin}: {checkpoint.size} entries, root {checkpoint.root.hex()}: by its key"
    )
    if quorum is not None:
        yield _check_quorum(signed, quorum, verifiers)
    return checkpoint


def verify_inclusion(
    proof_text: str, leaf: bytes, verifiers: Sequence[note.AnyVerifier], *, quorum: Policy | None = None
) -> Iterator[Finding]:
    """Yield whether a `.tlog-proof` shows that its checkpoint, signed and cosigned, holds this leaf."""
    try:
        parsed = proof.parse(proof_text)
    except InvalidProof as error:
        yield bad("proof.malformed", None, str(error))
        return
    checkpoint = yield from verify_checkpoint(parsed.checkpoint.encode(errors="replace"), verifiers, quorum=quorum)
    if checkpoint is None:
        return
    try:
        proven = proof.verify(proof_text, leaf, verifiers)
    except LedgerError as error:
        yield bad("entry.not_included", parsed.index, str(error))
        return
    yield Finding(
        "ok",
        "entry.included",
        proven.index,
        f"the leaf is entry {proven.index} of {checkpoint.origin}, under the root of size {checkpoint.size}",
    )


def verify_consistency(folder: Path, old: Checkpoint, new: Checkpoint) -> Iterator[Finding]:
    """Yield whether `new` extends `old`, both signed by the log, by a proof made from the tiles in this folder."""
    if old.origin != new.origin:
        yield bad("origin.differs", None, f"one checkpoint is of the log {old.origin}, the other of {new.origin}")
    elif old.size > new.size:
        yield bad(
            "history.shrunk", None, f"the log signed {old.size} entries earlier, and {new.size} now: it was rolled back"
        )
    elif old.size == new.size and old.root != new.root:
        yield bad(
            "history.forked",
            None,
            f"the log signed two roots of size {new.size}, {old.root.hex()} and {new.root.hex()}:"
            " keep both checkpoints, they prove it",
        )
    elif old.size == new.size:
        yield _extended(old, new)
    else:
        yield _prove_consistency(folder, old, new)


def _extended(old: Checkpoint, new: Checkpoint) -> Finding:
    return good("history.extended", f"size {new.size} extends size {old.size}, root {old.root.hex()}")


def _prove_consistency(folder: Path, old: Checkpoint, new: Checkpoint) -> Finding:
    reader = tiles.TileReader(LogCopy(folder, new.size).read_file, new.size)
    try:
        path = merkle.prove_consistency(first=old.size, second=new.size, reader=reader)
        held = merkle.read_root(size=old.size, reader=reader)
    except (OSError, InvalidTile) as error:
        return bad("tile.missing", None, f"the tiles that join size {old.size} to {new.size} cannot be read: {error}")
    # Whether the tiles speak the truth is for the signed root to say: only then may they accuse the log.
    try:
        merkle.verify_consistency(first=old.size, second=new.size, proof=path, first_root=held, second_root=new.root)
    except InvalidProof:
        message = (
            f"the tiles do not lead to the signed root of size {new.size}: they show nothing about size {old.size}"
        )
        return bad("history.unproven", None, message)
    if held == old.root:
        return _extended(old, new)
    return bad(
        "history.forked",
        None,
        f"the first {old.size} entries have another root now than the {old.root.hex()} that the log signed for them:"
        " keep both checkpoints, they prove it",
    )


def verify_log(  # noqa: PLR0913 - what an auditor may ask for
    folder: Path,
    verifiers: Sequence[note.AnyVerifier],
    *,
    quorum: Policy | None = None,
    kept: Sequence[Checkpoint] = (),
    since: Checkpoint | None = None,
    size: int | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Iterator[Finding]:
    """Yield what is wrong with the log in this folder; if nothing is, "log.verified" of level ok is the last finding.

    `kept`: checkpoints that the log signed earlier and must extend. `since`: one of these up to which the log was
    verified before: older entries are not read again. `size`: only the entries below it are read (up to the end of
    their bundle); the tiles are, all of them. `processes`: how many replay at once; more than one only from a
    program whose main module can be imported (`multiprocessing` spawns them). `progress` is told up to which entry
    everything was looked at, and the log's size; it starts again from the first when something is wrong.

    After `MAX_FINDINGS` findings it stops, with one more that says so.
    """
    findings = _verify(
        folder, verifiers, quorum, [*kept, *([since] if since else [])], since, size, processes, progress
    )
    yield from islice(findings, MAX_FINDINGS)
    if next(findings, None) is not None:
        yield bad("stopped", None, f"more than {MAX_FINDINGS} findings; the rest of the log was not looked at")


def _verify(  # noqa: PLR0913, PLR0917 - the same
    folder: Path,
    verifiers: Sequence[note.AnyVerifier],
    quorum: Policy | None,
    kept: Sequence[Checkpoint],
    since: Checkpoint | None,
    size: int | None,
    processes: int,
    progress: Callable[[int, int], None],
) -> Iterator[Finding]:
    try:
        signed = read_file(folder / "checkpoint", note.MAX_NOTE_BYTES)
    except OSError as error:
        yield bad("checkpoint.missing", None, f"the checkpoint cannot be read ({type(error).__name__})")
        return
    checkpoint, findings = _open(signed, verifiers, quorum)
    yield from findings
    holds = all(finding.level == "ok" for finding in findings)
    if checkpoint is None:
        return
    is_the_logs = all(finding.what != "checkpoint.signature" for finding in findings)
    for old in kept if is_the_logs else ():  # A forged checkpoint accuses nobody.
        for finding in verify_consistency(folder, old, checkpoint):
            holds = holds and finding.level == "ok"
            yield finding
    copy = LogCopy(folder, checkpoint.size)
    start = min(max(since.size - 1, 0) // tiles.WIDTH, copy.count) if since else 0
    stop = copy.count if size is None else min(-(-size // tiles.WIDTH), copy.count)
    stop = max(start, stop)
    if not _Quick(folder, copy, checkpoint, start, stop, progress).holds(processes):
        for finding in diagnose(copy, checkpoint, start=start, stop=stop, progress=progress):
            holds = False
            yield finding
    if holds:
        yield good("log.verified", _verdict(checkpoint, start * tiles.WIDTH, min(stop * tiles.WIDTH, copy.size)))


def _verdict(checkpoint: Checkpoint, start: int, stop: int) -> str:
    read = f"{checkpoint.size} entries"
    if (start, stop) != (0, checkpoint.size):
        read += f", of which those in [{start}, {stop}) were read"
    return f"{checkpoint.origin}: {read}, chained, and under the signed root {checkpoint.root.hex()}"


def _open(
    signed: bytes, verifiers: Sequence[note.AnyVerifier], quorum: Policy | None
) -> tuple[Checkpoint | None, list[Finding]]:
    """Return the checkpoint and what is worth saying of it."""
    findings: list[Finding] = []
    steps = verify_checkpoint(signed, verifiers, quorum=quorum)
    while True:
        try:
            findings.append(next(steps))
        except StopIteration as end:
            checkpoint: Checkpoint | None = end.value
            break
    if checkpoint is None:
        try:  # Go on, believing nothing: what else is wrong may say what happened.
            checkpoint = checkpoints.parse(note.read_text(signed))
        except LedgerError:
            return None, findings
    return checkpoint, [each for each in findings if each.what != "checkpoint.signed"]


def _check_quorum(signed: bytes, quorum: Policy, verifiers: Sequence[note.AnyVerifier]) -> Finding:
    try:
        checked = policy.check(signed, quorum, log_verifiers=verifiers)
    except LedgerError as error:
        return bad("checkpoint.quorum", None, f"the cosignatures do not hold: {error}")
    names = ", ".join(checked.cosigned_by) or "nobody"
    if checked.satisfied:
        return good("checkpoint.cosigned", f"by {names}: the policy's quorum is met")
    return bad("checkpoint.quorum", None, f"cosigned by {names}: the policy demands more")


class _Quick:
    """The quick replay of bundles [start, stop), with the tiles from `start` to the end."""

    def __init__(  # noqa: PLR0913, PLR0917 - one call
        self,
        folder: Path,
        copy: LogCopy,
        checkpoint: Checkpoint,
        start: int,
        stop: int,
        progress: Callable[[int, int], None],
    ) -> None:
        self._copy = copy
        self._checkpoint = checkpoint
        self._progress = progress
        self._start = start
        self._last = None if start else GENESIS_PREV
        self._jobs = (
            Job(
                str(folder), checkpoint.origin, copy.size, first, min(first + BUNDLES, copy.count), stop
            )  # Made one by one: a false size may stand for more than any machine can list.
            for first in range(start, copy.count, BUNDLES)
        )

    def holds(self, processes: int) -> bool:
        """Tell whether everything holds."""
        climb = Climb(self._copy, self._start)
        end = self._start
        stretches = self._replayed(processes)
        try:
            for stretch in stretches:
                if stretch is None or not self._joins(stretch) or any(any(climb.add(root)) for root in stretch.roots):
                    return False
                if stretch.rest:
                    climb.finish(stretch.rest)
                end += BUNDLES
                self._progress(min(end * tiles.WIDTH, self._copy.size), self._copy.size)
        finally:
            stretches.close()
        return not any(climb.close()) and climb.root == self._checkpoint.root

    def _joins(self, stretch: Stretch) -> bool:
        """Tell whether the stretch carries the hash of the one before it."""
        if stretch.prev is None:
            return True
        last, self._last = self._last, stretch.last
        return last is None or stretch.prev == last

    def _replayed(self, processes: int) -> Generator[Stretch | None, None, None]:
        if processes > 1 and self._copy.count - self._start >= _WORTH_A_PROCESS:
            yield from self._replayed_by(processes)
        else:
            yield from map(replay, self._jobs)

    def _replayed_by(self, processes: int) -> Generator[Stretch | None, None, None]:
        """Replay in processes of their own, a few jobs ahead of what has been asked for.

        They are spawned, not forked: the caller may have threads, and connections that no child may share. Where no
        process can be started, or one is killed, the answer is None, and the whole log is looked at in this one.
        """
        try:
            with ProcessPoolExecutor(processes, get_context("spawn"), _leave_interrupts_to_the_parent) as pool:
                ahead = deque(pool.submit(replay, job) for job in islice(self._jobs, 2 * processes))
                try:
                    while ahead:
                        yield ahead.popleft().result()
                        ahead.extend(pool.submit(replay, job) for job in islice(self._jobs, 1))
                finally:
                    pool.shutdown(wait=True, cancel_futures=True)
        except (BrokenProcessPool, OSError):
            yield None


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
