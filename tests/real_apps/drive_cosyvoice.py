"""CosyVoice, 3 and its base, with the real classes and the real frontend; ONNX sessions, filter banks and the network are stand-ins."""

import sys
from pathlib import Path

from drive import SEEN, TEXT, files, finish, marked, refused, speech, start, subjects

start("CosyVoice")
import torch  # noqa: E402
from consonant import Client  # noqa: E402
from consonant.adapters import cosyvoice as adapter  # noqa: E402

client = Client.from_env()
hooks = adapter.install(client)
import torchaudio  # noqa: E402
from cosyvoice.cli import cosyvoice as app  # noqa: E402

computed = []


class Network:
    """Says so when it computes, and makes a fifth of a second."""

    def __init__(self, *args, **words):
        pass

    def load(self, *args):
        pass

    def tts(self, **words):
        computed.append(sorted(words))
        assert not any(value is None for value in words.values())
        yield {"tts_speech": torch.full((1, 4800), 0.1 + len(computed) / 1000)}


GRANT, OTHER = sys.argv[1:3]
Path("model").mkdir()
model_file = Path("model/cosyvoice3.yaml")
model_file.touch()
app.load_hyperpyyaml = lambda file, **words: {
    "get_tokenizer": Tokenizer, "feat_extractor": lambda speech: torch.zeros(1, 80, speech.shape[1] // 480), "allowed_special": "all",
    "sample_rate": 24_000, "llm": None, "flow": None, "hift": None,
}  # fmt: skip


class Tokenizer:
    def encode(self, text, allowed_special="all"):
        return [ord(char) % 100 for char in text]


app.get_model_type = lambda configs: app.CosyVoice3Model
app.CosyVoice3Model = Network
model = app.CosyVoice3("model")
model.frontend.spk2info["built-in"] = {"embedding": torch.zeros(1, 192)}

prompt, source = "prompt-of-anna.wav", "source.wav"
CALLS = {
    "inference_sft": lambda: model.inference_sft(TEXT, "built-in"),
    "inference_zero_shot": lambda: model.inference_zero_shot(TEXT, "what I said before", speech(prompt)),
    "inference_cross_lingual": lambda: model.inference_cross_lingual(TEXT, speech(prompt)),
    "inference_instruct2": lambda: model.inference_instruct2(TEXT, "kindly", speech(prompt)),
    "inference_vc": lambda: model.inference_vc(speech(source), speech(prompt)),
    "add_zero_shot_spk": lambda: model.add_zero_shot_spk("what I said before", speech(prompt), "anna"),
}
speech(prompt), speech(source)
before = files()
SEEN["refused"] = {name: refused(call) for name, call in CALLS.items()}
SEEN["computed without a grant"] = len(computed)
SEEN["files without a grant"] = sorted(set(files()) - set(before))

with subjects(GRANT, OTHER):
    done = {}
    for name, call in CALLS.items():
        result = call()
        done[name] = len(list(result)) if hasattr(result, "__next__") else result
        SEEN.setdefault("prompt left", {})[name] = name != "inference_sft" and (
            Path(prompt).exists() or (name == "inference_vc" and Path(source).exists())
        )
    SEEN["done"] = done
    SEEN["computed"] = len(computed)
    SEEN["saving"] = refused(model.save_spkinfo)
    SEEN["enrolled"] = len(list(model.inference_zero_shot(TEXT, "", "", zero_shot_spk_id="anna")))
    for number, chunk in enumerate(model.inference_zero_shot(TEXT, "what I said before", speech(prompt))):
        torchaudio.save(f"zero_shot_{number}.wav", chunk["tts_speech"], model.sample_rate)
SEEN["marked"] = [marked(each) for each in files() if each.startswith("zero_shot_")]
SEEN["stored voiceprints"] = [each for each in files() if each.endswith("spk2info.pt")]
finish()
client.close()
