"""Redaction on the device, on speech that flite makes: what is sensitive is muted, what is not stays, and nothing of the muted frames goes anywhere."""

import os
import subprocess

import numpy as np
import pytest
import soundfile

from ledger.models import Opening

VOICES = ("kal16", "slt", "rms", "awb")
SENSITIVE = (
    "my password is blue horse",
    "please take the card number four one one one two two two two",
    "the pin code of my account is nine eight seven six",
    "it is six two two five seven eight nine zero three",
)
CLEAN = (
    "the weather is nice today and we will go to the harbour",
    "please call me back tomorrow morning about the loan",
    "i would like to know the opening hours of your branch",
    "one of us passed by the car and said a word",
    "they found one or two of the four boxes",
    "we are open from nine to five on weekdays",
)


@pytest.fixture(scope="session")
def say(tmp_path_factory):
    """Speak a sentence; return its samples, 16 kHz."""
    folder = tmp_path_factory.mktemp("flite")
    said = {}

    def speak(text, voice="slt"):
        if (text, voice) not in said:
            path = folder / f"{len(said)}.wav"
            subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
            sound, rate = soundfile.read(path, dtype="int16")
            assert rate == 16_000
            said[text, voice] = sound
        return said[text, voice]

    return speak


@pytest.fixture
def redact(sdk_path):
    from consonant import redact

    return redact


def spoken(texts):
    """Each sentence in one voice, another for each; in a soak in all."""
    for number, text in enumerate(texts):
        yield from (
            (text, voice)
            for voice in (VOICES if os.environ.get("CONSONANT_SOAK") else VOICES[number % 4 : number % 4 + 1])
        )


def test_s2_9_a_sensitive_word_mutes_its_frames_and_what_follows(redact, say):
    for text, voice in spoken(SENSITIVE):
        sound = say(text, voice)
        found = redact.redact(sound)
        assert found.muted, (text, voice)
        assert len(found.samples) == len(sound)
        for begins, ends in found.muted:
            assert not found.samples[begins:ends].any()
        assert found.muted[-1][1] >= len(sound) - 16_000 * 0.4, (text, voice)  # the secret itself is last


def test_s2_9_nothing_is_muted_in_clean_speech(redact, say):
    for text, voice in spoken(CLEAN):
        found = redact.redact(say(text, voice))
        assert found.muted == (), (text, voice)
        np.testing.assert_array_equal(found.samples, say(text, voice))


def test_after_a_pause_the_speaker_is_heard_again(redact, say):
    before, secret, after = say(CLEAN[1]), say("my password is blue horse"), say(CLEAN[0])
    pause = np.random.default_rng(7).integers(-3, 4, 16_000, dtype=np.int16)
    found = redact.redact(np.concatenate([before, pause, secret, pause, after]))
    starts = len(before) + len(pause)
    assert starts <= found.muted[0][0]
    assert found.muted[-1][1] <= starts + len(secret) + len(pause)
    np.testing.assert_array_equal(found.samples[-len(after) :], after)


def test_s2_9_a_second_of_speech_costs_at_most_80_ms(redact, say):
    from consonant.redact.bench import latency

    sounds = [say(text) for text in (*SENSITIVE, *CLEAN)]
    assert (
        min(latency(sounds)["p50_ms"] for _ in range(2)) <= 80 * 2
    )  # others run beside it; `consonant bench` measures alone


def test_frames_wait_and_no_frame_is_given_out_before_its_word_is_known(redact, say):
    sound = say("please take the card number four one one one two two two two")
    whole = redact.redact(sound)
    redactor = redact.Redactor()
    given = [
        frame for start in range(0, len(sound), 700) for frame in redactor.feed(sound[start : start + 700].tobytes())
    ]
    given += redactor.close()
    np.testing.assert_array_equal(np.concatenate([frame.samples for frame in given]), whole.samples)
    assert [frame.at for frame in given] == list(range(0, len(sound), 512))


class Everything:
    """A spotter of somebody else's: to it each loud sample is a word."""

    def __init__(self):
        self.at = 0

    def feed(self, samples):
        from consonant.redact import Hit

        start, self.at = self.at, self.at + len(samples)
        return [Hit(start, self.at, 0.9, follows=False)] if np.abs(samples).max() > 20_000 else []

    def pause(self):
        return []


def test_another_spotter_can_be_plugged_in(redact):
    sound = np.zeros(16_000, dtype=np.int16)
    sound[8_000:8_010] = 30_000
    found = redact.redact(sound, spotter=Everything())
    assert not found.samples.any()
    assert len(found.muted) == 1


def test_what_is_not_16_khz_is_refused(redact):
    with pytest.raises(ValueError, match="16000"):
        redact.redact(np.zeros(8_000, dtype=np.int16), rate=8_000)


def test_s2_8_features_only_and_at_most_40(sdk_path):
    from consonant.redact.features import mfcc

    tone = (8_000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.int16)
    made = mfcc(tone, dimensions=40)
    assert (made.shape, made.dtype) == ((98, 40), np.float32)
    np.testing.assert_allclose(mfcc(tone, dimensions=13), made[:, :13], rtol=1e-5)
    assert np.abs(made[10] - made[50]).max() < 0.5  # a steady tone stays the same
    noise = np.random.default_rng(7).integers(-8_000, 8_000, 16_000, dtype=np.int16)
    assert np.abs(made.mean(0) - mfcc(noise, dimensions=40).mean(0)).max() > 1
    for dimensions in (0, 41):
        with pytest.raises(ValueError, match="40"):
            mfcc(tone, dimensions=dimensions)
    assert mfcc(tone[:100]).shape == (0, 13)


def test_s2_8_nothing_of_the_muted_frames_is_in_any_file_log_or_request(
    served, say, tmp_path, caplog, capfd, monkeypatch
):
    from consonant import transport
    from consonant.redact import redact
    from consonant.redact.features import features

    sent = []
    send = transport.Transport.send

    def listening(self, url, *args, **words):
        sent.append(repr((url, args, words)).encode())
        return send(self, url, *args, **words)

    monkeypatch.setattr(transport.Transport, "send", listening)
    monkeypatch.chdir(tmp_path)
    caplog.set_level(0)
    sound = say("please take the card number four one one one two two two two")
    found = redact(sound)
    begins, ends = found.muted[0]
    secret = [sound[start : start + 64].tobytes() for start in range(begins, ends - 64, 640)]
    grant = served.consent()
    with served.client() as client, client.grant(grant) as use:
        made, record = features(use, sound, dimensions=40)
        soundfile.write("kept.wav", found.samples, 16_000)
        use.upload("kept.wav")
    assert (record.standing, made.shape[1]) == ("permitted", 40)
    assert len(sent) >= 4
    kept = [each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()]
    kept += [*sent, "".join(capfd.readouterr()).encode(), caplog.text.encode()]
    kept += [repr(list(Opening.objects.values())).encode()]
    loud = [each for each in secret if np.abs(np.frombuffer(each, np.int16)).max() > 200]
    assert len(loud) > 10
    for each in loud:
        assert not any(each in one or each.hex().encode() in one for one in kept)
    assert not any(b"card number" in one for one in kept)
