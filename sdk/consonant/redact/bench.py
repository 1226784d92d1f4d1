"""How long redaction takes, for `consonant bench`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from consonant.redact.spotter import RATE, Spotter

if TYPE_CHECKING:
    import numpy as np


def latency(
    sounds: Sequence[np.ndarray[Any, np.dtype[np.int16]]] = (), *, spotter: Spotter | None = None
) -> dict[str, float]:
    """Return the milliseconds of work for a second of sound: `p50_ms` and `p99_ms` over the seconds, and `realtime`, how often it is faster than speech.

    Work is the time of this process, so that others on the machine do not count. `sounds`: 16-bit samples at 16 kHz; noise, when there are none.
    """
    import numpy as np

    from consonant.redact.redactor import Redactor

    if not sounds:
        noise = np.random.default_rng(7).normal(0, 2_000, 20 * RATE)
        sounds = [noise.astype(np.int16)]
    redactor = Redactor(spotter)
    spent = []
    sound = np.concatenate(sounds)
    for start in range(0, len(sound) - RATE + 1, RATE):
        begun = time.process_time()
        for _ in redactor.feed(sound[start : start + RATE]):
            pass
        spent.append(1_000 * (time.process_time() - begun))
    return {
        "p50_ms": statistics.median(spent),
        "p99_ms": statistics.quantiles(spent, n=100)[98] if len(spent) > 1 else spent[0],
        "realtime": 1_000 / statistics.mean(spent),
    }
