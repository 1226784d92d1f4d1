"""Somebody at their browser with a wallet: what the tests of its pages do, and all that left the browser meanwhile."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from ledger import checkpoint, merkle, note, tiles
from ledger.leaf import chain
from tests.factories import sign_in_just_now
from tests.zkp import frontend

PASSPHRASE = "three grey herons"
SECONDS = 25_000
ASK = """async (asked) => {
  const answer = await fetch("/api/v1/challenges", {
    method: "POST",
    credentials: "omit",
    headers: {"Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID()},
    body: JSON.stringify({verifier: "https://verifier.example", purpose: "to see that you are you", ...asked}),
  });
  return [answer.status, await answer.json()];
}"""
# Everything that the browser keeps for the page, as text.
KEPT = """async () => {
  const found = [JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}), document.cookie];
  for (const {name} of await indexedDB.databases()) {
    const database = await new Promise((done) => { indexedDB.open(name).onsuccess = ({target}) => done(target.result); });
    for (const store of database.objectStoreNames) {
      const all = database.transaction(store).objectStore(store).getAll();
      found.push(JSON.stringify(await new Promise((done) => { all.onsuccess = () => done(all.result); })));
    }
    database.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      if (!/\\.(js|css|svg)$/.test(new URL(request.url).pathname)) {
        found.push(request.url, await (await cache.match(request)).text());
      }
    }
  }
  return found;
}"""


class Person:
    """Somebody at their browser, with all that left it."""

    def __init__(self, page):
        self.page, self.sent, self.words = page, [], []
        page.context.on("request", self._remember)

    def _remember(self, request):
        headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
        self.sent.append(f"{request.url}\n{headers}\n{request.post_data or ''}")

    def button(self, name):
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def said(self, text):
        expect(self.page.locator("#wallet-said")).to_contain_text(text, timeout=SECONDS)

    def idle(self):
        expect(self.page.locator("#wallet")).not_to_have_attribute("aria-busy", "true", timeout=SECONDS)

    def at(self, step):
        expect(self.page.locator(f"[data-step={step}]").first).to_be_visible(timeout=SECONDS)
        self.idle()

    def create(self, look=lambda _name: None):
        """Create a wallet, write the words down, and choose a passphrase."""
        page = self.page
        page.goto("/wallet/")
        self.at("begin")
        look("begin")
        page.click("#create")
        self.at("words")
        look("words")
        self.words = page.locator("#words-list li").all_text_contents()
        assert len(self.words) == 24
        page.click("#written")
        for place in (1, 2, 3):
            asked = page.locator(f"label[for=word-{place}]").text_content()
            page.fill(f"#word-{place}", self.words[int(re.search(r"\d+", asked)[0]) - 1])
        look("check")
        page.locator("#check-words-form [type=submit]").click()
        self.choose_passphrase(look)
        return self.words

    def choose_passphrase(self, look=lambda _name: None):
        self.at("passphrase")
        look("passphrase")
        self.page.fill("#new-passphrase", PASSPHRASE)
        self.page.fill("#new-again", PASSPHRASE)
        self.page.locator("#passphrase-form [type=submit]").click()
        self.at("open")

    def unlock(self, passphrase=PASSPHRASE):
        self.at("locked")
        self.page.fill("#unlock-passphrase", passphrase)
        self.page.locator("#unlock [type=submit]").click()

    def claim(self):
        self.page.locator("[data-act=claim]").click()
        expect(self.page.locator("#wallet-said")).not_to_have_class(re.compile("error"), timeout=SECONDS)
        expect(self.page.locator("[data-act=claim]")).to_be_hidden(timeout=SECONDS)
        self.idle()

    def look(self):
        """Look for one's entries; return their lines."""
        self.page.locator("[data-act=look]").first.click()
        expect(self.page.locator("[data-found]").first).to_contain_text(re.compile(r"\d"), timeout=SECONDS)
        self.idle()
        self.page.locator("details[data-entries]").first.evaluate("each => { each.open = true }")
        return self.page.locator("#logs ol > li").all()

    def open_question(self, challenge, *, unlock=True):
        self.page.goto("about:blank")  # where only what stands behind # changes, the page loads itself again
        self.page.goto(f"/wallet/prove#challenge={challenge['id']}")
        if unlock:
            self.unlock()
        self.at("ask")

    def secrets(self, origin):
        """Each secret of the wallet in every form in which it could be written."""
        from zkp import tag

        seed = seed_of(self.words)
        keys = tag.derive(seed, origin)
        found = [PASSPHRASE, *(" ".join(self.words[at : at + 2]) for at in range(23))]
        for secret in (seed, keys.s, tag.box_key(seed, origin)):
            number = int.from_bytes(secret, "big")
            encoded = base64.b64encode(secret).decode().rstrip("=")
            found += [secret.hex(), f"{number:x}", str(number), encoded, encoded.replace("+", "-").replace("/", "_")]
            found += [",".join(str(byte) for byte in secret), str(int.from_bytes(secret, "little"))]
        return found


def sign_in_as(page, site, user):
    """Sign somebody in, as a moment ago."""
    client = Client()
    sign_in_just_now(client, user)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site.origin}])
    return page


def seed_of(words):
    """The entropy of 24 words, by the list that the page itself has."""
    text = (frontend.BUILT / "worker.js").read_text()
    listed = re.search(r"`(abandon\nability.*?zoo)`", text, re.DOTALL)[1].split("\n")
    bits = "".join(f"{listed.index(word):011b}" for word in words)
    seed = int(bits[:256], 2).to_bytes(32, "big")
    assert bits[256:] == f"{hashlib.sha256(seed).digest()[0]:08b}"
    return seed


def asked(page, **words):
    """Ask for a proof; return the challenge."""
    status, said = page.evaluate(ASK, words)
    assert status == 201, said
    return said


def long_log(origin, size):
    """The files of a log of so many entries about nobody, and its key."""
    signer = note.Signer(origin, Ed25519PrivateKey.from_private_bytes(hashlib.sha256(origin.encode()).digest()))
    day = datetime(2026, 1, 1, tzinfo=UTC).isoformat(timespec="milliseconds")[:23] + "Z"
    refs = (str(UUID(bytes=hashlib.sha256(f"{at}".encode()).digest()[:16], version=4)) for at in range(size))
    some = (bytes([7]) * 16, *[bytes([at]) * 32 for at in range(3)])
    made = chain(log=origin, index=0, prev=bytes(32), entries=((day, "artifact.recorded", ref, *some) for ref in refs))
    entries = [data for data, _hash in made]
    files = dict(
        tiles.new_files(old_size=0, new_size=size, read_entries=lambda at, end: entries[at:end], read_tile={}.get)
    )
    root = merkle.root(merkle.leaf_hash(entry) for entry in entries)
    head = checkpoint.format(checkpoint.Checkpoint(origin, size, root))
    files["checkpoint"] = note.sign(head, [signer]).encode()
    return files, signer.verifier().vkey
