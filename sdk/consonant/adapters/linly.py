"""Linly-Talker (Kedreamix/Linly-Talker): gated at its APIs, at its scripts' functions, and below them at the classes of its models.

The APIs are `tts_response` and `talker_response`; the functions `TTS_response`, `Talker_response`, `Talker_response_img`, `MuseTalker_response` and
`human_response`; the classes those that clone a voice or move a face.

    from consonant import Client
    from consonant.adapters import linly

    linly.install(Client.from_env())        # before api.tts_api, api.talker_api, VITS and TFG are imported

`python -m consonant.adapters.linly webui.py` runs a script so. Whose voice a call over HTTP is about stands in its header
`Consonant-Grant`: ids of grants, comma between them, the voice's first and the portrait's behind it; an app that knows its users gives a
`resolver` instead.

A face and a voice are never put together because both are there: a call that has both takes a grant for `combine`, named last, besides
those under which they are handed over. The recording that `tts_response` writes into the app's folder, the portrait, what SadTalker
copies to `results/<id>/input` and what it crops from the face are removed after the call. Calls to `tts_response` wait for each other: they share
one file for everybody's recording. A cloned voice speaks into a file that is marked; so is the film.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from consonant.adapters.governed import Call, Governed, Prompt, Rules
from consonant.adapters.hooking import Arguments, Gate, Hooks, begun, bound, remove, run, voices, within
from consonant.adapters.quiet import Quiet
from consonant.client import Client
from consonant.subjects import Subject, using

Classes = dict[str, dict[str, dict[str, dict[str, str]]]]
HEADER: Final = b"consonant-grant"
HEADS: Final = ("Memory allocated:", "Max memory allocated:", "Cached memory:", "Max cached memory:")
CLONES: Final[Classes] = {
    "VITS.CosyVoice": {"CosyVoiceTTS": {"predict_sft": {}, "predict_zero_shot": {"prompt_speech": "voice"}, "predict_cross_lingual": {"prompt_speech": "voice"}}},
    "VITS.GPT_SoVITS": {"GPT_SoVITS": {"predict": {"ref_wav_path": "voice"}}},
    "VITS.XTTS": {"XTTS": {"predict": {"audio_file_pth": "voice"}}},
    "TTS.EdgeTTS": {"EdgeTTS": {"predict": {}}},
    "TTS.PaddleTTS": {"PaddleTTS": {"predict": {}}},
}  # fmt: skip
"""Of each module the classes that speak, and of their methods the parameters that are a voice."""
FACES: Final[Classes] = {
    "TFG.SadTalker": {"SadTalker": {"test": {"source_image": "portrait", "driven_audio": "driving"}, "test2": {"source_image": "portrait", "driven_audio": "driving"}}},
    "TFG.Wav2Lip": {"Wav2Lip": {"predict": {"face": "portrait", "audio_file": "driving"}}},
    "TFG.Wav2Lipv2": {"Wav2Lipv2": {"run": {"video_path": "portrait", "audio_path": "driving"}}},
    "TFG.NeRFTalk": {"NeRFTalk": {"predict": {"asr_wav": "driving"}}},
    "TFG.MuseTalk": {
        "MuseTalk_RealTime": {
            "prepare_material": {"video_path": "portrait"},
            "inference_noprepare": {"audio_path": "driving", "source_video": "portrait"},
            "inference": {"audio_path": "driving", "source_video": "portrait"},
        },
        "MuseTalk": {"inference": {"audio_path": "driving", "video_path": "portrait"}},
    },
}  # fmt: skip
"""The same of those that move a face."""
SCRIPTS: Final = ("webui", "app", "app_img", "app_multi", "app_musetalk", "app_talk", "app_vits")
SPEAKING: Final = {
    "ref_audio": "voice",
    "prompt_wav_upload": "voice",
    "prompt_wav_record": "voice",
    "question_audio": "voice",
}
MOVING: Final = {
    "source_image": "portrait", "source_video": "portrait", "driven_audio": "voice", "inp_ref": "voice", **SPEAKING,
}  # fmt: skip
FUNCTIONS: Final = {
    "TTS_response": SPEAKING,
    "Talker_response": MOVING,
    "Talker_response_img": MOVING,
    "MuseTalker_response": MOVING,
    "human_response": MOVING,
}
MICROPHONE: Final = "question_audio"
"""The page's question is cloned too, where `use_mic_voice` is chosen."""
_MADE: Final = (".wav", ".mp3", ".flac", ".mp4")
_LEFT: Final = ("input", "first_frame_dir")
_LEFT_BY_FACES: Final = ("temp/temp.wav", "temp/result.avi", "tempface.wav", "tempface.mp4")
"""What Wav2Lip writes of a recording and a face, in the app's folder."""
ROUTES: Final = {
    "tts_response": (SPEAKING, ("uploaded_ref_audio.wav",)),
    "talker_response": (MOVING, ("temp_source_image.jpg", "temp_driven_audio.wav")),
}
"""Of each route the parameters that are a voice or a face, and what it leaves in the app's folder."""


def install(
    client: Client,
    *,
    resolver: Callable[[Call], Sequence[Subject]] | None = None,
    audible: str | None = "rhythm",
    burn_prompts: bool = True,
) -> Hooks:
    """Gate Linly-Talker in this process. `uninstall()` of what comes back ends it. Words: see `cosyvoice.install`."""
    hooks = Hooks(Rules(client, resolver, audible, burn_prompts, dimensions=192), Quiet(HEADS))
    hooks.install()
    for name, classes in (CLONES | FACES).items():
        hooks.on_import(name, functools.partial(_wrap_classes, hooks, classes))
    for name in SCRIPTS:
        hooks.on_import(name, functools.partial(wrap_script, hooks))
    for name in ("api.tts_api", "api.talker_api"):
        hooks.on_import(name, functools.partial(wrap_routes, hooks))
    return hooks


def wrap_main(hooks: Hooks, module: Any) -> None:
    """Gate what is run as a script: a page, or an API."""
    wrap_script(hooks, module)
    wrap_routes(hooks, module)


def wrap_routes(hooks: Hooks, module: Any) -> None:
    """Gate the routes of an API."""
    for name, (roles, left) in ROUTES.items():
        if hasattr(module, name) and hasattr(module, "app"):
            _wrap_route(hooks, name, roles, left, module)


def wrap_script(hooks: Hooks, module: Any) -> None:
    """Gate the functions of a script; the page looks them up when it is built, in its `main`.

    One that moves a face of the script's own (`app.py`) is none of these: the model asks for that face.
    """
    hooks.quiet.hush(module)
    for name, roles in FUNCTIONS.items():
        function = getattr(module, name, None)
        if not callable(function):
            continue
        named = set(inspect.signature(within(function)).parameters) - {MICROPHONE}
        if roles is SPEAKING or named & set(roles):
            hooks.gate(module, name, _gate(roles))


def _wrap_classes(hooks: Hooks, classes: dict[str, dict[str, dict[str, str]]], module: Any) -> None:
    hooks.quiet.hush(module)
    for name, methods in classes.items():
        owner = getattr(module, name, None)
        for method, roles in methods.items() if owner is not None else ():
            hooks.gate(owner, method, _gate(roles))


def _gate(roles: dict[str, str]) -> Gate:
    prompts = functools.partial(_prompts, roles)
    return Gate(_give, prompts, clear=_left, inner=_give, outputs=_outputs, results=_results)


def _prompts(roles: dict[str, str], arguments: Arguments) -> Iterator[Prompt]:
    """Yield the voice first and the face behind it."""
    if not arguments.get("use_mic_voice"):
        roles = {name: role for name, role in roles.items() if name != MICROPHONE}
    found = list(voices(arguments, roles))
    yield from sorted(found, key=lambda prompt: prompt.role == "portrait")


def _give(call: Governed, result: Any, _arguments: Arguments) -> Any:
    """Mark the clips, and have what was written beside them removed. Inside another call a clip is one of its files."""
    given = tuple(str(each.value) for each in call.call.prompts if isinstance(each.value, (str, Path)))
    for path in _paths(result):
        if str(path).startswith(given):  # XTTS gives the prompt back, or the cleaned copy that it wrote beside it
            if str(path) not in given:
                call.use.residue(path)
            continue
        call.file(path)
        for name in _LEFT:
            if (folder := path.parent / name).is_dir():
                call.use.residue(folder)
    return result


def _paths(result: Any) -> Iterator[Path]:
    for each in result if isinstance(result, (tuple, list)) else (result,):
        path = getattr(each, "path", each)  # of a FileResponse
        if isinstance(path, (str, Path)) and Path(path).suffix.lower() in _MADE and Path(path).is_file():
            yield Path(path)


def _results(call: Governed, result: Any) -> Iterator[Path]:
    """Yield the files that a call has made: what it was given and gives back is none of them."""
    given = {os.path.realpath(each.value) for each in call.call.prompts if isinstance(each.value, (str, Path))}
    yield from (path for path in _paths(result) if os.path.realpath(path) not in given)


def _outputs(arguments: Arguments) -> Iterator[Any]:
    """Yield what goes when a call fails: its clip, and what SadTalker has in the folder of this call's picture."""
    yield from (arguments.get(each) for each in ("save_path", "OUTPUT_FILE"))
    picture = arguments.get("source_image")
    if isinstance(picture, (str, Path)):
        for kept in Path(arguments.get("result_dir") or "results").glob("*/input"):
            if (kept / Path(picture).name).is_file():
                yield from [each for name in _LEFT for each in (kept.parent / name).glob("*")]


def _left(_arguments: Arguments) -> None:
    remove(_LEFT_BY_FACES)


def _wrap_route(hooks: Hooks, name: str, roles: dict[str, str], left: Sequence[str], module: Any) -> None:
    """Gate a route of FastAPI: the function under its name, and where the route keeps it. A refusal is answered 403."""
    from starlette.middleware import Middleware

    from consonant.adapters.fastapi import answer_errors

    hooks.quiet.hush(module)
    original = getattr(module, name)
    signature, waiting = inspect.signature(original), asyncio.Lock()
    gate = _gate(roles)

    @functools.wraps(original)
    async def response(*args: Any, **words: Any) -> Any:
        arguments = {key: getattr(value, "file", value) for key, value in bound(signature, args, words).items()}
        async with waiting:
            call = await asyncio.to_thread(begun, hooks.rules, gate, name, arguments)
            failed: BaseException | None = None
            result = None
            for each in left:
                call.use.residue(each)
            try:
                with call.inside():
                    result = await original(*args, **words)
                return await asyncio.to_thread(_checked, call, result, arguments)
            except BaseException as error:
                failed = error
                await asyncio.to_thread(remove, [*_outputs(arguments), *_results(call, result)])
                raise
            finally:
                await asyncio.to_thread(call.end, failed)

    hooks.replace(module, name, response)
    for route in getattr(module.app, "routes", ()):
        if getattr(route, "endpoint", None) is original:
            hooks.replace(route, "endpoint", response)
            hooks.replace(route.dependant, "call", response)
    app = module.app
    hooks.replace(app, "user_middleware", [Middleware(Named), *app.user_middleware])
    hooks.replace(app, "exception_handlers", dict(app.exception_handlers))
    hooks.replace(app, "middleware_stack", None)  # it is built anew
    answer_errors(app)


def _checked(call: Governed, result: Any, arguments: Arguments) -> Any:
    call.ensure()
    return _give(call, result, arguments)


class Named:
    """ASGI: the grants that a request names in its header are those in use while it is answered."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        said = dict(scope.get("headers") or ()).get(HEADER, b"").decode("ascii", "replace")
        subjects = [Subject(grant_id=each.strip()) for each in said.split(",") if each.strip()]
        if not subjects:
            await self._app(scope, receive, send)
            return
        with using(*subjects):
            await self._app(scope, receive, send)


def main(arguments: Sequence[str]) -> None:
    """Run an app's script with Linly-Talker gated."""
    hooks = install(Client.from_env())
    run(arguments[0], arguments[1:], functools.partial(wrap_main, hooks))


if __name__ == "__main__":
    main(sys.argv[1:])
