"""What an upload must be: real audio, at most so long, at least so fine. Pure but for the decoder (libsndfile).

Every frame is decoded, for a header can lie about its length: a WAV is as long as what is there (recorders that stream write no length),
a FLAC that is cut off is refused, and so is a file that goes on after its recording: what is kept is what was measured.
"""

import io
from dataclasses import dataclass

import soundfile

from retention.errors import AudioRefused

_BLOCK_FRAMES = 65_536
_TAIL_BYTES = 4_096
"""What may follow the sound: a list of names, a tag."""
_MARK_BYTES = 65_536
"""What else may: the chunks by which a WAV is marked as AI-made. A C2PA manifest is some kilobytes, more with a timestamp."""
HIGHEST_RATE = 192_000
MOST_CHANNELS = 8


@dataclass(frozen=True)
class Audio:
    """What a decoded clip is."""

    sample_rate: int
    """Hz."""
    duration_ms: int
    format: str


def inspect(data: bytes, *, longest_seconds: float, lowest_rate: int) -> Audio:
    """Decode `data` and return what it is.

    Raises:
        AudioRefused: Empty, not audio, broken, too long, or sampled too coarsely.
    """
    if not data:
        raise AudioRefused("empty", "The file is empty.")
    try:
        stream = io.BytesIO(data)
        with soundfile.SoundFile(stream) as file:
            rate: int = file.samplerate
            if rate < lowest_rate:
                raise AudioRefused(
                    "sample_rate_too_low", f"The audio is sampled at {rate} Hz; at least {lowest_rate} Hz are needed."
                )
            if rate > HIGHEST_RATE or file.channels > MOST_CHANNELS:
                raise AudioRefused("not_audio", "The file does not look like a recording of speech.")
            most = int(longest_seconds * rate)
            frames = 0
            while frames <= most:
                block = file.read(_BLOCK_FRAMES, dtype="int16")
                if len(block) == 0:
                    break
                frames += len(block)
            declared: int = file.frames
            kind: str = file.format
            unread = len(data) - stream.tell() - min(_marks_in(data), _MARK_BYTES)
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        raise AudioRefused("not_audio", "The file is not audio that can be read (WAV, FLAC, OGG or MP3).") from None
    if frames > most:
        raise AudioRefused("too_long", f"The audio is longer than {longest_seconds:g} seconds.")
    if unread > _TAIL_BYTES:
        raise AudioRefused("not_audio", "The file holds more than its one recording.")
    if frames == 0 or (kind == "FLAC" and frames < declared):
        raise AudioRefused("not_audio", "The audio is cut off or holds no sound.")
    return Audio(sample_rate=rate, duration_ms=round(frames * 1000 / rate), format=kind)


def _marks_in(data: bytes) -> int:
    """Return how many bytes of a WAV are the chunks of its marks."""
    place, found = 12, 0
    while data[:4] == b"RIFF" and place + 8 <= len(data):
        size = 8 + int.from_bytes(data[place + 4 : place + 8], "little")
        size += size % 2
        if data[place : place + 4] in (b"C2PA", b"AIGC"):
            found += min(size, len(data) - place)
        place += size
    return found
