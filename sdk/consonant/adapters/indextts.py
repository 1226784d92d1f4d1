"""IndexTTS 2 and 2.5 (index-tts/index-tts): gated at `IndexTTS2.infer` and `infer_generator`, whatever calls them: the page, the command line, yours.

    from consonant import Client, Subject, using
    from consonant.adapters import indextts

    indextts.install(Client.from_env())
    with using(Subject(grant_id=speaker), Subject(grant_id=who_lends_the_emotion)):
        tts.infer("speaker.wav", text, "out.wav", emo_audio_prompt="angry.wav")

`python -m consonant.adapters.indextts webui.py --port 7860` runs an app's script so, and
`python -m consonant.adapters.indextts cli synth --voice ...` the command line, with the grants in CONSONANT_GRANT, comma between them.

`emo_audio_prompt` is somebody's voice too, and takes a grant of its own; where the emotion comes from a text or a vector the model does not
listen to it, and so it takes none. The files of a prompt named twice are one voice.

What the model keeps of a prompt (`cache_*`) is let go after the call. Presets keep their settings and no voice: `save_preset` would copy the
prompt for good. A clip that the command line joins of several (`batch --concat`) is marked and recorded as one more.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from consonant.adapters.governed import Call, Governed, Prompt, Rules, now
from consonant.adapters.hooking import Arguments, Gate, Hooks, run, voices
from consonant.adapters.quiet import Quiet
from consonant.client import Client
from consonant.subjects import Subject

MODULES: Final = ("indextts.infer_v2", "indextts.infer_v2_5", "indextts.infer")
RATE: Final = 22_050
FULL_SCALE: Final = 32_767.0
"""Its samples are those of 16-bit PCM."""
CACHES: Final = (
    "cache_spk_cond", "cache_s2mel_style", "cache_s2mel_prompt", "cache_spk_audio_prompt", "cache_emo_cond", "cache_emo_audio_prompt",
    "cache_mel", "cache_audio_prompt", "cache_cond_mel",
)  # fmt: skip
HEADS: Final = (
    ">> starting inference...", ">> gpt_gen_time:", ">> gpt_forward_time:", ">> s2mel_time:", ">> bigvgan_time:", ">> Total inference time:",
    ">> Generated audio length:", ">> RTF:", ">> wav file saved to:", ">> Be patient, it may take a while to run in CPU mode.",
    ">> TextNormalizer loaded", ">> starting fast inference...", "ERROR:", "Generated:", "Batch complete:", "Emo control mode:",
)  # fmt: skip
_ROLES: Final = {"spk_audio_prompt": "voice", "audio_prompt": "voice", "emo_audio_prompt": "emotion"}


def install(
    client: Client,
    *,
    resolver: Callable[[Call], Sequence[Subject]] | None = None,
    audible: str | None = "rhythm",
    burn_prompts: bool = True,
) -> Hooks:
    """Gate IndexTTS in this process; before or after it is imported. `uninstall()` of what comes back ends it. Words: see `cosyvoice.install`."""
    hooks = Hooks(Rules(client, resolver, audible, burn_prompts, dimensions=192, model="campplus"), Quiet(HEADS))

    def wrap(module: Any) -> None:
        hooks.quiet.hush(module)
        for each in list(vars(module).values()):
            if isinstance(each, type) and each.__module__ == module.__name__:
                gate(hooks, each)

    hooks.install()
    for name in MODULES:
        hooks.on_import(name, wrap)
    hooks.on_import("indextts.cli_v2", functools.partial(_wrap_cli, hooks))
    hooks.on_import("indextts.utils.presets", functools.partial(_wrap_presets, hooks))
    return hooks


def gate(hooks: Hooks, owner: Any) -> None:
    """Gate the class of a model."""

    def give(call: Governed, result: Any, arguments: Arguments) -> Any:
        path = arguments.get("output_path")
        if isinstance(result, (str, Path)) and path and str(result) == str(path):
            call.file(result)
        elif isinstance(result, tuple) and len(result) == 2:
            return result[0], call.chunk(result[1], int(result[0]), full_scale=FULL_SCALE)
        elif result is not None:
            return call.chunk(result, RATE, full_scale=FULL_SCALE)
        return result

    def finish(call: Governed, arguments: Arguments) -> None:
        path = arguments.get("output_path")
        if arguments.get("stream_return") and path and Path(path).is_file():  # written behind the last chunk
            call.file(path)

    def is_later(arguments: Arguments) -> bool:
        return bool(arguments.get("stream_return"))

    whole = Gate(give, _prompts, clear=_forget, later=is_later, inner=give, outputs=_output)
    hooks.gate(owner, "infer", whole)
    hooks.gate(owner, "infer_fast", whole)
    hooks.gate(owner, "infer_generator", Gate(give, _prompts, clear=_forget, finish=finish, outputs=_output))
    if "_set_gr_progress" in vars(owner):
        hooks.replace(owner, "_set_gr_progress", _asking(vars(owner)["_set_gr_progress"]))


def _asking(original: Callable[..., Any]) -> Callable[..., Any]:
    """Before each segment the model tells how far it is: there it is asked whether it may go on."""

    @functools.wraps(original)
    def progress(*args: Any, **words: Any) -> Any:
        call = now()
        if call is not None:
            call.ensure()
        return original(*args, **words)

    return progress


def _output(arguments: Arguments) -> tuple[Any, ...]:
    return (arguments.get("output_path"),)


def _prompts(arguments: Arguments) -> Iterator[Prompt]:
    unheard = arguments.get("use_emo_text") or arguments.get("emo_vector") is not None
    yield from voices(arguments, {name: role for name, role in _ROLES.items() if role == "voice" or not unheard})


def _forget(arguments: Arguments) -> None:
    model = arguments["self"]
    for name in CACHES:
        if hasattr(model, name):
            setattr(model, name, None)


def _wrap_cli(hooks: Hooks, module: Any) -> None:
    hooks.quiet.hush(module)
    original = module.main

    @functools.wraps(original)
    def main(argv: Any = None, tts_factory: Any = None, stdin: Any = None) -> Any:
        if tts_factory is not None:
            tts_factory = _gated_factory(hooks, tts_factory)
        return original(argv, tts_factory=tts_factory, stdin=stdin)

    hooks.replace(module, "main", main)
    if "_run_batch_concat" in vars(module):

        def give(call: Governed, result: Any, arguments: Arguments) -> Any:
            if result == 0 and Path(arguments["output_path"]).is_file():
                call.file(arguments["output_path"])
            return result

        def prompts(arguments: Arguments) -> Iterator[Prompt]:
            seen: set[str] = set()
            for task in arguments["tasks"]:
                emotion = task.get("emotion_kwargs") or {}
                for one in _prompts({"spk_audio_prompt": str(task["voice_path"]), **emotion}):
                    if str(one.value) not in seen:
                        seen.add(str(one.value))
                        yield one

        hooks.gate(module, "_run_batch_concat", Gate(give, prompts, outputs=_output))


def _gated_factory(hooks: Hooks, factory: Callable[..., Any]) -> Callable[..., Any]:
    """Return a factory whose models are gated, of whatever class they are."""

    @functools.wraps(factory)
    def made(*args: Any, **words: Any) -> Any:
        model = factory(*args, **words)
        for each in type(model).__mro__[:-1]:
            gate(hooks, each)
        return model

    return made


def _wrap_presets(hooks: Hooks, module: Any) -> None:
    original = module.save_preset

    @functools.wraps(original)
    def save_preset(name: str, data: Any, prompt_audio: Any = None, emo_audio: Any = None) -> Any:  # noqa: ARG001
        return original(name, data, prompt_audio=None, emo_audio=None)

    hooks.replace(module, "save_preset", save_preset)


def main(arguments: Sequence[str]) -> None:
    """Run a script of the app, or its command line, with IndexTTS gated."""
    hooks = install(Client.from_env())
    if arguments[0] == "cli":
        from importlib import import_module

        sys.exit(import_module("indextts.cli_v2").main(list(arguments[1:])))
    run(arguments[0], arguments[1:], hooks.quiet.hush)


if __name__ == "__main__":
    main(sys.argv[1:])
