"""One call of a voice app's function under the grants of all whose voices go into it.

Before anything is computed: the prompts are looked at (at most 10 seconds, at least 16 kHz), a session is opened for each person, and the
prompts are handed to the vault. Afterwards the voiceprint and the clip are recorded, each once a call, the prompts in temporary folders are
burnt, the caches are cleared, and the sessions are closed. Between chunks the service is asked whether the work may go on.

The samples that a call gives out are remembered by a digest while the process lives, in memory alone: a file that the app writes of them is
marked and told to the ledger as a place of the clip (`Made`).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from consonant.errors import ConsonantError, NotAllowed, Rejected, Unavailable
from consonant.places import host_key, place_of
from consonant.subjects import Subject, subjects_in_use

if TYPE_CHECKING:
    from consonant.client import Client
    from consonant.grant import Grant
    from consonant.protocol import Record

LONGEST_SECONDS: Final = 10.0
LOWEST_RATE: Final = 16_000
PROMPT_LIVES: Final = "PT5M"
FULL: Final = "too-many-places"
"""The service's problem where a clip lies in 64 places already."""
PORTRAIT: Final = "portrait"
DRIVING: Final = "driving"
TENSOR_RATE: Final = 16_000
"""A prompt that is no file is samples of this rate, as the apps' own loaders make them."""
_FILM: Final = ".mp4"
_MOST_REMEMBERED: Final = 512

_now: ContextVar[Governed | None] = ContextVar("consonant_governed", default=None)


class AppFailed(RuntimeError):
    """The voice app failed. Its own error may hold a path or a text, so no log shows it: it is `cause`."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"the voice app failed with {type(cause).__name__}")
        self.cause = cause


@dataclass(frozen=True)
class Prompt:
    """Somebody's voice or face that goes into a call."""

    role: str
    """`voice`, `emotion`, `source` (whose speech is converted), `portrait`, or `driving` (the speech to which a face moves)."""
    value: Any = field(repr=False)
    """A path, bytes, an open file, or samples."""


@dataclass(frozen=True)
class Call:
    """What is about to be computed, for a resolver to say whose voices these are: one `Subject` for each prompt, in their order."""

    name: str
    arguments: Mapping[str, Any] = field(repr=False)
    prompts: tuple[Prompt, ...]

    @property
    def combines(self) -> bool:
        """A face and a voice go into it: one `Subject` more, the last, names the consent to combine them."""
        return len({each.role == PORTRAIT for each in self.prompts}) == 2


@dataclass(frozen=True)
class Rules:
    """How an adapter governs: what `install` was told."""

    client: Client
    resolver: Callable[[Call], Sequence[Subject]] | None = None
    audible: str | None = "rhythm"
    """The audible label of clips: `rhythm`, or None."""
    burn_prompts: bool = True
    """Remove a prompt's file after the call if it lies in a temporary folder."""
    dimensions: int = 192
    model: str = ""


def now() -> Governed | None:
    """Return the governed call inside which this code runs."""
    return _now.get()


def subjects_of(rules: Rules, call: Call) -> tuple[Subject, ...]:
    """Return whose voices go into a call, one for each prompt and at least one: as the resolver, `using` or CONSONANT_GRANT says.

    Raises:
        NotAllowed: Fewer are named than voices go into it (`subject_missing`).
    """
    if rules.resolver is not None:
        found = tuple(rules.resolver(call))
    else:
        named = [each.strip() for each in os.environ.get("CONSONANT_GRANT", "").split(",") if each.strip()]
        found = subjects_in_use() or tuple(Subject(grant_id=each) for each in named)
    if call.combines and len(found) == len(call.prompts):
        raise NotAllowed(
            "combination_not_allowed",
            "ask for a consent to combine, and name its grant last",
            "A face and a voice are put together only by a consent of its own.",
        )
    if len(found) < max(1, len(call.prompts) + call.combines):
        raise NotAllowed(
            "subject_missing",
            "say with consonant.using() whose voices these are, one for each prompt",
            "A voice goes into this of which nobody has said whose it is.",
        )
    return found


class Governed:
    """One call: its sessions are opened by `begin` and closed by `end`, which has to follow."""

    def __init__(
        self,
        rules: Rules,
        call: Call,
        *,
        subjects: Sequence[Subject] | None = None,
        clear: Callable[[], object] | None = None,
    ) -> None:
        self.rules, self.call = rules, call
        self._named, self._clear, self._embeds = subjects, clear, True
        self._stack = contextlib.ExitStack()
        self._lock = threading.Lock()
        self.subjects: tuple[Subject, ...] = ()
        self.grants: list[Grant] = []
        self.uploads: list[Record] = []
        self.made: Record | None = None
        """The clip's record."""
        self._filed: set[str] = set()
        self._given: set[bytes] = set()
        self._gave_chunks = False
        self._unlabelled = rules.audible is not None
        self.metadata: dict[str, str] = {}

    @property
    def use(self) -> Grant:
        """The first person's session."""
        return self.grants[0]

    def begin(self) -> Governed:
        """Open the sessions and hand over the prompts. If that fails, prompts in temporary folders are removed.

        Raises:
            NotAllowed: One of them may not be used.
            Unavailable: The service cannot be asked.
            Rejected: A prompt is none: `reason` says why.
        """
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            self._burn()
            raise
        return self

    def _begin(self) -> None:
        self.subjects = tuple(self._named) if self._named is not None else subjects_of(self.rules, self.call)
        prompts = [(each, _content(each)) for each in self.call.prompts]
        self._given = {hashlib.sha256(content).digest() for _, content in prompts}
        subjects = self.subjects[: max(1, len(prompts))]
        operations = ("synthesize",) if not prompts else ("upload", "embed", "synthesize")
        if self.call.combines:
            operations = ("upload",)
        of: dict[Subject, Grant] = {}
        for each in dict.fromkeys(subjects):
            of[each] = self._open(each, operations)
        self.grants = list(of.values())
        if self._clear is not None:
            self.use.on_exit(self._clear)
        for (prompt, content), who in zip(prompts, subjects, strict=False):
            if self.rules.burn_prompts and (path := _burnable(prompt.value)) is not None:
                self.use.residue(path)
            record = of[who].upload(content, ttl=PROMPT_LIVES, portrait=prompt.role == PORTRAIT)
            self.uploads.append(record)
        if self.call.combines:
            named = [str(each.id) for each in self.uploads]
            self.grants = [self._open(self.subjects[-1], ("combine",), named)]
            self._embeds = False

    def _burn(self) -> None:
        for each in self.call.prompts if self.rules.burn_prompts else ():
            with contextlib.suppress(OSError, ValueError):
                if (path := _burnable(each.value)) is not None:
                    Path(path).unlink(missing_ok=True)

    def _open(self, who: Subject, operations: Sequence[str], artifacts: Sequence[str] = ()) -> Grant:
        grant = self.rules.client.grant(
            who.grant_id, subject_ref=who.subject_ref, purpose=who.purpose, operations=operations, artifacts=artifacts
        )
        return self._stack.enter_context(grant)

    def expect(self, prompts: Iterable[Prompt]) -> None:
        """Raise if a file goes into an inner call that did not go into this one. Samples, and the speech that drives a face, are what the app made of it.

        Raises:
            NotAllowed: Nobody has said whose voice or face it is (`subject_missing`).
        """
        for each in prompts:
            if each.role == DRIVING or not isinstance(each.value, (str, os.PathLike)):
                continue
            try:
                content = Path(each.value).read_bytes()
            except (OSError, ValueError):
                content = b""
            if hashlib.sha256(content).digest() not in self._given:
                raise NotAllowed(
                    "subject_missing",
                    "call the model itself, or the app with it, and say whose it is",
                    "A voice or a face goes into this of which nobody has said whose it is.",
                )

    def embedded(self) -> None:
        """Record that a voiceprint was computed of the prompts; it is stored nowhere."""
        if self._embeds and any(each.role != PORTRAIT for each in self.call.prompts):
            self._embeds = False
            self.use.embed(
                dimensions=self.rules.dimensions,
                model=self.rules.model or None,
                derived_from=[each for each in self.uploads if each.id],
                with_sessions=self.grants[1:],
            )

    def ensure(self) -> None:
        """Raise if the work may not go on for one of them."""
        for each in self.grants:
            each.ensure()

    def chunk(self, samples: Any, rate: int, *, full_scale: float = 1.0) -> Any:
        """Return samples as they are given out: the first ones behind the audible label. A tensor `(channels, n)` or an array `(n,)` or `(n, 1)`."""
        self.embedded()
        if self._unlabelled:
            samples = _labelled(samples, rate, full_scale)
            self._unlabelled = False
        self._gave_chunks = True
        _remember(samples, self)
        return samples

    def file(self, path: str | os.PathLike[str], *, labelled: bool = False) -> None:
        """Mark a file that the app wrote, and record it; the second of a call is one more place of the clip. `labelled`: the label is in its sound.

        Raises:
            NotAllowed: It was made without permission; it is removed.
        """
        name = os.path.realpath(path)
        with self._lock:
            if name in self._filed:
                return
            self._filed.add(name)
            self.embedded()
            if self.made is None or self.made.id is None:
                audible = None if labelled or name.endswith(_FILM) else self.rules.audible
                mark = self._mark(path, audible=audible)
                if labelled and self.rules.audible:
                    mark["audible_label"] = self.rules.audible
                self.made = self.use.synthesize(path, mark=mark, **self._sources())
                self._unlabelled = False
            else:
                self.place(path)

    def end(self, error: BaseException | None = None) -> None:
        """Record what was given out, and close."""
        try:
            if self._gave_chunks and self.made is None:
                self._record_stream()
        except (NotAllowed, Unavailable, Rejected) as refusal:
            if error is None:
                error = refusal
                raise
        finally:
            self._given = set()
            self.call = Call(self.call.name, {}, ())  # what was given out is remembered; what went in is not
            self._stack.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Run a step of the call: what it calls is the same call. The app's own errors come out without their words."""
        mark = _now.set(self)
        try:
            yield
        except (ConsonantError, StopIteration, GeneratorExit, KeyboardInterrupt, SystemExit, AppFailed):
            raise
        except Exception as error:  # noqa: BLE001 - whatever an app fails with may hold a path
            raise AppFailed(error) from None
        finally:
            _now.reset(mark)

    def _record_stream(self) -> None:
        """Record chunks of which no file of ours is known: they bear the audible label, and a file of them will bear these metadata."""
        if self.rules.audible is None:
            raise Rejected(
                422, "mark-refused", "Chunks can bear an audible label alone: install it with one.", "missing"
            )
        mark = {"kind": "aigc", "metadata": self._metadata(), "audible_label": self.rules.audible}
        self.made = self.use.synthesize(None, mark=mark, **self._sources())

    def place(self, path: str | os.PathLike[str]) -> None:
        """Tell the ledger of one more file of the recorded samples; where the clip lies in as many places as it may, the file is a clip of its own.

        Raises:
            NotAllowed, Unavailable, Rejected: It cannot be told; the file is removed.
        """
        mark = self._mark(path, audible=None)
        try:
            try:
                _add_place(self.rules.client, str(self.made and self.made.id), path)
            except Rejected as refusal:
                if refusal.problem != FULL:
                    raise
                self._record_anew(path, mark)
        except BaseException:
            Path(path).unlink(missing_ok=True)
            raise

    def _record_anew(self, path: str | os.PathLike[str], mark: dict[str, Any]) -> None:
        """Record a file in sessions of its own: those of the call may have ended."""
        with contextlib.ExitStack() as stack:
            uses = [
                stack.enter_context(
                    self.rules.client.grant(
                        who.grant_id, subject_ref=who.subject_ref, purpose=who.purpose, operations=("synthesize",)
                    )
                )
                for who in dict.fromkeys(self.subjects)
            ]
            sources = [each for each in self.uploads if each.id]
            self.made = uses[0].synthesize(path, mark=mark, derived_from=sources, with_sessions=uses[1:])

    def _sources(self) -> dict[str, Any]:
        return {"derived_from": [each for each in self.uploads if each.id], "with_sessions": self.grants[1:]}

    def _metadata(self) -> dict[str, str]:
        if not self.metadata:
            settings = self.rules.client.settings
            number = (
                hashlib.sha256(os.urandom(16)).hexdigest()[:26].translate(str.maketrans("0123456789", "ghijkmnpqr"))
            )
            producer = settings.producer or settings.client_id
            self.metadata = {"Label": "1", "ContentProducer": producer, "ProduceID": number}
        return self.metadata

    def _mark(self, path: str | os.PathLike[str], *, audible: str | None) -> dict[str, Any]:
        from consonant.mark import mark

        said = self._metadata()
        try:
            return mark(
                path,
                producer=said["ContentProducer"],
                produce_id=said["ProduceID"],
                audible=audible,
                state=self.rules.client.state,
            )
        except BaseException:
            Path(path).unlink(missing_ok=True)  # what is not marked does not stay
            raise


def saved(path: str | os.PathLike[str], samples: Any) -> None:
    """Say that the app wrote a file of samples: if a governed call gave them out, it is marked and told to the ledger."""
    call = _made.get(_digest(samples))
    if call is None:
        return
    if call.made is not None and call.made.id is not None:
        call.place(path)
    else:
        call.file(path, labelled=True)


_made: OrderedDict[bytes, Governed] = OrderedDict()


def _remember(samples: Any, call: Governed) -> None:
    _made[_digest(samples)] = call
    while len(_made) > _MOST_REMEMBERED:
        _made.popitem(last=False)


def _digest(samples: Any) -> bytes:
    """Return a digest of samples: the same for a tensor and for the arrays that the apps make of it."""
    import numpy as np

    array = samples.detach().cpu().numpy() if hasattr(samples, "detach") else np.asarray(samples)
    return hashlib.sha256(np.ascontiguousarray(array.reshape(-1)).tobytes()).digest()


def _labelled(samples: Any, rate: int, full_scale: float) -> Any:
    import numpy as np

    from consonant.audible import GAP_SECONDS, rhythm

    gap = np.zeros(round(GAP_SECONDS * rate))
    label = np.concatenate([gap, rhythm(rate), gap]) * full_scale
    shape = list(samples.shape)
    axis = shape.index(max(shape))  # (channels, n) or (n, channels): there are more samples than channels
    shape[axis], flat = len(label), [1] * len(shape)
    flat[axis] = -1
    if hasattr(samples, "detach"):
        import torch

        made = torch.from_numpy(label).to(samples.dtype).to(samples.device).reshape(flat).expand(shape)
        return torch.cat([made, samples], dim=axis)
    array = np.asarray(samples)
    return np.concatenate([np.broadcast_to(label.astype(array.dtype).reshape(flat), shape), array], axis=axis)


def _add_place(client: Client, artifact: str, path: str | os.PathLike[str]) -> None:
    client.held.keep(artifact, path)
    client.call("POST", f"/api/v1/artifacts/{artifact}/places", {"places": [place_of(host_key(client.state), path)]})


def _content(prompt: Prompt) -> bytes:
    """Return a prompt's bytes; a voice is looked at first.

    Raises:
        Rejected: It is no recording of at most 10 seconds and at least 16 kHz, with the service's own reason.
    """
    value = prompt.value
    try:
        if isinstance(value, (str, os.PathLike)):
            content = Path(value).read_bytes()
        elif isinstance(value, (bytes, bytearray)):
            content = bytes(value)
        elif hasattr(value, "read"):
            value.seek(0)
            content = value.read()
            value.seek(0)
        else:
            content = _written(value)
    except (OSError, ValueError, TypeError):
        raise Rejected(422, "audio-refused", "The prompt cannot be read.", "not_audio") from None
    if prompt.role != "portrait":
        from consonant.retention.audio import inspect
        from consonant.retention.errors import AudioRefused

        try:
            inspect(content, longest_seconds=LONGEST_SECONDS, lowest_rate=LOWEST_RATE)
        except AudioRefused as refusal:
            raise Rejected(422, "audio-refused", refusal.sentence, refusal.reason) from None
    return content


def _written(samples: Any) -> bytes:
    import numpy as np
    import soundfile

    array = samples.detach().cpu().numpy() if hasattr(samples, "detach") else np.asarray(samples)
    out = io.BytesIO()
    soundfile.write(out, array.reshape(-1).astype(np.float64), TENSOR_RATE, format="WAV", subtype="PCM_16")
    return out.getvalue()


def _burnable(value: Any) -> str | None:
    """Return the path of a prompt that lies in a temporary folder: Gradio's uploads do, an app's own examples do not."""
    if not isinstance(value, (str, os.PathLike)):
        return None
    path = os.path.realpath(value)
    folders = [tempfile.gettempdir(), os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()]
    return path if any(path.startswith(os.path.realpath(each) + os.sep) for each in folders) else None
