"""The CosyVoice adapter over stand-ins with the real signatures: nothing without a grant, everything recorded with one, nothing left."""

import inspect
import logging
import sys

import numpy as np
import pytest

from retention import clip as marks
from retention.models import Artifact
from tests.conftest import kinds, speech
from tests.sdk import standins

TEXT = "my salary is secret|and so is my name"
METHODS = {
    "inference_sft": ("built-in",),
    "inference_zero_shot": ("what I said", "PROMPT"),
    "inference_cross_lingual": ("PROMPT",),
    "inference_instruct": ("built-in", "kindly"),
    "inference_instruct2": ("kindly", "PROMPT"),
}


@pytest.fixture
def apps(tmp_path, monkeypatch):
    """A folder of importable stand-ins, forgotten afterwards."""
    folder = tmp_path / "apps"
    standins.write(folder, "cosyvoice.cli.cosyvoice", standins.COSYVOICE)
    standins.write(folder, "torchaudio", standins.TORCHAUDIO)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(tmp_path)
    standins.forget("cosyvoice", "torchaudio")
    yield folder
    standins.forget("cosyvoice", "torchaudio")


@pytest.fixture
def adapted(apps, served):
    from consonant.adapters import cosyvoice

    with served.client() as client:
        hooks = cosyvoice.install(client)
        try:
            yield client
        finally:
            hooks.uninstall()


@pytest.fixture
def model(adapted, tmp_path):
    from cosyvoice.cli.cosyvoice import CosyVoice3

    CosyVoice3.computed.clear()
    return CosyVoice3(str(tmp_path))


@pytest.fixture
def prompt(tmp_path):
    """A recording where Gradio would put it."""
    path = tmp_path / "prompt-of-anna.wav"
    path.write_bytes(speech(3.0))
    return path


def using(**words):
    from consonant import using as use

    return use(**words)


def call(model, name, prompt):
    return getattr(model, name)(TEXT, *[str(prompt) if each == "PROMPT" else each for each in METHODS[name]])


def of(kind):
    return Artifact.objects.filter(kind=kind)


def test_without_a_grant_nothing_is_computed(model, prompt, served, tmp_path):
    from consonant import NotAllowed

    before = sorted(tmp_path.rglob("*"))
    for name, arguments in METHODS.items():
        chunks = call(model, name, prompt)
        assert model.computed == []
        with pytest.raises(NotAllowed) as refused:
            next(chunks)
        assert (name, refused.value.reason) == (name, "subject_missing")
        assert prompt.exists() is ("PROMPT" not in arguments)  # S0.3: it goes with a no too
        prompt.write_bytes(speech(3.0))
        with using(subject_ref="user-1", purpose="voice-cloning"), pytest.raises(NotAllowed) as refused:
            next(call(model, name, prompt))
        assert (name, refused.value.reason, model.computed) == (name, "consent_missing", [])
        assert prompt.exists() is ("PROMPT" not in arguments)
        prompt.write_bytes(speech(3.0))
    with using(subject_ref="user-1", purpose="voice-cloning"), pytest.raises(NotAllowed):  # S1.4
        model.add_zero_shot_spk("what I said", str(prompt), "anna")
    assert (model.computed, list(model.frontend.spk2info)) == ([], ["built-in"])
    assert not Artifact.objects.exists()
    assert [each for each in sorted(tmp_path.rglob("*")) if each not in before and "state" not in str(each)] == []


def test_with_one_the_entries_appear_and_the_prompt_goes(model, served, tmp_path):
    grant, made = served.consent(), [0, 0]
    for name, arguments in METHODS.items():
        path = tmp_path / "prompt.wav"
        path.write_bytes(speech(3.0))
        heard = "PROMPT" in arguments
        with using(grant_id=grant):
            assert len(list(call(model, name, path))) == 2
        made = [made[0] + heard, made[1] + 1]
        assert [of("upload").count(), of("embedding").count(), of("synthesis").count()] == [made[0], *made], name
        assert path.exists() is not heard
        assert kinds()[-1] == "session.closed"
    clips = of("synthesis").values_list("standing", "marking", "audible_label")
    assert set(clips) == {("permitted", "aigc", "rhythm")}


def test_the_first_chunk_begins_with_the_audible_label(model, served):
    with using(grant_id=served.consent()):
        first, second = model.inference_sft(TEXT, "built-in")
    label = round((0.24 * 2 + 0.88) * 24_000)
    assert first["tts_speech"].shape == (1, label + 2400)
    assert second["tts_speech"].shape == (1, 2400)
    tone = first["tts_speech"][0, round(0.25 * 24_000) : round(0.31 * 24_000)]
    assert round(np.abs(np.fft.rfft(tone)).argmax() * 24_000 / len(tone), -2) == 800


def test_closing_a_generator_ends_the_session(model, served):
    with using(grant_id=served.consent()):
        chunks = model.inference_sft("one|two", "built-in")
        next(chunks)
        chunks.close()
    assert (model.computed, kinds()[-1], of("synthesis").count()) == (["one"], "session.closed", 1)


def test_s0_5_a_voiceprint_lives_in_memory_alone(model, prompt, served, tmp_path):
    from consonant import NotAllowed

    grant = served.consent()
    with using(grant_id=grant):
        assert model.add_zero_shot_spk("what I said", str(prompt), "anna")
        with pytest.raises(NotAllowed) as refused:
            model.save_spkinfo()
        list(model.inference_zero_shot(TEXT, "", "", zero_shot_spk_id="anna"))
    assert refused.value.reason == "embedding_stored"
    assert not (tmp_path / "spk2info.pt").exists()
    assert list(of("embedding").values_list("custody", "dimensions")) == [("none", 192)]
    served.switch_off(grant)
    with using(grant_id=grant), pytest.raises(NotAllowed):
        next(model.inference_zero_shot(TEXT, "", "", zero_shot_spk_id="anna"))
    assert "anna" not in model.frontend.spk2info
    model.save_spkinfo()
    assert "0.25" not in (tmp_path / "spk2info.pt").read_text()


def test_s1_4_consent_is_verified_before_a_voice_is_enrolled(model, prompt, served):
    from consonant import NotAllowed

    with using(subject_ref="user-1", purpose="voice-cloning"), pytest.raises(NotAllowed):
        model.add_zero_shot_spk("what I said", str(prompt), "anna")
    assert (model.computed, list(model.frontend.spk2info)) == ([], ["built-in"])
    prompt.write_bytes(speech(3.0))
    with using(grant_id=served.consent()):
        model.add_zero_shot_spk("what I said", str(prompt), "anna")
    assert list(model.frontend.spk2info) == ["built-in", "anna"]
    order = kinds()
    assert order.index("session.opened") < order.index("artifact.recorded")
    with using(subject_ref="user-2", purpose="voice-cloning"), pytest.raises(NotAllowed) as refused:  # it is not lent
        next(model.inference_zero_shot(TEXT, "", "", zero_shot_spk_id="anna"))
    assert (refused.value.reason, model.computed) == ("subject_differs", ["embedding"])


def test_s0_4_a_prompt_is_at_most_10_seconds_and_at_least_16_khz(model, served, tmp_path):
    from consonant import Rejected

    path, grant = tmp_path / "p.wav", served.consent()
    for recording, reason in (
        (speech(12.0), "too_long"),
        (speech(1.0, rate=8_000), "sample_rate_too_low"),
        (b"no", "not_audio"),
    ):
        path.write_bytes(recording)
        with using(grant_id=grant), pytest.raises(Rejected) as refused:
            next(model.inference_zero_shot(TEXT, "said", str(path)))
        assert (refused.value.reason, model.computed) == (reason, [])
    assert "session.opened" not in kinds()


def test_off_while_running_stops_between_chunks(model, prompt, served, monkeypatch):
    from consonant import NotAllowed, grant

    monkeypatch.setattr(grant, "LOOK_EVERY", 0.0)
    given = served.consent()
    with using(grant_id=given):
        chunks = model.inference_zero_shot("one|two|three", "said", str(prompt))
        next(chunks)
        served.switch_off(given)
        with pytest.raises(NotAllowed):
            next(chunks)
    assert "three" not in model.computed
    assert not prompt.exists()
    assert of("synthesis").get().standing == "unpermitted"  # what had been given out is a fact


def test_a_converted_recording_is_a_second_person(model, prompt, served, tmp_path):
    from consonant import NotAllowed, Subject

    from tests.factories import UserFactory

    source = tmp_path / "source.wav"
    source.write_bytes(speech(2.0))
    grant = served.consent()
    with using(grant_id=grant), pytest.raises(NotAllowed) as refused:
        next(model.inference_vc(str(source), str(prompt)))
    source.write_bytes(speech(2.0))
    prompt.write_bytes(speech(3.0))
    assert (refused.value.reason, model.computed) == ("subject_missing", [])
    served.user = UserFactory()
    other = served.consent(ref="user-2")
    from consonant import using as use

    with use(Subject(grant_id=grant), Subject(grant_id=other)):
        list(model.inference_vc(str(source), str(prompt)))
    assert of("upload").count() == 2
    assert of("synthesis").count() == 2  # one for each person


@pytest.mark.parametrize("when", ["inside", "after"])
def test_a_file_that_the_app_writes_is_marked_and_has_its_place(model, served, tmp_path, when):
    import torchaudio
    from consonant.places import host_key, place_of

    path = tmp_path / "made.wav"
    with using(grant_id=served.consent()):
        chunks = []
        for chunk in model.inference_sft(TEXT, "built-in"):
            chunks.append(chunk)
            if when == "inside" and len(chunks) == 1:
                torchaudio.save(str(path), chunk["tts_speech"], 24_000)
    if when == "after":
        torchaudio.save(str(path), chunks[0]["tts_speech"], 24_000)
    found = marks.read(path.read_bytes())
    assert found.manifest.made_by_ai
    assert found.aigc["Label"] == "1"
    clip = of("synthesis").get()
    assert clip.audible_label == "rhythm"
    assert [bytes(each.mark).hex() for each in clip.places.all()] == [place_of(host_key(served.state), path)]
    torchaudio.save(str(tmp_path / "other.wav"), np.zeros((1, 100)), 24_000)
    assert marks.read((tmp_path / "other.wav").read_bytes()).manifest is None


def test_a_file_more_than_a_clip_may_have_is_a_clip_of_its_own(model, served, tmp_path):
    import torchaudio
    from consonant import NotAllowed

    from retention.models import Place
    from retention.tell_places import MOST

    grant = served.consent()
    with using(grant_id=grant):
        [chunk] = model.inference_sft("one", "built-in")
    first = of("synthesis").get()

    def fill(clip):
        free = MOST - clip.places.count()
        Place.objects.bulk_create(
            Place(artifact=clip, mark=bytes([number]) * 32, told_at=clip.recorded_at) for number in range(free)
        )

    fill(first)
    for name in ("64.wav", "65.wav"):
        torchaudio.save(str(tmp_path / name), chunk["tts_speech"], 24_000)
        assert marks.read((tmp_path / name).read_bytes()).manifest.made_by_ai
    more = of("synthesis").exclude(id=first.id).get()
    assert (more.standing, more.places.count(), first.places.count()) == ("permitted", 2, MOST)
    fill(more)
    served.switch_off(grant)
    with pytest.raises(NotAllowed):
        torchaudio.save(str(tmp_path / "66.wav"), chunk["tts_speech"], 24_000)
    assert not (tmp_path / "66.wav").exists()


def test_s0_6_no_text_no_path_and_no_voiceprint_reaches_a_log(model, prompt, served, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with using(grant_id=served.consent()):
        list(model.inference_zero_shot(TEXT, "said", str(prompt)))
    out = "".join(capfd.readouterr()) + "".join(
        record.getMessage() + record.pathname for record in caplog.records if "cosyvoice" in record.filename
    )
    assert "yield speech len 0.1, rtf 0.5" in out
    everything = out + caplog.text
    for secret in ("salary", "secret", "anna", "0.25", "prompt-of"):
        assert secret not in everything
    assert "synthesis text (left out)" in everything


def test_what_the_app_fails_with_keeps_its_words(model, served, monkeypatch):
    from consonant.adapters.governed import AppFailed

    def fail(self, text, prompt=None):
        raise ValueError(f"cannot say {text}")
        yield

    monkeypatch.setattr(type(model), "_speak", fail)
    with using(grant_id=served.consent()), pytest.raises(AppFailed) as failed:
        next(model.inference_sft(TEXT, "built-in"))
    assert "secret" not in str(failed.value)
    assert failed.value.__suppress_context__
    assert kinds()[-1] == "session.closed"


def test_uninstall_puts_everything_back(apps, served):
    from consonant.adapters import cosyvoice
    from cosyvoice.cli import cosyvoice as app

    before = dict(vars(app.CosyVoice))
    hooks = cosyvoice.install(served.client())
    assert vars(app.CosyVoice)["inference_sft"] is not before["inference_sft"]
    assert inspect.signature(app.CosyVoice.inference_zero_shot) == inspect.signature(before["inference_zero_shot"])
    hooks.uninstall()
    assert dict(vars(app.CosyVoice)) == before
    assert "print" not in vars(app)
    assert hooks not in sys.meta_path
