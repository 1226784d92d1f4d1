"""One use of a voice: `with client.grant(...) as use:`. Opening it is the decision; what was made in it is recorded; what may not stay goes.

On entry a session is opened, or `NotAllowed` or `Unavailable` is raised and nothing has been computed. On exit, always and in this order: the
files named to `residue` are unlinked, the callables given to `on_exit` are called (caches), the session is closed. What could not be
removed raises `ResidueLeft`, after all else has been tried.

There is no grace: `ensure` raises once the session has ended, the person has switched off, or the service cannot be asked. What had been
computed by then is a fact: it is recorded, or queued sealed (`consonant.queue`) where the service is away, and no further work is done.

A process that is killed inside leaves its residue, which the guard removes after its time, and its session, which ends within the hour.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from consonant import protocol
from consonant.errors import NotAllowed, Rejected, ResidueLeft, Unavailable
from consonant.places import host_key, place_of
from consonant.protocol import Asked, Opened, Record
from consonant.queue import REFERENCE
from consonant.subjects import Subject, subjects_in_use, using
from consonant.wire import Flow

if TYPE_CHECKING:
    from consonant.aclient import AsyncClient
    from consonant.client import Client

__all__ = ["AsyncGrant", "Grant", "Record", "Subject", "subjects_in_use", "using"]

LOOK_EVERY: Final = 1.0
"""Seconds for which an answer to `ensure` holds."""
_MOST_PLACES: Final = 16
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz"


class _Grant:
    """What both kinds share: the protocols, and what has to go at the end."""

    def __init__(  # noqa: PLR0913
        self,
        client: Client | AsyncClient,
        grant_id: str | Asked | None,
        *,
        subject_ref: str | None,
        purpose: str | None,
        operations: Sequence[str],
        artifacts: Sequence[str] = (),
    ) -> None:
        if isinstance(grant_id, Asked):
            if grant_id.grant is None:
                raise NotAllowed(f"consent_{grant_id.state}", "ask the person", "The person has not allowed this.")
            grant_id = grant_id.grant
        if grant_id is None and (subject_ref is None or purpose is None):
            raise TypeError("say which grant: its id, or subject_ref and purpose")
        self._client = client
        self._wanted = (grant_id, subject_ref, purpose, tuple(operations), tuple(artifacts))
        self._opened: Opened | None = None
        self._residue: list[Path] = []
        self._at_exit: list[Callable[[], object]] = []
        self._looked = 0.0
        self._ended: NotAllowed | None = None
        self._looking = threading.Lock()
        self.receipts: list[str] = []
        """The `ref` of each entry of this use, the session's first."""
        self.queued: list[str] = []
        """The records that wait on the disk."""

    @property
    def _open(self) -> Opened:
        if self._opened is None:
            raise RuntimeError("the grant has not been entered")
        return self._opened

    @property
    def session(self) -> str:
        """The session's id."""
        return self._open.id

    @property
    def token(self) -> str:
        """The session's JWT, for machines of yours that want to see it."""
        return self._open.token

    @property
    def grant_id(self) -> str:
        """The grant's id."""
        return self._open.grant

    @property
    def operations(self) -> tuple[str, ...]:
        """What this session may do."""
        return self._open.operations

    def residue(self, path: str | os.PathLike[str]) -> Path:
        """Have a file or a folder removed at the exit, whatever happens; return its path. It need not be there yet."""
        found = Path(path)
        self._residue.append(found)
        return found

    def on_exit(self, clear: Callable[[], object]) -> None:
        """Have a cache cleared at the exit; the last that was given first."""
        self._at_exit.append(clear)

    def _enter_flow(self) -> Flow[None]:
        if self._opened is not None:
            raise RuntimeError("one grant is one use: make another by the client")
        grant_id, subject_ref, purpose, operations, artifacts = self._wanted
        login = self._client.login
        if grant_id is None:
            who, what_for = subject_ref or "", purpose or ""  # both are there, or __init__ had refused
            grant_id = yield from protocol.standing(login, who, what_for, operations, deadline=protocol.OPENING)
        self._opened = yield from protocol.open_session(login, grant_id, operations, artifacts)
        self._looked = time.monotonic()
        self.receipts.append(self._opened.entry)

    def _ensure_flow(self) -> Flow[None]:
        if self._ended is not None:
            raise NotAllowed(self._ended.reason, self._ended.cure, str(self._ended))
        if time.monotonic() - self._looked < LOOK_EVERY:
            return
        try:
            yield from protocol.look(self._client.login, self.session)
        except NotAllowed as refusal:
            self._ended = refusal
            raise
        self._looked = time.monotonic()

    def _remove(self) -> int:
        """Remove the residue and clear the caches; return how many of them are still there."""
        left = 0
        for path in self._residue:
            try:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            except OSError:
                left += 1
        for clear in reversed(self._at_exit):
            try:
                clear()
            except Exception:  # noqa: BLE001 - the next cache has to go as well
                left += 1
        self._residue, self._at_exit = [], []
        return left

    def _close_flow(self) -> Flow[None]:
        """Close the session; where the service is away for five seconds it ends by itself, within the hour."""
        opened = self._open
        self._ended = self._ended or NotAllowed("session_ended", "open a new session", "The session is over.")
        with contextlib.suppress(Unavailable, Rejected, NotAllowed):
            yield from protocol.close_session(self._client.login, opened.id)

    # What is recorded. Each returns a flow; the faces below carry it out.

    def _upload_flow(self, sound: str | os.PathLike[str] | bytes, *, ttl: str | None, portrait: bool) -> Flow[Record]:
        content = sound if isinstance(sound, bytes) else Path(sound).read_bytes()
        body: dict[str, Any] = {"session": self.session} | ({"ttl": ttl} if ttl else {})
        if not isinstance(sound, bytes):
            body |= self._places([sound])
        made = self._made("/api/v1/uploads", body, file="portrait" if portrait else "audio.wav")
        got = yield from protocol.record(
            self._client.login,
            made | {"field": "portrait" if portrait else "audio"},
            content,
            deadline=protocol.CALLING,
        )
        return self._entered(got, ())

    def _record_flow(
        self,
        path: str,
        body: dict[str, Any],
        *,
        files: Sequence[str | os.PathLike[str]] = (),
        content: bytes | None = None,
    ) -> Flow[Record]:
        """Record, or queue where the service is away."""
        made = self._made(path, {"session": self.session, **body, **self._places(files)})
        places = made["body"].get("places", [])
        waits = any(str(each).startswith(REFERENCE) for each in made["body"].get("derived_from", []))
        if not waits:
            try:
                got = yield from protocol.record(self._client.login, made, content)
                return self._entered(got, files)
            except Unavailable:
                if content is not None:
                    made["body"]["custody"] = "app"  # bytes are not queued: the app holds what it could not hand over
                    made["key"] = uuid.uuid4().hex  # another record: the vault may have taken the first, unheard
        self._looked = 0.0
        held = [os.path.realpath(each) for each in files]
        name = self._client.queue.put(made | {"files": held}, tuple(places))
        self.queued.append(name)
        self._client.flush_soon()
        return Record(None, None, "queued", None, name)

    def _made(self, path: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        body = {name: value for name, value in body.items() if value is not None}
        return {"path": path, "key": uuid.uuid4().hex, "body": body, **more}

    def _places(self, files: Iterable[str | os.PathLike[str]]) -> dict[str, Any]:
        key = host_key(self._client.state)
        places = [place_of(key, each) for each in files][:_MOST_PLACES]
        return {"places": places} if places else {}

    def _entered(self, got: Mapping[str, Any], files: Sequence[str | os.PathLike[str]]) -> Record:
        """Keep the receipt. What had no permission goes at once."""
        self.receipts.append(str(got["entry"]))
        if got["standing"] == "unpermitted":
            for each in files:
                self.residue(each)
            reason = str(got.get("reason") or "session_ended")
            self._ended = NotAllowed(reason, "destroy it; it has been entered", "This was made without permission.")
            raise NotAllowed(reason, self._ended.cure, str(self._ended))
        if got["custody"] == "app":
            for each in files:
                self._client.held.keep(str(got["id"]), each)
        elif got["custody"] == "vault":  # its erasure is the vault's alone, and would not reach these
            for each in files:
                self.residue(each)
        return Record(str(got["id"]), str(got["entry"]), str(got["standing"]), got.get("reason"))

    def _embed_body(  # noqa: PLR0913, PLR0917
        self,
        dimensions: int,
        derived_from: Iterable[Record | str],
        model: str | None,
        custody: str,
        ttl: str | None,
        with_sessions: Iterable[_Grant | str],
    ) -> dict[str, Any]:
        return {"dimensions": dimensions, "model": model, **self._common(derived_from, custody, ttl, with_sessions)}

    def _common(
        self,
        derived_from: Iterable[Record | str],
        custody: str,
        ttl: str | None,
        with_sessions: Iterable[_Grant | str],
    ) -> dict[str, Any]:
        sources = [each if isinstance(each, str) else each.id or self._name_of(each) for each in derived_from]
        others = [each if isinstance(each, str) else each.session for each in with_sessions]
        return {
            "derived_from": sources or None,
            "custody": custody,
            "ttl": ttl,
            "with_sessions": others or None,
        }

    def _name_of(self, waiting: Record) -> str:
        """Return the artifact that a queued record has become by now; what stands for it while it waits."""
        name = str(waiting.queued)
        return self._client.queue.id_of(name) or f"{REFERENCE}{name}"

    def _speech(  # noqa: PLR0913
        self,
        path: str | os.PathLike[str] | None,
        *,
        derived_from: Iterable[Record | str],
        mark: Mapping[str, Any] | None,
        duration_ms: int | None,
        sample_rate: int | None,
        custody: str,
        ttl: str | None,
        with_sessions: Iterable[_Grant | str],
        audible: str | None,
    ) -> tuple[dict[str, Any], list[str | os.PathLike[str]], bytes | None]:
        """Mark a clip where it bears no mark yet; return the record's body, its files, and its bytes for the vault."""
        files = [] if path is None else [path]
        if mark is None:
            if path is None:
                raise TypeError("a clip that is no file is marked by you: give its mark")
            from consonant.mark import mark as mark_clip

            producer = self._client.settings.producer or self._client.settings.client_id
            mark = mark_clip(
                Path(path), producer=producer, produce_id=_number(), audible=audible, state=self._client.state
            )
        content = Path(path).read_bytes() if path is not None and custody == "vault" else None
        body = self._common(derived_from, custody, ttl, with_sessions) | {"mark": dict(mark)}
        if content is None:
            body |= {"duration_ms": duration_ms, "sample_rate": sample_rate}
        return body, files, content


class Grant(_Grant):
    """One use, from a thread. Made by `Client.grant`."""

    _client: Client

    def __enter__(self) -> Grant:
        self._client.run(self._enter_flow())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = self._remove()
        self._client.run(self._close_flow())
        if left and error is None:
            raise ResidueLeft(left)

    def ensure(self) -> None:
        """Raise if work may not go on: call it between chunks. The service is asked once a second at most.

        Raises:
            NotAllowed: The session is over, or the person has switched off.
            Unavailable: The service cannot be asked.
        """
        with self._looking:
            self._client.run(self._ensure_flow())

    def upload(
        self, sound: str | os.PathLike[str] | bytes, *, ttl: str | None = None, portrait: bool = False
    ) -> Record:
        """Hand a recording (or a portrait) to the vault; `ttl`, ISO 8601, shortens its life. It is never queued.

        Raises:
            NotAllowed: It is refused, and entered as such.
            Rejected: It is none: `reason` says why.
            Unavailable: Nobody answers; nothing may be computed of it.
        """
        return self._client.run(self._upload_flow(sound, ttl=ttl, portrait=portrait))

    def embed(  # noqa: PLR0913
        self,
        *,
        dimensions: int,
        derived_from: Iterable[Record | str] = (),
        model: str | None = None,
        custody: str = "none",
        ttl: str | None = None,
        with_sessions: Iterable[_Grant | str] = (),
        files: Sequence[str | os.PathLike[str]] = (),
    ) -> Record:
        """Record that a voiceprint of so many dimensions was computed. Its numbers are never sent.

        Raises:
            NotAllowed: It was made without permission: destroy it. It has been entered.
            Rejected: The record is wrong.
        """
        body = self._embed_body(dimensions, derived_from, model, custody, ttl, with_sessions)
        return self._client.run(self._record_flow("/api/v1/embeddings", body, files=files))

    def model(  # noqa: PLR0913
        self,
        *,
        derived_from: Iterable[Record | str] = (),
        model: str | None = None,
        custody: str = "app",
        ttl: str | None = None,
        with_sessions: Iterable[_Grant | str] = (),
        files: Sequence[str | os.PathLike[str]] = (),
    ) -> Record:
        """Record that a model that knows the voice was made; `files` are where it lies."""
        body = {"model": model, **self._common(derived_from, custody, ttl, with_sessions)}
        return self._client.run(self._record_flow("/api/v1/models", body, files=files))

    def features(  # noqa: PLR0913
        self,
        *,
        dimensions: int,
        feature: str = "mfcc",
        derived_from: Iterable[Record | str] = (),
        custody: str = "none",
        ttl: str | None = None,
        files: Sequence[str | os.PathLike[str]] = (),
    ) -> Record:
        """Record that acoustic features (at most 40 a frame) left the device in place of the recording."""
        body = {"feature": feature, "dimensions": dimensions, **self._common(derived_from, custody, ttl, ())}
        return self._client.run(self._record_flow("/api/v1/features", body, files=files))

    def transcript(
        self,
        *,
        derived_from: Iterable[Record | str] = (),
        model: str | None = None,
        custody: str = "none",
        ttl: str | None = None,
        files: Sequence[str | os.PathLike[str]] = (),
    ) -> Record:
        """Record that what was said has been written down; the text stays with you."""
        body = {"model": model, **self._common(derived_from, custody, ttl, ())}
        return self._client.run(self._record_flow("/api/v1/transcripts", body, files=files))

    def synthesize(  # noqa: PLR0913
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        derived_from: Iterable[Record | str] = (),
        mark: Mapping[str, Any] | None = None,
        duration_ms: int | None = None,
        sample_rate: int | None = None,
        custody: str = "app",
        ttl: str | None = None,
        with_sessions: Iterable[_Grant | str] = (),
        audible: str | None = None,
    ) -> Record:
        """Record speech that was made. A clip without a `mark` is marked in its place first (`consonant.mark`); `audible` adds a label.

        With custody `vault` the bytes are sent too, and the file goes at the exit. A clip that could not be recorded does not stay.

        Raises:
            NotAllowed: It was made without permission; the clip goes. It has been entered.
            Rejected: The record is wrong; the clip goes.
        """
        try:
            body, files, content = self._speech(
                path,
                derived_from=derived_from,
                mark=mark,
                duration_ms=duration_ms,
                sample_rate=sample_rate,
                custody=custody,
                ttl=ttl,
                with_sessions=with_sessions,
                audible=audible,
            )
            return self._client.run(self._record_flow("/api/v1/syntheses", body, files=files, content=content))
        except BaseException:
            if path is not None:
                Path(path).unlink(missing_ok=True)
            raise


class AsyncGrant(_Grant):
    """One use, from an event loop. Made by `AsyncClient.grant`. Calls and meanings are those of `Grant`."""

    _client: AsyncClient

    async def __aenter__(self) -> AsyncGrant:
        await self._client.run(self._enter_flow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = self._remove()
        await self._client.run(self._close_flow())
        if left and error is None:
            raise ResidueLeft(left)

    async def ensure(self) -> None:
        """Raise if work may not go on: await it between chunks."""
        await self._client.run(self._ensure_flow())

    async def upload(
        self, sound: str | os.PathLike[str] | bytes, *, ttl: str | None = None, portrait: bool = False
    ) -> Record:
        """Hand a recording (or a portrait) to the vault."""
        return await self._client.run(self._upload_flow(sound, ttl=ttl, portrait=portrait))

    async def embed(  # noqa: PLR0913
        self,
        *,
        dimensions: int,
        derived_from: Iterable[Record | str] = (),
        model: str | None = None,
        custody: str = "none",
        ttl: str | None = None,
        with_sessions: Iterable[_Grant | str] = (),
        files: Sequence[str | os.PathLike[str]] = (),
    ) -> Record:
        """Record that a voiceprint was computed."""
        body = self._embed_body(dimensions, derived_from, model, custody, ttl, with_sessions)
        return await self._client.run(self._record_flow("/api/v1/embeddings", body, files=files))

    async def model(  # noqa: PLR0913
        self,
        *,
        derived_from: Iterable[Record | str] = (),
        model: str | None = None,
        custody: str = "app",
        ttl: str | None = None,
        with_sessions: Iterable[_Grant | str] = (),
        files: Sequence[str | os.PathLike[str]] = (),
    ) -> Record:
        """Record that a model that knows the voice was made; `files` are where it lies."""
        body = {"model": model, **self._common(derived_from, custody, ttl, with_sessions)}
        return await self._client.run(self._record_flow("/api/v1/models", body, files=files))

    async def features(  # noqa: PLR0913
        self,
        *,
        dimensions: int,
        feature: str = "mfcc",
        derived_from: Iterable[Record | str] = (),
        custody: str = "none",
        ttl: str | None = None,
        files: Sequence[str | os.PathLike[str]] = (),
    ) -> Record:
        """Record that acoustic features (at most 40 a frame) left the device in place of the recording."""
        body = {"feature": feature, "dimensions": dimensions, **self._common(derived_from, custody, ttl, ())}
        return await self._client.run(self._record_flow("/api/v1/features", body, files=files))

    async def transcript(
        self,
        *,
        derived_from: Iterable[Record | str] = (),
        model: str | None = None,
        custody: str = "none",
        ttl: str | None = None,
        files: Sequence[str | os.PathLike[str]] = (),
    ) -> Record:
        """Record that what was said has been written down; the text stays with you."""
        body = {"model": model, **self._common(derived_from, custody, ttl, ())}
        return await self._client.run(self._record_flow("/api/v1/transcripts", body, files=files))

    async def synthesize(  # noqa: PLR0913
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        derived_from: Iterable[Record | str] = (),
        mark: Mapping[str, Any] | None = None,
        duration_ms: int | None = None,
        sample_rate: int | None = None,
        custody: str = "app",
        ttl: str | None = None,
        with_sessions: Iterable[_Grant | str] = (),
        audible: str | None = None,
    ) -> Record:
        """Record speech that was made."""
        try:
            body, files, content = await asyncio.to_thread(
                self._speech,
                path,
                derived_from=derived_from,
                mark=mark,
                duration_ms=duration_ms,
                sample_rate=sample_rate,
                custody=custody,
                ttl=ttl,
                with_sessions=with_sessions,
                audible=audible,
            )
            return await self._client.run(self._record_flow("/api/v1/syntheses", body, files=files, content=content))
        except BaseException:
            if path is not None:
                Path(path).unlink(missing_ok=True)  # noqa: ASYNC240 - it must not be put off
            raise


def _number() -> str:
    """Return a clip's own number: letters alone, for digits in a row could be taken for somebody's number."""
    return "".join(secrets.choice(_LETTERS) for _ in range(26))
