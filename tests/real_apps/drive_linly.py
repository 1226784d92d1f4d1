"""Linly-Talker's own APIs and SadTalker's class; the models and FFmpeg are stand-ins. What its page imports is not installed here."""

import sys
from pathlib import Path

from drive import SEEN, TEXT, files, finish, marked, refused, speech, start

start("Linly-Talker")
from consonant import Client  # noqa: E402
from consonant.adapters import linly as adapter  # noqa: E402
from fakes import Anything  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

client = Client.from_env()
hooks = adapter.install(client)
from api import talker_api, tts_api  # noqa: E402
from TFG import SadTalker  # noqa: E402

sad = sys.modules["TFG.SadTalker"]
computed = []
FILM = Path(sys.argv[5]).read_bytes()
FACE = Path(sys.argv[4]).read_bytes()
VOICE, FACES, COMBINE = sys.argv[1:4]


class Clone:
    def predict_zero_shot(self, text, prompt_text, prompt_speech, save_path="zero_shot.wav", speed_factor=1.0):
        computed.append("voice")
        assert Path(prompt_speech).read_bytes()
        return speech(save_path, 1.0)


tts_api.cosyvoice = Clone()
sad.init_path = lambda *args: {}
for name in ("Audio2Coeff", "AnimateFromCoeff"):
    setattr(sad, name, Anything)


class Crop(Anything):
    def generate(self, path, folder, *args, **words):
        Path(folder, "landmarks.txt").write_text("0.31415")
        return "coefficients", "crop", ((1, 1), (0, 0, 1, 1), None)


class Animate(Anything):
    def generate(self, data, folder, *args, **words):
        computed.append("face")
        path = Path(folder, "film.mp4")
        path.write_bytes(FILM)
        return str(path)


class Coefficients(Anything):
    def generate(self, *args, **words):
        return "coefficients"


sad.CropAndExtract, sad.AnimateFromCoeff, sad.Audio2Coeff = Crop, Animate, Coefficients
sad.get_data = sad.get_facerender_data = lambda *args, **words: {}
talker_api.talker = SadTalker()

FORM = {"text": TEXT, "tts_method": "CosyVoice", "cosyvoice_mode": "3s极速复刻", "ref_text": "what I said"}
recording = Path(speech("anna-recorded.wav")).read_bytes()
Path("anna-recorded.wav").unlink()


def speak(web, **headers):
    return web.post("/tts_response/", data=FORM, files={"ref_audio": ("anna.wav", recording)}, headers=headers)


def move(web, **headers):
    parts = {"source_image": ("anna.jpg", FACE), "driven_audio": ("anna.wav", recording)}
    return web.post("/talker_response/", data={"talker_method": "SadTalker"}, files=parts, headers=headers)


with TestClient(tts_api.app, raise_server_exceptions=False) as web:
    before = files()
    SEEN["tts refused"] = [speak(web).status_code, computed[:], sorted(set(files()) - set(before))]
    done = speak(web, **{"Consonant-Grant": VOICE})
    SEEN["tts"] = [done.status_code, computed[:], files(), marked("answer.wav")]
    Path("answer-as-sent.wav").write_bytes(done.content)
    SEEN["tts sent marked"] = marked("answer-as-sent.wav")
computed.clear()
with TestClient(talker_api.app, raise_server_exceptions=False) as web:
    before = files()
    SEEN["talker refused"] = [
        move(web).status_code,
        move(web, **{"Consonant-Grant": f"{FACES},{FACES}"}).status_code,
        computed[:],
        sorted(set(files()) - set(before)),
    ]
    done = move(web, **{"Consonant-Grant": f"{FACES},{FACES},{COMBINE}"})
    SEEN["talker"] = [done.status_code, computed[:], done.headers.get("content-type")]
    SEEN["left"] = [each for each in sorted(set(files()) - set(before)) if not each.endswith("film.mp4")]
    SEEN["film"] = [marked(each) for each in files() if each.endswith("film.mp4")]
SEEN["class refused"] = refused(lambda: talker_api.talker.test2("x.jpg", "y.wav"))
finish()
client.close()
