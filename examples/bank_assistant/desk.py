"""The bank's end: opens sealed features and finds which of its commands was said. It never gets a sound.

`python -m examples.bank_assistant.desk SECRET_FILE SESSION`, frames on the standard input. Words are found by dynamic time warping over MFCC
(Sakoe and Chiba, 1978), against what flite says of each command in four voices: small, old, and good enough for a handful of sentences.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
from consonant.bank import SessionKey, SharedSecret
from consonant.redact.features import mfcc
from numpy.typing import NDArray

from examples.bank_assistant.device import DIMENSIONS, RATE, receive, send

Features = NDArray[np.float32]
COMMANDS = {
    "balance": "What is my balance?",
    "transfer": "I want to transfer some money.",
    "block": "Please block my card at once.",
    "person": "Let me talk to a person.",
}
VOICES = ("awb", "kal16", "rms", "slt")
_QUIET = 6.0
"""How far below the loudest frame one is silence, in c0."""


def spoken(features: Features) -> Features:
    """Return the frames in which somebody speaks, each coefficient brought to mean 0 and deviation 1; c0, the loudness, is left out."""
    if not len(features):
        return features[:, 1:]
    kept = features[features[:, 0] > np.percentile(features[:, 0], 95) - _QUIET][:, 1:]
    return np.asarray((kept - kept.mean(axis=0)) / (kept.std(axis=0) + 1e-3), dtype=np.float32)


def distance(one: Features, other: Features) -> float:
    """Return how far two pieces of speech are apart when the time of each may be stretched."""
    cost = np.sqrt(((one[:, None, :] - other[None, :, :]) ** 2).sum(axis=2))
    total = np.full((len(one) + 1, len(other) + 1), np.inf)
    total[0, 0] = 0.0
    for row in range(1, len(one) + 1):
        above, left = total[row - 1], np.inf
        for column in range(1, len(other) + 1):
            left = cost[row - 1, column - 1] + min(above[column], left, above[column - 1])
            total[row, column] = left
    return float(total[-1, -1] / (len(one) + len(other)))


def templates() -> list[tuple[str, Features]]:
    """Return what each command sounds like."""
    found = []
    for name, text in COMMANDS.items():
        for voice in VOICES:
            with os.fdopen(os.memfd_create("template"), "w+b") as file:
                path = f"/proc/self/fd/{file.fileno()}"
                command = ["flite", "-voice", voice, "-t", text, "-o", path]
                subprocess.run(command, check=True, pass_fds=[file.fileno()])
                file.seek(0)
                samples, rate = soundfile.read(file, dtype="int16")
            found.append((name, spoken(mfcc(samples, rate=rate, dimensions=DIMENSIONS))))
    return found


def understand(features: Features) -> str:
    """Return the command that comes nearest; empty where nobody spoke."""
    said = spoken(features)
    if len(said) < RATE // 1600:
        return ""
    return min(templates(), key=lambda each: distance(said, each[1]))[0]


def main(secret_file: str, session: str) -> int:
    """Serve one session; return the exit status."""
    secret = SharedSecret(Path(secret_file).read_bytes())
    with SessionKey(secret, session, is_caller=False) as key:
        pieces = []
        while frame := receive(sys.stdin.buffer):
            pieces.append(np.frombuffer(key.open(frame), dtype="<f4").reshape(-1, DIMENSIONS))
        features = np.concatenate(pieces) if pieces else np.zeros((0, DIMENSIONS), dtype=np.float32)
        send(sys.stdout.buffer, key.seal(understand(features).encode()))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
