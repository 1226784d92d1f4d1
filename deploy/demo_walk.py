"""What the steps of the demonstration hand on to each other, and how they speak."""

import os
import re
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from deploy.demo_hooks import Receiver
from deploy.demo_log import Copy
from deploy.demo_parties import App, Service, Speaker, Unexpected
from deploy.demo_record import Recorder

PROJECT = Path(__file__).resolve().parent.parent
CLIPS = PROJECT / "deploy" / "clips"


class Walk:
    """One run of the demonstration."""

    def __init__(self, service: Service, folder: Path, recorder: Recorder | None) -> None:
        self.recorder = recorder
        options = {"event_hooks": recorder.hooks()} if recorder else {}
        english = {"headers": {"Accept-Language": "en"}, **options}
        self.url = service.url
        self.app = App(service.client(**options), service.logins["app"])
        self.speaker = Speaker(service.client(**english), service.logins["speaker"])
        self.actor = Speaker(service.client(**english), service.logins["actor"])
        self.public = service.client(**options)
        self.folder = folder
        self.receiver = Receiver()
        self.clips = {path.stem: path.read_bytes() for path in sorted(CLIPS.glob("*.wav"))}
        self.steps: list[dict[str, str]] = []
        self.links: list[dict[str, str]] = []
        self.hook = self.user = self.grant = self.session = self.switched_off = self.dead_session = ""
        self.upload: Any = None
        self.voiceprint: Any = None
        self.speech: Any = None
        self.stored: Any = None
        self.erasure: Any = None
        self.certificate = b""
        self.held: dict[str, Path] = {}
        """The app's own files, by artifact."""
        self.asked_for: list[str] = []
        """What the app will be asked to delete."""
        self.index = 0
        self.checkpoint = ""
        self.copy: Copy | None = None

    def say(self, who: str, what: str, where: str, *, now: str = "") -> None:
        """Print one step: who did what, what of it is this run's alone, and where to look."""
        said = f"{what}: {now}" if now else what
        # The token of a link is nobody's to keep, and a path is no address of the service.
        kept = re.sub(r"/consent/.+", "/apps/", where) if "://" in where else f"file {where}"
        self.steps.append({"who": who, "what": said, "where": kept})
        if self.recorder:
            self.recorder.step(who, what)
        bold, dim, end = ("\033[1m", "\033[2m", "\033[0m") if _is_coloured() else ("", "", "")
        print(f"{len(self.steps):>2}  {bold}{who:<8}{end}{said}  {dim}{where}{end}", flush=True)

    def link(self, title: str, path: str, what: str) -> None:
        """Remember where something that the walk made can be seen."""
        self.links.append({"title": title, "url": path if "://" in path else self.url + path, "what": what})

    def quiet(self) -> AbstractContextManager[None]:
        """Record nothing meanwhile."""
        return self.recorder.quiet() if self.recorder else nullcontext()

    def cutting(self, *names: str) -> AbstractContextManager[None]:
        """Record answers without these fields meanwhile."""
        return self.recorder.cutting(*names) if self.recorder else nullcontext()

    def ask(self) -> Any:
        """Ask for a new user of the app; return the request and the user's name."""
        name = f"visitor-{secrets.token_hex(6)}"
        return {**self.app.ask(name), "user": name}

    def granted(self, asked: Any) -> str:
        """Return the grant that the answer to a request made."""
        answer = self.app.answer(asked["id"])
        if answer["state"] != "given" or not answer["grant"]:
            raise Unexpected(f'The speaker allowed, and the app reads the state "{answer["state"]}"')
        return str(answer["grant"]["id"])

    def keep(self, *artifacts: str, speech: bytes) -> None:
        """Lay a file of the app's into its folder, as the app itself would."""
        folder = self.folder / "app"
        folder.mkdir(exist_ok=True)
        file = folder / f"{artifacts[0]}.wav"
        file.write_bytes(speech)
        self.held |= dict.fromkeys(artifacts, file)

    def until(self, condition: Callable[[], bool], *, within: float, what: str) -> float:
        """Ask again and again, unrecorded; return after how many seconds it was so."""
        began = time.monotonic()
        with self.quiet():
            while not condition():
                if time.monotonic() - began > within:
                    raise Unexpected(f"{within:.0f} s later {what}")
                time.sleep(0.1)
        return time.monotonic() - began

    def the_copy(self) -> Copy:
        """Return the downloaded copy of the log."""
        if self.copy is None:
            raise Unexpected("No copy of the log was taken")
        return self.copy

    def close(self) -> None:
        """Leave nothing behind that the service would go on calling."""
        if self.hook:
            with self.quiet(), suppress(httpx.TransportError, Unexpected):
                self.app.unsubscribe(self.hook)
        self.receiver.close()


def clock(moment: str) -> str:
    """Return a time as a person reads it."""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%H:%M:%S} UTC"


def _is_coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
