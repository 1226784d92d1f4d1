"""What `consonant.mark` writes into a clip: the service's own check takes it, and the label can be heard."""

import io
import json
import stat
from datetime import timedelta

import numpy as np
import pytest
import soundfile
from django.utils import timezone

from consent.allow import allow
from consent.ask import ask
from retention import clip as service
from retention.marks import compare, mark_of
from tests.conftest import speech

WHO = {"producer": "studio", "produce_id": "clip-q"}
UNIT = 0.08


@pytest.fixture
def marking(sdk_path):
    from consonant import mark

    return mark


@pytest.fixture
def audible(sdk_path):
    from consonant import audible

    return audible


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3"])
@pytest.mark.parametrize("label", [None, "rhythm"])
def test_the_services_own_check_takes_it(marking, tmp_path, kind, label):
    before = speech(0.5, kind=kind)
    data, said = marking.marked(before, **WHO, audible=label, state=tmp_path)
    found = service.read(data, anchors=marking.signer_of(tmp_path).root)
    compare(mark_of(said), found, trusted_only=True)
    assert found.aigc == {"Label": "1", "ContentProducer": "studio", "ProduceID": "clip-q"}
    assert (found.manifest.made_by_ai, found.manifest.trusted, found.entries) == (True, True, ())
    after, sound = (soundfile.read(io.BytesIO(each))[0] for each in (data, before))
    if label is None:
        np.testing.assert_array_equal(after, sound)
    elif kind != "MP3":  # which is written anew
        np.testing.assert_array_equal(after[-len(sound) :], sound)


def envelope(samples, rate=16_000):
    """Say of each unit of time whether there is a tone."""
    unit = round(UNIT * rate)
    return "".join(
        "1" if np.abs(samples[n : n + unit]).max() > 0.1 else "0" for n in range(0, len(samples) - unit + 1, unit)
    )


@pytest.mark.parametrize("at", ["start", "middle", "end"])
def test_the_rhythm_is_ai_in_morse(audible, at):
    quiet = io.BytesIO()
    soundfile.write(quiet, np.zeros(15_360), 16_000, format="WAV")
    sound, _ = soundfile.read(io.BytesIO(audible.labelled(quiet.getvalue(), kind="rhythm", at=at)))
    assert envelope(sound[np.argmax(np.abs(sound) > 0.02) :]).strip("0") == "10111000101"
    place = {"start": 0.24, "middle": None, "end": 0.24 + 0.96}[at]
    if place is not None:
        assert abs(np.argmax(np.abs(sound) > 0.05) / 16_000 - place) < 0.01


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_a_spoken_prompt_is_brought_to_the_clips_rate(audible, rate):
    said = io.BytesIO()
    soundfile.write(said, 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate), rate, format="WAV", subtype="FLOAT")
    data = audible.labelled(speech(0.5), kind="voice_prompt", at="end", prompt=said.getvalue())
    sound, own = soundfile.read(io.BytesIO(data))
    heard = sound[-16_000 - round(0.24 * own) : -round(0.24 * own)]
    tone = np.abs(np.fft.rfft(heard)).argmax() * own / len(heard)
    assert (own, round(tone)) == (16_000, 440)
    assert 0.45 < np.abs(heard[4_000:12_000]).max() < 0.55


@pytest.mark.parametrize("prompt", [None, b""], ids=["none", "no sound"])
def test_a_spoken_prompt_needs_its_sound(marking, tmp_path, prompt):
    with pytest.raises((ValueError, marking.clip.Unmarkable)):
        marking.marked(speech(0.2), **WHO, audible="voice_prompt", prompt=prompt, state=tmp_path)


def test_a_file_is_marked_in_its_place_and_keeps_its_mode(marking, tmp_path):
    path = tmp_path / "clip.wav"
    path.write_bytes(speech(0.3))
    path.chmod(0o640)
    said = marking.mark(
        path, **WHO, without_label={"request": "t7", "agreement": "v3", "recipient": "r"}, state=tmp_path / "s"
    )
    assert said["without_label"]["recipient"] == "r"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    compare(mark_of(said), service.read(path.read_bytes()), trusted_only=False)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["clip.wav", "s"]


@pytest.mark.parametrize(
    "data", [b"RIFF", speech(0.2)[:20], speech(0.2, kind="FLAC")[:60], speech(0.2, kind="OGG"), b""]
)
@pytest.mark.parametrize("label", [None, "rhythm"])
def test_what_cannot_be_marked_stays_as_it_was(marking, tmp_path, data, label):
    path = tmp_path / "clip.wav"
    path.write_bytes(data)
    with pytest.raises(marking.clip.Unmarkable):
        marking.mark(path, **WHO, audible=label, state=tmp_path / "s")
    assert path.read_bytes() == data


def test_nobody_marks_twice(marking, tmp_path):
    data, _ = marking.marked(speech(0.2), **WHO, state=tmp_path)
    with pytest.raises(marking.clip.Unmarkable, match="already"):
        marking.marked(data, producer="other", produce_id="x", state=tmp_path)


def test_the_hosts_key_is_its_own_and_stays(marking, tmp_path):
    first, second = marking.signer_of(tmp_path), marking.signer_of(tmp_path)
    assert first.chain == second.chain
    assert stat.S_IMODE((tmp_path / "c2pa" / "signer.pem").stat().st_mode) == 0o600
    assert (tmp_path / "c2pa" / "root.pem").read_text() == first.root
    assert "PRIVATE" not in first.root + first.chain


@pytest.mark.django_db
def test_the_vault_takes_a_clip_so_marked(marking, api, app, user, tmp_path):
    now = timezone.now()
    asked = ask(
        app=app,
        subject_ref="user-1",
        purpose="voice-cloning",
        operations=["synthesize"],
        term=timedelta(days=3),
        now=now,
    )
    grant = allow(token=asked.token, user=user, choice="term", locale="en", now=now)
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    for label in (None, "rhythm"):
        data, said = marking.marked(speech(0.4), **WHO, audible=label, state=tmp_path)
        file = io.BytesIO(data)
        file.name = "clip.wav"
        answer = api.client.post(
            "/api/v1/syntheses",
            {"session": session, "custody": "vault", "content": file, "mark": json.dumps(said)},
            headers=api.headers,
        )
        assert (answer.status_code, answer.json().get("standing")) == (201, "permitted"), answer.content
