"""The voice studio and the portal together, as a person meets them: asked, allowed once, heard, refused, switched off, and nothing left behind."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import soundfile

from tests.deploy.stack import free_port
from tests.portal.conftest import CHROMIUM, DESKTOP, PHONE, chromium
from tests.stack.service import PROJECT, Stack

STUDIO = PROJECT / ".venv-studio" / "bin" / "python"
pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.timeout(900),  # the first time, what the studio needs is installed
    pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not here"),
]
ONE = "Good morning. This is what a machine makes of my voice."
LONG = "".join(
    f"This is sentence number {word} of a long story. " for word in ("one", "two", "three", "four", "five", "six")
)


@pytest.fixture(scope="module")
def _packages():
    """What `make studio` installs: once, and not again while nothing has changed."""
    done = subprocess.run(["sh", "examples/venv.sh"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def stack(_packages):
    running = Stack()
    running.start()
    yield running
    running.stop()


class Running:
    """The studio and its guard, as `make studio` starts them, and the folder in which Gradio leaves things."""

    def __init__(self, stack):
        self.folder = Path(tempfile.mkdtemp(prefix="consonant-studio-"))
        self.temporary, self.port = self.folder / "gradio", free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._said = self.folder / "said"
        environment = stack.environment | {
            "STUDIO_PORT": str(self.port),
            "GRADIO_TEMP_DIR": str(self.temporary),
            "STUDIO_RESIDUE": "PT10S",
        }
        with self._said.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "examples.voice_studio.start"],
                cwd=PROJECT,
                env=environment,
                stdout=out,
                stderr=out,
            )
        until(lambda: self.poll() or f"the studio is at {self.url}/" in self.said, 120, lambda: self.said)
        assert self.poll() is None, self.said
        # It subscribes to erasures from a thread: that entry is not what the tests count.
        secret = stack.var / "studio" / "state" / "hook-secret"
        until(secret.exists, 60, lambda: self.said)

    def poll(self):
        return self.process.poll()

    @property
    def said(self):
        return self._said.read_text(encoding="utf-8", errors="replace")

    def pid(self, word):
        """The process of the studio or of the guard, by its command line."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next(int(pid) for pid in children if word in Path(f"/proc/{pid}/cmdline").read_text())

    def left(self):
        return sorted(str(path.relative_to(self.temporary)) for path in self.temporary.rglob("*") if path.is_file())

    def end(self):
        if self.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def studio(stack):
    running = Running(stack)
    try:
        yield running
    finally:
        running.end()


def until(condition, within, what):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM))
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def person(browser, stack, studio):
    """One person with two windows of one browser: the studio, on a phone, and the portal, where they are signed in."""
    context = browser.new_context(viewport=PHONE, locale="en-GB", timezone_id="Asia/Shanghai")
    context.set_default_timeout(30_000)
    asked = []
    context.on("request", lambda sent: asked.append(sent.url))
    app, portal = context.new_page(), context.new_page()
    login = stack.service().logins["speaker"]
    portal.goto(f"{stack.url}/accounts/login/")
    portal.fill("[name=login]", login["email"])
    portal.fill("[name=password]", login["password"])
    portal.click("main [type=submit]")
    portal.wait_for_load_state()
    app.goto(studio.url)
    app.get_by_role("heading", name="Voice Studio").wait_for()
    yield app, portal
    context.close()
    strangers = {url for url in asked if not url.startswith((stack.url, studio.url, "data:", "blob:"))}
    assert strangers == set(), "no page asks anybody else"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "me.wav"
    text = "Good morning, this is my own voice, and I say a few words so that it can be measured."
    subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(path)], check=True)
    return path


def ask(app, stack):
    """Ask for consent on the studio's page; return the link."""
    app.get_by_label("What are you called here?").fill("Wren")
    app.get_by_role("button", name="Ask for my consent").click()
    link = app.locator("#consent a.act")
    link.wait_for()
    url = link.get_attribute("href")
    stack.secrets.add(url.rstrip("/").rpartition("/")[2])
    return url


def answer(portal, url, button):
    portal.goto(url)
    if (adult := portal.locator("[name=adult]")).count():
        adult.check()
    portal.get_by_role("button", name=button).click()
    portal.get_by_role("heading", name="You allowed Voice Studio").wait_for()


def give_sample(app, sample):
    chooser = app.locator("#sample input[type=file]")
    chooser.wait_for(state="attached")
    chooser.set_input_files(str(sample))
    app.locator("#sample").get_by_role("button", name="Clear").wait_for()


def speak(app, text, *, live=False):
    app.get_by_label("Text", exact=True).fill(text)
    app.get_by_label("Read it to me sentence by sentence").set_checked(live)
    app.get_by_role("button", name="Speak", exact=True).click()


def status(app, state):
    found = app.locator(f"#status .told.{state}")
    found.wait_for(timeout=60_000)
    return found.inner_text()


def heard(app):
    """The file that the page plays, and for how many seconds it plays it."""
    player = app.locator("#clip audio[src]")
    player.wait_for(state="attached")
    until(lambda: player.evaluate("e => e.duration > 0"), 20, lambda: "the clip cannot be played")
    address = app.locator("#clip a.download-link").get_attribute("href")
    content = app.evaluate("async url => [...new Uint8Array(await (await fetch(url)).arrayBuffer())]", address)
    return bytes(content), player.evaluate("e => e.duration")


def consonant(*words):
    done = subprocess.run([str(STUDIO), "-m", "consonant", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def entries_of(stack):
    return dict(stack.sql("SELECT kind, count(*) FROM ledger_opening GROUP BY kind"))


def test_what_no_voice_here_can_read_is_known_before_it_is_said():
    from examples.voice_studio.sound import Mouth

    assert [each for each in ("你好，世界", "。", "...", "12", "你好, Wren") if Mouth.can_say(each)] == [
        "12",
        "你好, Wren",
    ]


def test_it_refuses_before_anything_is_computed(person, studio, stack, sample):
    """Nobody has allowed anything: the sample goes unread, and the ledger has no upload, no voiceprint, no speech."""
    app, _ = person
    before = entries_of(stack)
    app.get_by_label("What are you called here?").fill("Wren")
    for _ in range(3):
        give_sample(app, sample)
        assert len(studio.left()) == 1, "Gradio keeps what is uploaded"
        speak(app, ONE)
        app.wait_for_timeout(1_000)
        said = status(app, "refused")
        if "cannot be asked" not in said:  # as the first request of a cold service may be too slow
            break
    assert "You have not been asked yet, or have not allowed this." in said
    until(lambda: studio.left() == [], 5, studio.left)
    after = entries_of(stack)
    assert {kind for kind in after if after[kind] != before.get(kind, 0)} <= {"use.refused", "log.head"}
    assert app.locator("#clip audio[src]").count() == 0
    box = app.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert box[0] <= box[1], "nothing sticks out on a phone"


@pytest.fixture(scope="module")
def once(person, stack, studio, sample):
    """Asked, allowed once, spoken: the clip."""
    app, portal = person
    answer(portal, ask(app, stack), "Allow once")
    app.locator("#consent .told.done").wait_for()
    give_sample(app, sample)
    speak(app, ONE)
    said = status(app, "done")
    assert "Ready to be heard" in said
    assert re.search(r"the voice slt at 1[4-9]\d Hz, \d\d% like yours", said), said
    found = heard(app)
    if shots := os.environ.get("CONSONANT_SHOTS"):
        app.screenshot(path=Path(shots, "voice-studio.png"), full_page=True)
    return found


def test_asked_and_allowed_once_it_speaks_and_says_what_it_is(once, studio, stack, tmp_path):
    data, played = once
    clip = tmp_path / "clip.wav"
    clip.write_bytes(data)
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        seconds, rate = file.frames / file.samplerate, file.samplerate
    assert played == pytest.approx(seconds, abs=0.1)
    plain = subprocess.run(["flite", "-voice", "slt", "-t", ONE, "-o", str(tmp_path / "plain.wav")], check=True)
    assert plain.returncode == 0
    with soundfile.SoundFile(tmp_path / "plain.wav") as file:
        bare = file.frames / file.samplerate
    assert bare + 0.3 < seconds < bare + 4, "the audible label stands before the words"
    root = stack.var / "studio" / "state" / "c2pa" / "root.pem"
    code, said = consonant("verify", "clip", str(clip), "--trusted", str(root), "--json")
    found = {line["what"]: line for line in map(json.loads, said.splitlines())}
    assert code == 0, said
    assert found["clip.manifest"]["level"] == found["clip.signer"]["level"] == "ok", said
    assert "made by AI" in said
    assert "ContentProducer Voice Studio" in said
    spoiled = bytearray(data)
    spoiled[len(data) // 2] ^= 1
    clip.write_bytes(spoiled)
    assert consonant("verify", "clip", str(clip), "--trusted", str(root))[0] == 1
    ((mark, length, told_rate),) = stack.sql(
        "SELECT marking, duration_ms, sample_rate FROM retention_artifact WHERE kind = 'synthesis'"
    )
    assert mark == "aigc"
    assert (length, told_rate) == (round(seconds * 1000), rate)


def test_the_sample_is_gone_and_of_the_voiceprint_there_was_never_a_file(once, studio):
    assert [name for name in studio.left() if not name.startswith("clips/")] == []
    assert len(studio.left()) == 1, "the clip, while it is heard"


def test_a_second_use_of_what_was_allowed_once_is_refused_with_its_reason(once, person, studio, sample):
    app, _ = person
    give_sample(app, sample)
    speak(app, ONE)
    assert "You allowed this once, and that once has been used." in status(app, "refused")
    until(lambda: studio.left() == [], 5, studio.left)


def test_switched_off_in_the_portal_it_stops_while_it_speaks(once, person, stack, studio, sample):
    app, portal = person
    answer(portal, ask(app, stack), "Allow for 30 days")
    app.locator("#consent .told.done").wait_for()
    give_sample(app, sample)
    speak(app, LONG, live=True)
    app.locator("#status .told", has_text="Sentence 1 of 6").wait_for()
    portal.goto(f"{stack.url}/apps/")
    portal.get_by_role("button", name="Stop", exact=True).first.click()
    portal.get_by_text("Stopped: Voice Studio").wait_for()
    off = time.monotonic()
    refused = status(app, "refused")
    assert time.monotonic() - off < 5, "between two sentences, or within one"
    assert "You switched this off in the portal, so it stopped." in refused
    made = stack.sql("SELECT count(*) FROM retention_artifact WHERE kind = 'synthesis'")[0][0]
    assert made < 1 + 6
    until(lambda: studio.left() == [], 5, studio.left)
    # The ledger asks the studio to erase what was made under that consent, and the studio answers that it has.
    until(lambda: entries_of(stack).get("artifact.erase_acknowledged"), 30, lambda: entries_of(stack))


def test_the_person_finds_and_checks_all_of_it_in_their_browser(once, person, stack):
    _, portal = person
    portal.set_viewport_size(DESKTOP)
    portal.goto(f"{stack.url}/records/")
    portal.get_by_text("Voice Studio made speech in your voice").first.wait_for()
    portal.get_by_text("Voice Studio computed a voiceprint of you").first.wait_for()
    checked = portal.get_by_text(re.compile(r"Your browser has checked (\d+) of \1 lines"))
    deadline = time.monotonic() + 30
    while not checked.count():
        assert time.monotonic() < deadline, portal.locator("main").inner_text()
        time.sleep(1)
        portal.reload()
        with contextlib.suppress(Exception):
            checked.wait_for(timeout=3_000)


def test_what_a_crash_leaves_the_guard_removes_and_an_honest_studio_raises_no_alarm(
    once, person, stack, studio, sample
):
    app, portal = person
    answer(portal, ask(app, stack), "Allow once")
    app.locator("#consent .told.done").wait_for()
    give_sample(app, sample)
    speak(app, ONE)
    status(app, "done")
    assert len(studio.left()) == 1
    time.sleep(4)  # a clip without an entry would have raised an alarm by now
    assert stack.sql("SELECT rule FROM guard_alert") == []
    assert stack.sql("SELECT count(*) FROM guard_host WHERE last_heartbeat_at IS NOT NULL") == [(1,)]
    guard = studio.pid("guard")
    os.kill(studio.process.pid, signal.SIGSTOP)  # so that the guard is not ended with the studio, as under systemd
    os.kill(studio.pid("voice_studio"), signal.SIGKILL)
    try:
        until(lambda: studio.left() == [], 60, studio.left)
        assert Path(f"/proc/{guard}").exists()
    finally:
        os.kill(studio.process.pid, signal.SIGCONT)
