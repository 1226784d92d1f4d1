"""What runs on the customer's device: it listens, mutes, measures, seals. No sound leaves it, and none is written to a file.

Sound comes in pieces of a tenth of a second and is in memory for the three seconds that the redactor needs to know what a word was. What it gives
out becomes features (13 MFCC a frame); of the sound itself nothing is kept. The features are sealed under a key of this one session.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
import soundfile
from consonant import Client
from consonant.bank import SessionKey, SharedSecret
from consonant.redact import Redactor
from consonant.redact.features import mfcc
from numpy.typing import NDArray

PURPOSE = "speaker-verification"
OPERATIONS = ("embed",)
RATE = 16_000
DIMENSIONS = 13
PIECE = RATE // 10
Sound = NDArray[np.int16]


@dataclass(frozen=True)
class Answer:
    """What the bank understood, how much was muted before it could leave, and the entries of this talk."""

    understood: str
    muted_seconds: float
    entries: tuple[str, ...]


def from_file(path: Path) -> Iterator[Sound]:
    """Yield a recording piece by piece, as a microphone would. 16 kHz, or what soundfile can be asked to bring there.

    Raises:
        ValueError: It is not sampled at 16 kHz.
    """
    with soundfile.SoundFile(path) as file:
        if file.samplerate != RATE:
            raise ValueError(f"{path.name} is not sampled at {RATE} Hz")
        while len(piece := file.read(PIECE, dtype="int16", always_2d=True)):
            yield piece[:, 0]


def from_microphone(seconds: float) -> Iterator[Sound]:
    """Yield what the microphone hears for so long."""
    import sounddevice

    with sounddevice.InputStream(samplerate=RATE, channels=1, dtype="int16", blocksize=PIECE) as stream:
        for _ in range(int(seconds * RATE / PIECE)):
            yield cast("Sound", stream.read(PIECE)[0][:, 0].copy())


def talk(client: Client, *, subject_ref: str, secret: bytes, sound: Iterator[Sound], desk: list[str]) -> Answer:
    """Take the customer's words to the bank and back.

    `desk`: the command that runs the bank's end; it gets the session's id, and sealed frames on its standard input.

    Raises:
        NotAllowed: The customer has not allowed it; nothing was listened to.
        Unavailable: The ledger cannot be asked; nothing was listened to.
    """
    with client.grant(subject_ref=subject_ref, purpose=PURPOSE, operations=OPERATIONS) as use:
        key = SessionKey.of(use, SharedSecret(secret))
        heard, muted = _listen(sound, use.ensure)
        measured = mfcc(heard, rate=RATE, dimensions=DIMENSIONS)
        heard.fill(0)
        use.features(dimensions=DIMENSIONS)
        end = subprocess.Popen([*desk, use.session], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        into, out = cast("IO[bytes]", end.stdin), cast("IO[bytes]", end.stdout)
        try:
            for start in range(0, len(measured), 100):
                send(into, key.seal(measured[start : start + 100].astype("<f4").tobytes()))
            into.close()
            answer = receive(out)
            understood = key.open(answer).decode() if answer else ""
        finally:
            out.close()
            end.wait(timeout=30)
        return Answer(understood, muted / RATE, tuple(use.receipts))


def _listen(sound: Iterator[Sound], ensure: object) -> tuple[Sound, int]:
    """Return what was said with the sensitive muted, and how many samples that were."""
    redactor, frames = Redactor(), []
    for piece in sound:
        frames += [*redactor.feed(piece)]
        ensure()  # type: ignore[operator]
    frames += [*redactor.close()]
    muted = sum(len(frame.samples) for frame in frames if frame.is_muted)
    heard = np.concatenate([frame.samples for frame in frames]) if frames else np.zeros(0, dtype=np.int16)
    for frame in frames:
        frame.samples[:] = 0
    return heard, muted


def send(stream: IO[bytes], frame: bytes) -> None:
    """Write one frame with its length before it."""
    stream.write(struct.pack(">I", len(frame)) + frame)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """Read one frame; nothing at the end."""
    head = stream.read(4)
    return stream.read(struct.unpack(">I", head)[0]) if len(head) == 4 else b""


def desk_here(secret_file: Path) -> list[str]:
    """Return the command of a desk on this machine, in a process of its own."""
    return [sys.executable, "-m", "examples.bank_assistant.desk", str(secret_file)]
