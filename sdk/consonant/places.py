"""Where a file lies, said so that only this host can tell: HMAC-SHA256(host key, absolute real path in UTF-8), in hex.

The SDK sends it with the record of a clip, the guard with the sight of a file: the service joins the two and learns no path.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from consonant.settings import key_at, state_of


def host_key(state: Path | None = None) -> bytes:
    """Return this host's key, 32 bytes: the file that CONSONANT_HOST_KEY_FILE names, else `host.key` in the folder of state. It is made once."""
    return key_at(Path(os.environ.get("CONSONANT_HOST_KEY_FILE") or (state or state_of()) / "host.key"))


def place_of(key: bytes, path: str | os.PathLike[str]) -> str:
    """Return the mark of a path, 64 hex digits; links are followed, so that all names of a file have one."""
    real = os.path.realpath(path)
    return hmac.digest(key, real.encode("utf-8", "surrogateescape"), "sha256").hex()
