"""Stands in for the libraries that the real apps import and that are not installed where this runs: their models, and what feeds them.

What is installed is used as it is (torch is). The stand-ins are listed in `FAKED`, by their first names; each made-up attribute is a class that
takes anything. The few functions that the apps need an answer from are given ones that answer by the shapes that the real ones have.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types

import numpy as np
import soundfile
import torch

FAKED = (
    "accelerate", "basicsr", "conformer", "diffusers", "edge_tts", "einops", "face_detection", "facexlib", "gfpgan", "gradio", "huggingface_hub",
    "hydra", "HyperPyYAML", "hyperpyyaml", "imageio", "kornia", "librosa", "lightning", "loguru", "matcha", "modelscope", "munch", "numba",
    "nemo_text_processing", "omegaconf", "onnxruntime", "cv2", "pandas", "pydub", "pyworld", "safetensors", "scipy", "sentencepiece", "skimage",
    "tensorrt", "tiktoken", "torchaudio", "torchvision", "transformers", "vocos", "whisper", "x_transformers", "yacs", "yaml",
    "zhconv", "descript_audiotools", "audiotools", "dac", "descript", "json5", "pypinyin", "jieba", "g2p_en", "tn", "WeTextProcessing", "fugashi",
    "pyopenjtalk", "textstat", "cn2an", "encodec", "flash_attn", "deepspeed", "triton", "xformers", "fire", "tensorboard", "matplotlib", "PIL",
    "LangSegment", "openai", "paddlespeech", "google", "g4f", "ultralytics", "tb_logger", "moviepy", "ffmpeg", "mmpose", "mmcv", "mmengine", "trimesh", "torch_ema",
    "pytorch_lightning", "torchmetrics", "resampy", "requests", "psutil", "pymcubes", "mcubes", "lpips", "rich", "tensorboardX", "configargparse", "packaging",
)  # fmt: skip


class Whatever(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


class Anything(metaclass=Whatever):
    """Takes whatever it is given, and gives itself back."""

    def __init_subclass__(cls, **words):
        pass

    def __init__(self, *args, **words):
        pass

    def __call__(self, *args, **words):
        return args[0] if args and callable(args[0]) and not words else self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __iter__(self):
        return iter(())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


class FakeModule(types.ModuleType):
    __path__: list[str] = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = Whatever(name, (Anything,), {})
        setattr(self, name, made)
        return made


WEIGHTS = (
    "indextts.gpt.model_v2",
    "indextts.gpt.model",
    "indextts.codec.maskgct_codec",
    "indextts.codec.models",
    "indextts.s2mel.modules.commons",
)
"""The apps' own modules in which the networks are: this is the seam."""


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Last among the finders: what is really there wins."""

    used: set[str] = set()

    def find_spec(self, fullname, path=None, target=None):
        first = fullname.split(".")[0]
        if first not in FAKED:
            return None
        self.used.add(first)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        return FakeModule(spec.name)

    def exec_module(self, module):
        fill = FILLED.get(module.__name__)
        if fill is not None:
            fill(module)


def _torchaudio(module):
    def load(uri, *args, **words):
        samples, rate = soundfile.read(uri, dtype="float32", always_2d=True)
        return torch.from_numpy(samples.T.copy()), rate

    def save(uri, src, sample_rate, channels_first=True, **words):
        soundfile.write(uri, src.detach().cpu().numpy().T, sample_rate)

    module.load, module.save, module.__version__ = load, save, "2.8.0"
    for name in ("compliance.kaldi", "transforms"):
        importlib.import_module(f"torchaudio.{name}")

    module.info = lambda path: types.SimpleNamespace(sample_rate=soundfile.info(path).samplerate)


class Resample:
    def __init__(self, orig_freq=16_000, new_freq=16_000):
        self.by = new_freq / orig_freq

    def __call__(self, wave):
        return torch.nn.functional.interpolate(wave[None], scale_factor=self.by)[0] if self.by != 1 else wave


def _kaldi(module):
    module.fbank = lambda wave, num_mel_bins=80, **words: torch.zeros(max(1, wave.shape[1] // 160), num_mel_bins)


def _whisper(module):
    module.log_mel_spectrogram = lambda speech, n_mels=128, **words: torch.zeros(1, n_mels, speech.shape[1] // 160)


def _onnxruntime(module):
    class InferenceSession:
        """The voiceprint of campplus has 192 numbers; the tokens of speech are 25 a second."""

        def __init__(self, path, *args, **words):
            self.path = path

        def get_inputs(self):
            return [types.SimpleNamespace(name="feats"), types.SimpleNamespace(name="length")]

        def run(self, names, given):
            frames = given["feats"].shape
            if "campplus" in str(self.path):
                return [np.full((1, 192), 0.31415, dtype=np.float32)]
            return [np.zeros((1, max(1, frames[2] // 4)), dtype=np.int64)]

    module.InferenceSession = InferenceSession
    module.SessionOptions = Anything
    module.GraphOptimizationLevel = types.SimpleNamespace(ORT_ENABLE_ALL=99)


def _librosa(module):
    def load(path, sr=22_050, **words):
        samples, rate = soundfile.read(path, dtype="float32")
        wanted = int(len(samples) * sr / rate)
        return np.interp(np.arange(wanted) * rate / sr, np.arange(len(samples)), samples).astype(np.float32), sr

    module.load = load


class Seam(Finder):
    """First among the finders: the networks are never loaded."""

    def find_spec(self, fullname, path=None, target=None):
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if fullname in WEIGHTS else None


FILLED = {
    "torchaudio": _torchaudio,
    "torchaudio.transforms": lambda module: setattr(module, "Resample", Resample),
    "torchaudio.compliance.kaldi": _kaldi,
    "whisper": _whisper,
    "onnxruntime": _onnxruntime,
    "librosa": _librosa,
}


def install():
    sys.meta_path.insert(0, Seam())
    sys.meta_path.append(Finder())
    vars(np)["VisibleDeprecationWarning"] = UserWarning  # a name of the version that they were written for
