"""The IndexTTS adapter over stand-ins with the real signatures."""

import contextlib
import io
import logging
from pathlib import Path

import pytest

from retention import clip as marks
from retention.models import Artifact
from tests.conftest import kinds, speech
from tests.factories import UserFactory
from tests.sdk import standins

TEXT = "my salary is secret|and so is my name"
V2 = standins.INDEXTTS.replace("LANGUAGE", "pass").replace("LANG", "")
V25 = standins.INDEXTTS.replace("LANGUAGE", 'words["lang"] = lang').replace("LANG", "lang, ")
CLI = """
def _run_batch_concat(args, tasks, tts, verbose, output_path):
    return 0
def main(argv=None, tts_factory=None, stdin=None):
    tts = tts_factory(cfg_path="", model_dir="")
    voice, text, output = argv
    try:
        tts.infer(spk_audio_prompt=voice, text=text, output_path=output, verbose=True)
    except Exception as exc:
        print(f"ERROR: inference failed: {exc}")
        return 5
    print(f"Generated: {output}")
    return 0
"""


@pytest.fixture
def adapted(served, tmp_path, monkeypatch):
    from consonant.adapters import indextts

    folder = tmp_path / "apps"
    for name, source in {
        "indextts.infer_v2": V2, "indextts.infer_v2_5": V25, "indextts.utils.presets": standins.PRESETS, "indextts.cli_v2": CLI,
    }.items():  # fmt: skip
        standins.write(folder, name, source)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(tmp_path)
    standins.forget("indextts")
    with served.client() as client:
        hooks = indextts.install(client)
        yield hooks
        hooks.uninstall()
    standins.forget("indextts")


def recorded(name):
    Path(name).write_bytes(speech(2.0))
    return name


def both(*grants):
    from consonant import Subject, using

    return using(*[Subject(grant_id=each) for each in grants])


def test_nothing_without_a_grant_and_all_with_one(adapted, served, caplog, capsys):
    from consonant import NotAllowed
    from indextts import infer_v2, infer_v2_5

    caplog.set_level(logging.DEBUG)
    voice, emotion = recorded("anna.wav"), recorded("bela.wav")
    grant = served.consent()
    served.user = UserFactory()
    other = served.consent(ref="user-2")
    for module, words in ((infer_v2, {}), (infer_v2_5, {"lang": "EN"})):
        model, out = module.IndexTTS2(), f"{len(words)}.wav"
        words |= {"emo_audio_prompt": emotion, "verbose": True}
        with pytest.raises(NotAllowed):
            model.infer(voice, TEXT, out, **words)
        chunks = model.infer(voice, TEXT, out, stream_return=True, **words)
        with pytest.raises(NotAllowed):
            next(chunks)
        with both(grant), pytest.raises(NotAllowed) as refused:
            model.infer(voice, TEXT, out, **words)
        assert refused.value.reason == "subject_missing"
        assert (Path(voice).exists(), Path(emotion).exists()) == (False, False)
        recorded("anna.wav"), recorded("bela.wav")
        assert (model.computed, Path(out).exists()) == ([], False)
        with both(grant, other):
            assert model.infer(recorded("anna.wav"), TEXT, out, **words) == out
        assert marks.read(Path(out).read_bytes()).manifest.made_by_ai
        with both(grant):  # the emotion of a vector listens to nobody
            model.infer(recorded("anna.wav"), TEXT, "vector.wav", emo_vector=[0.0] * 8, **words)
            assert (
                len(
                    list(
                        model.infer(
                            recorded("anna.wav"),
                            TEXT,
                            "s.wav",
                            stream_return=True,
                            **{**words, "emo_audio_prompt": None},
                        )
                    )
                )
                == 2
            )
        assert marks.read(Path("s.wav").read_bytes()).manifest.made_by_ai
        assert {
            name for name, value in vars(model).items() if name.startswith("cache_") and value is not None
        } == set()  # S0.5
        recorded("bela.wav"), recorded("anna.wav")
    assert Artifact.objects.filter(kind="synthesis").count() == 2 * (2 + 1 + 1)
    assert set(Artifact.objects.values_list("standing", flat=True)) == {"permitted"}
    assert kinds().count("session.opened") == kinds().count("session.closed")
    said = caplog.text + capsys.readouterr().out  # S0.6
    assert ">> Total inference time: 1.25 seconds" in said
    for secret in ("salary", "anna", "bela", "0.25", "0.wav", "1.wav"):
        assert secret not in said


def test_off_while_running_stops_before_the_next_segment(adapted, served, monkeypatch):
    from consonant import NotAllowed, grant
    from indextts.infer_v2 import IndexTTS2

    monkeypatch.setattr(grant, "LOOK_EVERY", 0.0)
    given, model = served.consent(), IndexTTS2()

    def progress(value, desc):
        if len(model.computed) == 1:
            served.switch_off(given)

    model.gr_progress = progress
    with both(given), pytest.raises(NotAllowed):
        model.infer(recorded("anna.wav"), "one|two|three|four", "out.wav")
    assert len(model.computed) < 4
    assert not Path("out.wav").exists()
    assert not Path("anna.wav").exists()


def test_the_command_line_with_a_factory_and_the_presets(adapted, served):
    from indextts import cli_v2
    from indextts.infer_v2 import IndexTTS2
    from indextts.utils import presets

    def run(*words):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = cli_v2.main(list(words), tts_factory=IndexTTS2)
        return status, out.getvalue()

    assert run(recorded("anna.wav"), TEXT, "cli.wav")[0] == 5
    assert not Path("cli.wav").exists()
    with both(served.consent()):
        status, said = run(recorded("anna.wav"), TEXT, "cli.wav")
    assert (status, "Generated: (left out)" in said) == (0, True)
    assert "cli.wav" not in said
    assert marks.read(Path("cli.wav").read_bytes()).manifest.made_by_ai
    presets.save_preset("mine", {"weight": 1}, prompt_audio=recorded("anna.wav"), emo_audio=recorded("bela.wav"))
    assert [each.name for each in Path("mine").iterdir()] == ["preset.json"]
