"""Features instead of speech: what leaves the device is MFCC, at most 40 a frame, and nothing else.

Mel-frequency cepstral coefficients (Davis and Mermelstein, 1980): windows of 25 ms every 10 ms, a Hamming window, 40 mel filters (HTK's scale) from
20 Hz to half the rate, the logarithm, and an orthonormal DCT-II.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

    from consonant.grant import Grant
    from consonant.protocol import Record

MOST: Final = 40
_WINDOW_SECONDS: Final = 0.025
_STEP_SECONDS: Final = 0.010
_FILTERS: Final = 40
_LOWEST_HZ: Final = 20.0
_FLOOR: Final = 1e-10


def mfcc(
    samples: np.ndarray[Any, np.dtype[np.int16]], *, rate: int = 16_000, dimensions: int = 13
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the coefficients of 16-bit samples, `(frames, dimensions)`.

    Raises:
        ValueError: More than 40 dimensions, or none.
    """
    import numpy as np

    if not 1 <= dimensions <= MOST:
        raise ValueError(f"features have 1 to {MOST} dimensions")
    window, step = round(_WINDOW_SECONDS * rate), round(_STEP_SECONDS * rate)
    sound = np.asarray(samples, dtype=np.float64) / 32_768
    if len(sound) < window:
        return np.zeros((0, dimensions), dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, window)[::step] * np.hamming(window)
    size = 1 << (window - 1).bit_length()
    power = np.abs(np.fft.rfft(frames, size)) ** 2 / size
    logs = np.log(np.maximum(power @ _filters(rate, size).T, _FLOOR))
    number = np.arange(_FILTERS)
    dct = np.cos(np.pi / _FILTERS * np.outer(np.arange(dimensions), number + 0.5)) * np.sqrt(2 / _FILTERS)
    dct[0] /= np.sqrt(2)
    result: np.ndarray[Any, np.dtype[np.float32]] = np.asarray(logs @ dct.T, dtype=np.float32)
    return result


def features(
    use: Grant, samples: np.ndarray[Any, np.dtype[np.int16]], *, rate: int = 16_000, dimensions: int = 13
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], Record]:
    """Return the features of a recording, which is redacted first, and their record. The recording itself goes nowhere.

    Raises:
        NotAllowed, Rejected: See `Grant.features`.
        ValueError: Too many dimensions, or not 16 kHz.
    """
    from consonant.redact.redactor import redact

    made = mfcc(redact(samples, rate=rate).samples, rate=rate, dimensions=dimensions)
    return made, use.features(dimensions=dimensions)


def _filters(rate: int, size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    import numpy as np

    def mel(hertz: float) -> float:
        return float(2595 * np.log10(1 + hertz / 700))

    edges = 700 * (10 ** (np.linspace(mel(_LOWEST_HZ), mel(rate / 2), _FILTERS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(size, 1 / rate)
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    result: np.ndarray[Any, np.dtype[np.float64]] = np.asarray(np.maximum(0, np.minimum(rise, fall)), dtype=np.float64)
    return result
