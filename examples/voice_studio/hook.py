"""Where the ledger tells the studio to erase: the SDK's receiver unlinks the clip and acknowledges, so that the person sees it answered.

The hook's secret is told once, when the studio subscribes, and lies in its folder of state (mode 600). Until then nothing is taken for true.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import Final

from consonant import Client, ConsonantError
from consonant.receiver import Receiver

log = logging.getLogger("voice_studio")
EVENT: Final = "artifact.erase_requested"
PATH: Final = "/consonant/hooks"
_TRIES: Final = 30


def _file(client: Client) -> Path:
    return client.state / "hook-secret"


def receiver_of(client: Client) -> Receiver:
    """Return what takes the ledger's deliveries."""

    def secrets() -> list[str]:
        return _file(client).read_text(encoding="ascii").split() if _file(client).is_file() else []

    return Receiver(client, secrets=secrets)


def subscribe_soon(client: Client, *, url: str) -> None:
    """Subscribe once, from a thread: the ledger first asks the address whether it is ours, so it must be open already."""
    if not _file(client).exists():
        threading.Thread(target=_subscribe, args=(client, url), daemon=True).start()


def _subscribe(client: Client, url: str) -> None:
    for _ in range(_TRIES):
        time.sleep(1)
        try:
            made = client.call("POST", "/api/v1/hooks", {"event": EVENT, "target_url": url + PATH})
        except ConsonantError:
            continue
        file = _file(client)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(made["secret"] + "\n")
        return
    log.warning("the ledger cannot reach the studio: it does not hear when something has to be erased")
