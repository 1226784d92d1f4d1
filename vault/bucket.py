"""Sealed bytes in S3, or in a server that speaks S3 (MinIO, Ceph, ...): django-storages' own, but for reading and deleting.

Reading streams: nothing is loaded whole, and a part is asked for as a part. Deleting deletes: in a bucket that keeps versions every version
goes, and every mark that says deleted, for what is only marked is still there. That takes the right `s3:DeleteObjectVersion` and
`s3:ListBucketVersions`. Where the bucket locks its objects for a time, deleting fails as long, and says so; the key has gone by then.

Sources: Amazon S3 API Reference, GetObject (Range), ListObjectVersions, DeleteObjects.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any, cast

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from vault.errors import StorageAway

_PART_BYTES = 8 << 20
"""Of what is sent at one time, and in memory."""


class SealedBucket(S3Storage):  # type: ignore[misc]
    """A bucket, or a prefix of one, from which what was deleted is gone."""

    def get_default_settings(self) -> dict[str, Any]:
        """Return django-storages' settings with ours: one part in memory at a time."""
        defaults: dict[str, Any] = super().get_default_settings()
        # In the caller's own thread: what is sealed as it is sent may be read from the database, whose connection is that thread's.
        config = TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False)
        return defaults | {"transfer_config": config, "default_acl": None}

    def delete(self, name: str) -> None:
        """Delete every version; what is not there is no error.

        Raises:
            StorageAway: It cannot be deleted now.
        """
        key = self._normalize_name(clean_name(name))
        with _translated():
            for page in self._versions(key):
                found = [
                    {"Key": each["Key"], "VersionId": each["VersionId"]}
                    for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                    if each["Key"] == key
                ]
                if found:
                    self._delete(found)

    def exists(self, name: str) -> bool:
        """Say whether any version of it is there: a mark that says deleted hides nothing from us."""
        key = self._normalize_name(clean_name(name))
        with _translated():
            return any(each["Key"] == key for page in self._versions(key) for each in page.get("Versions", ()))

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        """Return the names of the folders and of the files there."""
        with _translated():
            folders, files = super().listdir(name)
        return list(folders), list(files)

    def get_modified_time(self, name: str) -> datetime:
        """Return when it was written; FileNotFoundError when it is not there."""
        with _translated(name):
            written: datetime = super().get_modified_time(name)
        return written

    def _versions(self, key: str) -> Iterator[dict[str, Any]]:
        pages = self.connection.meta.client.get_paginator("list_object_versions")
        yield from pages.paginate(Bucket=self.bucket_name, Prefix=key)

    def _delete(self, found: list[dict[str, str]]) -> None:
        answer = self.connection.meta.client.delete_objects(
            Bucket=self.bucket_name, Delete={"Objects": found, "Quiet": True}
        )
        if errors := answer.get("Errors"):
            raise StorageAway(errors[0].get("Code", "the bucket refuses"))

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        if mode != "rb":
            raise ValueError("sealed bytes are written whole, by save")
        found = _Object(self.connection.meta.client, self.bucket_name, self._normalize_name(clean_name(name)))
        return File(cast("IO[bytes]", found))

    def _save(self, name: str, content: "File[bytes]") -> str:
        with _translated():
            saved: str = super()._save(name, content)
        return saved


class _Object(io.RawIOBase):
    """One object, read from wherever one seeks to."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        super().__init__()
        self._client, self._where = client, {"Bucket": bucket, "Key": key}
        with _translated(key):
            self.size = int(client.head_object(**self._where)["ContentLength"])
        self._at = 0
        self._body: Any = None

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes: each seek is a request of its own."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go there."""
        there = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence] + offset
        if there != self._at:
            self._drop()
        self._at = there
        return there

    def readinto(self, into: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Read what comes next."""
        if self._at >= self.size or not into:
            return 0
        with _translated(self._where["Key"]):
            if self._body is None:
                self._body = self._client.get_object(**self._where, Range=f"bytes={self._at}-")["Body"]
            piece = self._body.read(len(into))
        into[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, fewer only at the end."""
        size = self.size - self._at if size < 0 else min(size, self.size - self._at)
        got = bytearray(max(size, 0))
        filled = 0
        while filled < len(got) and (more := self.readinto(memoryview(got)[filled:])):
            filled += more
        return bytes(got[:filled])

    def close(self) -> None:
        """Let the connection go."""
        self._drop()
        super().close()

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


@contextmanager
def _translated(key: str | None = None) -> Iterator[None]:
    """Say in the vault's words what a bucket says."""
    try:
        yield
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if key and status == 404:
            raise FileNotFoundError from None
        raise StorageAway(error.response["Error"].get("Code", status)) from None
    except BotoCoreError as error:
        raise StorageAway(type(error).__name__) from None
