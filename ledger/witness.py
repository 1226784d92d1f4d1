"""A witness's decisions, C2SP tlog-witness v1.1 `add-checkpoint`: values in, a status and a body out. No I/O.

`read` looks at what needs no state, `decide` at the rest, under the caller's lock on the log's head:

    400  the body is malformed, or its old size is larger than the checkpoint's
    404  no log of that origin is known
    403  no key of the log signed the checkpoint, or a signature in one's name does not verify
    409  the old size is not that of the latest head; the body says which is
    422  the empty tree has another root, or the proof does not lead from the latest head to this one
    200  cosign: the caller persists the head first, and answers after

1. A head is replaced only by one that provably extends it: same size and root, or larger with a proof. Never by a smaller one.
2. A proof comes from whoever asks, a checkpoint from the log. So a bad proof alone convicts nobody, but two signed heads of one
   size with two roots convict the log: both notes are evidence, whatever the request was refused for. A larger head whose
   proof fails is kept too, as `unproven`: it is evidence once the log, asked, cannot show a proof either. When the log proves
   a head of that size after all, `reconcile` drops it, or finds that the log has signed two.
3. Of a note only the log's own verified signatures are kept: strangers can add others at will.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from . import addcheckpoint, merkle, note
from .cosignature import LogKey, log_verifier_from_vkey, read_head
from .errors import (
    InvalidCheckpoint,
    InvalidKey,
    InvalidNote,
    InvalidProof,
    InvalidRequest,
    InvalidSignature,
    UnsignedNote,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEXT: Final = "text/plain; charset=utf-8"
LOG_LIST: Final = "logs/v0"
EQUIVOCATION: Final = "equivocation"
UNPROVEN: Final = "unproven"

_FIELDS: Final = {"origin", "bastion", "qpd", "contact"}


@dataclass(frozen=True, slots=True)
class Head:
    """The latest head that was cosigned: its size, its root, and the note as the log signed it."""

    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint that its log signed, and the proof that comes with it."""

    origin: str
    old: int
    proof: tuple[bytes, ...]
    head: Head
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer."""

    status: int
    body: str
    content_type: str = TEXT


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two notes, both signed by the log, that no honest log signs both (`equivocation`), or that nobody has reconciled (`unproven`)."""

    kind: str
    kept: str
    offered: str


@dataclass(frozen=True, slots=True)
class Decision:
    """`refusal` is None when the head may be persisted and cosigned; the evidence is to be kept in either case."""

    refusal: Answer | None
    evidence: Evidence | None = None


def read(body: bytes, logs: Mapping[str, tuple[LogKey, ...]]) -> Submission | Answer:
    """Return the checkpoint in a request, once a known log's key has signed it; or the refusal."""
    try:
        asked = addcheckpoint.parse_request(body)
        text = note.cut_text(asked.note)
        lines = read_head(text.encode())
    except (InvalidRequest, InvalidNote, InvalidCheckpoint) as error:
        return Answer(400, f"{error}\n")
    keys = logs.get(lines.origin)
    if keys is None:
        return Answer(404, "unknown log\n")
    try:
        opened = note.open(asked.note, keys)
    except (InvalidSignature, UnsignedNote) as error:
        return Answer(403, f"invalid signature: {error}\n")
    except InvalidNote as error:
        return Answer(400, f"{error}\n")
    if asked.old > lines.size:
        return Answer(400, "the old size is larger than the checkpoint's\n")
    head = Head(lines.size, lines.root, note.with_signatures(opened.text, opened.signatures))
    return Submission(lines.origin, asked.old, asked.proof, head, opened.text)


def decide(submission: Submission, latest: Head | None) -> Decision:
    """Tell whether this head may follow the latest one, which is None for a log that was never cosigned."""
    head = submission.head
    evidence = None
    if latest and head.size == latest.size and head.root != latest.root:
        evidence = Evidence(EQUIVOCATION, latest.note, head.note)
    size = latest.size if latest else 0
    if submission.old != size:
        return Decision(Answer(409, f"{size}\n", addcheckpoint.SIZE_TYPE), evidence)
    try:
        merkle.verify_consistency(
            first=size,
            second=head.size,
            proof=submission.proof,
            first_root=latest.root if latest else merkle.EMPTY_ROOT,
            second_root=head.root,
        )
    except InvalidProof as error:
        if latest and head.size > latest.size > 0:
            evidence = Evidence(UNPROVEN, latest.note, head.note)
        return Decision(Answer(422, f"bad consistency proof: {error}\n"), evidence)
    return Decision(None)


def reconcile(head: Head, unproven: Evidence) -> Evidence | None:
    """Return what is left of an unproven head now that this one was proven: nothing, itself, or a conviction."""
    lines = read_head(note.cut_text(unproven.offered).encode())
    if lines.size != head.size:
        return unproven
    return None if lines.root == head.root else Evidence(EQUIVOCATION, head.note, unproven.offered)


def parse_logs(text: str) -> dict[str, tuple[LogKey, ...]]:
    """Read a list of logs: who is known by which origin, with which keys.

    Either one log a line, `<vkey>` or `<vkey> <origin>`, or the log list format of the witness network, whose first line is
    `logs/v0`. Empty lines and those that begin with # are ignored. Without an origin it is the key's name. Raises InvalidKey.
    """
    lines = [line.strip() for line in text.split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
    if lines[:1] == [LOG_LIST]:
        return by_origin(_read_list(lines[1:]))
    return by_origin(read_log(line) for line in lines)


def read_log(line: str) -> tuple[str, LogKey]:
    """Read `<vkey>` or `<vkey> <origin>`; return the origin and the key. Raises InvalidKey."""
    vkey, _, origin = line.partition(" ")
    verifier = log_verifier_from_vkey(vkey)
    return origin.strip() or verifier.name, verifier


def by_origin(logs: Iterable[tuple[str, LogKey]]) -> dict[str, tuple[LogKey, ...]]:
    """Gather the keys of each origin."""
    found: dict[str, tuple[LogKey, ...]] = {}
    for origin, verifier in logs:
        keys = found.get(origin, ())
        found[origin] = keys if verifier in keys else (*keys, verifier)
    return found


def _read_list(lines: list[str]) -> list[tuple[str, LogKey]]:
    logs: list[tuple[str, LogKey]] = []
    for line in lines:
        field, _, value = line.partition(" ")
        if field == "vkey":
            logs.append(read_log(value.strip()))
        elif field not in _FIELDS or not logs:
            raise InvalidKey(f"the list of logs has a line {field[:20]!r} out of place")
        elif field == "origin" and value.strip() != "none":
            logs[-1] = (value.strip(), logs[-1][1])
    return logs
