"""The vault's default storage: a folder of files of mode 600, each synced before its write returns."""

import os
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from django.core.files.storage import FileSystemStorage

from keyring.secretfile import sync_folder

_FOLDERS_AT_ONCE = 16


class DurableFolder(FileSystemStorage):
    """A folder whose writes and deletions are on disk when they return."""

    def __init__(self, location: str) -> None:
        super().__init__(location=location, file_permissions_mode=0o600, directory_permissions_mode=0o700)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name itself: what is stored beside it, by another, nobody would find again.

        Raises:
            FileExistsError: It is taken.
        """
        del max_length
        if self.exists(name):
            raise FileExistsError(name)
        return name

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
        path = Path(self.path(name))
        try:
            path.unlink()
        except FileNotFoundError:  # perhaps by a deletion that was not synced
            if not path.parent.is_dir():
                return
        sync_folder(path.parent)

    def delete_each(self, names: Iterable[str]) -> dict[str, str]:
        """Remove the files that are there, and make that durable; return of which it failed and the error's name.

        Several folders at once, each synced once: who removes a file or syncs mostly waits for the disk's journal, which takes what all who
        wait bring in one go (ten times faster than one after the other, as measured on ext4).
        """
        folders: dict[str, list[str]] = defaultdict(list)
        for name in names:
            folder, _, file = name.rpartition("/")
            folders[folder].append(file)
        failed: dict[str, str] = {}
        with ThreadPoolExecutor(_FOLDERS_AT_ONCE, thread_name_prefix="folders") as threads:
            for found in threads.map(self._delete_in, folders, folders.values()):
                failed |= found
        return failed

    def _delete_in(self, folder: str, files: Iterable[str]) -> dict[str, str]:
        failed: dict[str, str] = {}
        try:
            opened = os.open(self.path(folder), os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return failed
        except OSError as error:
            return {f"{folder}/{file}": type(error).__name__ for file in files}
        try:
            for file in files:
                try:
                    os.unlink(file, dir_fd=opened)
                except FileNotFoundError:  # perhaps by a deletion that was not synced
                    pass
                except OSError as error:
                    failed[f"{folder}/{file}"] = type(error).__name__
            os.fsync(opened)
        except OSError as error:  # they are gone, and may come back after a crash
            return {f"{folder}/{file}": type(error).__name__ for file in files}
        finally:
            os.close(opened)
        return failed
