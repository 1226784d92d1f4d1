"""The Verify page and the checked records in a real browser: handed in by hand, by a drop and by keyboard; accessible; nothing leaves."""

import base64
import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from consent import status_token
from consent.issue_receipt import issue_receipt
from consent.token_keys import signer_of
from ledger.folder import folder_of
from ledger.models import Entry
from ledger.prove import prove
from retention.certify import certificate_of
from tests.portal.look import BEYOND, VIEWS, look  # noqa: F401 - a fixture
from tests.portal.scene import leave, live, seal
from tests.portal.test_browser import english
from tests.retention.test_clip import aigc_wav, signed_wav

pytestmark = pytest.mark.browser
DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], name));
  const form = document.querySelector("form.drop");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    form.dispatchEvent(new DragEvent(kind, {dataTransfer: files, bubbles: true, cancelable: true}));
  }
}"""


@pytest.fixture
def told(now):
    life = live(now)
    leaving = leave(life, now)
    seal()
    return life, leaving


def entry_of(life):
    return Entry.objects.select_related("log").filter(log=life.story.tenant.origin).order_by("index")[5]


def choose(page, data, name="x"):
    page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": data})
    page.get_by_role("button", name="Check it").click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_file_is_handed_in(window, told, script):
    life, leaving = told
    page = window(java_script_enabled=script)
    page.goto("/")
    page.get_by_role("contentinfo").get_by_role("link", name="Verify").click()
    choose(page, certificate_of(leaving.done), "erasure.json")
    verdict = page.get_by_role("region", name="It is genuine")
    expect(verdict).to_contain_text("Things gone")
    expect(verdict).to_contain_text("that no copy exists elsewhere")
    page.get_by_label("or a text").fill(prove(entry_of(life)))
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("region", name="It holds")).to_be_visible()
    link = page.get_by_role("link", name="proof", exact=True).get_attribute("href")
    assert page.request.get(link).text().startswith("c2sp.org/tlog-proof@v1")


def test_a_file_is_dropped_and_read_out(window, told):
    page = window()
    page.goto("/verify")
    with page.expect_navigation():
        page.evaluate(DROP, ["clip.wav", base64.b64encode(signed_wav()).decode()])
    expect(page.get_by_role("region", name="Its C2PA manifest holds")).to_be_focused()


def test_a_file_that_is_too_large_is_not_even_sent(window, site):
    page = window()
    page.goto("/verify")
    page.evaluate("document.getElementById('file').dataset.most = '10'")
    page.set_input_files("#file", {"name": "x", "mimeType": "audio/wav", "buffer": b"x" * 11})
    expect(page.get_by_role("alert")).to_have_text("This file is larger than 16 MB.")
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("region", name="Nothing that can be checked here")).to_have_count(0)
    page.set_input_files("#file", {"name": "x", "mimeType": "audio/wav", "buffer": b"x" * 10})
    expect(page.get_by_role("alert")).to_be_hidden()


def test_too_much_is_refused_without_script(window, site):
    page = window(java_script_enabled=False)
    page.goto("/verify")
    page.get_by_label("or a text").fill("x" * 2**20)
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("alert")).to_contain_text("This is too large")
    assert all("413" in said for said in window.complaints)
    window.complaints.clear()


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_how_it_looks(window, look, told, settings, site, size, language):  # noqa: F811 - the fixture
    settings.PUBLIC_URL = site.origin
    settings.ACCOUNT_RATE_LIMITS = {"verify": "1000/m/ip"}
    life, leaving = told
    entry = entry_of(life)
    now = timezone.now()
    said = {"audience": "https://tts.example", "purpose": "text-to-speech", "operations": ["synthesize"]}
    said["ends"] = now + timedelta(days=1)
    signer = signer_of(life.story.tenant, now=now)
    broken = bytearray(signed_wav())
    broken[300] ^= 1
    page = window(size=size, language=language)
    page.goto("/verify")
    look(page, "verify", size=size, language=language)
    exhibits = {
        "certificate": certificate_of(leaving.done),
        "certificate-broken": certificate_of(leaving.done).replace(b'"everything"', b'"app"').replace(b"\n", b"", 1)[:-9],
        "receipt": issue_receipt(grant=life.standing, now=now),
        "receipt-broken": issue_receipt(grant=life.standing, now=now).replace(b"Storyteller", b"Storykeeper"),
        "token": status_token.issue(signer=signer, jti=uuid.uuid4(), now=now, **said)[0].encode(),
        "token-over": status_token.issue(signer=signer, jti=uuid.uuid4(), now=now - timedelta(hours=1), **said)[0].encode(),
        "proof": prove(entry).encode(),
        "clip": signed_wav(entry=f"{site.origin}/api/v1/entries/{entry.ref}"),
        "clip-broken": bytes(broken),
        "clip-aigc": aigc_wav(Label="1", ContentProducer="001191110102", ProduceID="2026-7", ReservedCode1=f"{site.origin}/api/v1/entries/{entry.ref}"),
        "unknown": b"hello",
    }  # fmt: skip
    for name, data in exhibits.items():
        page.set_input_files("#file", {"name": "x", "mimeType": "application/octet-stream", "buffer": data})
        page.locator("form.drop [type=submit]").click()
        page.wait_for_selector(".verdict")
        look(page, f"verify-{name}", size=size, language=language)
        if language == "zh-hans":
            foreign = r"AIGC|Harbour TTS|Harbour Audio signer|https?://\S+|MB|tts|(?:artifact|consent|session|use)\.\w+"
            assert english(re.sub(foreign, "", page.inner_text("body"))) == [], name
    window.complaints[:] = [each for each in window.complaints if "422" not in each]


@pytest.mark.parametrize(("size", "language"), VIEWS.values(), ids=VIEWS)
def test_how_checked_records_look(window, look, told, size, language):  # noqa: F811 - the fixture
    life, _ = told
    page = window(user=life.user, size=size, language=language)

    def checked():
        page.goto("/records/")
        expect(page.locator(".check:not([data-state]), .check[data-state=checking]")).to_have_count(0, timeout=20_000)
        for closed in page.query_selector_all(".check:nth-of-type(1) > summary")[:2]:
            closed.click()

    checked()
    look(page, "records-checked", size=size, language=language)
    if language == "zh-hans":
        assert english(re.sub(r'"[^"]*"|[0-9a-f]{8}\b|\btrue\b', "", page.inner_text("body"))) == []
    head = folder_of(life.story.tenant.origin) / "checkpoint"
    head.write_bytes(head.read_bytes().replace(b"\n", b"\nx", 1))
    checked()
    look(page, "records-failed", size=size, language=language)
    assert page.evaluate(BEYOND) == 0
