"""What a person's own browser finds when it checks their records: the true log verified, each false one marked, what it cannot do said."""

import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import expect

from ledger import checkpoint, leaf, merkle, note, tiles
from ledger.folder import folder_of
from ledger.models import Log
from ledger.queries import leaves
from ledger.signing import signer_of
from tests import vectors
from tests.portal.scene import live, question, seal

pytestmark = pytest.mark.browser

HOLDS = re.compile(r"✓ Your browser has checked (\d+) of (\d+) lines: they stand in the public log, word for word\.")
BROKEN = re.compile(r"✗ \d+ of \d+ lines DO NOT HOLD\.")


class Forger:
    """Whoever can write to the published log of a person's app, and has its signing key."""

    def __init__(self, life):
        self.origin = life.story.tenant.origin
        self.folder = folder_of(self.origin)
        self.entries = leaves(self.origin, 0, 10_000)

    def write(self, path, data):
        (self.folder / path).write_bytes(data)

    def read(self, path):
        return (self.folder / path).read_bytes()

    def tile(self, level=0):
        return tiles.tile_path(level, 0, len(self.entries))

    def bundle(self):
        return tiles.bundle_path(0, len(self.entries))

    def publish(self, *, signer=None):
        """Write these entries as the whole log, with a head that is signed as it should be."""
        root = merkle.root([merkle.leaf_hash(entry) for entry in self.entries])
        head = checkpoint.Checkpoint(self.origin, len(self.entries), root)
        for path, data in tiles.new_files(
            old_size=0,
            new_size=head.size,
            read_entries=lambda first, last: self.entries[first:last],
            read_tile=self.read,
        ):
            self.write(path, data)
        self.write("checkpoint", note.sign(checkpoint.format(head), [signer or signer_of(self.origin)]).encode())

    def change(self, place=3, **fields):
        """Change one entry, and chain what follows it anew."""
        prev = None
        for number, entry in enumerate(self.entries):
            said = leaf.decode(entry)
            said = replace(said, prev=prev or said.prev, **fields if number == place else {})
            self.entries[number] = leaf.encode(said)
            prev = merkle.leaf_hash(self.entries[number])


@pytest.fixture
def told(now):
    life = live(now)
    return life, Forger(life)


@pytest.fixture
def look(window, told):
    """Open the records of the person, and wait until the browser has made up its mind."""

    def at(page=None):
        page = page or window(user=told[0].user)
        page.goto("/records/")
        expect(page.locator(".check:not([data-state]), .check[data-state=checking]")).to_have_count(0, timeout=20_000)
        expect(page.locator("#check-said")).not_to_contain_text("is checking")
        return page

    return at


def states(page):
    return page.locator(".check").evaluate_all("found => found.map(line => line.dataset.state)")


def test_the_true_log_holds(look, told):
    page = look()
    said = HOLDS.search(page.inner_text("#check-said"))
    assert said, page.inner_text("#check-said")
    assert said[1] == said[2] == str(len(states(page))) or "wait to be sealed" in page.inner_text("#check-said")
    assert set(states(page)) <= {"verified", "waiting"}
    assert states(page).count("verified") > 20
    card = page.locator(f'[data-origin="{told[1].origin}"]')
    expect(card).to_contain_text("Your browser sees this log for the first time.")
    expect(card).to_contain_text(f"checked with the key {Log.objects.get(origin=told[1].origin).vkey.split('+')[1]}")
    line = page.locator(".check[data-state=verified]").first
    line.locator("summary").click()
    expect(line).to_contain_text(re.compile(r"Entry no\. \d+ of \S+, under the signed checkpoint of \d+ entries\."))
    expect(line.locator(".mono")).to_contain_text('"purpose":"')
    assert page.request.get(line.get_by_role("link", name="Proof").get_attribute("href")).ok
    page.reload()
    expect(card).to_contain_text("It still holds all it held when your browser saw it last")


def test_what_waits_is_checked_when_it_is_sealed(window, look, told, now):
    life, _ = told
    question(life.story, now=now, operations=("upload",))
    page = look()
    assert "waiting" in states(page)
    seal()
    expect(page.locator(".check[data-state=waiting]")).to_have_count(0, timeout=10_000)
    assert set(states(page)) == {"verified"}
    expect(page.locator("#check-said")).to_have_text(HOLDS)


def test_a_changed_entry(look, told):
    """Only the bundle: the hash tiles still lead to the signed root, and the entry no longer to them."""
    _, forger = told
    changed = [
        leaf.encode(replace(leaf.decode(entry), payload=b"x" * 32)) if n == 3 else entry
        for n, entry in enumerate(forger.entries)
    ]
    forger.write(forger.bundle(), tiles.encode_bundle(changed))
    page = look()
    assert states(page).count("failed") == 1
    expect(page.locator(".check[data-state=failed]")).to_contain_text(
        "THIS DOES NOT HOLD: what the log shows at this place"
    )
    expect(page.locator("#check-said")).to_have_text(re.compile(BROKEN.pattern + ".*" + HOLDS.pattern, re.DOTALL))
    expect(page.locator("#check-said.error")).to_be_visible()


def test_a_changed_tile(look, told):
    _, forger = told
    forger.write(forger.tile(), bytes(32) + forger.read(forger.tile())[32:])
    page = look()
    assert set(states(page)) <= {"failed", "verified"}
    assert states(page).count("failed") > 20
    expect(page.get_by_text("the files of the log are not those that were signed.").first).to_be_visible()


@pytest.mark.parametrize("spoil", [lambda head: head.replace(b"\n", b"\nx", 1), lambda head: head[:-8] + b"AAAAAA=\n"])
def test_a_changed_head(look, told, spoil):
    _, forger = told
    forger.write("checkpoint", spoil(forger.read("checkpoint")))
    page = look()
    assert states(page).count("failed") > 20
    assert "verified" not in states(page)


def test_a_file_that_is_withheld(window, look, told):
    _, forger = told
    (forger.folder / forger.bundle()).unlink()
    page = look()
    assert states(page).count("failed") > 20
    expect(page.get_by_text("the log does not hand out what its signed checkpoint speaks of.").first).to_be_visible()
    assert all("404" in said for said in window.complaints)
    window.complaints.clear()


def test_another_history_signed_as_it_should_be(look, told):
    """To a browser that saw the log before: a fork. To one that did not: an entry that does not say what this page says."""
    _, forger = told
    page = look()
    forger.change(payload=b"x" * 32)
    forger.publish()
    look(page)
    assert set(states(page)) <= {"failed"}
    expect(page.get_by_text("the log has another history than the one this browser saw").first).to_be_visible()
    evidence = page.locator(f'[data-origin="{forger.origin}"] [data-evidence]')
    evidence.locator("summary").click()
    heads = evidence.locator("pre").all_inner_texts()
    assert len(set(heads)) == 2
    assert all(
        checkpoint.open(f"{head.strip()}\n".encode(), [signer_of(forger.origin).verifier()]).size for head in heads
    )
    look(page)
    assert set(states(page)) == {"failed"}, "it remembers what it saw first"
    stranger = look()
    assert states(stranger).count("failed") == 1
    expect(stranger.locator(".check[data-state=failed]")).to_contain_text("what was sealed is not what this page says")


def test_another_kind_signed_as_it_should_be(look, told):
    _, forger = told
    place = next(n for n, entry in enumerate(forger.entries) if leaf.decode(entry).kind == "artifact.recorded")
    forger.change(place, kind="artifact.erased")
    forger.publish()
    page = look()
    expect(page.locator(".check[data-state=failed]")).to_contain_text(
        "the log says another kind or time than this page"
    )


def test_a_log_that_became_shorter(look, told):
    _, forger = told
    page = look()
    forger.entries.pop()
    forger.publish()
    look(page)
    assert set(states(page)) == {"failed"}
    expect(page.get_by_text("the log is shorter than when this browser saw it last").first).to_be_visible()


def test_a_log_that_grew(look, told):
    """Across the edge of a tile, and with nothing left of the partial one that was seen."""
    _, forger = told
    page = look()
    last = leaf.decode(forger.entries[-1])
    prev = merkle.leaf_hash(forger.entries[-1])
    for index in range(len(forger.entries), 300):
        forger.entries.append(leaf.encode(replace(last, index=index, prev=prev)))
        prev = merkle.leaf_hash(forger.entries[-1])
    for path in (forger.folder / "tile").rglob("*.p/*"):
        path.unlink()
    (forger.folder / "tile/0/001.p").mkdir(parents=True, exist_ok=True)
    (forger.folder / "tile/entries/001.p").mkdir(parents=True, exist_ok=True)
    (forger.folder / "tile/1/000.p").mkdir(parents=True, exist_ok=True)
    forger.publish()
    look(page)
    assert "failed" not in states(page)
    expect(page.locator(f'[data-origin="{forger.origin}"]')).to_contain_text("At")
    expect(page.locator(f'[data-origin="{forger.origin}"]')).to_contain_text("it had 300 entries")


def test_another_key(look, told):
    """Loud, and for ever, until the person lets the browser forget."""
    _, forger = told
    page = look()
    other = note.Signer(forger.origin, Ed25519PrivateKey.generate())
    Log.objects.filter(origin=forger.origin).update(vkey=other.verifier().vkey)
    forger.publish(signer=other)
    for _ in range(2):
        look(page)
        assert set(states(page)) == {"failed"}
        expect(page.get_by_text("the key of the log is not the one that this browser remembers.").first).to_be_visible()
    page.get_by_role("button", name="Forget what this browser remembers of it").first.click()
    expect(page.locator(f'[data-origin="{forger.origin}"]')).to_contain_text("for the first time")
    assert "failed" not in states(page)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("voice-cloning&quot;", "text-to-speech&quot;", "what was sealed is not what this page says."),
        (
            'data-kind="consent.given"',
            'data-kind="consent.refused"',
            "the log says another kind or time than this page.",
        ),
        ('data-index="5"', 'data-index="6"', "another entry stands at this place in the log."),
    ],
)
def test_a_page_that_lies(window, look, told, old, new, sentence):
    page = window(user=told[0].user)

    def lie(route):
        answer = route.fetch()
        said = answer.text()
        assert old in said
        route.fulfill(response=answer, body=said.replace(old, new))

    page.route("**/records/", lie)
    look(page)
    expect(page.locator(".check[data-state=failed]").first).to_contain_text(sentence)


def test_where_the_log_cannot_be_reached(window, look, told):
    page = window(user=told[0].user)
    page.route("**/log/**", lambda route: route.abort())
    look(page)
    assert set(states(page)) == {"unable"}
    expect(page.locator("#check-said")).to_contain_text("could not be checked")
    expect(page.get_by_text("the log could not be fetched; reload the page when you are online.").first).to_be_visible()
    assert all("ERR_FAILED" in said for said in window.complaints)
    window.complaints.clear()


INSECURE = "Object.defineProperty(window, 'isSecureContext', {get: () => false})"
OLD = """const real = crypto.subtle.importKey.bind(crypto.subtle);
crypto.subtle.importKey = (form, key, how, ...more) => how.name === "Ed25519"
  ? Promise.reject(new DOMException("", "NotSupportedError")) : real(form, key, how, ...more);"""


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (INSECURE, "did not come over a secure connection (https)"),
        (OLD, "this browser does not know Ed25519 signatures"),
    ],
    ids=["insecure", "old"],
)
def test_a_browser_that_cannot(window, look, told, script, sentence):
    page = window(user=told[0].user)
    page.add_init_script(script)
    look(page)
    assert set(states(page)) == {"unable"}
    expect(page.locator("#check-said")).to_contain_text(sentence)


def test_a_browser_that_keeps_nothing(window, look, told):
    page = window(user=told[0].user)
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get: () => { throw new DOMException('', 'SecurityError'); }})"
    )
    look(page)
    assert "failed" not in states(page)
    expect(page.locator(f'[data-origin="{told[1].origin}"]')).to_contain_text(
        "Your browser keeps nothing for this page"
    )


def test_without_script(window, told):
    page = window(user=told[0].user, java_script_enabled=False)
    page.goto("/records/")
    expect(page.get_by_text("Without scripts your browser cannot check these lines itself.")).to_be_visible()
    assert "✓" not in page.inner_text("main")
    line = page.locator(".check").last
    expect(line.locator("summary")).to_have_text(re.compile(r"in the public log, no\. \d+"))
    line.locator("summary").click()
    assert page.request.get(line.get_by_role("link", name="Proof").get_attribute("href")).ok


def test_each_thing_that_can_happen_has_its_words():
    script = "".join(path.read_text() for path in (vectors.PROJECT / "static" / "verify").glob("*.js"))
    ends = set(re.findall(r'(?:Broken|Unable|say)\("(\w+)"', script)) | {"insecure", "ed25519"}
    words = (vectors.PROJECT / "templates/portal/check_words.html").read_text()
    spoken = set(re.findall(r'data-word="(\w+)"', words))
    # A proof that fails is never the end: `log.js` says what it means where it was made.
    assert ends - {"proof"} <= spoken
    assert spoken <= set(re.findall(r'"(\w+)"', script))
