"""Ask the witnesses of a policy for cosignatures, C2SP tlog-witness: all at the same time, each in a thread of its own.

What a witness does raises nothing: it may be down, slow, broken or lying, and then its `Answer` says so. An answer is read for a bounded
time and to a bounded size, redirects are not followed, and a cosignature counts once it has verified under the key that the policy
names. A witness that tells another size (409) is asked once more, with a proof from there. Once there is a quorum the others have half
a second more. Nothing is stored here: a crash loses cosignatures that the next call asks for again.
"""

import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache

import httpx

from ledger import checkpoint, note
from ledger.addcheckpoint import format_request, parse_size
from ledger.cosignature import timestamp_of
from ledger.deadline import client, until
from ledger.errors import InvalidNote, InvalidRequest, InvalidSignature, UnsignedNote
from ledger.policy import Policy, Witness

MOST_ANSWER_BYTES = 65_536
GRACE_SECONDS = 0.5
"""What witnesses are waited for once the others are a quorum."""
_ACCEPTED, _CONFLICT, _UNPROCESSABLE = 200, 409, 422


@dataclass(frozen=True)
class Answer:
    """What one witness did. `size`: the size it says it knows (after success, the head's); `trouble` a short sentence, empty when ok."""

    witness: str
    size: int
    ok: bool
    trouble: str
    disagrees: bool
    """It knows another history: 422, or 409 with a size larger than ours; not mere absence."""


@dataclass(frozen=True)
class Collected:
    """The note with the cosignatures that verified, what each did, and whether the policy's quorum is there."""

    note: str
    answers: tuple[Answer, ...]
    satisfied: bool


@dataclass(frozen=True)
class _Heard:
    url: str
    status: int = 0
    body: bytes = b""
    trouble: str = ""


def collect(  # noqa: PLR0913
    *,
    signed: str,
    policy: Policy,
    old_sizes: Mapping[str, int],
    prove: Callable[[int], list[bytes]],
    timeout: float,
    troubled: Collection[str] = (),
) -> Collected:
    """Ask every witness of the policy that has an address to cosign a checkpoint; return after `timeout` seconds at the latest.

    Args:
        signed: The checkpoint, as the log signed it; cosignatures that it bears already count and stay.
        policy: Whom to ask, where, and how many are enough.
        old_sizes: By witness, the size of the head it cosigned last, as far as we know; 0 when we do not.
        prove: Gives the consistency proof from an old size to the checkpoint; called in the caller's thread only.
        timeout: Seconds, for all of it.
        troubled: Witnesses that did not answer well the last time: once there is a quorum, nobody waits for them.

    Raises:
        ledger.errors.LedgerError: `signed` is no checkpoint.
    """
    round_ = _Round(signed, policy, old_sizes, prove, time.monotonic() + timeout)
    round_.troubled = {each.url for each in policy.witnesses if each.name in troubled}
    round_.ask_all()
    return round_.listen()


class _Round:
    def __init__(
        self,
        signed: str,
        policy: Policy,
        old_sizes: Mapping[str, int],
        prove: Callable[[int], list[bytes]],
        deadline: float,
    ) -> None:
        self._signed = signed
        self._text = note.read_text(signed)
        self._size = checkpoint.parse(self._text).size
        self._policy = policy
        self._old_sizes = old_sizes
        self._prove = cache(lambda old: tuple(prove(old)))
        self._deadline = deadline
        self._heard: queue.SimpleQueue[_Heard] = queue.SimpleQueue()
        self._asked: dict[str, int] = {}  # by address, the old size that was sent last
        self._again: set[str] = set()
        self._answers: dict[str, Answer] = {}
        self._held = _held_already(signed, policy)
        self.troubled: set[str] = set()
        self._added: list[note.Signature] = []

    def ask_all(self) -> None:
        """Ask once at each address: one witness with two keys answers with two cosignatures."""
        client()  # made before the threads that share it
        for witness in self._policy.witnesses:
            old = max(0, min(self._old_sizes.get(witness.name, 0), self._size))
            if not witness.url:
                self._settle(witness, old, "the policy has no address of it")
            elif witness.url not in self._asked:
                self._ask(witness.url, old)

    def listen(self) -> Collected:
        """Take answers until all have come, the time is over, or a quorum has stood for a moment."""
        waiting = set(self._asked)
        enough: float | None = None
        while waiting:
            if enough is None and self._policy.satisfied_by(self._held):
                enough = time.monotonic() + GRACE_SECONDS
            if enough is not None and waiting <= self.troubled:
                break
            left = min(self._deadline, enough or self._deadline) - time.monotonic()
            try:
                heard = self._heard.get(timeout=max(left, 0.0)) if left > 0 else self._heard.get_nowait()
            except queue.Empty:
                break
            if not self._take(heard):
                waiting.discard(heard.url)
        for witness in self._policy.witnesses:
            if witness.name not in self._answers:
                self._settle(witness, self._old_sizes.get(witness.name, 0), "it has not answered in time")
        answers = tuple(self._answers[witness.name] for witness in self._policy.witnesses)
        whole = self._signed + "".join(signature.line() for signature in self._added)
        return Collected(whole, answers, self._policy.satisfied_by(self._held))

    def _ask(self, url: str, old: int) -> None:
        self._asked[url] = old
        body = format_request(old=old, proof=self._prove(old), checkpoint=self._signed)
        arguments = (self._heard, url, body, self._deadline)
        threading.Thread(target=_post, args=arguments, daemon=True, name="witness").start()

    def _take(self, heard: _Heard) -> bool:
        """Take an answer; tell whether the witness was asked once more."""
        old = self._asked[heard.url]
        told: int | None = None
        if heard.status == _CONFLICT:
            try:
                told = parse_size(heard.body)
            except InvalidRequest:
                heard = _Heard(heard.url, trouble="it answered 409 without a size")
            else:
                if told <= self._size and heard.url not in self._again:
                    self._again.add(heard.url)
                    self._ask(heard.url, told)
                    return True
        for witness in self._policy.witnesses:
            if witness.url == heard.url:
                self._judge(witness, heard, old=old, told=told)
        return False

    def _judge(self, witness: Witness, heard: _Heard, *, old: int, told: int | None) -> None:
        if heard.status == _ACCEPTED:
            try:
                signature = _cosignature(self._text, heard.body, witness)
            except InvalidNote as error:
                self._settle(witness, old, _trouble(error))
                return
            key = (signature.name, signature.key_id)
            if key not in self._held:
                self._held.add(key)
                self._added.append(signature)
            self._answers[witness.name] = Answer(witness.name, self._size, ok=True, trouble="", disagrees=False)
        elif told is not None and told > self._size:
            self._settle(witness, told, f"it knows a longer log, of size {told}", disagrees=True)
        elif heard.status == _UNPROCESSABLE:
            self._settle(witness, old, "it says that this head does not extend the one it knows", disagrees=True)
        else:
            said = f"it answered {heard.status}" if heard.status else heard.trouble
            self._settle(witness, old if told is None else told, said)

    def _settle(self, witness: Witness, size: int, trouble: str, *, disagrees: bool = False) -> None:
        self._answers[witness.name] = Answer(witness.name, size, ok=False, trouble=trouble, disagrees=disagrees)


def _held_already(signed: str, policy: Policy) -> set[tuple[str, bytes]]:
    held: set[tuple[str, bytes]] = set()
    for witness in policy.witnesses:
        try:
            note.open(signed, [witness.verifier])
        except InvalidNote:
            continue
        held.add((witness.verifier.name, witness.verifier.key_id))
    return held


def _cosignature(text: str, body: bytes, witness: Witness) -> note.Signature:
    """Return the witness's own cosignature in an answer, verified. Raises InvalidNote."""
    opened = note.open(f"{text}\n".encode() + body, [witness.verifier])
    latest = max(opened.signatures, key=timestamp_of)
    if opened.text != text or timestamp_of(latest) == 0:
        raise InvalidNote("it bears no time")
    return latest


def _trouble(error: InvalidNote) -> str:
    if isinstance(error, InvalidSignature):
        return "its cosignature does not verify"
    if isinstance(error, UnsignedNote):
        return "its answer has no cosignature by the key that the policy names"
    return "its answer is no cosignature"


def _post(heard: queue.SimpleQueue[_Heard], url: str, body: bytes, deadline: float) -> None:
    """Send, and put what came of it in the queue. Runs in a thread that nobody waits for."""
    until(deadline)
    try:
        try:
            heard.put(_send(url, body))
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            heard.put(_send(url, body))  # a kept connection that the other side had closed; to ask twice does no harm
    except Exception as error:  # noqa: BLE001 - a thread's errors reach nobody else
        heard.put(_Heard(url, trouble=f"it was not reached ({type(error).__name__})"))


def _send(url: str, body: bytes) -> _Heard:
    headers = {"Content-Type": "text/plain; charset=utf-8", "Accept-Encoding": "identity"}
    with client().stream("POST", url.rstrip("/") + "/add-checkpoint", content=body, headers=headers) as response:
        answer = b""
        for piece in response.iter_raw():
            answer += piece
            if len(answer) > MOST_ANSWER_BYTES:
                return _Heard(url, trouble=f"its answer has more than {MOST_ANSWER_BYTES} bytes")
        return _Heard(url, response.status_code, answer)
