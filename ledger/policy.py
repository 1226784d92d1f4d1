"""Trust policies, C2SP tlog-policy: which logs, which witnesses, and how many of them must have cosigned.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

1. A file of octets: tab, newline, 0x20 to 0x7E, 0x80 to 0xFF. What is not ASCII is opaque; names are compared as octets.
2. A log's key is of type 0x01 or 0x06, and its name is the log's origin; a witness's key is of type 0x04 or 0x06.
3. No two logs, and no two witnesses, share the public key itself, whatever their names and ids.
4. Witnesses and groups share their names; `none` is no name. A name is a member of one group at most, and defined before
   it is used, so that nothing counts twice or for itself.
5. Exactly one quorum.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from . import checkpoint, note
from .cosignature import CosignatureVerifier, LogKey, log_verifier_from_vkey
from .errors import InvalidKey, InvalidPolicy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MAX_POLICY_BYTES: Final = 1_000_000
NONE: Final = "none"

_OCTETS = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_BLANKS = re.compile(r"[ \t]+")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,8}")

Key = tuple[str, bytes]
"""A key's name and id."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness as the policy names it; the url, where there is one, is its submission prefix."""

    name: str
    verifier: CosignatureVerifier
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group has witnessed when at least `threshold` of its members have."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy; groups stand in the order of their definition, each after its members."""

    logs: tuple[LogKey, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    def satisfied_by(self, verified: Collection[note.AnyVerifier | note.Signature | Key]) -> bool:
        """Tell whether these keys, whose cosignatures were verified, are a quorum."""
        if self.quorum == NONE:
            return True
        keys = {each if isinstance(each, tuple) else (each.name, each.key_id) for each in verified}
        held = {each.name: (each.verifier.name, each.verifier.key_id) in keys for each in self.witnesses}
        for group in self.groups:
            held[group.name] = sum(held[member] for member in group.members) >= group.threshold
        return held[self.quorum]


@dataclass(frozen=True, slots=True)
class Checked:
    """A checkpoint that its log signed: which witnesses of the policy cosigned it, and whether they are a quorum."""

    checkpoint: checkpoint.Checkpoint
    cosigned_by: tuple[str, ...]
    satisfied: bool


def check(
    signed_note: str | bytes,
    policy: Policy,
    *,
    log_verifiers: Iterable[note.AnyVerifier] | None = None,
) -> Checked:
    """Return the checkpoint of a note that one of the logs signed, and who cosigned it.

    `log_verifiers` stand for the policy's logs where the log is known otherwise. Raises InvalidNote and its kinds, or
    InvalidCheckpoint.
    """
    logs: tuple[note.AnyVerifier, ...] = policy.logs if log_verifiers is None else tuple(log_verifiers)
    opened = note.open(signed_note, [*logs, *(witness.verifier for witness in policy.witnesses)])
    head = checkpoint.parse(opened.text)
    checkpoint.check_signed(head, [log for log in logs if log.name == head.origin], opened)
    keys = {(signature.name, signature.key_id) for signature in opened.signatures}
    cosigned_by = tuple(each.name for each in policy.witnesses if (each.verifier.name, each.verifier.key_id) in keys)
    return Checked(head, cosigned_by, policy.satisfied_by(keys))


def parse(text: str | bytes) -> Policy:
    """Read a policy file. Raises InvalidPolicy."""
    try:
        octets = text.encode(errors="surrogateescape") if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise InvalidPolicy("it holds what is no octet") from None
    if len(octets) > MAX_POLICY_BYTES:
        raise InvalidPolicy(f"more than {MAX_POLICY_BYTES} bytes")
    if not _OCTETS.fullmatch(octets):
        raise InvalidPolicy("it holds a control character")
    reading = _Reading()
    for number, line in enumerate(octets.decode(errors="surrogateescape").split("\n"), start=1):
        fields = _BLANKS.split(line.strip(" \t"))
        if fields[0].startswith("#") or fields == [""]:
            continue
        try:
            reading.take(*fields)
        except (InvalidKey, InvalidPolicy) as error:
            raise InvalidPolicy(f"line {number}: {error.detail}") from None
    return reading.policy()


class _Reading:
    """What the lines so far have said."""

    def __init__(self) -> None:
        self._logs: list[LogKey] = []
        self._witnesses: list[Witness] = []
        self._groups: list[Group] = []
        self._names: set[str] = set()
        self._members: set[str] = set()
        self._quorum: str | None = None

    def take(self, keyword: str, *fields: str) -> None:
        match keyword, fields:
            case "log", (vkey, *rest) if len(rest) <= 1:
                self._take_log(log_verifier_from_vkey(vkey))
            case "witness", (name, vkey, *rest) if len(rest) <= 1:
                self._take_witness(Witness(name, CosignatureVerifier.from_vkey(vkey), rest[0] if rest else ""))
            case "group", (name, threshold, *members) if members:
                self._take_group(name, threshold, members)
            case "quorum", (name,):
                self._take_quorum(name)
            case _:
                raise InvalidPolicy("it is no log, witness, group or quorum")

    def policy(self) -> Policy:
        if self._quorum is None:
            raise InvalidPolicy("it names no quorum")
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)

    def _take_log(self, verifier: LogKey) -> None:
        if any(verifier.public_key == other.public_key for other in self._logs):
            raise InvalidPolicy("two logs have this key")
        self._logs.append(verifier)

    def _take_witness(self, witness: Witness) -> None:
        if any(witness.verifier.public_key == other.verifier.public_key for other in self._witnesses):
            raise InvalidPolicy("two witnesses have this key")
        self._define(witness.name)
        self._witnesses.append(witness)

    def _take_group(self, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            if member not in self._names:
                raise InvalidPolicy(f"nothing before it is called {member!r}")
            if member in self._members:
                raise InvalidPolicy(f"{member!r} is a member already")
            self._members.add(member)
        least = {"all": len(members), "any": 1}.get(threshold)
        if least is None and _THRESHOLD.fullmatch(threshold):
            least = int(threshold)
        if least is None or least > len(members):
            raise InvalidPolicy(f"{threshold!r} of {len(members)}")
        self._define(name)
        self._groups.append(Group(name, least, tuple(members)))

    def _take_quorum(self, name: str) -> None:
        if self._quorum is not None:
            raise InvalidPolicy("it is the second quorum")
        if name != NONE and name not in self._names:
            raise InvalidPolicy(f"nothing before it is called {name!r}")
        self._quorum = name

    def _define(self, name: str) -> None:
        if name == NONE or name in self._names:
            raise InvalidPolicy(f"the name {name!r} is taken")
        self._names.add(name)
