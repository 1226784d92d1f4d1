"""Which files the app keeps of which artifact, so that an erasure finds them: `<state>/held/<artifact>`, sealed, for a path can name a person.

The file is gone with the artifact. A crash between the unlink of a clip and that of its line leaves the line: erasing again says `not_found`.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consonant.queue import Broken
from consonant.settings import folder, key_at, sync, write

_NONCE: Final = 12


class Held:
    """The folder of one host's app."""

    def __init__(self, state: Path) -> None:
        self._state, self._path = state, state / "held"

    def keep(self, artifact: str, path: str | os.PathLike[str]) -> None:
        """Remember one more file of an artifact.

        Raises:
            OSError: It cannot be written.
            Broken: What was remembered cannot be opened.
        """
        paths = [*self.paths(artifact), os.path.realpath(path)]
        folder(self._path)
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._aead().encrypt(nonce, json.dumps(sorted(set(paths))).encode(), artifact.encode())
        aside = self._path / f".{uuid.uuid4().hex}"
        write(aside, sealed)
        aside.replace(self._file(artifact))
        sync(self._path)

    def paths(self, artifact: str) -> list[str]:
        """Return an artifact's files; none where nobody remembers one.

        Raises:
            Broken: They are remembered under another key, or by other bytes: nobody may say that there are none.
        """
        try:
            data = self._file(artifact).read_bytes()
        except FileNotFoundError:
            return []
        try:
            found = json.loads(self._aead().decrypt(data[:_NONCE], data[_NONCE:], artifact.encode()))
        except (InvalidTag, ValueError):
            raise Broken(artifact) from None
        return [str(each) for each in found]

    def erase(self, artifact: str) -> str:
        """Remove an artifact's files; return `deleted`, or `not_found` where there was none.

        Raises:
            OSError: One of them cannot be removed; it stays remembered.
            Broken: It cannot be told which they are.
        """
        outcome = "not_found"
        for path in self.paths(artifact):
            try:
                if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - a text
                    shutil.rmtree(path)
                else:
                    Path(path).unlink()
                outcome = "deleted"
            except FileNotFoundError:
                continue
        self._file(artifact).unlink(missing_ok=True)
        return outcome

    def _file(self, artifact: str) -> Path:
        return self._path / str(uuid.UUID(artifact))  # an id, and never a path

    def _aead(self) -> AESGCM:
        return AESGCM(key_at(self._state / "queue.key"))
