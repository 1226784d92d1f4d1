"""An entry as a certificate or a receipt shows it: its exact leaf, its way up to a signed checkpoint, and its payload with the salt.

    {"ref": "...", "index": 5, "leaf": "{...}", "payload_salt": "<hex>", "payload": "{...}", "proof": ["<base64>", ...]}

Whoever holds this can show what the entry said; the log alone shows it to nobody.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from . import leaf as leaves
from . import merkle
from .errors import LedgerError
from .finding import Finding, bad
from .signed_json import check_depth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .checkpoint import Checkpoint

FIELDS: Final = frozenset({"ref", "index", "leaf", "payload_salt", "payload", "proof"})
_MAX_DEPTH: Final = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry that has been found in the log, with its payload."""

    leaf: leaves.Leaf
    payload: Mapping[str, Any]


def open_entry(said: Mapping[str, Any], head: Checkpoint) -> Shown | Finding:
    """Return the entry if it stands in the log of this checkpoint and says what is shown, or what is wrong with it.

    `said` has the fields above: texts, but for the index, a whole number, and the proof, a list of texts.
    """
    ref = said["ref"]
    try:
        data = said["leaf"].encode()
        leaf = leaves.decode(data)
        proof = [base64.b64decode(each, validate=True) for each in said["proof"]]
        merkle.verify_inclusion(
            leaf_hash=merkle.leaf_hash(data), index=said["index"], size=head.size, proof=proof, root=head.root
        )
        salt = bytes.fromhex(said["payload_salt"])
        opens = leaves.commit("payload", salt, said["payload"].encode()) == leaf.payload
        check_depth(said["payload"].encode(), max_depth=_MAX_DEPTH)
        payload = json.loads(said["payload"])
    except (LedgerError, ValueError, binascii.Error, RecursionError):
        return bad("entry.not_in_log", None, f"{ref}: its leaf, its way up or its payload does not fit the checkpoint")
    if (leaf.log, leaf.index, str(leaf.ref)) != (head.origin, said["index"], ref):
        return bad("entry.elsewhere", None, f"{ref}: the leaf is another entry")
    if not opens or not isinstance(payload, dict):
        return bad("entry.payload", None, f"{ref}: the payload is not what was entered")
    return Shown(leaf, payload)
