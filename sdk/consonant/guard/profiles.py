"""What each voice app leaves on its host, read in its repository: which folders, which files, and how long they may stay.

A folder of made speech is reported: each new file in it has to have an entry. What came in (a prompt, a copy in Gradio's temporary folder) is
only removed. Times are counted from the last change of the file. They and the time between two sweeps stay within the five minutes after
processing that the rules of this project allow.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOUND: Final = ("*.wav", "*.mp3", "*.flac", "*.ogg", "*.opus", "*.m4a", "*.aac", "*.webm")
FILM: Final = ("*.mp4", "*.avi")
PORTRAIT: Final = ("*.png", "*.jpg", "*.jpeg", "*.webp")
EMBEDDING: Final = ("*.npy", "*.npz", "*.pt")
_FACE: Final = ("*.mat", "*.txt")
"""What SadTalker measures of a face."""
SHORT: Final = 240.0
"""Seconds that temporary audio lives."""
SWEEP_EVERY: Final = 15.0
LIMIT: Final = 300.0


@dataclass(frozen=True)
class Watched:
    """A folder. `ttl`, seconds: what matches `patterns` goes then; None: it stays. `is_reported`: a new file there needs an entry.

    `skips`: names of folders below that are looked at by a rule of their own, or not at all.
    """

    path: Path
    patterns: tuple[str, ...] = SOUND
    ttl: float | None = None
    is_reported: bool = False
    is_deep: bool = True
    skips: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The folder's own name, which is all that is told of it."""
        return self.path.name


@dataclass(frozen=True)
class _Rule:
    """A folder of a profile. `{app}` is the app's folder, `{gradio}` that of Gradio's temporary files."""

    path: str
    patterns: tuple[str, ...] = SOUND
    ttl: float | None = None
    is_reported: bool = False
    is_deep: bool = True
    skips: tuple[str, ...] = ()


_GRADIO: Final = _Rule("{gradio}", (*SOUND, *FILM, *PORTRAIT, *EMBEDDING), SHORT)
_PROFILES: Final[dict[str, tuple[_Rule, ...]]] = {
    # webui.py takes prompts by gr.Audio; the README's examples save beside themselves.
    "cosyvoice": (_GRADIO, _Rule("{app}", is_reported=True, is_deep=False)),
    # webui.gen_single writes outputs/spk_<time>.wav; presets copy the prompt for good; the command line joins parts in .<name>.*/.
    "indextts": (
        _GRADIO,
        _Rule("{app}/outputs", is_reported=True, skips=("presets",)),
        _Rule("{app}/outputs/presets", ttl=SHORT),
        _Rule("{app}", is_reported=True, is_deep=False),
    ),
    # answer.wav, the recording and the portrait lie in the folder where it was started. SadTalker copies image and audio to
    # results/<uuid>/input, cuts the face into first_frame_dir, and makes temp_<name>.mp4 on its way to a film.
    "linly": (
        _GRADIO,
        _Rule("{app}", is_reported=True, is_deep=False),
        _Rule(
            "{app}", ("uploaded_ref_audio.wav", "temp_driven_audio.wav", "temp_source_image.jpg"), SHORT, is_deep=False
        ),
        _Rule("{app}/temp", (*SOUND, *FILM, *PORTRAIT), SHORT),
        _Rule("{app}/results", (*SOUND, *FILM), is_reported=True, skips=("input", "avatars", "first_frame_dir")),
        _Rule("{app}/results", ("temp_*.mp4",), SHORT, skips=("input", "avatars", "first_frame_dir")),
        _Rule("{app}/results/*/input", (*SOUND, *FILM, *PORTRAIT), SHORT),
        _Rule("{app}/results/input", (*SOUND, *FILM, *PORTRAIT), SHORT),
        _Rule("{app}/results/*/first_frame_dir", (*PORTRAIT, *_FACE), SHORT),
        _Rule("{app}/results/first_frame_dir", (*PORTRAIT, *_FACE), SHORT),
    ),
    "other": (),
}
PROFILES: Final = tuple(_PROFILES)
PASSING: Final = {"linly": ("uploaded_ref_audio.wav", "temp_driven_audio.wav", "temp_*.mp4")}
"""Files in a reported folder that came in, or are on their way: a rule removes them, and they need no entry of their own."""


def folders(profile: str, app: Path | None) -> list[Watched]:
    """Return the folders of a profile as they are now; they need not be there. One that a link leads out of the app's folder is none of it."""
    found = []
    said = os.environ.get("GRADIO_TEMP_DIR")  # a link here is the operator's; in /tmp anybody could have laid it
    gradio = os.path.realpath(said) if said else str(Path(tempfile.gettempdir()).resolve() / "gradio")
    for rule in _PROFILES[profile]:
        if app is None and "{app}" in rule.path:
            continue
        path = Path(rule.path.format(app=app, gradio=gradio))
        several = "*" in path.parts
        at = path.parts.index("*") if several else 0
        paths = Path(*path.parts[:at]).glob(str(Path(*path.parts[at:]))) if several else [path]
        found += [
            Watched(each, rule.patterns, rule.ttl, rule.is_reported, rule.is_deep, rule.skips)
            for each in paths
            if _is_in(each, Path(*path.parts[:at]) if several else each.parent)
        ]
    return found


def _is_in(path: Path, top: Path) -> bool:
    """Say whether a path stays where its name says below `top`: no link on the way."""
    return os.path.realpath(path) == str(Path(os.path.realpath(top)) / path.relative_to(top))
