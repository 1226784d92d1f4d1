"""The wallet as a program looks through a log of several bundles, from where it ended, and is not fooled by one that was changed."""

import json
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import checkpoint, leaf, merkle, note, tiles
from tests.sdk.test_wallet import made, opened, program  # noqa: F401 - fixtures
from tests.zkp.given import DAY
from zkp import tag

ORIGIN = "log.example/voices"
BEGAN = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *_):
        """Say nothing."""


class Published:
    """A log as files behind an address: some of its entries bear the wallet's marks."""

    def __init__(self, folder, seed):
        self.folder, self.keys = folder, tag.derive(seed, ORIGIN)
        self.signer = note.Signer(ORIGIN, Ed25519PrivateKey.generate())
        state = {
            "origin": ORIGIN,
            "address": f"/log/{ORIGIN}/",
            "vkey": self.signer.verifier().vkey,
            "issuer": "ab" * 96,
        }
        self._write("wallet/state", json.dumps({"account": None, "logs": [state]}).encode())

    def leaves(self, size, mine, odd=b""):
        """Make that many leaves; `odd` changes the payload of the second."""
        entries = []
        for index in range(size):
            ref, at = UUID(int=index | 4 << 76 | 8 << 60), BEGAN + timedelta(hours=index)
            mark, subject = bytes(16), bytes(32)
            if index in mine:
                mark = tag.mark(self.keys.k_u, ref)
                shown = tag.day_tag(self.keys, at.date())
                subject = leaf.commit("subject", tag.subject_salt(self.keys.k_u, ref), shown)
            payload = odd.ljust(32, b"\0") if index == 1 else bytes(32)
            said = f"{at.isoformat(timespec='milliseconds')[:23]}Z"
            entries.append((said, "artifact.recorded", str(ref), mark, bytes(32), subject, payload))
        return [data for data, _ in leaf.chain(log=ORIGIN, index=0, prev=leaf.GENESIS_PREV, entries=entries)]

    def publish(self, made, *, partials=True):  # noqa: F811
        """Publish these leaves under a signed head."""
        for first in range(0, len(made), tiles.WIDTH):
            held = made[first : first + tiles.WIDTH]
            if partials or len(held) == tiles.WIDTH:
                self._write(
                    f"log/{ORIGIN}/{tiles.bundle_path(first // tiles.WIDTH, len(held))}", tiles.encode_bundle(held)
                )
        head = checkpoint.Checkpoint(ORIGIN, len(made), merkle.root(map(merkle.leaf_hash, made)))
        self._write(f"log/{ORIGIN}/checkpoint", note.sign(checkpoint.format(head), [self.signer]).encode())

    def _write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def log(made, target, tmp_path):  # noqa: F811
    claimed = SimpleNamespace(target=target, file=made.folder / "wallet.json")
    seed = bytes.fromhex(opened(claimed)["seed"])
    published = Published(tmp_path / "published", seed)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "published"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    published.there = ("--service", f"http://127.0.0.1:{server.server_port}")
    published.state = lambda: opened(claimed)["logs"][ORIGIN]
    try:
        yield published
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_goes_on_where_it_ended_and_keeps_the_tree_over_what_it_has_seen(program, made, log):  # noqa: F811
    mine = {0, 3, 255, 256, 300, 511, 512, 699}
    all_of_it = log.leaves(700, mine)
    for size in (1, 256, 300, 700):
        log.publish(all_of_it[:size])
        status, lines, said = program("scan", *made.words, *log.there)
        assert status == 0, said
        assert [int(line.split()[0]) for line in lines] == sorted(each for each in mine if each < size)
        state = log.state()
        whole = size - size % tiles.WIDTH
        assert state["scanned"] == whole
        hashes = list(map(merkle.leaf_hash, all_of_it[:whole]))
        assert [bytes.fromhex(each) for each in state["frontier"]] == merkle.frontier_of(hashes)
    first = log.folder / f"log/{ORIGIN}/{tiles.bundle_path(0)}"
    first.unlink()
    assert program("scan", *made.words, *log.there)[0] == 0, "what was looked at is not fetched again"


def test_a_partial_bundle_that_was_dropped_for_the_full_one(program, made, log):  # noqa: F811
    all_of_it = log.leaves(300, {299})
    log.publish(all_of_it[:290], partials=False)
    log._write(f"log/{ORIGIN}/{tiles.bundle_path(1)}", tiles.encode_bundle(all_of_it[256:]))
    assert program("scan", *made.words, *log.there)[0] == 0


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [(300, 300, "two histories"), (300, 700, "two histories"), (300, 290, "cut off"), (20, 40, "two histories")],
)
def test_another_history_is_refused_and_nothing_of_it_kept(program, made, log, before, after, why):  # noqa: F811
    log.publish(log.leaves(before, {0, 2}))
    assert program("scan", *made.words, *log.there)[0] == 0
    kept = log.state()
    (log.folder / f"log/{ORIGIN}/checkpoint").unlink()
    log.publish(log.leaves(after, {0, 2}, odd=b"other"))
    status, lines, said = program("scan", *made.words, *log.there)
    assert (status, lines) == (1, [])
    assert why in said or "under its signed root" in said, said
    assert log.state() == kept


def test_leaves_that_are_not_under_the_root_or_name_another_place(program, made, log):  # noqa: F811
    all_of_it = log.leaves(20, {2})
    log.publish(all_of_it)
    path = log.folder / f"log/{ORIGIN}/{tiles.bundle_path(0, 20)}"
    path.write_bytes(tiles.encode_bundle(log.leaves(20, {2}, odd=b"x")))
    status, _lines, said = program("scan", *made.words, *log.there)
    assert (status, "not under its signed root" in said) == (1, True), said
    log.publish([*all_of_it[1:], all_of_it[0]])
    status, _lines, said = program("scan", *made.words, *log.there)
    assert (status, "another place" in said) == (1, True), said
