"""Where limits are counted: in Redis, so that all processes count together; while it is away, in each process's own memory.

- Nothing is ever let through uncounted, and nothing is refused because Redis is away: a limit is then as many times higher as there are
  processes.
- What is counted (a sender's address, an account) is kept under a keyed hash of its name (HMAC-SHA256), never readable.
- Redis is the broker's too, so that `clear` deletes what is ours and nothing else.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from django.utils.crypto import salted_hmac
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)
MEMORY = "memory://"
PREFIX = "consonant:counts:"
_AGAIN_SECONDS = 5.0
_TIMEOUT_SECONDS = 0.5


def hidden(key: str, key_prefix: str, version: int) -> str:
    """Return the name under which a count is kept."""
    return PREFIX + salted_hmac(PREFIX, f"{key_prefix}:{version}:{key}", algorithm="sha256").hexdigest()


def _counted(name: str) -> Callable[..., Any]:
    """Return the method of that name: Redis's, or memory's while Redis is away."""
    in_redis, in_memory = getattr(RedisCache, name), getattr(LocMemCache, name)

    def call(self: "Counts", *args: Any, **kwargs: Any) -> Any:
        return self.either(lambda: in_redis(self, *args, **kwargs), lambda: in_memory(self.memory, *args, **kwargs))

    return call


class Counts(RedisCache):
    """Django's cache for counts. With the address `memory://` there is no Redis at all."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"socket_connect_timeout": _TIMEOUT_SECONDS, "socket_timeout": _TIMEOUT_SECONDS}
        super().__init__(server, {**params, "OPTIONS": options})
        self.memory = LocMemCache("counts", {**params, "OPTIONS": {}})
        self._again_at = float("inf") if server == MEMORY else 0.0

    def either(self, in_redis: Callable[[], Any], in_memory: Callable[[], Any]) -> Any:
        """Return what Redis says, or memory while Redis is away; after a failure it is left alone for five seconds."""
        if time.monotonic() >= self._again_at:
            try:
                return in_redis()
            except RedisError as error:
                self._again_at = time.monotonic() + _AGAIN_SECONDS
                log.warning("counts_away", error=type(error).__name__)
        return in_memory()

    add = _counted("add")
    get = _counted("get")
    set = _counted("set")
    touch = _counted("touch")
    delete = _counted("delete")
    has_key = _counted("has_key")
    incr = _counted("incr")

    def hit(self, key: str, seconds: int) -> int:
        """Count one more under the key, which is forgotten after so many seconds; return how many it is now."""
        name = self.make_key(key)

        def in_redis() -> int:
            with self._cache.get_client(name, write=True).pipeline(transaction=True) as pipe:
                pipe.incr(name)
                pipe.expire(name, seconds)
                return int(pipe.execute()[0])

        def in_memory() -> int:
            self.memory.add(key, 0, seconds)
            return self.memory.incr(key)

        return int(self.either(in_redis, in_memory))

    def clear(self) -> None:
        """Forget every count, and leave the broker's queues alone."""

        def in_redis() -> None:
            client = self._cache.get_client(write=True)
            for name in client.scan_iter(match=f"{PREFIX}*", count=1000):
                client.delete(name)

        self.either(in_redis, lambda: None)
        self.memory.clear()
