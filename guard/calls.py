"""Which events are calls of the voice program, and what each event is judged by beside what it says of itself. Pure.

A call is a process of Python that begins with the program's own command; what its web page makes begins no process, and is counted from the
ledger (`guard.follow_records`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

NIGHT: Final = frozenset({22, 23, 0, 1, 2, 3, 4, 5})
"""Hours of the host's own clock."""
SYNTHESIS: Final = "voice.synthesis"
_STARTED: Final = "1"
"""Sysmon's event id of a new process."""
_PROGRAMS: Final[Mapping[str, re.Pattern[str]]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "cosyvoice": r"cosyvoice|(?:^|[\s/\\])(?:webui|example|inference)\.py",
        "indextts": r"index-?_?tts|cli_v2|(?:^|[\s/\\])(?:webui|cli|infer)\w*\.py",
        "linly": r"linly|(?:^|[\s/\\])(?:webui|app|inference)\w*\.py",
        "other": r"\btts\b|--text\b|--tts_text\b|synthes|(?:^|[\s/\\])(?:infer|inference)\w*\.py",
    }.items()
}


def is_call(event: Mapping[str, Any], profile: str) -> bool:
    """Say whether an event, as ECS, is a call of the voice program of that profile."""
    about = event.get("event", {})
    if about.get("module") == "consonant":
        return bool(about.get("action") == SYNTHESIS)
    if about.get("code") != _STARTED:
        return False
    process = event.get("process", {})
    name = str(process.get("name") or process.get("executable") or "").lower()
    return "python" in name and bool(_PROGRAMS[profile].search(str(process.get("command_line", ""))))


Peers = tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a host, and of the addresses that every host may call: this service's own."""

    zone: tzinfo
    profile: str
    listens_only: bool
    peers: Peers = ()


def add_context(event: dict[str, Any], *, at: datetime, setting: Setting) -> bool:
    """Add the fields that rules ask for under `consonant`; say whether the event is a call."""
    hour = at.astimezone(setting.zone).hour
    said: dict[str, Any] = event.setdefault("consonant", {})
    said["local_hour"] = hour
    said["is_night"] = hour in NIGHT
    said["listens_only"] = setting.listens_only
    # What follows is ours to say.
    said.pop("calls", None)
    said.pop("is_peer", None)
    if setting.peers and _is_peer(event.get("destination", {}).get("ip"), setting.peers):
        said["is_peer"] = True
    called = is_call(event, setting.profile)
    if called:
        said["calls"] = True
    return called


def _is_peer(address: object, peers: Peers) -> bool:
    try:
        found = ip_address(str(address))
    except ValueError:
        return False
    return any(found in peer for peer in peers)
