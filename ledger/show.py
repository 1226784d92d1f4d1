"""Show entries: what a certificate or a receipt holds of each of them, from the database and the published files."""

import base64
from collections.abc import Mapping
from typing import Any

from ledger import checkpoint, tiles
from ledger.files import read
from ledger.merkle import prove_inclusion
from ledger.models import Entry, Log
from ledger.note import Verifier


def show(*, origin: str, openings: Mapping[str, tuple[str, str]]) -> tuple[list[dict[str, Any]], str]:
    """Return the entries of the log that a published checkpoint covers, in its order, and that checkpoint, signed; else ([], "").

    `openings` holds of each entry, by its ref, the salt of the payload (hex) and its text. An entry is as `ledger.shown` has it.

    Raises:
        LedgerError: What is published is not this log.
        FileNotFoundError: A tile is missing.
    """
    try:
        signed = read(origin, "checkpoint")
    except FileNotFoundError:
        return [], ""
    # One read: a checkpoint published between two would give hashes for another size.
    head = checkpoint.open(signed, [Verifier.from_vkey(Log.objects.get(origin=origin).vkey)])
    entries = Entry.objects.filter(log=origin, ref__in=openings, index__lt=head.size).order_by("index")
    reader = tiles.TileReader(lambda path: read(origin, path), head.size)
    shown = [
        {
            "ref": str(entry.ref),
            "index": entry.index,
            "leaf": bytes(entry.leaf).decode(),
            "payload_salt": openings[str(entry.ref)][0],
            "payload": openings[str(entry.ref)][1],
            "proof": [
                base64.b64encode(node).decode()
                for node in prove_inclusion(index=entry.index, size=head.size, reader=reader)
            ],
        }
        for entry in entries
    ]
    return (shown, signed.decode()) if shown else ([], "")
