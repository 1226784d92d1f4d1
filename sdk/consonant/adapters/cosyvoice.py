"""CosyVoice, 1 to 3 (FunAudioLLM/CosyVoice): gated at `inference_*`, `add_zero_shot_spk` and `save_spkinfo`.

    from consonant import Client, using
    from consonant.adapters import cosyvoice

    cosyvoice.install(Client.from_env())
    model = AutoModel(model_dir=...)
    with using(subject_ref="user-17", purpose="voice-cloning"):
        for chunk in model.inference_zero_shot(text, prompt_text, "prompt.wav"): ...

`python -m consonant.adapters.cosyvoice webui.py --port 50000` runs an app's script so.

The first chunk begins with the audible label, for samples bear no other mark; a file that `torchaudio.save` or Gradio writes of them is
marked and recorded. A voice that `add_zero_shot_spk` enrolled belongs to who was named then: only they can be spoken with by it, it is kept in
memory for an hour at most, and it is forgotten at the first refusal. `save_spkinfo` is refused while such a voice is among them: it would write
voiceprints of people to the disk, which no retention policy allows (the voices that came with the model may be saved).
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from consonant.adapters.governed import Call, Governed, Prompt, Rules, subjects_of
from consonant.adapters.hooking import Arguments, Gate, Hooks, run, voices
from consonant.adapters.quiet import Quiet
from consonant.client import Client
from consonant.errors import NotAllowed
from consonant.subjects import Subject

MODULE: Final = "cosyvoice.cli.cosyvoice"
_VOICE: Final = {"prompt_wav": "voice", "prompt_speech_16k": "voice"}
METHODS: Final[Mapping[str, Mapping[str, str]]] = {
    "inference_sft": {},
    "inference_zero_shot": _VOICE,
    "inference_cross_lingual": _VOICE,
    "inference_instruct": {},
    "inference_instruct2": _VOICE,
    "inference_vc": _VOICE | {"source_wav": "source", "source_speech_16k": "source"},
}
"""Of each method, the parameters that are somebody's voice; older versions have the second name."""
HEADS: Final = (
    "yield speech len",
    "use ttsfrd frontend",
    "use wetext frontend",
    "no frontend is avaliable",
    "synthesis text",
)
ENROLLED_SECONDS: Final = 3600.0


def install(
    client: Client,
    *,
    resolver: Callable[[Call], Sequence[Subject]] | None = None,
    audible: str | None = "rhythm",
    burn_prompts: bool = True,
) -> Hooks:
    """Gate CosyVoice in this process; before or after it is imported. `uninstall()` of what comes back ends it.

    `resolver`: whose voices go into a call, where `consonant.using` is not said around it. `burn_prompts`: remove a prompt that lies in a
    temporary folder after its call.
    """
    rules = Rules(client, resolver, audible, burn_prompts, dimensions=192, model="campplus")
    hooks = Hooks(rules, Quiet(HEADS))
    enrolled = Enrolled(rules)

    def wrap(module: Any) -> None:
        hooks.quiet.hush(module)
        for each in list(vars(module).values()):
            if isinstance(each, type) and each.__module__ == module.__name__:
                _wrap_class(hooks, enrolled, each)

    hooks.install()
    for name in ("cosyvoice.cli.frontend", "cosyvoice.cli.model", "cosyvoice.utils.file_utils"):
        hooks.on_import(name, hooks.quiet.hush)
    hooks.on_import(MODULE, wrap)
    return hooks


class Enrolled:
    """Whose voices `add_zero_shot_spk` put into which model, in memory."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._whose: dict[tuple[int, str], Subject] = {}

    def add(self, model: Any, name: str, who: Subject) -> None:
        """Remember one, and forget it after its time."""
        self._whose[id(model), name] = who
        timer = threading.Timer(ENROLLED_SECONDS, self.forget, (model, name))
        timer.daemon = True
        timer.start()

    def forget(self, model: Any, name: str) -> None:
        """Take a voice out of the model's memory."""
        if self._whose.pop((id(model), name), None) is not None:
            model.frontend.spk2info.pop(name, None)

    def of(self, model: Any) -> list[str]:
        """Return the names of the people's voices in a model."""
        return [name for owner, name in self._whose if owner == id(model)]

    def subjects(self, arguments: Arguments) -> tuple[Subject, ...] | None:
        """Return whose voice a call speaks in, if it is an enrolled one.

        Raises:
            NotAllowed: Others are named for the call than the one whose voice it is.
        """
        who = self._whose.get((id(arguments["self"]), _speaker(arguments) or ""))
        if who is None:
            return None
        named = subjects_of(self._rules, Call("enrolled", arguments, ()))
        if who not in named:
            raise NotAllowed("subject_differs", "name the person whose voice it is", "This voice is somebody else's.")
        return (who,)


def _wrap_class(hooks: Hooks, enrolled: Enrolled, cls: type) -> None:
    def give(call: Governed, chunk: Any, arguments: Arguments) -> Any:
        if isinstance(chunk, dict) and "tts_speech" in chunk:
            rate = int(getattr(arguments["self"], "sample_rate", 22_050))
            chunk["tts_speech"] = call.chunk(chunk["tts_speech"], rate)
        return chunk

    def refused(arguments: Arguments) -> None:
        if (name := _speaker(arguments)) is not None:
            enrolled.forget(arguments["self"], name)

    for name, roles in METHODS.items():

        def prompts(arguments: Arguments, roles: Mapping[str, str] = roles) -> Iterable[Prompt]:
            return () if arguments.get("zero_shot_spk_id") else voices(arguments, roles)

        hooks.gate(cls, name, Gate(give, prompts, subjects=enrolled.subjects, refused=refused))

    def enrol(call: Governed, result: Any, arguments: Arguments) -> Any:
        call.embedded()
        enrolled.add(arguments["self"], arguments["zero_shot_spk_id"], call.subjects[0])
        return result

    hooks.gate(cls, "add_zero_shot_spk", Gate(enrol, lambda arguments: voices(arguments, _VOICE)))
    if "save_spkinfo" in vars(cls):
        hooks.replace(cls, "save_spkinfo", _saving(enrolled, vars(cls)["save_spkinfo"]))


def _saving(enrolled: Enrolled, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def save(self: Any, *args: Any, **words: Any) -> Any:
        if enrolled.of(self):
            raise NotAllowed(
                "embedding_stored",
                "leave it in memory: what is enrolled lives an hour",
                "It would write the voiceprints of people to the disk.",
            )
        return original(self, *args, **words)

    return save


def _speaker(arguments: Arguments) -> str | None:
    return arguments.get("zero_shot_spk_id") or arguments.get("spk_id") or None


def main(arguments: Sequence[str]) -> None:
    """Run an app's script with CosyVoice gated."""
    hooks = install(Client.from_env())
    run(arguments[0], arguments[1:], hooks.quiet.hush)


if __name__ == "__main__":
    main(sys.argv[1:])
