"""The vault's default storage: a folder of files of mode 600, each synced before its write returns."""

import os
from pathlib import Path
from typing import IO, Any

from django.core.files.storage import FileSystemStorage

from keyring.secretfile import sync_folder


class DurableFolder(FileSystemStorage):
    """A folder whose writes and deletions are on disk when they return."""

    def __init__(self, location: str) -> None:
        super().__init__(location=location, file_permissions_mode=0o600, directory_permissions_mode=0o700)

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        """Write the file; return its name."""
        saved: str = super().save(name, content, max_length)
        with Path(self.path(saved)).open("rb") as file:
            os.fsync(file.fileno())
        folder = Path(self.path(saved)).parent
        sync_folder(folder)
        sync_folder(folder.parent)
        return saved

    def delete(self, name: str) -> None:
        """Remove the file, if it is there, and make that durable."""
        super().delete(name)
        folder = Path(self.path(name)).parent
        if folder.is_dir():
            sync_folder(folder)
