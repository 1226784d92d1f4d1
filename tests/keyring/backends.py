"""Where a key store lies: both backends, opened as often as a test likes, also in another process."""

from pathlib import Path

from keyring.kek import FileKeks, Ring
from keyring.local import LocalStore
from keyring.openbao import OpenBaoStore


class Backend:
    """Where one key store lies: `open()` opens it as another process does."""

    def __init__(self, folder: Path, kv=None):
        self.folder, self.kv = folder, kv
        self.address = kv.address if kv else ""
        self.kek = folder / "secrets" / "kek"
        self.token_file = folder / "token"
        if kv:
            self.token_file.touch(mode=0o600)
            self.token_file.write_text(kv.token + "\n")

    def __getstate__(self):
        """The server stays in the process that runs it."""
        return self.__dict__ | {"kv": None}

    def open(self, *providers):
        ring = Ring(*(providers or [FileKeks(self.kek)]))
        if not self.address:
            return LocalStore(self.folder / "keys" / "keys.sqlite3", ring)
        return OpenBaoStore(address=self.address, mount="consonant", token_file=self.token_file, ring=ring)

    def bytes_at_rest(self):
        """Everything the store keeps, as one piece."""
        if self.kv:
            return self.kv.memory().encode()
        return b"".join(path.read_bytes() for path in (self.folder / "keys").iterdir())
