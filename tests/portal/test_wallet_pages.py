"""The wallet in a real browser: a person creates one, takes over their key, finds their entries, and proves what they choose to somebody
else; nothing that leaves the page or lies in the browser's storage holds a secret; and it works without a network and in two windows."""

import json
import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from consent.models import Subject
from consent.withdraw import withdraw
from keyring.errors import KeyGone
from keyring.keys import store
from ledger.models import Log
from portal.words.entries import _TELLERS
from retention import request_erasure
from retention.pursue import pursue
from retention.sweep import sweep
from tests.factories import sign_in_just_now
from tests.portal.conftest import CHROMIUM, DESKTOP, chromium
from tests.portal.scene import live, seal
from tests.portal.walleting import ASK, KEPT, SECONDS, Person, asked, long_log, seed_of, sign_in_as
from zkp import tag
from zkp.core import receipt
from zkp.judge import CLAIMED
from zkp.models import Verdict

pytestmark = pytest.mark.browser


@pytest.fixture
def life(now):
    return live(now)


@pytest.fixture
def origin(life):
    return life.story.tenant.origin


@pytest.fixture
def person(window, site, life):
    return Person(sign_in_as(window(), site, life.user))


def prove(person, challenge, **choices):
    """Open the question, choose, and make the proof; return it."""
    page = person.page
    person.open_question(challenge)
    expect(page.locator("#asks-who")).to_contain_text("Nobody has checked that")
    expect(page.locator("#asks-why")).to_have_text("to see that you are you")
    for name, value in choices.items():
        page.locator(f"input[name={name}]").nth(value).check()
    page.locator("#ask-form [type=submit]").click()
    person.at("made")
    return json.loads(page.locator("#made-text").text_content())


def answer(person, challenge, **choices):
    """Prove, and send it."""
    document = prove(person, challenge, **choices)
    person.page.click("#hand-in")
    expect(person.page.locator("#verdict")).to_be_visible(timeout=SECONDS)
    assert person.page.locator("#verdict").get_attribute("data-verdict") == "holds"
    return document, Verdict.objects.get(id=challenge["id"])


def test_a_new_speaker_takes_over_and_proves(person, window, life, origin):
    """And to a verifier on another page, who shows a code that is scanned, and whose page then says what was proven."""
    page = person.page
    person.create()
    person.claim()
    seal()
    subject = Subject.objects.get(user=life.user)
    assert subject.claimed_at
    assert subject.handed

    entries = person.look()
    person.said("nothing that the service counts or tells of is missing")
    assert len(entries) > 3
    texts = [entry.text_content() for entry in entries]
    assert sum("your key alone" in text for text in texts) == 1
    assert sum("the service once held this key" in text for text in texts) == len(texts) - 1
    assert sum('"purpose"' in text for text in texts) > 1, "what the entries say is kept, too"
    entries[1].get_by_role("button", name="Take a receipt").click()
    person.said("Receipts taken: 1")

    with page.expect_download() as saved:
        page.click("#save-backup")
    copy = json.loads(saved.value.path().read_text())
    [lock] = copy["locks"]
    assert {name: lock[name] for name in ("kind", "t", "m", "p")} == {"kind": "passphrase", "t": 3, "m": 65_536, "p": 4}
    assert len(bytes.fromhex(lock["salt"])) == 16
    page.click("#backup-kept")
    person.said("destroyed")
    subject.refresh_from_db()
    assert subject.handed is None

    # Proofs, to somebody else.
    _, verdict = answer(person, asked(page, statement="own"), entry=1)
    assert verdict.says["key"] == "unknown"
    assert CLAIMED not in {each["kind"] for each in verdict.says["entries"]}
    document, verdict = answer(person, asked(page, statement="own"), entry=0)
    assert verdict.says["key"] == "wallet"
    assert len(bytes.fromhex(document["proof"])) == 64
    document, verdict = answer(person, asked(page, statement="receipt", attributes=["kind", "day"]), receipt=0)
    assert set(verdict.says["shown"]) == {"kind", "day"}
    assert set(document["disclosed"]) < set(receipt.SCHEMA)

    verifier = window(size=DESKTOP)
    verifier.goto("/verify/ask")
    verifier.fill("#purpose", "to see that you are you")
    verifier.get_by_role("button", name="Make the link").click()
    code = verifier.locator("img.qr")
    box = code.bounding_box()
    assert abs(box["width"] - box["height"]) < 1, "a code that is not square is hard to scan"
    picture = code.screenshot()
    link = verifier.locator("#prove-link").get_attribute("href")
    page.goto("/wallet/prove")
    person.at("nothing")
    page.set_input_files("#scan-file", {"name": "code.png", "mimeType": "image/png", "buffer": picture})
    person.said("another service")  # the link names the service as the world knows it, not as this test does
    page.fill("#paste-challenge", link.replace(settings.PUBLIC_URL, page.evaluate("location.origin")))
    page.locator("#paste-form [type=submit]").click()
    person.unlock()
    person.at("ask")
    page.locator("input[name=entry]").first.check()
    page.locator("#ask-form [type=submit]").click()
    person.at("made")
    page.click("#hand-in")
    expect(verifier.locator("#result")).to_contain_text("proved it to you", timeout=SECONDS)

    # Nothing that left the page, or lies in the browser, holds a secret.
    sent, kept = "\n".join(person.sent), "\n".join(page.evaluate(KEPT))
    keys = tag.derive(seed_of(person.words), origin)
    assert keys.k_u.hex() in sent, "the marking key goes to the service, once"
    assert '"locks"' in kept.replace('\\"', '"')
    for secret in person.secrets(origin):
        assert secret not in sent
        assert secret not in kept
    assert life.user.email not in kept
    assert keys.k_u.hex() not in kept


def forget(life, now):
    """Erase the person from everything, to its end: on day 30 no app is waited for any more."""
    request_erasure.by_subject(user=life.user, app_id=None, now=now)
    sweep(clock=lambda: now)
    for days in (0, 31, 32):
        at = now + timedelta(days=days)
        pursue(clock=lambda at=at: at)
        sweep(clock=lambda at=at: at)
        seal()


def test_words_alone_still_prove_after_an_erasure(person, window, life, origin):
    """On another device, signed out, when nothing here says any more who it was: the same entries, and proofs of them."""
    words = person.create()
    person.claim()
    seal()
    subject = Subject.objects.get(user=life.user)
    wallet_name, own = subject.wallet_name, [entry.text_content() for entry in person.look()]
    person.page.click("#lock")
    person.at("locked")
    forget(life, timezone.now())
    subject.refresh_from_db()
    assert subject.user_id is None
    assert not subject.handed
    with pytest.raises(KeyGone):
        store().get(wallet_name)

    other = Person(window())
    other.words = words
    other.page.goto("/wallet/")
    other.at("begin")
    other.page.click("#restore")
    other.page.fill("#restore-words", "  ".join(words).upper())
    other.page.locator("#restore-form [type=submit]").click()
    other.choose_passphrase()
    found = [entry.text_content() for entry in other.look()]
    assert found
    assert all("your key alone" in text for text in found), "the earlier keys are in the copy, not in the words"
    _, verdict = answer(other, asked(other.page, statement="own"), entry=len(found) - 1)
    assert verdict.says["key"] == "wallet"

    # The first device has the earlier keys too, and what the entries said.
    again = person.page.evaluate(ASK, {"statement": "own"})[1]
    _, verdict = answer(person, again, entry=len(own) - 1)
    assert verdict.says["key"] == "unknown"
    person.page.goto("/wallet/")
    person.unlock()
    person.at("open")
    assert '"purpose"' in person.page.locator("#logs").text_content()
    sent = "\n".join(person.sent + other.sent)
    for secret in person.secrets(origin):
        assert secret not in sent


@pytest.mark.usefixtures("_forgiving")
def test_what_a_file_says_of_who_asks_is_not_believed(person):
    """Who asks, the service says, of this very question; and no question under another key for receipts is answered."""
    page = person.page
    person.create()
    question, other = asked(page, statement="own"), asked(page, statement="own")
    known = {"verifier_known": True, "verifier_name": "My Bank"}
    checked, unchecked = "My Bank, who has shown who they are", "Nobody has checked that"

    def take(**change):
        text = json.dumps(question | change)
        page.locator("#paste-challenge").evaluate(
            "(each, text) => { each.value = text; each.form.requestSubmit() }", text
        )
        person.idle()

    page.goto("/wallet/prove")
    person.at("nothing")
    take(**known)
    person.unlock()
    person.at("ask")
    expect(page.locator("#asks-who")).to_contain_text(unchecked)
    for answers, shown in (
        (lambda route: route.abort(), unchecked),
        (lambda route: route.fulfill(json=question | known), checked),
        (lambda route: route.fulfill(json=other | known), unchecked),
    ):
        page.route("**/api/v1/challenges/*", answers)
        take(**known)
        expect(page.locator("#asks-who")).to_contain_text(shown)
        page.unroute("**/api/v1/challenges/*")

    page.route("**/api/v1/challenges/*", lambda route: route.abort())
    take(issuer="ab" * 96)
    page.locator("#ask-form [type=submit]").click()
    person.said("another key for receipts than it shows everybody")


def test_only_a_copy_from_after_the_claim_counts(person, life):
    page = person.page
    person.create()

    def copied():
        with page.expect_download():
            page.click("#save-backup")
        person.idle()

    copied()
    person.claim()
    kept = page.locator("#backup-kept")
    expect(kept).to_be_hidden()
    kept.evaluate("each => each.click()")  # as another page could
    person.idle()
    expect(page.locator("#backup-due")).to_be_visible()
    assert Subject.objects.get(user=life.user).handed
    copied()
    kept.click()
    person.said("destroyed")
    assert Subject.objects.get(user=life.user).handed is None


def test_what_goes_wrong_is_said(person, window, life):
    page = person.page
    person.create()
    page.click("#lock")
    person.unlock("not the passphrase")
    person.said("This is not the passphrase.")
    page.reload()
    person.unlock()
    person.at("open")
    page.goto("/wallet/prove#challenge=0f0e0d0c-0b0a-4908-8706-050403020100")
    person.said("There is no such question any more")
    assert all("404" in said for said in window.complaints)
    window.complaints.clear()
    person.at("nothing")
    page.fill("#paste-challenge", "what is this")
    page.locator("#paste-form [type=submit]").click()
    person.said("neither the link of a question nor a question")
    page.set_input_files("#scan-file", {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page.locator("#scan-said")).to_have_text("No code was found in this picture.")
    page.goto("/wallet/")
    person.at("locked")
    page.get_by_text("I cannot open it").click()
    page.locator("#forget-locked-sure").check()
    page.locator("#forget-locked [type=submit]").click()
    person.at("begin")
    page.click("#restore")
    page.fill("#restore-words", "abandon " * 23 + "abandonn")
    page.locator("#restore-form [type=submit]").click()
    person.said("Not on the list of words: abandonn")
    page.fill("#restore-words", "abandon " * 24)
    page.locator("#restore-form [type=submit]").click()
    person.said("These are not 24 words that belong together.")
    page.fill("#restore-words", "abandon " * 23 + "art")
    page.locator("#restore-form [type=submit]").click()
    person.at("passphrase")


@pytest.mark.usefixtures("_forgiving")
def test_another_wallet_takes_the_place_of_one_whose_words_are_lost(person, window, site, life, origin):
    """Whoever signed in long ago is asked to show once more that it is them; the lost wallet still proves what bears its key."""
    person.create()
    person.claim()
    seal()
    lost = Subject.objects.get(user=life.user)
    first, ref = bytes(lost.public_key), lost.claimed_ref
    other = Person(window(user=life.user))
    other.create()
    expect(other.page.locator("[data-standing]")).to_contain_text("Another wallet of yours")
    other.page.locator("[data-replace] summary").click()
    other.page.locator("[data-replace] [type=checkbox]").check()
    other.page.locator("[data-replace] [type=submit]").click()
    other.said("Show once more that it is you")
    assert other.page.get_by_role("link", name="Show that it is me").get_attribute("href") == "/wallet/again"
    sign_in_as(other.page, site, life.user)
    other.page.reload()
    other.unlock()
    other.at("open")
    other.page.locator("[data-replace] summary").click()
    other.page.locator("[data-replace] [type=checkbox]").check()
    other.page.locator("[data-replace] [type=submit]").click()
    other.said("This wallet has taken over")
    seal()
    lost.refresh_from_db()
    assert bytes(lost.public_key) != first
    assert lost.claimed_ref != ref
    assert other.look()
    expect(other.page.locator("[data-results]")).to_contain_text("Older entries that this wallet cannot find")
    person.page.reload()
    person.unlock()
    person.at("open")
    expect(person.page.locator("[data-standing]")).to_contain_text("Another wallet of yours")
    person.look()
    _, verdict = answer(person, asked(person.page, statement="own"), entry=0)
    assert verdict.says["entries"]


@pytest.mark.usefixtures("_forgiving")
def test_what_the_service_cannot_do_is_said(person, life):
    """It is away, or says something that does not hold: one sentence, and nothing is lost."""
    page = person.page
    person.create()
    person.claim()
    seal()
    held = len(person.look())

    # It hides one entry's opening behind another text, and signs a greater count than there are entries: both are said.
    def lie(route):
        said = route.fetch().json()
        said["openings"][0]["payload"] = said["openings"][0]["payload"].replace("{", '{"x":1,', 1)
        said["openings"].append(said["openings"][1] | {"ref": "0f0e0d0c-0b0a-4908-8706-050403020100"})
        route.fulfill(json=said)

    page.route("**/wallet/openings*", lie)
    person.look()
    person.said("Something does not fit")
    results = page.locator("[data-results]")
    expect(results).to_contain_text("do not bear your mark: 1.")
    expect(results).to_contain_text("something else than the log holds: 1.")
    page.unroute("**/wallet/openings*")
    for address in ("**/wallet/receipts", "**/log/**"):
        page.route(address, lambda route: route.abort())
        page.locator("#logs ol > li button").nth(1).click()
        person.said("The service cannot be reached now.")
        page.unroute(address)
        assert page.locator("#logs ol > li").count() == held
    page.locator("#logs ol > li button").nth(1).click()
    person.said("Receipts taken: 1")

    # An answer of which only the verdict was lost counts.
    document = prove(person, challenge := asked(page, statement="own"), entry=0)
    page.route("**/api/v1/verifications", lambda route: (route.fetch(), route.abort())[1])
    page.click("#hand-in")
    person.said("The service cannot be reached now.")
    page.unroute("**/api/v1/verifications")
    page.click("#hand-in")
    expect(page.locator("#verdict")).to_have_attribute("data-verdict", "holds", timeout=SECONDS)
    assert Verdict.objects.get(id=challenge["id"]).says["entries"]
    assert document["entries"]


@pytest.fixture
def _forgiving(window):
    """What a page is told to do without makes its console complain."""
    yield
    window.complaints.clear()


def test_a_credential_that_the_consent_stands(person, life):
    page = person.page
    person.create()
    person.claim()
    seal()
    grant = life.standing
    operation = grant.operations[0]
    words = {"statement": "active", "app": str(grant.app_id), "operation": operation}
    document, verdict = answer(person, asked(page, **words))
    assert verdict.says["shown"]["operation"] == operation
    assert document["pseudonym"]

    # The same person twice, and after the consent was taken back.
    prove(person, asked(page, **words))
    page.click("#hand-in")
    expect(page.locator("#verdict")).to_contain_text("already today", timeout=SECONDS)
    withdraw(user=life.user, grant_id=grant.id, now=timezone.now())
    person.open_question(asked(page, **words))
    page.locator("#ask-form [type=submit]").click()
    person.said("no consent that stands")


def test_a_passkey_unlocks_it(browser, site):
    """WebAuthn's PRF, by an authenticator of the browser's own; a passkey is bound to a name, so the page is asked for by one."""
    with browser.new_context(base_url=site.origin.replace("127.0.0.1", "localhost"), locale="en-GB") as context:
        context.set_default_timeout(20_000)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": True}
        options |= {"hasUserVerification": True, "isUserVerified": True, "hasPrf": True}
        session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        person = Person(page)
        person.create()
        page.click("#add-passkey")
        person.said("From now on the passkey unlocks it, too.")
        page.reload()
        person.at("locked")
        page.click("#unlock-passkey")
        person.at("open")
        assert page.locator("#passkey-there").is_visible()


@pytest.mark.usefixtures("_forgiving")
def test_without_a_network_it_opens_and_proves(person, window, life):
    """The pages that the browser kept are about nobody; the proof is saved as a file, and holds on the Verify page later."""
    page = person.page
    person.create()
    person.claim()
    seal()
    entries = person.look()
    entries[1].locator("button").click()
    person.said("Receipts taken: 1")
    questions = [asked(page, statement="own"), asked(page, statement="receipt", attributes=["kind"])]
    page.evaluate("() => navigator.serviceWorker.ready.then(() => undefined)")
    page.context.set_offline(True)
    page.goto("/wallet/")
    expect(page.locator("#wallet-kept")).to_be_visible()
    assert life.user.email not in page.content()
    person.unlock()
    person.at("open")
    assert page.locator("#logs ol > li").count() == len(entries)
    files = []
    for question, choice in zip(questions, ("entry", "receipt"), strict=True):
        page.goto("/wallet/prove")
        person.at("nothing")
        said = {"name": "q.json", "mimeType": "application/json", "buffer": json.dumps(question).encode()}
        page.set_input_files("#question-file", said)
        person.unlock()
        person.at("ask")
        page.locator(f"input[name={choice}]").first.check()
        page.locator("#ask-form [type=submit]").click()
        person.at("made")
        expect(page.locator("#unchecked")).to_be_visible()
        with page.expect_download() as saved:
            page.click("#save-proof")
        files.append(saved.value.path().read_bytes())
    page.get_by_text("Show it as a code").click()
    picture = page.locator("#proof-qr").screenshot()

    page.context.set_offline(False)
    other = window()
    for file in files:
        other.goto("/verify")
        other.set_input_files("#file", {"name": "proof.json", "mimeType": "application/json", "buffer": file})
        other.get_by_role("button", name="Check it").click()
        expect(other.locator("#result.holds")).to_be_visible()
    other.goto("/verify")
    other.get_by_text("Scan a code", exact=True).click()
    with other.expect_navigation():
        other.set_input_files("#scan-file", {"name": "code.png", "mimeType": "image/png", "buffer": picture})
    expect(other.locator("#result.holds")).to_be_visible()


def test_two_pages_lose_nothing_of_each_other(person, life):
    """A receipt that one takes is there for the other, and stays when the other writes; what one removes the other does not bring back."""
    one = person.page
    person.create()
    person.claim()
    seal()
    person.look()
    two = Person(one.context.new_page())
    two.page.goto("/wallet/")
    two.unlock()
    two.at("open")
    second = two.page
    for page in (one, second):
        page.locator("details[data-entries]").evaluate("each => { each.open = true }")
    # Both at once: neither waits for the other to be seen.
    one.locator("#logs ol > li button").nth(1).click()
    second.locator("#logs ol > li button").nth(2).click()
    for page in (one, second):
        expect(page.locator("[data-found]")).to_contain_text("receipts: 2", timeout=SECONDS)
    one.reload()
    person.unlock()
    person.at("open")
    expect(one.locator("[data-found]")).to_contain_text("receipts: 2")

    second.locator("details:has(#forget-open) summary").click()
    second.locator("#forget-open-sure").check()
    second.locator("#forget-open [type=submit]").click()
    two.at("begin")
    person.at("begin")
    one.click("#create")
    person.at("words")
    two.create()
    person.unlock()  # the other was first, and is not written over
    person.at("open")


def test_a_long_scan_does_not_hold_up_the_page(window, site):
    """The page answers all the while, and the bar moves."""
    files, vkey = long_log("long.test/log", 20_000)
    Log.objects.create(origin="long.test/log", vkey=vkey)
    page = window()

    def serve(route):
        data = files.get(route.request.url.split("/log/long.test/log/")[1])
        route.fulfill(status=200 if data else 404, body=data or b"")

    page.route("**/log/long.test/log/**", serve)
    person = Person(page)
    person.create()
    page.evaluate("""() => {
      const seen = window.seen = {longest: 0, shown: new Set()};
      let last = performance.now();
      const bar = document.getElementById("wallet-progress");
      setInterval(() => {
        const now = performance.now();
        seen.longest = Math.max(seen.longest, now - last);
        last = now;
        if (!bar.hidden && bar.hasAttribute("value")) seen.shown.add(bar.value);
      }, 10);
    }""")
    page.locator("[data-act=look]").click()
    person.said("Found: 0")
    seen = page.evaluate("() => ({longest: window.seen.longest, shown: window.seen.shown.size})")
    assert seen["shown"] > 5, seen
    assert seen["longest"] < 500, seen
    assert int(page.locator("#wallet").get_attribute("data-looked")) > seen["longest"]


def test_a_camera_reads_the_code(browser, site, life, tmp_path):
    """By a camera of the browser's own that shows a picture; and the camera is for the pages that scan alone."""
    import segno

    code = tmp_path / "code.png"
    segno.make_qr(f"{site.origin}/wallet/prove#challenge=0f0e0d0c-0b0a-4908-8706-050403020100", error="m").save(
        str(code), scale=6, border=6
    )
    image = Image.open(code).convert("L")
    frame = Image.new("L", (640, 480), 128)
    frame.paste(image.resize((400, 400)), (120, 40))
    grey = np.asarray(frame).tobytes()
    (tmp_path / "camera.y4m").write_bytes(
        b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420\n" + (b"FRAME\n" + grey + bytes([128]) * (640 * 480 // 2)) * 5
    )
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    flags.append(f"--use-file-for-fake-video-capture={tmp_path}/camera.y4m")
    launched = browser.browser_type.launch(executable_path=chromium(), args=[*CHROMIUM, *flags])
    try:
        with launched.new_context(base_url=site.origin, locale="en-GB", permissions=["camera"]) as context:
            person = Person(context.new_page())
            person.create()
            allowed = "() => document.featurePolicy.allowsFeature('camera')"
            assert not person.page.evaluate(allowed)
            person.page.goto("/wallet/prove")
            assert person.page.evaluate(allowed)
            person.at("nothing")
            person.page.click("#scan-start")
            person.said("There is no such question any more")
            assert person.page.locator("#scan-view").is_hidden()
            assert any("/api/v1/challenges/0f0e0d0c" in each for each in person.sent)
    finally:
        launched.close()


@pytest.mark.django_db
def test_the_pages_that_a_browser_keeps_are_about_nobody(client, life):
    sign_in_just_now(client, life.user)
    for language, title in (("en", "My wallet"), ("zh-hans", "我的钱包")):
        kept = client.get(f"/wallet/offline/{language}/wallet")
        text = kept.content.decode()
        assert title in text
        assert life.user.email not in text
        assert str(life.user.id) not in text
        assert 'data-csrf=""' in text
        assert "Set-Cookie" not in kept.headers
        script = client.get(f"/wallet/offline/{language}.js")
        assert f"/wallet/offline/{language}/prove" in script.content.decode()
        assert script.headers["Service-Worker-Allowed"] == "/wallet/"
    assert script.content == client.get("/wallet/offline/zh-hans.js").content, "the same version has the same bytes"
    for missing in ("/wallet/offline/xx/wallet", "/wallet/offline/xx.js", "/wallet/offline/en/settings"):
        assert client.get(missing).status_code == 404


@pytest.mark.django_db
def test_the_camera_is_for_the_pages_that_scan(client, life):
    for path, camera in (
        ("/wallet/prove", "(self)"),
        ("/verify", "(self)"),
        ("/wallet/", "()"),
        ("/", "()"),
        ("/x", "()"),
    ):
        assert f"camera={camera}," in client.get(path).headers["Permissions-Policy"], path


def test_every_trouble_has_words():
    """What the scripts may say stands in the page; a name without words would read as something that should not have happened."""
    base = Path(settings.BASE_DIR)
    source = "".join(each.read_text() for each in (base / "frontend" / "src").rglob("*.ts") if "core" not in each.parts)
    used = set(re.findall(r"(?:Trouble|Broken|Unable|fail)\(\"([a-z_-]+)\"", source))
    used |= set(re.findall(r"\bsay\(\"([a-z_.]+)\"", source))
    for name in ("checkpoint", "leaf", "merkle", "note", "tiles"):
        script = (base / "static" / "verify" / f"{name}.js").read_text()
        used |= set(re.findall(r"Broken\(\"([a-z_]+)\"", script))
    said = set(re.findall(r'data-word="([^"]+)"', (base / "templates" / "portal" / "wallet_words.html").read_text()))
    assert used - said == {"payload"}, "the wallet checks payloads itself"
    assert len(used) > 60
    assert {f"kind.{kind}" for kind in _TELLERS} <= said
