"""`make demo`: walks the main job on the running service over HTTP, as its two parties do, and says each step in one line.

The app asks, the speaker answers at the portal, a voice is recorded and destroyed on time, and whoever likes takes a copy of
the log, verifies it, and sees that no tampering with the copy goes unnamed. Every run uses new names for the app's users, so it
can be repeated. Every answer is checked: the first that is not as it must be ends the walk with one sentence and exit code 1.
"""

import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from deploy.demo_log import Copy, verifier_of
from deploy.demo_parties import App, Service, Speaker, Unexpected, expect, expect_reason
from ledger import proof
from ledger.errors import LedgerError
from ledger.note import Verifier

PROJECT = Path(__file__).resolve().parent.parent
CLIPS = PROJECT / "deploy" / "clips"
TTL_SECONDS = 8
ERASED_WITHIN_SECONDS = 20.0
"""From the deadline on: the sweep runs every second; the rest is patience with a slow machine."""


class Walk:
    """What the steps hand on to each other."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.url = service.url
        self.app = App(service.client(), service.logins["app"])
        self.speaker = Speaker(service.client(headers={"Accept-Language": "en"}), service.logins["speaker"])
        self.public = service.client()
        self.folder = folder
        self.clips = {path.stem: path.read_bytes() for path in sorted(CLIPS.glob("*.wav"))}
        self.asked: Any = None
        self.grant = self.session = ""
        self.artifact: Any = None
        self.index = 0
        self.copy: Copy | None = None
        self._steps = 0

    def say(self, who: str, what: str, where: str) -> None:
        """Print one step: who did what, and where to look."""
        self._steps += 1
        bold, dim, end = ("\033[1m", "\033[2m", "\033[0m") if _is_coloured() else ("", "", "")
        print(f"{self._steps:>2}  {bold}{who:<8}{end}{what}  {dim}{where}{end}", flush=True)

    def ask(self, *, term: str = "P30D") -> str:
        """Ask for a new user of the app; return that user's name."""
        name = f"visitor-{secrets.token_hex(6)}"
        self.asked = self.app.ask(name, term=term)
        return name

    def granted(self) -> str:
        """Return the grant that the answer to the last request made."""
        answer = self.app.answer(self.asked["id"])
        if answer["state"] != "given" or not answer["grant"]:
            raise Unexpected(f'The speaker allowed, and the app reads the state "{answer["state"]}"')
        return str(answer["grant"]["id"])

    def the_copy(self) -> Copy:
        """Return the downloaded copy of the log."""
        if self.copy is None:
            raise Unexpected("No copy of the log was taken")
        return self.copy

    def where_copy(self, name: str) -> str:
        """Say where a copy lies."""
        return str(self.folder / name)

    def tampered(self, name: str, act: Callable[[Copy], None], what: str, index: int | None) -> str:
        """Tamper with a copy called `name`; return the line in which verification names it."""
        copy = self.the_copy().another(name)
        act(copy)
        findings = copy.verify()
        for finding in findings:
            if (finding.what, finding.index) == (what, index):
                return f'Verification says: "{finding.message}"'
        said = "; ".join(finding.message for finding in findings[:3])
        raise Unexpected(f"Verification does not name what was done to {copy.folder}; it says: {said}")


def _is_coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def app_signs_in(walk: Walk) -> None:
    """Client credentials become a token."""
    walk.app.authenticate()
    walk.say("app", "signs in with its client credentials and gets a token", f"POST {walk.url}/oauth/token")


def app_asks(walk: Walk) -> None:
    """A consent request becomes a link."""
    name = walk.ask()
    walk.say("app", f"asks for the voice of its user {name} for 30 days and gets a link", walk.asked["url"])


def speaker_allows_for_the_term(walk: Walk) -> None:
    """The person reads the notice, and allows."""
    page = walk.speaker.answer(walk.asked["url"], "term")
    walk.say("speaker", f'signs in and reads the notice: "{page.heading}"', walk.asked["url"])
    walk.grant = walk.granted()
    walk.say("speaker", "allows it for the term; the app now holds a grant", f"{walk.url}/apps/")


def app_opens_a_session(walk: Walk) -> None:
    """Opening a session is the decision."""
    session = expect(walk.app.open_session(walk.grant), 201).json()
    walk.session = session["id"]
    walk.say("app", f"may use the voice until {_clock(session['expires_at'])}: a session is open", f"{walk.url}/")


def app_uploads(walk: Walk) -> None:
    """The voice goes into the vault, with a deadline."""
    response = walk.app.upload(walk.session, walk.clips["slt-1"], ttl=f"PT{TTL_SECONDS}S")
    walk.artifact = expect(response, 201).json()
    seconds = walk.artifact["duration_ms"] / 1000
    what = f"uploads slt-1.wav, {seconds:.1f} s of speech, to be destroyed by {_clock(walk.artifact['expires_at'])}"
    walk.say("app", what, f"{walk.url}/records/")


def app_reads_back(walk: Walk) -> None:
    """The same bytes come back, while they may."""
    if expect(walk.app.content(walk.artifact["id"]), 200).content != walk.clips["slt-1"]:
        raise Unexpected("The vault gave back other bytes than it was given")
    walk.say("app", "reads the same bytes back", f"GET {walk.url}/api/v1/artifacts/{walk.artifact['id']}/content")


def anyone_checks_the_entry(walk: Walk) -> None:
    """The upload's entry is under the log's signature."""
    ref = walk.artifact["entry"]
    entry, text = walk.app.entry(ref)
    verifier, _ = verifier_of(walk.public, entry["log"])
    proven = _prove(text, entry["leaf"], verifier)
    walk.index = proven.index
    what = f"verifies here: entry {proven.index} of {proven.checkpoint.size} is under the log's signature"
    walk.say("anyone", what, f"{walk.url}/api/v1/entries/{ref}/proof")


def _prove(text: str, leaf: str, verifier: Verifier) -> proof.Proven:
    try:
        return proof.verify(text, leaf.encode(), [verifier])
    except LedgerError as error:
        raise Unexpected(f"The proof of the entry does not verify: {error}") from None


def the_voice_is_destroyed(walk: Walk) -> None:
    """Key and bytes go on time, by themselves."""
    deadline = datetime.fromisoformat(walk.artifact["expires_at"])
    wait = (deadline - datetime.now(UTC)).total_seconds()
    where = f"GET {walk.url}/api/v1/artifacts/{walk.artifact['id']}"
    walk.say("service", f"the deadline comes in {max(wait, 0):.0f} s; nobody does anything", where)
    time.sleep(max(wait, 0))
    expect(walk.app.content(walk.artifact["id"]), 410)
    give_up = time.monotonic() + ERASED_WITHIN_SECONDS
    while (now := walk.app.artifact(walk.artifact["id"]))["state"] != "erased":
        if time.monotonic() > give_up:
            raise Unexpected(f'{ERASED_WITHIN_SECONDS:.0f} s after its deadline the voice is still "{now["state"]}"')
        time.sleep(0.2)
    late = (datetime.fromisoformat(now["key_destroyed_at"]) - deadline).total_seconds()
    walk.say(
        "service", f"has destroyed the key {late:.1f} s after the deadline, then the bytes", f"{walk.url}/records/"
    )
    expect(walk.app.content(walk.artifact["id"]), 410)
    walk.say("app", "finds nothing any more: 410 Gone", f"{where}/content")


def speaker_allows_once(walk: Walk) -> None:
    """One use, and no second."""
    name = walk.ask()
    walk.say("app", f"asks for another user, {name}", walk.asked["url"])
    walk.speaker.answer(walk.asked["url"], "once")
    once = walk.granted()
    walk.say("speaker", "allows it once", f"{walk.url}/apps/")
    session = expect(walk.app.open_session(once), 201).json()
    kept = expect(walk.app.upload(session["id"], walk.clips["slt-2"]), 201).json()
    what = f"uses it: a session, and slt-2.wav, which policy keeps until {_clock(kept['expires_at'])}"
    walk.say("app", what, f"{walk.url}/records/")
    refused = expect_reason(walk.app.open_session(once), 403, "uses_exhausted").json()
    walk.say("app", f"wants a second session and is refused: {refused['detail']}", f"{walk.url}/records/")


def speaker_refuses(walk: Walk) -> None:
    """No is an answer, and without a session nothing is taken."""
    name = walk.ask()
    walk.say("app", f"asks for a third user, {name}, whose voice is rms", walk.asked["url"])
    walk.speaker.answer(walk.asked["url"], "refuse")
    answer = walk.app.answer(walk.asked["id"])
    if answer["state"] != "refused" or answer["grant"]:
        raise Unexpected(f'The speaker refused, and the app reads the state "{answer["state"]}"')
    walk.say("speaker", "refuses; the app reads it and holds no grant", f"{walk.url}/records/")
    expect(walk.app.upload(walk.asked["id"], walk.clips["rms-1"]), 404)
    walk.say(
        "app",
        "sends rms-1.wav all the same; without a session nothing is taken: 404",
        f"POST {walk.url}/api/v1/uploads",
    )


def speaker_withdraws(walk: Walk) -> None:
    """One click, and the next use is refused, also in the session that was open."""
    walk.speaker.withdraw(walk.grant)
    walk.say("speaker", "takes the first consent back: one click", f"{walk.url}/apps/")
    refused = expect_reason(walk.app.open_session(walk.grant), 403, "consent_withdrawn").json()
    walk.say("app", f"wants a new session and is refused: {refused['detail']}", f"POST {walk.url}/api/v1/sessions")
    expect_reason(walk.app.upload(walk.session, walk.clips["rms-2"]), 403, "consent_withdrawn")
    walk.say("app", "sends rms-2.wav into the session that was open, and is refused too", f"{walk.url}/records/")


def anyone_verifies_the_log(walk: Walk) -> None:
    """The whole log, downloaded, replayed offline."""
    origin = expect(walk.public.get(f"/api/v1/entries/{walk.artifact['entry']}"), 200).json()["log"]
    verifier, url = verifier_of(walk.public, origin)
    walk.copy = Copy(walk.folder / "downloaded", verifier)
    count = walk.copy.download(walk.public, url)
    walk.say("anyone", f"downloads the whole log: {walk.copy.size} entries in {count} files", f"{url}checkpoint")
    findings = walk.copy.verify()
    if [finding.what for finding in findings] != ["log.verified"]:
        raise Unexpected(f"The log does not verify: {findings[0].message}")
    walk.say(
        "anyone",
        "verifies it here: signature, every entry, the chain, every tile, the root",
        walk.where_copy("downloaded"),
    )


def tampering_is_named(walk: Walk) -> None:
    """Four ways to tamper with a copy, and what verification says to each."""
    one = walk.index
    other = one - 2 if one % 256 > 1 else one + 2
    low, high = sorted((one, other))
    changed = walk.tampered("changed", lambda copy: copy.change_byte(one), "entry.changed", one)
    walk.say("forger", f"changes one byte of entry {one} in a copy. {changed}", walk.where_copy("changed"))
    removed = walk.tampered("removed", lambda copy: copy.remove(one), "entry.removed", one)
    walk.say("forger", f"removes entry {one}. {removed}", walk.where_copy("removed"))
    swapped = walk.tampered("swapped", lambda copy: copy.swap(one, other), "entry.swapped", low)
    walk.say("forger", f"swaps entries {low} and {high}. {swapped}", walk.where_copy("swapped"))
    rewritten = walk.tampered("rewritten", lambda copy: copy.rewrite(one), "history.rewritten", None)
    walk.say(
        "forger",
        f"rewrites history from entry {one} on, chain and tiles anew. {rewritten}",
        walk.where_copy("rewritten"),
    )


STEPS = [
    app_signs_in,
    app_asks,
    speaker_allows_for_the_term,
    app_opens_a_session,
    app_uploads,
    app_reads_back,
    anyone_checks_the_entry,
    the_voice_is_destroyed,
    speaker_allows_once,
    speaker_refuses,
    speaker_withdraws,
    anyone_verifies_the_log,
    tampering_is_named,
]


def _clock(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%H:%M:%S} UTC"


def copies_folder(var: Path) -> Path:
    """Make a folder for this run's copies of the log; those of runs more than an hour ago go."""
    parent = var / "demo"
    parent.mkdir(mode=0o700, exist_ok=True)
    for old in parent.iterdir():
        if old.stat().st_mtime < time.time() - 3600:
            shutil.rmtree(old)
    return Path(tempfile.mkdtemp(prefix="run-", dir=parent))


def walk_through(var: Path) -> None:
    """Take every step.

    Raises:
        Unexpected: The service does not run, or something is not as it must be.
    """
    service = Service.of(var)
    began = time.monotonic()
    walk = Walk(service, copies_folder(var))
    try:
        expect(walk.public.get("/readyz"), 200)
    except httpx.TransportError:
        raise Unexpected(
            f"The service is not running at {service.url}: `make run` in another terminal starts it."
        ) from None
    try:
        for step in STEPS:
            step(walk)
    except httpx.TransportError as error:
        raise Unexpected(f"The service stopped answering ({type(error).__name__})") from None
    size = walk.the_copy().size
    print(
        f"\nAll as it must be, in {time.monotonic() - began:.0f} s: 1 consent for a term, 1 for once, 1 refusal, 1 withdrawal;"
        f" 2 uploads, 1 destroyed on time, 1 to come;\n4 uses refused; {size} entries verified; 4 of 4 tamperings named."
        f"\nSee it as the speaker at {service.url}/records/ and as the officer at {service.url}/admin/."
    )


def main() -> int:
    """Walk, and return the exit code."""
    try:
        walk_through(Path(os.environ.get("CONSONANT_VAR") or PROJECT / "var").absolute())
    except Unexpected as error:
        print(f"{error}".rstrip(".") + ".", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
