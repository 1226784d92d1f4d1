"""IndexTTS 2 and 2.5 with the real classes, command line and presets; the networks and what feeds them are stand-ins."""

# ruff: noqa: B023 - each call is made where it is written
import contextlib
import io
import json
import sys
from pathlib import Path

from drive import SEEN, TEXT, files, finish, marked, refused, speech, start, subjects

start("index-tts")
import torch  # noqa: E402
from consonant import Client  # noqa: E402
from consonant.adapters import indextts as adapter  # noqa: E402
from fakes import Anything  # noqa: E402

client = Client.from_env()
hooks = adapter.install(client)
from indextts import cli_v2, infer_v2, infer_v2_5  # noqa: E402
from indextts.utils import presets  # noqa: E402

computed = []


class Regulator(Anything):
    def __call__(self, *args, **words):
        return (torch.zeros(1, 8, 4),)


class Network(Anything):
    """Says so when it computes; makes a fifth of a second."""

    text_pos_embedding = type("Positions", (), {"emb": type("Embedding", (), {"num_embeddings": 600})})

    def merge_emovec(self, *args, **words):
        return torch.zeros(1, 4)

    def inference_speech(self, *args, **words):
        computed.append("speech")
        return torch.tensor([[1, 2, 3, 9]]), torch.zeros(1, 4)

    def __call__(self, *args, **words):
        return torch.zeros(1, 4, 4)

    def quantize(self, embedding):
        return None, torch.zeros(1, 8, 4)

    def decode(self, codes):
        return torch.zeros(1, 8, 4)

    @property
    def quantizer(self):
        return type("Quantizer", (), {"vq2emb": staticmethod(lambda codes: torch.zeros(1, 4, 4))})

    def inference(self, *args, **words):
        return torch.zeros(1, 80, 40)


class Words(Anything):
    """A tokenizer of either version."""

    unk_token_id = -1
    clean_pattern, char_rep_map = __import__("re").compile("\0"), {}

    def tokenize(self, text):
        return text.split()

    def split_segments(self, tokens, most, quick_streaming_tokens=0):
        return [tokens]

    def convert_tokens_to_ids(self, tokens):
        return [1] * len(tokens)

    def convert_ids_to_tokens(self, ids):
        return ["x"] * len(ids)

    def encode(self, text, allowed_special="all"):
        return [1] * len(text.split())

    def normalize(self, text):
        return text


def model_of(module):
    model = module.IndexTTS2.__new__(module.IndexTTS2)
    network = Network()
    model.__dict__.update(
        device="cpu", dtype=None, stop_mel_token=9, low_vram=False, gr_progress=None, tokenizer=Words(), text_process=Words(), gpt=network,
        semantic_codec=network, campplus_model=lambda feat: torch.full((1, 192), 0.31415), mel_fn=lambda wave: torch.zeros(1, 80, 8),
        extract_features=lambda *args, **words: {"input_features": torch.zeros(1, 8, 4), "attention_mask": torch.ones(1, 8)},
        get_emb=lambda *args: torch.zeros(1, 8, 4),
        s2mel=type("S2Mel", (), {"models": {"length_regulator": Regulator(), "gpt_layer": lambda latent: latent, "cfm": network}}),
        bigvgan=lambda mel: torch.full((1, 1, 4410), 0.1 + len(computed) / 1000), qwen_emo=None,
        **dict.fromkeys(adapter.CACHES),
    )  # fmt: skip
    return model


GRANT, OTHER = sys.argv[1:3]
voice, emotion = "prompt-of-anna.wav", "anger-of-bela.wav"
models = {"v2": (model_of(infer_v2), {}), "v2.5": (model_of(infer_v2_5), {"lang": "en", "text_normalization": True})}
speech(voice), speech(emotion)
before = files()
SEEN["refused"] = {
    name: [  # each is called at once
        refused(lambda: model.infer(speech(voice), TEXT, "out.wav", **words)),
        refused(lambda: model.infer_generator(speech(voice), TEXT, "out.wav", stream_return=True, **words)),
        refused(lambda: model.infer(speech(voice), TEXT, "out.wav", stream_return=True, **words)),
    ]
    for name, (model, words) in models.items()
}
with subjects(GRANT):
    SEEN["one grant for two voices"] = refused(
        lambda: models["v2"][0].infer(speech(voice), TEXT, "out.wav", emo_audio_prompt=speech(emotion), verbose=True)
    )
SEEN["computed without a grant"] = len(computed)
SEEN["files without a grant"] = sorted(set(files()) - set(before))

SEEN["done"], SEEN["caches"], SEEN["prompts left"] = {}, [], []
for name, (model, words) in models.items():
    with subjects(GRANT, OTHER):
        one = model.infer(
            speech(voice), TEXT, f"{name}/out.wav", emo_audio_prompt=speech(emotion), verbose=True, **words
        )
    with subjects(GRANT):
        chunks = [
            tuple(each.shape)
            for each in model.infer(speech(voice), TEXT, f"{name}/stream.wav", stream_return=True, **words)
        ]
        rate, samples = model.infer(speech(voice), TEXT, None, emo_audio_prompt=None, **words)
    SEEN["done"][name] = [one, len(chunks), rate, samples.shape[1]]
    SEEN["marked " + name] = [marked(f"{name}/out.wav"), marked(f"{name}/stream.wav")]
    SEEN["caches"] += [each for each in adapter.CACHES if getattr(model, each, None) is not None]
    SEEN["prompts left"] += [each for each in (voice, emotion) if Path(each).exists()]

# The command line, with a factory as its own tests have it.
cli_v2._report_missing_model_resources = lambda model_dir: None
cli_v2._validate_optional_dependencies = lambda runtime: None


def run(*words):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = cli_v2.main(list(words), tts_factory=lambda **words: models["v2"][0])
    return [status, out.getvalue()]


count = len(computed)
SEEN["cli refused"] = run("synth", "--voice", speech(voice), "--text", TEXT, "--output", "cli.wav")
SEEN["cli computed"] = [len(computed) - count, Path("cli.wav").exists()]
with subjects(GRANT):
    SEEN["cli"] = run("synth", "--voice", speech(voice), "--text", TEXT, "--output", "cli.wav", "--verbose")
    Path("batch.jsonl").write_text("".join(json.dumps({"text": TEXT, "voice": voice}) + "\n" for _ in range(2)))
    speech(voice)
    SEEN["batch"] = run("batch", "--batch-file", "batch.jsonl", "--concat", "--output", "whole.wav")
SEEN["cli marked"] = [marked("cli.wav"), Path("whole.wav").exists() and marked("whole.wav")]

presets.get_presets_dir = lambda: Path("presets")
presets.save_preset("mine", {"emo_control_method": 0}, prompt_audio=speech(voice), emo_audio=speech(emotion))
SEEN["preset"] = sorted(each.name for each in Path("presets").rglob("*") if each.is_file())
finish()
client.close()
