"""Finds sensitive words in speech, on the device: `Spotter` is what any spotter has to do, `PocketSpotter` does it by pocketsphinx.

What was found is a place and a score. The word itself is not told: that somebody said "password" is nobody's business either.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    import numpy as np

RATE: Final = 16_000
TRIGGERS: Final[Mapping[str, float]] = {
    "password": 1e-20, "passcode": 1e-20, "pin code": 1e-20, "pin number": 1e-20, "card number": 1e-25, "account number": 1e-25,
    "security code": 1e-25, "social security": 1e-25,
}  # fmt: skip
"""Words behind which a secret follows, and how likely they have to be (pocketsphinx: the lower, the more are found)."""
DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGIT_LIKELIHOOD: Final = 1e-5
DIGITS_IN_A_ROW: Final = 6
"""So many are a number that is read out; fewer are said in any talk."""
CEPSTRAL_MEAN: Final = "52.4,-1.4,8.6,23.7,3.0,-0.3,1.8,-8.6,-5.0,-5.8,6.1,1.5,2.9"
"""Of speech at an ordinary level: what a decoder takes for the mean of its features before it has heard enough. It decides how well the first
words are found, and so it is the same at the beginning of each utterance."""
_FRAME: Final = RATE // 100  # pocketsphinx counts hundredths of a second
_NEXT_DIGIT: Final = int(0.5 * RATE)


@dataclass(frozen=True)
class Hit:
    """A sensitive word, in samples from the beginning. `follows`: what is said behind it is sensitive too."""

    start: int
    end: int
    score: float
    follows: bool = True


class Spotter(Protocol):
    """Finds sensitive words while they come in."""

    def feed(self, samples: np.ndarray[Any, np.dtype[np.int16]]) -> list[Hit]:
        """Take the next samples, 16 kHz, mono; return what has been found since."""

    def pause(self) -> list[Hit]:
        """Nobody speaks: what was being recognised is over. Return what was still found."""


class PocketSpotter:
    """Keyword spotting by pocketsphinx, with its English model (in its wheel). `triggers`: words and likelihoods; `score` at least, 0 to 1.

    The digits have a decoder of their own: beside them the triggers would score lower.
    """

    def __init__(
        self, triggers: Mapping[str, float] = TRIGGERS, *, digits: bool = True, score: float = 0.85, **model: str
    ) -> None:
        self._triggers = _Words(triggers, score, model)
        self._digits = _Words(dict.fromkeys(DIGITS, DIGIT_LIKELIHOOD), score, {"ds": "2", **model}) if digits else None
        self._row: list[Hit] = []

    def feed(self, samples: np.ndarray[Any, np.dtype[np.int16]]) -> list[Hit]:
        """Take the next samples; return what has been found since."""
        return [*self._triggers.feed(samples), *self._rows(self._digits.feed(samples) if self._digits else [])]

    def pause(self) -> list[Hit]:
        """Begin anew: what was found is forgotten, so that it does not grow."""
        return [*self._triggers.pause(), *self._rows(self._digits.pause() if self._digits else [])]

    def _rows(self, digits: list[Hit]) -> list[Hit]:
        found = []
        for digit in digits:
            if self._row and digit.start < self._row[-1].start:
                continue
            if self._row and digit.start - self._row[-1].end > _NEXT_DIGIT:
                self._row = []
            self._row.append(digit)
            if len(self._row) >= DIGITS_IN_A_ROW:
                found.append(Hit(self._row[0].start, digit.end, min(each.score for each in self._row)))
        return found


class _Words:
    """A decoder that looks for some words."""

    def __init__(self, words: Mapping[str, float], score: float, model: Mapping[str, str]) -> None:
        from pocketsphinx import Decoder

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "words")
            path.write_text("".join(f"{word} /{likely:g}/\n" for word, likely in words.items()), encoding="utf-8")
            self._decoder = Decoder(lm=None, kws=str(path), loglevel="FATAL", **model)
        self._score = score
        self._fed = self._begun = 0
        self._told: set[tuple[str, int]] = set()
        self._start()

    def feed(self, samples: np.ndarray[Any, np.dtype[np.int16]]) -> list[Hit]:
        self._decoder.process_raw(samples.tobytes(), False, False)
        self._fed += len(samples)
        return self._found()

    def pause(self) -> list[Hit]:
        self._decoder.end_utt()
        hits = self._found()
        self._start()
        self._begun, self._told = self._fed, set()
        return hits

    def _start(self) -> None:
        self._decoder.set_cmn(CEPSTRAL_MEAN)
        self._decoder.start_utt()

    def _found(self) -> list[Hit]:
        if self._decoder.hyp() is None:
            return []
        hits = []
        for segment in sorted(self._decoder.seg(), key=lambda each: each.start_frame):
            known = (segment.word, segment.start_frame)
            if known not in self._told and segment.prob > self._score:
                self._told.add(known)
                start, end = (self._begun + frame * _FRAME for frame in (segment.start_frame, segment.end_frame))
                hits.append(Hit(start, end, segment.prob))
        return hits
