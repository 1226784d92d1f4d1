"""The Linly-Talker adapter over stand-ins with the real signatures, among them those of what cannot be imported from the repository here."""

import asyncio
import sys
from pathlib import Path

import httpx
import pytest

from retention import clip as marks
from retention.models import Artifact
from tests.conftest import kinds, speech
from tests.factories import AppFactory
from tests.retention.combining import COLLECT, allowed, picture
from tests.sdk import standins

FILM = b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + b"\0\0\0\x08free" + b"\0\0\0\x10mdat12345678"
CLONES = """
import soundfile
class CosyVoiceTTS:
    computed = []
    def __init__(self, model_path=""):
        self.model_path = model_path
    def _speak(self, save_path):
        self.computed.append(save_path)
        soundfile.write(save_path, [0.1] * 4000, 22050)
        return save_path
    def predict_sft(self, text, spks, save_path='sft.wav', speed_factor = 1.0):
        return self._speak(save_path)
    def predict_zero_shot(self, text, prompt_text, prompt_speech, save_path='zero_shot.wav', speed_factor = 1.0):
        print("saying", text, prompt_speech)
        return self._speak(save_path)
    def predict_cross_lingual(self,prompt_text, prompt_speech, save_path='cross_lingual.wav', speed_factor = 1.0):
        return self._speak(save_path)
"""
FACES = f"""
import os, shutil, uuid
class SadTalker:
    computed = []
    def test2(self, source_image, driven_audio, preprocess='crop', still_mode=False, use_enhancer=False, batch_size=1, size=256, pose_style = 0,
        facerender='facevid2vid', exp_scale=1.0, use_ref_video = False, ref_video = None, ref_info = None, use_idle_mode = False,
        length_of_audio = 0, use_blink=True, fps = 20, result_dir='./results/'):
        self.computed.append("film")
        save_dir = os.path.join(result_dir, str(uuid.uuid4()))
        for name in ("input", "first_frame_dir"):
            os.makedirs(os.path.join(save_dir, name))
        shutil.copy(source_image, os.path.join(save_dir, "input"))
        shutil.copy(driven_audio, os.path.join(save_dir, "input"))
        if os.environ.get("STANDIN_FAILS"):
            raise RuntimeError(source_image)
        with open(os.path.join(save_dir, "film.mp4"), "wb") as file:
            file.write({FILM!r})
        return os.path.join(save_dir, "film.mp4")
"""
XTTS = """
import shutil, soundfile
class XTTS:
    def predict(self, prompt, language, audio_file_pth, voice_cleanup):
        shutil.copy(audio_file_pth, audio_file_pth + "0f1e.wav")
        soundfile.write("output.wav", [0.1] * 4000, 24000)
        return "output.wav", "metrics", audio_file_pth + "0f1e.wav"
"""
API = """
from VITS.CosyVoice import CosyVoiceTTS
from fastapi import FastAPI
app, cosyvoice = FastAPI(), CosyVoiceTTS()
@app.get("/tts_response/")
async def tts_response(text="", ref_text="", cosyvoice_mode="", save_path="answer.wav", ref_audio=None):
    if ref_audio:
        with open("uploaded_ref_audio.wav", "wb") as buffer:
            buffer.write(ref_audio.file.read())
    return cosyvoice.predict_zero_shot(text, ref_text, "uploaded_ref_audio.wav", save_path=save_path)
"""
SCRIPT = """
import shutil, soundfile
from VITS.CosyVoice import CosyVoiceTTS
from TFG.SadTalker import SadTalker
cosyvoice, talker = CosyVoiceTTS(), SadTalker()
def calculate_time(func):
    def wrapper(*args, **kwargs):
        return func(*args, **kwargs)
    return wrapper
@calculate_time
def TTS_response(text, prompt_wav_upload=None, save_path="answer.wav"):
    print(text)
    if text == "plain":
        soundfile.write(save_path, [0.1] * 4000, 22050)
        return save_path
    return cosyvoice.predict_zero_shot(text, "", prompt_wav_upload or "voice.wav", save_path=save_path)
@calculate_time
def Talker_response(source_image, source_video, method = 'SadTalker', driven_audio = '', batch_size = 2):
    print(source_image, method, driven_audio)
    return talker.test2(source_image, driven_audio)
def human_response(source_image, ref_audio):
    answer = TTS_response("plain")
    shutil.copy(answer, "as-it-lay.wav")
    return talker.test2(source_image, answer)
"""


@pytest.fixture
def adapted(served, tmp_path, monkeypatch):
    from consonant.adapters import linly

    served.app = AppFactory(tenant=served.app.tenant, purposes=["digital-human", "voice-cloning"])
    folder = tmp_path / "apps"
    names = {
        "VITS.CosyVoice": CLONES,
        "VITS.XTTS": XTTS,
        "TFG.SadTalker": FACES,
        "api.tts_api": API,
        "app_talk": SCRIPT,
    }
    for name, source in names.items():
        standins.write(folder, name, source)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(tmp_path)
    standins.forget("VITS", "TFG", "api", "app_talk")
    with served.client() as client:
        hooks = linly.install(client)
        yield hooks
        hooks.uninstall()
    standins.forget("VITS", "TFG", "api", "app_talk")


class Upload:
    def __init__(self, path):
        Path(path).write_bytes(speech(2.0))
        self.file = Path(path).open("rb")  # noqa: SIM115 - as an upload comes


def using(*grants):
    from consonant import Subject
    from consonant import using as use

    return use(*[Subject(grant_id=str(each)) for each in grants])


def test_a_recording_that_came_over_http_is_gone_after_the_answer(adapted, served, capsys):
    from api import tts_api
    from consonant import NotAllowed

    upload = Upload("anna.wav")
    with pytest.raises(NotAllowed):
        asyncio.run(tts_api.tts_response(text="my secret", ref_audio=upload))
    assert (tts_api.cosyvoice.computed, Path("answer.wav").exists()) == ([], False)
    assert not Path("uploaded_ref_audio.wav").exists()
    with using(served.consent()):
        assert asyncio.run(tts_api.tts_response(text="my secret", ref_audio=upload)) == "answer.wav"
    upload.file.close()
    assert marks.read(Path("answer.wav").read_bytes()).manifest.made_by_ai
    assert not Path("uploaded_ref_audio.wav").exists()
    assert Artifact.objects.get(kind="synthesis").standing == "permitted"
    assert "secret" not in capsys.readouterr().out


def test_s1_3_face_and_voice_are_not_linked_and_s1_1_both_are_burnt_after_use(adapted, served):
    import app_talk
    from consonant import NotAllowed

    def inputs():
        Path("face.jpg").write_bytes(picture())
        Path("voice.wav").write_bytes(speech(2.0))
        return "face.jpg", None, "SadTalker", "voice.wav"

    both = allowed(served.app, served.user, COLLECT).id
    for grants, reason in (
        ((), "subject_missing"),
        ((both, both), "combination_not_allowed"),
        ((both, both, both), None),
    ):
        with using(*grants), pytest.raises(NotAllowed) as refused:
            app_talk.Talker_response(*inputs())
        assert reason in (refused.value.reason, None)
        assert (app_talk.talker.computed, Path("results").exists()) == ([], False)
    combine = allowed(served.app, served.user, ["combine"]).id
    with using(both, both, combine):
        film = app_talk.Talker_response(*inputs())
    found = marks.read(Path(film).read_bytes())
    assert (found.manifest.made_by_ai, found.aigc["Label"]) == (True, "1")
    assert [each.name for each in Path(film).parent.iterdir()] == ["film.mp4"]
    assert (Path("face.jpg").exists(), Path("voice.wav").exists()) == (False, False)
    made = Artifact.objects.get(kind="synthesis")
    assert (made.standing, sorted(made.media)) == ("permitted", ["portrait", "voice"])
    assert kinds().count("session.opened") == kinds().count("session.closed")


def test_a_script_is_gated_though_it_is_no_module(adapted, served, monkeypatch, tmp_path):
    from consonant import NotAllowed
    from consonant.adapters import hooking, linly

    script = tmp_path / "apps" / "app_talk.py"
    typed = "\ndef first(x: int): pass\n"
    last = '\nif __name__ == "__main__":\n    def last(x: int): pass\n    TTS_response("my secret", "voice.wav")\n'
    script.write_text(SCRIPT + typed + last)
    Path("voice.wav").write_bytes(speech(2.0))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "argv", ["x"])
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with pytest.raises(NotAllowed):
        hooking.run(str(script), [], lambda module: linly.wrap_script(adapted, module))
    assert not Path("answer.wav").exists()
    assert not Path("voice.wav").exists()
    Path("voice.wav").write_bytes(speech(2.0))
    monkeypatch.setenv("CONSONANT_GRANT", served.consent())
    hooking.run(str(script), [], lambda module: linly.wrap_script(adapted, module))
    ran = sys.modules["__main__"]
    assert [each.__annotations__ for each in (ran.first, ran.last)] == [{"x": int}] * 2  # no `__future__` of ours
    assert marks.read(Path("answer.wav").read_bytes()).manifest.made_by_ai


@pytest.mark.parametrize(("place", "name"), standins.LINLY, ids=lambda each: each)
def test_what_cannot_be_imported_here_is_gated_by_its_real_signature(sdk_path, tmp_path, monkeypatch, place, name):
    """The facts are compared with the repository's own files in tests/real_apps; scripts' functions are decorated as theirs are."""
    from importlib import import_module

    from consonant import Client, NotAllowed, Settings
    from consonant.adapters import linly

    parameters, prompts = (each.split() for each in standins.LINLY[place, name])
    *owner, function = name.split(".")
    module = place.removesuffix(".py").replace("/", ".")
    taken = ", ".join([*(["self"] if owner else []), *parameters])
    source = "computed = []\ndef timed(func):\n    def wrapper(*args, **kwargs):\n        return func(*args, **kwargs)\n    return wrapper\n"
    indent = "    " if owner else ""
    source += f"class {owner[0]}:\n" if owner else "@timed\n"
    source += f"{indent}def {function}({taken}):\n{indent}    computed.append(1)\n"
    standins.forget(module.split(".")[0])
    standins.write(tmp_path / "apps", module, source)
    monkeypatch.syspath_prepend(str(tmp_path / "apps"))
    asked = []

    def resolver(call):
        asked.append((call.name, [each.value for each in call.prompts]))
        return ()

    with Client(Settings("https://127.0.0.1:1", "app", "secret", state=tmp_path / "state")) as client:
        hooks = linly.install(client, resolver=resolver)
        try:
            made = import_module(module)
            target = getattr(made, owner[0])() if owner else made
            with pytest.raises(NotAllowed):
                getattr(target, function)(*parameters)  # each is given its own name
            assert (asked, made.computed) == ([(function, prompts)], [])
        finally:
            hooks.uninstall()
            standins.forget(module.split(".")[0])
    getattr(target, function)(*parameters)
    assert made.computed == [1]


def test_a_voice_that_went_into_no_call_is_refused_inside_one(adapted, served):
    import app_talk
    from consonant import NotAllowed

    Path("voice.wav").write_bytes(speech(2.0))
    with using(served.consent()), pytest.raises(NotAllowed) as refused:
        app_talk.TTS_response("my secret")  # it takes a file of its own
    assert refused.value.reason == "subject_missing"
    assert (app_talk.cosyvoice.computed, Path("answer.wav").exists()) == ([], False)


def test_a_refusal_over_http_is_answered_403_and_nothing_of_ours_is_left_after_uninstall(adapted, served):
    from api import tts_api

    async def ask():
        transport = httpx.ASGITransport(app=tts_api.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as web:
            return await web.get("/tts_response/", params={"text": "my secret"})

    refused = asyncio.run(ask())
    assert (refused.status_code, refused.json()["reason"]) == (403, "subject_missing")
    assert "secret" not in refused.text
    adapted.uninstall()
    app = tts_api.app
    assert [each.cls.__module__ for each in app.user_middleware if "consonant" in each.cls.__module__] == []
    assert [each for each in app.exception_handlers if "consonant" in each.__module__] == []


def test_a_prompt_that_xtts_gives_back_is_no_clip_and_its_copy_goes(adapted, served):
    from VITS.XTTS import XTTS

    Path("voice.wav").write_bytes(speech(2.0))
    said = Path("voice.wav").read_bytes()
    with using(served.consent()):
        made = XTTS().predict("my secret", "en", "voice.wav", voice_cleanup=True)
    assert made[0] == "output.wav"
    assert marks.read(Path("output.wav").read_bytes()).manifest.made_by_ai
    assert [each.name for each in Path().glob("voice*")] in ([], ["voice.wav"])
    assert not Path("voice.wav").exists() or Path("voice.wav").read_bytes() == said
    assert Artifact.objects.filter(kind="synthesis").count() == 1


def test_what_sadtalker_copied_goes_though_it_fails(adapted, served, monkeypatch):
    import app_talk
    from consonant.adapters.governed import AppFailed

    Path("face.jpg").write_bytes(picture())
    Path("voice.wav").write_bytes(speech(2.0))
    monkeypatch.setenv("STANDIN_FAILS", "1")
    both = allowed(served.app, served.user, COLLECT).id
    combine = allowed(served.app, served.user, ["combine"]).id
    with using(both, both, combine), pytest.raises(AppFailed):
        app_talk.Talker_response("face.jpg", None, "SadTalker", "voice.wav")
    assert [each for each in Path("results").rglob("*") if each.is_file()] == []


def test_an_answer_is_recorded_before_its_film_is_made(adapted, served):
    import app_talk

    Path("face.jpg").write_bytes(picture())
    Path("voice.wav").write_bytes(speech(2.0))
    both = allowed(served.app, served.user, COLLECT).id
    combine = allowed(served.app, served.user, ["combine"]).id
    with using(both, both, combine):
        film = app_talk.human_response("face.jpg", "voice.wav")
    for path in ("as-it-lay.wav", film):
        assert marks.read(Path(path).read_bytes()).manifest.made_by_ai
    assert Artifact.objects.get(kind="synthesis").places.count() == 2


def test_a_film_that_was_made_after_a_no_goes(adapted, served, monkeypatch):
    from consonant import NotAllowed, grant
    from TFG.SadTalker import SadTalker

    Path("face.jpg").write_bytes(picture())
    Path("voice.wav").write_bytes(speech(2.0))
    both = allowed(served.app, served.user, COLLECT).id
    combine = allowed(served.app, served.user, ["combine"]).id
    monkeypatch.setattr(grant, "LOOK_EVERY", 0.0)

    class Off(list):
        def append(self, made):
            served.switch_off(combine)
            super().append(made)

    monkeypatch.setattr(SadTalker, "computed", Off())
    with using(both, both, combine), pytest.raises(NotAllowed):
        SadTalker().test2("face.jpg", "voice.wav")
    assert SadTalker.computed == ["film"]
    assert [each for each in Path("results").rglob("*") if each.is_file()] == []


def test_an_api_that_is_run_as_a_script_is_gated_at_its_route(adapted, served, monkeypatch, tmp_path):
    from consonant import NotAllowed
    from consonant.adapters import hooking, linly

    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "argv", ["x"])
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    hooking.run(str(tmp_path / "apps" / "api" / "tts_api.py"), [], lambda module: linly.wrap_main(adapted, module))
    api, upload = sys.modules["__main__"], Upload("anna.wav")
    with pytest.raises(NotAllowed):
        asyncio.run(api.tts_response(text="my secret", ref_audio=upload))
    assert (upload.file.tell(), api.cosyvoice.computed) == (0, [])  # not even the recording was read
    upload.file.close()
    assert [each.cls for each in api.app.user_middleware] == [linly.Named]
