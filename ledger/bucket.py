"""A store of published files in S3, or in a server that speaks S3 (MinIO, Ceph, ...): `s3://bucket/prefix`.

A put is atomic: a crash leaves a file whole or not at all. A tile, a bundle or evidence never changes once written: it is put on the
condition that there is none (`If-None-Match: *`, which S3 has since August 2024). Whether the server keeps to that is seen at the first
file, which is put twice; on one that does not, each file is read and compared before it is put. Only `checkpoint` is put over what was
there, after everything given before it.

Files can be locked as they are put (object lock in compliance mode): then the server lets nobody delete or change that version until the
time given, the owner of the account included. Sources: Amazon S3 API Reference, PutObject; S3 User Guide, Object Lock, Conditional writes.

Credentials and region come from boto3's own places: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, a profile, a role.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ledger.errors import FileDiffers, StoreAway

FOR_EVER = "public, max-age=31536000, immutable"
ALWAYS_ASK = "no-cache"
_AT_ONCE = 12
_ATTEMPTS = 3
_MOST_DELETED_AT_ONCE = 1000
_CHECKPOINT = "checkpoint"
_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9._-]+)*)/?")
_keeps_conditions: dict[tuple[str, str], bool] = {}


class Bucket:
    """The files under one prefix of a bucket, by their paths in it."""

    def __init__(self, url: str, *, endpoint: str = "", retain_until: datetime | None = None) -> None:
        """Look at `s3://bucket/prefix` at the endpoint, Amazon's when empty; with `retain_until`, lock what is written until then.

        Raises:
            ValueError: The URL is none of that form.
        """
        match = _URL.fullmatch(url)
        if match is None:
            raise ValueError("a bucket is named s3://bucket/prefix")
        self._bucket, self._prefix = match[1], f"{match[2][1:]}/" if match[2] else ""
        self._endpoint, self._retain_until = endpoint, retain_until

    def below(self, path: str) -> "Bucket":
        """Return the store of what lies under a folder of this one."""
        url = f"s3://{self._bucket}/{self._prefix}{path}"
        return Bucket(url, endpoint=self._endpoint, retain_until=self._retain_until)

    def read(self, path: str) -> bytes:
        """Return one file.

        Raises:
            FileNotFoundError: There is none.
            StoreAway: The server does not say.
        """
        with _told():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchKey":
                    raise FileNotFoundError(path) from None
                raise
            data: bytes = answer["Body"].read()
            return data

    def write(self, files: Iterable[tuple[str, bytes]]) -> list[str]:
        """Write files, several at a time, durable on return; return their paths. `checkpoint` waits for all before it.

        Raises:
            FileDiffers: One of them is there with other bytes. Others may be written.
            StoreAway: The server does not say. Any of them may be written.
        """
        paths: list[str] = []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            running: set[Future[None]] = set()
            try:
                for path, data in files:
                    if path == _CHECKPOINT:
                        _finish(running, leave=0)
                        self._put(path, data, cache=ALWAYS_ASK)
                    else:
                        running.add(pool.submit(self._put_once, path, data))
                        _finish(running, leave=2 * _AT_ONCE)
                    paths.append(path)
                _finish(running, leave=0)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return paths

    def find(self, prefix: str = "") -> list[str]:
        """Return the paths of all files whose paths begin so, sorted."""
        pages = self._client.get_paginator("list_objects_v2")
        with _told():
            return sorted(
                str(each["Key"]).removeprefix(self._prefix)
                for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
                for each in page.get("Contents", [])
            )

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files, if they are there."""
        keys = [{"Key": self._prefix + path} for path in paths]
        with _told():
            for start in range(0, len(keys), _MOST_DELETED_AT_ONCE):
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": keys[start : start + _MOST_DELETED_AT_ONCE], "Quiet": True}
                )
                for error in answer.get("Errors", []):
                    raise StoreAway(str(error["Code"]))

    def drop_partials(self, paths: Iterable[str]) -> None:
        """Delete the partial forms of those of the tiles and bundles that are full, as C2SP tlog-tiles allows once they are."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(self.find, [f"{path}.p/" for path in paths if ".p/" not in path]))
        self.remove(path for some in found for path in some)

    def locks(self) -> bool:
        """Say whether the bucket can lock what is put in it."""
        with _told():
            try:
                answer = self._client.get_object_lock_configuration(Bucket=self._bucket)
            except ClientError as error:
                if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
                    return False
                raise
        return bool(answer["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled")

    def locked_until(self, path: str) -> datetime | None:
        """Return until when the server keeps the file, whoever asks it to delete it; None if it is not locked in compliance mode."""
        with _told():
            answer = self._client.head_object(Bucket=self._bucket, Key=self._prefix + path)
        until: datetime | None = answer.get("ObjectLockRetainUntilDate")
        return until if answer.get("ObjectLockMode") == "COMPLIANCE" else None

    def lock(self, path: str, *, until: datetime) -> None:
        """Lock a file that is there, or lock it for longer."""
        with _told():
            self._client.put_object_retention(
                Bucket=self._bucket,
                Key=self._prefix + path,
                Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
            )

    @property
    def _client(self) -> Any:
        return _client(self._endpoint)

    def _put_once(self, path: str, data: bytes) -> None:
        server = (self._endpoint, self._bucket)
        if not _keeps_conditions.get(server) and self._holds(path, data):
            return
        if _keeps_conditions.get(server, True):
            created = self._put(path, data, cache=FOR_EVER, condition={"IfNoneMatch": "*"})
            if not created:
                _keeps_conditions[server] = True
                if not self._holds(path, data):
                    raise StoreAway("a file is there and not there")
            elif server not in _keeps_conditions:
                _keeps_conditions[server] = not self._put(path, data, cache=FOR_EVER, condition={"IfNoneMatch": "*"})
        else:
            self._put(path, data, cache=FOR_EVER)

    def _put(self, path: str, data: bytes, *, cache: str, condition: dict[str, str] | None = None) -> bool:
        """Put a file; say whether the condition held."""
        lock = (
            {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": self._retain_until}
            if self._retain_until
            else {}
        )
        with _told():
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + path,
                    Body=data,
                    ContentMD5=base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
                    ContentType="text/plain; charset=utf-8"
                    if path.rpartition("/")[2].rpartition(".")[2] == _CHECKPOINT
                    else "application/octet-stream",
                    CacheControl=cache,
                    **lock,
                    **(condition or {}),
                )
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if condition and code == "NotImplemented":
                    _keeps_conditions[self._endpoint, self._bucket] = False
                    return self._put(path, data, cache=cache)
                if condition and code in {"PreconditionFailed", "ConditionalRequestConflict"}:
                    return False
                raise
        return True

    def _holds(self, path: str, data: bytes) -> bool:
        """Say whether the file is there with these bytes.

        Raises:
            FileDiffers: It is there with others.
        """
        try:
            held = self.read(path)
        except FileNotFoundError:
            return False
        if held != data:
            raise FileDiffers(path)
        return True


def _finish(running: set[Future[None]], *, leave: int) -> None:
    """Wait until at most so many are running; raise what one of those that ended raised."""
    while len(running) > leave:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        running -= done
        for each in done:
            each.result()


@lru_cache
def _client(endpoint: str) -> Any:
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_AT_ONCE,
        # What every server knows: Content-MD5, which we send, and not the newer sums at the end of a chunked body.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    return boto3.session.Session().client("s3", endpoint_url=endpoint or None, config=config)


@contextmanager
def _told() -> Iterator[None]:
    """Tell of whatever the server or the way to it refuses as StoreAway, without its text, which can name keys of the account."""
    try:
        yield
    except ClientError as error:
        raise StoreAway(str(error.response.get("Error", {}).get("Code", ""))) from None
    except BotoCoreError as error:
        raise StoreAway(type(error).__name__) from None
