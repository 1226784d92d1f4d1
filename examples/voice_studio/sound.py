"""The studio's mouth and ears: speech synthesis by flite or espeak-ng, voices measured by resemblyzer. Nothing here writes a file.

A text goes to the synthesis by its standard input, never by a command line that others can read; speech comes back in memory.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Sound: mono, from -1 to 1."""
DIMENSIONS = 256
MODEL = "resemblyzer"
LONGEST_SECONDS = 60
_TEST = "The north wind and the sun were disputing which was the stronger."
_PITCHES = (60.0, 400.0)


class NoMouth(Exception):
    """No speech synthesis is on this machine: install flite or espeak-ng."""


class NoVoice(Exception):
    """Nobody speaks in this recording, or it cannot be read."""


@dataclass(frozen=True)
class Voiceprint:
    """What was measured of a voice: the embedding (256 numbers) and the pitch in Hz."""

    embedding: NDArray[np.float32]
    pitch: float

    def clear(self) -> None:
        """Forget the numbers, also for who still holds a reference."""
        self.embedding.fill(0)


class Mouth:
    """The machine's speech synthesis, and its voices."""

    def __init__(self) -> None:
        if shutil.which("flite"):
            self._program, self.voices = "flite", ("kal16", "awb", "rms", "slt")
        elif shutil.which("espeak-ng"):
            self._program, self.voices = "espeak-ng", ("en+m3", "en+m7", "en+f2", "en+f5")
        else:
            raise NoMouth(NoMouth.__doc__)

    @staticmethod
    def can_say(text: str) -> bool:
        """Say whether there is anything in a text that the voices, all English, can read."""
        return any(each.isascii() and each.isalnum() for each in text)

    def say(self, text: str, *, voice: str, pitch: float | None = None) -> tuple[Samples, int]:
        """Return speech and its rate. `pitch`: Hz, the voice's own when left out."""
        # A file in memory, by its number: neither program writes to a pipe.
        with _file() as file:
            path = f"/proc/self/fd/{file.fileno()}" if os.path.isdir("/proc/self/fd") else file.name  # noqa: PTH112
            if self._program == "flite":
                set_pitch = ["--setf", f"int_f0_target_mean={pitch:.0f}"] if pitch else []
                command = ["flite", "-voice", voice, *set_pitch, "/dev/stdin", "-o", path]
            else:
                base = 110.0 if "+m" in voice else 200.0
                level = 50 + 50 * np.log2(pitch / base) if pitch else 50
                command = ["espeak-ng", "-v", voice, "-p", f"{np.clip(level, 0, 99):.0f}", "--stdin", "-w", path]
            words = " ".join(text.split()).encode()
            subprocess.run(command, input=words, check=True, capture_output=True, timeout=60, pass_fds=[file.fileno()])
            file.seek(0)
            samples, rate = soundfile.read(file, dtype="float32")
        return samples, int(rate)


def _file() -> Any:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("speech"), "w+b")
    return tempfile.NamedTemporaryFile(suffix=".wav")


class Ear:
    """Measures voices, and knows the mouth's."""

    def __init__(self, mouth: Mouth) -> None:
        from resemblyzer import VoiceEncoder

        self._encoder = VoiceEncoder("cpu", verbose=False)
        self._known = {name: self._embed(*mouth.say(_TEST, voice=name)) for name in mouth.voices}

    def measure(self, data: bytes) -> Voiceprint:
        """Measure the voice of a recording.

        Raises:
            NoVoice: Nobody speaks in it, or it cannot be read.
        """
        try:
            with soundfile.SoundFile(io.BytesIO(data)) as file:
                rate = file.samplerate
                samples = file.read(LONGEST_SECONDS * rate, dtype="float32", always_2d=True).mean(axis=1)
        except soundfile.LibsndfileError:
            raise NoVoice(NoVoice.__doc__) from None
        embedding, pitch = self._embed(samples, rate), pitch_of(samples, rate)
        if pitch is None or not np.isfinite(embedding).all():
            raise NoVoice(NoVoice.__doc__)
        return Voiceprint(embedding, pitch)

    def nearest(self, voiceprint: Voiceprint) -> tuple[str, float]:
        """Return which of the mouth's voices comes nearest, and how near: 1 is the same."""
        near = {name: float(known @ voiceprint.embedding) for name, known in self._known.items()}
        name = max(near, key=near.__getitem__)
        return name, near[name]

    def _embed(self, samples: Samples, rate: int) -> NDArray[np.float32]:
        from resemblyzer import preprocess_wav

        heard = preprocess_wav(samples, source_sr=rate)
        if len(heard) < rate // 4:
            raise NoVoice(NoVoice.__doc__)
        return np.asarray(self._encoder.embed_utterance(heard), dtype=np.float32)


def pitch_of(samples: Samples, rate: int) -> float | None:
    """Return a voice's middle pitch in Hz, by autocorrelation of 40 ms pieces; None where nothing sounds like a voice."""
    size, low, high = rate // 25, int(rate / _PITCHES[1]), int(rate / _PITCHES[0])
    found = []
    for start in range(0, len(samples) - 2 * size, size):
        piece = samples[start : start + 2 * size] - samples[start : start + 2 * size].mean()
        power = float(piece @ piece)
        if power / len(piece) < 1e-4:
            continue
        likeness = np.array([piece[:-lag] @ piece[lag:] for lag in range(low, high)]) / power
        best = int(likeness.argmax())
        if likeness[best] > 0.5:
            found.append(rate / (low + best))
    return float(np.median(found)) if len(found) >= 5 else None


def wav(samples: Samples, rate: int) -> bytes:
    """Return sound as a WAV file's bytes, 16 bits."""
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format="WAV", subtype="PCM_16")
    return out.getvalue()


def milliseconds(data: bytes) -> tuple[int, int]:
    """Return how long a file sounds, and its rate."""
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        return round(1000 * file.frames / file.samplerate), int(file.samplerate)
