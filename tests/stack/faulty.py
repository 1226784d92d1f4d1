"""A vault's storage that fails: a share of its calls raises, by a seed and the number of the call in its process."""

import itertools
import random
from typing import IO, Any

from vault.storage import DurableFolder


class FaultyFolder(DurableFolder):
    """`share` of writes, reads and deletions raise; half of them after they have done it."""

    def __init__(self, location: str, seed: int = 0, share: float = 0.05) -> None:
        super().__init__(location=location)
        self._seed, self._share, self._calls = seed, share, itertools.count()

    def _fails(self) -> tuple[bool, bool]:
        chance = random.Random(self._seed * 1_000_003 + next(self._calls))
        return chance.random() < self._share, chance.random() < 0.5

    def _with_faults(self, act, *words):
        fails, afterwards = self._fails()
        if fails and not afterwards:
            raise OSError("the storage is away")
        done = act(*words)
        if fails:
            raise OSError("the storage was away when it should have answered")
        return done

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        return self._with_faults(super().save, name, content, max_length)

    def delete(self, name: str) -> None:
        self._with_faults(super().delete, name)

    def delete_each(self, names):
        failed = {}
        for name in names:
            try:
                failed |= self._with_faults(super().delete_each, [name])
            except OSError as error:
                failed[name] = type(error).__name__
        return failed

    def open(self, name: str, mode: str = "rb"):
        return self._with_faults(super().open, name, mode)
