"""Small modules with the names and signatures of the real apps' functions, for what the adapters hook. They write and say what those do."""

import sys
import textwrap

COSYVOICE = """
import logging
from pathlib import Path
import numpy as np

class FrontEnd:
    def __init__(self):
        self.spk2info = {"built-in": {"embedding": [0.5] * 192}}

class CosyVoice:
    computed = []
    def __init__(self, model_dir, load_jit=False, load_trt=False, fp16=False, trt_concurrent=1):
        self.model_dir, self.frontend, self.sample_rate = model_dir, FrontEnd(), 24000
    def list_available_spks(self):
        return list(self.frontend.spk2info)
    def add_zero_shot_spk(self, prompt_text, prompt_wav, zero_shot_spk_id):
        self.computed.append("embedding")
        self.frontend.spk2info[zero_shot_spk_id] = {"llm_embedding": [0.25] * 192}
        return True
    def save_spkinfo(self):
        Path(self.model_dir, "spk2info.pt").write_text(repr(self.frontend.spk2info))
    def _speak(self, tts_text, prompt=None):
        for i in tts_text.split("|"):
            logging.info("synthesis text {}".format(i))
            logging.info("prompt {} embedding {}".format(prompt, [0.25] * 3))
            self.computed.append(i)
            yield {"tts_speech": np.full((1, 2400), 0.125 + len(self.computed) / 1000, dtype=np.float32)}
            logging.info("yield speech len {}, rtf {}".format(0.1, 0.5))
    def inference_sft(self, tts_text, spk_id, stream=False, speed=1.0, text_frontend=True):
        yield from self._speak(tts_text)
    def inference_zero_shot(self, tts_text, prompt_text, prompt_wav, zero_shot_spk_id='', stream=False, speed=1.0, text_frontend=True):
        yield from self._speak(tts_text, prompt_wav)
    def inference_cross_lingual(self, tts_text, prompt_wav, zero_shot_spk_id='', stream=False, speed=1.0, text_frontend=True):
        yield from self._speak(tts_text, prompt_wav)
    def inference_instruct(self, tts_text, spk_id, instruct_text, stream=False, speed=1.0, text_frontend=True):
        yield from self._speak(tts_text)
    def inference_vc(self, source_wav, prompt_wav, stream=False, speed=1.0):
        yield from self._speak("converted", source_wav)

class CosyVoice2(CosyVoice):
    def inference_instruct2(self, tts_text, instruct_text, prompt_wav, zero_shot_spk_id='', stream=False, speed=1.0, text_frontend=True):
        yield from self._speak(tts_text, prompt_wav)

class CosyVoice3(CosyVoice2):
    pass
"""
TORCHAUDIO = """
import numpy as np
import soundfile

def save(uri, src, sample_rate, channels_first=True, format=None, encoding=None, bits_per_sample=None, buffer_size=4096, backend=None, compression=None):
    soundfile.write(uri, np.asarray(src).reshape(-1), sample_rate)
"""
INDEXTTS = """
import os
import numpy as np
import soundfile

class IndexTTS2:
    computed = []
    def __init__(self, cfg_path="checkpoints/config.yaml", model_dir="checkpoints", use_fp16=False, device=None, use_cuda_kernel=None,
                 use_deepspeed=False, use_accel=False, use_torch_compile=False, use_qwen_emo=True, aux_paths=None):
        self.cache_spk_cond = self.cache_emo_cond = self.cache_spk_audio_prompt = self.cache_emo_audio_prompt = None
        self.cache_s2mel_style = self.cache_s2mel_prompt = self.cache_mel = None
        self.gr_progress = None
    def _set_gr_progress(self, value, desc):
        if self.gr_progress is not None:
            self.gr_progress(value, desc=desc)
    def infer(self, spk_audio_prompt, text, output_path, LANGemo_audio_prompt=None, emo_alpha=1.0, emo_vector=None, use_emo_text=False,
              emo_text=None, use_random=False, interval_silence=200, verbose=False, max_text_tokens_per_segment=120, stream_return=False,
              more_segment_before=0, **generation_kwargs):
        words = dict(emo_audio_prompt=emo_audio_prompt, emo_vector=emo_vector, use_emo_text=use_emo_text, verbose=verbose, stream_return=stream_return)
        LANGUAGE
        if stream_return:
            return self.infer_generator(spk_audio_prompt, text, output_path, **words)
        try:
            return list(self.infer_generator(spk_audio_prompt, text, output_path, **words))[0]
        except IndexError:
            return None
    def infer_generator(self, spk_audio_prompt, text, output_path, LANGemo_audio_prompt=None, emo_alpha=1.0, emo_vector=None,
              use_emo_text=False, emo_text=None, use_random=False, interval_silence=200, verbose=False, max_text_tokens_per_segment=120,
              stream_return=False, quick_streaming_tokens=0, **generation_kwargs):
        print(">> starting inference...")
        if verbose:
            print(f"origin text:{text}, spk_audio_prompt:{spk_audio_prompt}, emo_audio_prompt:{emo_audio_prompt}")
        self.cache_spk_cond, self.cache_spk_audio_prompt = [0.25] * 192, spk_audio_prompt
        self.cache_s2mel_style = self.cache_s2mel_prompt = self.cache_mel = [0.25]
        self.cache_emo_cond, self.cache_emo_audio_prompt = [0.5] * 192, emo_audio_prompt
        wavs = []
        for segment in text.split("|"):
            self._set_gr_progress(0.5, "speech synthesis")
            self.computed.append(segment)
            wavs.append(np.full((1, 2205), 4096.0 + len(self.computed), dtype=np.float32))
            if stream_return:
                yield wavs[-1]
        print(f">> Total inference time: {1.25:.2f} seconds")
        if output_path:
            if os.path.dirname(output_path) != "":
                os.makedirs(os.path.dirname(output_path), exist_ok=True)
            soundfile.write(output_path, np.concatenate(wavs, axis=1).reshape(-1) / 32767, 22050)
            print(">> wav file saved to:", output_path)
            if stream_return:
                return None
            yield output_path
        else:
            if stream_return:
                return None
            yield (22050, np.concatenate(wavs, axis=1).astype(np.int16).T)
"""
PRESETS = """
import json, os, shutil
FOLDER = "."
def save_preset(name, data, prompt_audio=None, emo_audio=None):
    os.makedirs(os.path.join(FOLDER, name), exist_ok=True)
    for path, kept in ((prompt_audio, "prompt.wav"), (emo_audio, "emo_ref.wav")):
        if path:
            shutil.copy2(path, os.path.join(FOLDER, name, kept))
    with open(os.path.join(FOLDER, name, "preset.json"), "w") as file:
        json.dump(data, file)
"""

LINLY = {
    ("VITS/CosyVoice.py", "CosyVoiceTTS.predict_sft"): ("text spks save_path speed_factor", ""),
    ("VITS/CosyVoice.py", "CosyVoiceTTS.predict_zero_shot"): ("text prompt_text prompt_speech save_path speed_factor", "prompt_speech"),
    ("VITS/CosyVoice.py", "CosyVoiceTTS.predict_cross_lingual"): ("prompt_text prompt_speech save_path speed_factor", "prompt_speech"),
    ("VITS/GPT_SoVITS.py", "GPT_SoVITS.predict"): (
        "ref_wav_path prompt_text prompt_language text text_language how_to_cut save_path", "ref_wav_path",
    ),
    ("VITS/XTTS.py", "XTTS.predict"): ("prompt language audio_file_pth voice_cleanup", "audio_file_pth"),
    ("TTS/EdgeTTS.py", "EdgeTTS.predict"): ("TEXT VOICE RATE VOLUME PITCH OUTPUT_FILE OUTPUT_SUBS words_in_cue", ""),
    ("TTS/PaddleTTS.py", "PaddleTTS.predict"): ("text am voc spk_id lang male save_path", ""),
    ("TFG/Wav2Lip.py", "Wav2Lip.predict"): ("face audio_file batch_size fps enhance resize_factor rotate crop", "audio_file face"),
    ("TFG/Wav2Lipv2.py", "Wav2Lipv2.run"): ("video_path audio_path batch_size enhance outfile fps", "audio_path video_path"),
    ("TFG/NeRFTalk.py", "NeRFTalk.predict"): ("asr_wav", "asr_wav"),
    ("TFG/MuseTalk.py", "MuseTalk_RealTime.prepare_material"): ("video_path bbox_shift progress", "video_path"),
    ("TFG/MuseTalk.py", "MuseTalk_RealTime.inference_noprepare"): (
        "audio_path source_video bbox_shift batch_size fps progress", "audio_path source_video",
    ),
    ("TFG/MuseTalk.py", "MuseTalk_RealTime.inference"): ("audio_path source_video bbox_shift batch_size fps progress", "audio_path source_video"),
    ("TFG/MuseTalk.py", "MuseTalk.inference"): ("audio_path video_path bbox_shift", "audio_path video_path"),
    ("webui.py", "TTS_response"): (
        (
        "text voice rate volume pitch am voc lang male ref_audio prompt_text prompt_language text_language cut_method question_audio question "
        "use_mic_voice mode_checkbox_group sft_dropdown prompt_text_cv prompt_wav_upload prompt_wav_record seed speed_factor tts_method save_path"
        ),
        "ref_audio prompt_wav_upload prompt_wav_record question_audio",
    ),
    ("webui.py", "Talker_response_img"): (
        (
        "question_audio method text voice rate volume pitch am voc lang male inp_ref prompt_text prompt_language text_language how_to_cut "
        "use_mic_voice mode_checkbox_group sft_dropdown prompt_text_cv prompt_wav_upload prompt_wav_record seed speed_factor tts_method source_image "
        "preprocess_type is_still_mode enhancer batch_size size_of_image pose_style facerender exp_weight blink_every fps progress"
        ),
        "inp_ref prompt_wav_upload prompt_wav_record question_audio source_image",
    ),
    ("webui.py", "MuseTalker_response"): (
        (
        "source_video bbox_shift question_audio text voice rate volume pitch am voc lang male ref_audio prompt_text prompt_language text_language "
        "cut_method use_mic_voice mode_checkbox_group sft_dropdown prompt_text_cv prompt_wav_upload prompt_wav_record seed speed_factor tts_method "
        "batch_size progress"
        ),
        "ref_audio prompt_wav_upload prompt_wav_record question_audio source_video",
    ),
    ("webui.py", "human_response"): (
        (
        "source_image history question_audio talker_method voice rate volume pitch am voc lang male inp_ref prompt_text prompt_language "
        "text_language cut_method use_mic_voice mode_checkbox_group sft_dropdown prompt_text_cv prompt_wav_upload prompt_wav_record seed "
        "speed_factor tts_method character preprocess_type is_still_mode enhancer batch_size size_of_image pose_style facerender exp_weight "
        "blink_every fps progress"
        ),
        "inp_ref prompt_wav_upload prompt_wav_record question_audio source_image",
    ),
    ("app.py", "TTS_response"): ("text voice rate volume pitch", ""),
    ("app_img.py", "Talker_response"): (
        (
        "text voice rate volume pitch source_image preprocess_type is_still_mode enhancer batch_size size_of_image pose_style facerender "
        "exp_weight blink_every fps"
        ),
        "source_image",
    ),
    ("app_musetalk.py", "Talker_response"): ("text voice rate volume pitch source_video bbox_shift", "source_video"),
    ("app_talk.py", "TTS_response"): ("text voice rate volume pitch am voc lang male tts_method save_path", ""),
    ("app_talk.py", "Talker_response"): ("source_image source_video method driven_audio batch_size", "driven_audio source_image source_video"),
}  # fmt: skip
"""Of Linly-Talker 6342071: the parameters of what is gated, without `self`, and those of them that are somebody's, voices first."""


def write(folder, name, source):
    """Put a module into a folder."""
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source))
    for parent in path.relative_to(folder).parents:
        (folder / parent / "__init__.py").touch()


def forget(*names):
    """Take modules and what is in them out of what has been imported."""
    for each in [each for each in sys.modules if each.split(".")[0] in names]:
        del sys.modules[each]
