"""The audible label of GB 45438-2025: a rhythm or a spoken prompt, laid before, into or behind a clip.

The rhythm is short-long short-short, the Morse code of "AI": a long one and the gap between the letters are three short ones, the gaps
inside a letter one (ITU-R M.1677-1). A spoken prompt is sound that the caller gives; it is brought to the clip's rate and channels. The
samples of the clip stay as they are; what is compressed with loss (MP3) is written anew.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import numpy as np

At = Literal["start", "middle", "end"]
RHYTHM: Final = (1, 3, 0, 1, 1)
"""Short, long; between the letters; short, short. In units of `UNIT_SECONDS`."""
UNIT_SECONDS: Final = 0.08
TONE_HZ: Final = 800.0
LOUDNESS: Final = 0.25
"""The peak of the tone, of full scale."""
GAP_SECONDS: Final = 0.24
"""Silence between the label and the speech."""
_RAMP_SECONDS: Final = 0.005
_WINDOW_SECONDS: Final = 0.05


def labelled(data: bytes, *, kind: str, at: At = "start", prompt: bytes | None = None) -> bytes:
    """Return a clip with its audible label. `kind`: `rhythm`, or `voice_prompt`, whose sound is `prompt`; `middle` is the quietest moment there.

    Raises:
        ValueError: The kind or the place is unknown, or a spoken prompt comes without its sound or silent.
        soundfile.LibsndfileError: The clip or the prompt cannot be read.
    """
    import numpy as np
    import soundfile

    with soundfile.SoundFile(BytesIO(data)) as file:
        rate, subtype, form = file.samplerate, file.subtype, file.format
        whole = subtype.startswith("PCM")
        speech = file.read(dtype="int32" if whole else "float64", always_2d=True)
    if kind == "rhythm":
        sound = rhythm(rate)
    elif kind == "voice_prompt":
        sound = _spoken(prompt, rate)
    else:
        raise ValueError("an audible label is rhythm or voice_prompt")
    silence = np.zeros(round(GAP_SECONDS * rate))
    sound = np.concatenate([silence, sound, silence])[:, None].repeat(speech.shape[1], axis=1)
    label = np.round(sound * (2**31 - 1)).astype(np.int32) if whole else sound
    place = _place(speech, rate, at)
    made = BytesIO()
    joined = np.concatenate([speech[:place], label, speech[place:]])
    soundfile.write(made, joined, rate, subtype=subtype, format=form)
    return made.getvalue()


def rhythm(rate: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the rhythm as samples of -1 to 1, 0.88 s at `rate` a second."""
    import numpy as np

    unit = round(UNIT_SECONDS * rate)
    parts = []
    for length in RHYTHM:
        time = np.arange(length * unit) / rate
        ramp = np.clip(np.minimum(time, time[::-1]) / _RAMP_SECONDS, 0, 1)  # no click
        # Behind each tone one unit of silence; two more stand between the letters.
        parts += [LOUDNESS * ramp * np.sin(2 * np.pi * TONE_HZ * time), np.zeros(unit if length else 2 * unit)]
    result: np.ndarray[Any, np.dtype[np.float64]] = np.asarray(np.concatenate(parts[:-1]), dtype=np.float64)
    return result


def _spoken(prompt: bytes | None, rate: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    import numpy as np
    import soundfile

    if prompt is None:
        raise ValueError("a spoken prompt needs its sound")
    sound, own = soundfile.read(BytesIO(prompt), dtype="float64", always_2d=True)
    sound = sound.mean(axis=1)
    if not np.abs(sound).max(initial=0) > 0.01:
        raise ValueError("the spoken prompt is silent")
    wanted = round(len(sound) * rate / own)
    if wanted != len(sound):
        spectrum = np.zeros(wanted // 2 + 1, dtype=complex)  # band-limited: what both rates have is taken over
        kept = min(len(spectrum), len(sound) // 2 + 1)
        spectrum[:kept] = np.fft.rfft(sound)[:kept]
        sound = np.clip(np.fft.irfft(spectrum, wanted) * wanted / len(sound), -1, 1)
    result: np.ndarray[Any, np.dtype[np.float64]] = np.asarray(sound, dtype=np.float64)
    return result


def _place(speech: np.ndarray[Any, Any], rate: int, at: str) -> int:
    import numpy as np

    if at in ("start", "end"):
        return 0 if at == "start" else len(speech)
    if at != "middle":
        raise ValueError("a label stands at the start, in the middle or at the end")
    window, third = max(1, round(_WINDOW_SECONDS * rate)), len(speech) // 3
    power = np.square(speech[third : 2 * third].astype(np.float64)).sum(axis=1)
    if len(power) < window:
        return len(speech) // 2
    quiet = np.convolve(power, np.ones(window), mode="valid").argmin()
    return int(third + quiet + window // 2)
