"""Where the service is, who the app is there, and the folder in which the SDK keeps what has to outlive a process.

The folder (`CONSONANT_STATE`, else `~/.local/state/consonant`; mode 0700) holds `host.key` (places), `queue.key`, `queue/` (sealed records),
`held/` (sealed names of files that the app keeps) and `c2pa/` (the key that marks clips). Nothing personal stands there in clear.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from consonant.errors import Misconfigured

KEY_BYTES: Final = 32
_ADDRESS: Final = re.compile(r"https://[^/?#@\s]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")


@dataclass(frozen=True)
class Settings:
    """What a client needs. `certificate` and `key` are the files of a client's certificate (mTLS), `ca` of those whom it trusts."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    state: Path
    producer: str = ""
    """Who makes clips, for their marks; the client id when left out."""
    certificate: str = ""
    key: str = field(default="", repr=False)
    ca: str = ""
    hook_secrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Refuse an address to which a secret would go in clear."""
        object.__setattr__(self, "url", check_address(self.url))

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read CONSONANT_URL, _CLIENT_ID, _CLIENT_SECRET(_FILE), _STATE, _PRODUCER, _CLIENT_CERT, _CLIENT_KEY, _CA, _HOOK_SECRET(_FILE).

        Raises:
            Misconfigured: One that is needed is missing.
        """
        return cls(
            url=_needed(env, "CONSONANT_URL"),
            client_id=_needed(env, "CONSONANT_CLIENT_ID"),
            client_secret=_needed(env, "CONSONANT_CLIENT_SECRET"),
            state=state_of(env),
            producer=env.get("CONSONANT_PRODUCER", ""),
            certificate=env.get("CONSONANT_CLIENT_CERT", ""),
            key=env.get("CONSONANT_CLIENT_KEY", ""),
            ca=env.get("CONSONANT_CA", ""),
            hook_secrets=tuple(secret_of(env, "CONSONANT_HOOK_SECRET").split()),
        )


def state_of(env: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of state; it need not be there."""
    return Path(env.get("CONSONANT_STATE") or Path.home() / ".local" / "state" / "consonant").absolute()


def check_address(url: str) -> str:
    """Return the service's address without a slash at its end.

    Raises:
        Misconfigured: It is neither https nor on this machine, or has a path.
    """
    if not _ADDRESS.fullmatch(url.rstrip("/")):
        raise Misconfigured("the service's address begins with https:// (or is on this machine) and ends with its name")
    return url.rstrip("/")


def secret_of(env: Mapping[str, str], name: str) -> str:
    """Return a secret of the environment, or of the file that `<name>_FILE` names; empty where there is neither.

    Raises:
        Misconfigured: The file cannot be read.
    """
    if value := env.get(name):
        return value
    if not (path := env.get(f"{name}_FILE")):
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"the file that {name}_FILE names cannot be read") from None


def folder(path: Path) -> Path:
    """Return the folder, made for its owner alone where it was not there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def key_at(path: Path) -> bytes:
    """Return the 32 bytes of a key file, made (mode 0600) where there was none.

    Whoever loses the race to make it reads the winner's: the file appears whole or not at all.

    Raises:
        Misconfigured: The file is no key.
    """
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        folder(path.parent)
        aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        write(aside, secrets.token_bytes(KEY_BYTES))
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
        sync(path.parent)
        key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise Misconfigured(f"{path.name} is no key of {KEY_BYTES} bytes") from None
    return key


def write(path: Path, data: bytes) -> None:
    """Write a new file for its owner alone, synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Make a folder's names durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _needed(env: Mapping[str, str], name: str) -> str:
    if value := secret_of(env, name):
        return value
    raise Misconfigured(f"{name} is not set")
