"""What may be taken: real audio, long and fine enough, decoded to its end."""

import pytest

from retention.audio import inspect
from retention.errors import AudioRefused
from tests.conftest import speech


def look(data):
    return inspect(data, longest_seconds=10.0, lowest_rate=16_000)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_takes_what_apps_send(kind):
    audio = look(speech(2.0, kind=kind))
    assert audio.sample_rate == 16_000
    assert 1900 <= audio.duration_ms <= 2200
    assert audio.format == kind


def test_ten_seconds_are_the_most():
    assert look(speech(10.0)).duration_ms == 10_000
    with pytest.raises(AudioRefused, match="10 seconds") as refused:
        look(speech(10.01))
    assert refused.value.reason == "too_long"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"this is no audio at all", "not_audio"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "not_audio"),
        (speech(0.0), "not_audio"),
        (speech(1.0, rate=8_000), "sample_rate_too_low"),
        (speech(11.0), "too_long"),
    ],
)
def test_refuses_with_a_reason(data, reason):
    with pytest.raises(AudioRefused) as refused:
        look(data)
    assert refused.value.reason == reason
    assert refused.value.sentence.endswith(".")


def test_a_cut_off_flac_is_no_short_one():
    whole = speech(3.0, kind="FLAC")
    with pytest.raises(AudioRefused):
        look(whole[: len(whole) // 2])


def test_a_wav_of_unknown_length_is_what_is_there():
    """Recorders that stream cannot know the length when they write the header."""
    data = bytearray(speech(2.0))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    assert look(bytes(data)).duration_ms == 2_000


def test_a_header_that_lies_about_its_length():
    data = bytearray(speech(12.0))
    data[40:44] = (16_000 * 2).to_bytes(4, "little")  # the data chunk says one second
    with pytest.raises(AudioRefused, match="more than its one recording"):
        look(bytes(data))


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3"])
def test_two_recordings_in_one_file(kind):
    with pytest.raises(AudioRefused):
        look(speech(3.0, kind=kind) + speech(30.0, kind=kind))


@pytest.mark.parametrize(("size", "taken"), [(12_000, True), (200_000, False)])
def test_the_chunk_of_a_mark_may_follow_the_sound(size, taken):
    data = speech(1.0) + b"C2PA" + size.to_bytes(4, "little") + bytes(size)
    data = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]
    if taken:
        assert look(data).duration_ms == 1_000
    else:
        with pytest.raises(AudioRefused, match="more than its one recording"):
            look(data)
