"""A copy of the published log, as anyone may take one: downloaded, verified without the service, and tampered with four ways.

The copy has the layout of C2SP tlog-tiles. A tampering changes the copy and keeps the signed checkpoint, for the key that signs
it is not here. Each is done to a copy of its own, which stays for a look: `manage.py verify_log --origin O --folder F`.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from deploy.demo_parties import Unexpected, expect
from ledger import checkpoint, tiles
from ledger.leaf import read_link
from ledger.merkle import leaf_hash
from ledger.note import Verifier
from ledger.verify import Finding, verify_log


def published(client: httpx.Client, origin: str) -> Any:
    """Return what the service publishes of the log `origin`: its key, the key of its certificates, its address."""
    for log in expect(client.get("/.well-known/consonant.json"), 200).json()["logs"]:
        if log["origin"] == origin:
            return log
    raise Unexpected(f"The service publishes no log called {origin}")


def verifier_of(client: httpx.Client, origin: str) -> tuple[Verifier, str]:
    """Return the key and the address of the log `origin`, as the service publishes them."""
    log = published(client, origin)
    return Verifier.from_vkey(log["vkey"]), log["url"]


class Copy:
    """A copy of one log in a folder of its own."""

    def __init__(self, folder: Path, verifier: Verifier, size: int = 0) -> None:
        self.folder = folder
        self._verifier = verifier
        self.size = size

    def download(self, client: httpx.Client, url: str) -> int:
        """Fetch the checkpoint and every file it speaks of; return how many files."""
        signed = expect(client.get(f"{url}checkpoint"), 200).content
        self.size = checkpoint.open(signed, [self._verifier]).size
        self._store("checkpoint", signed)
        count = 1
        for tile in tiles.tiles_of(self.size):
            response = client.get(f"{url}{tile.path}")
            if response.status_code == httpx.codes.NOT_FOUND and tile.width < tiles.WIDTH:
                # The log grew meanwhile: the full tile has taken the partial one's place, as tlog-tiles allows.
                tile = tiles.Tile(tile.level, tile.index)  # noqa: PLW2901
                response = client.get(f"{url}{tile.path}")
            self._store(tile.path, expect(response, 200).content)
            count += 1
        return count

    def _store(self, path: str, data: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def another(self, name: str) -> "Copy":
        """Return a copy of this copy, beside it."""
        shutil.copytree(self.folder, self.folder.with_name(name))
        return Copy(self.folder.with_name(name), self._verifier, self.size)

    def verify(self) -> list[Finding]:
        """Replay the copy, offline."""
        return list(verify_log(self.folder, [self._verifier]))

    def entry(self, index: int) -> bytes:
        """Return the bytes of one entry."""
        return self._bundle(index // tiles.WIDTH)[1][index % tiles.WIDTH]

    def _bundle(self, number: int) -> tuple[Path, list[bytes]]:
        found = tiles.tile_at(level=tiles.ENTRIES, index=number, size=self.size)
        if found is None:
            raise Unexpected(f"The log has no bundle {number}")
        path = self.folder / found.path
        if not path.exists():
            path = self.folder / tiles.bundle_path(number)
        return path, tiles.decode_bundle(path.read_bytes())

    def _change(self, index: int, change: Callable[[list[bytes], int], None]) -> None:
        path, entries = self._bundle(index // tiles.WIDTH)
        change(entries, index % tiles.WIDTH)
        path.write_bytes(tiles.encode_bundle(entries))

    def change_byte(self, index: int) -> None:
        """Change one byte of an entry: a digit of what it commits to."""

        def change(entries: list[bytes], place: int) -> None:
            entries[place] = _other_payload(entries[place])

        self._change(index, change)

    def remove(self, index: int) -> None:
        """Take an entry out."""
        self._change(index, _take_out)

    def swap(self, index: int, other: int) -> None:
        """Let two entries of one bundle change places."""

        def change(entries: list[bytes], place: int) -> None:
            there = place + other - index
            entries[place], entries[there] = entries[there], entries[place]

        self._change(index, change)

    def rewrite(self, index: int) -> None:
        """Write another history from entry `index` on: chain, bundles and tiles all computed anew; only the signature is missing."""
        history: list[bytes] = []
        for place in range(self.size):
            entry = self.entry(place)
            if place == index:
                entry = _other_payload(entry)
            elif place > index:
                own = json.loads(entry)
                entry = entry.replace(own["prev"].encode(), leaf_hash(history[-1]).hex().encode())
            read_link(entry)  # still a leaf to every reader
            history.append(entry)
        for path, data in tiles.new_files(
            old_size=0, new_size=self.size, read_entries=lambda first, last: history[first:last], read_tile=_no_tile
        ):
            self._store(path, data)


def _other_payload(entry: bytes) -> bytes:
    payload = json.loads(entry)["payload"]
    return entry.replace(payload.encode(), f"{(int(payload[0], 16) ^ 1):x}{payload[1:]}".encode())


def _take_out(entries: list[bytes], place: int) -> None:
    del entries[place]


def _no_tile(path: str) -> bytes:
    raise FileNotFoundError(path)
