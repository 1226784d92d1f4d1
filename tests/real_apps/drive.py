"""What the drivers share: they run in a process of their own, with the real app and torch, and print what they saw as one line of JSON."""

import json
import os
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parent))
import fakes

TEXT = "my salary is a secret"
APPS = Path(os.environ["CONSONANT_REAL_APPS"])
SEEN = {}


def _told(kind, error, trace):
    """Show what an app failed with: here nobody's words are in it."""
    traceback.print_exception(kind, error, trace)
    if cause := getattr(error, "cause", None):
        traceback.print_exception(cause)


sys.excepthook = _told


def start(app):
    """Put the app first on the path, as running it from its folder does."""
    fakes.install()
    sys.path.insert(0, str(APPS / app))


def speech(path, seconds=3.0, rate=16_000):
    """Write a recording, where Gradio would."""
    noise = np.random.default_rng(7).uniform(-0.1, 0.1, int(seconds * rate))
    soundfile.write(path, noise, rate)
    return str(path)


def files():
    """Return the files in this folder."""
    return sorted(str(each) for each in Path().rglob("*") if each.is_file())


def refused(call):
    """Return the reason for which a call is refused."""
    from consonant import NotAllowed

    try:
        done = call()
        if hasattr(done, "__next__"):
            next(done)
    except NotAllowed as refusal:
        return refusal.reason
    return "done"


def subjects(*grants):
    """Say whose voices are used, as `with`."""
    from consonant import Subject, using

    stack = ExitStack()
    stack.enter_context(using(*[Subject(grant_id=each) for each in grants]))
    return stack


def marked(path):
    """Say whether a file is marked as AI-made."""
    from consonant.retention import clip

    found = clip.read(Path(path).read_bytes())
    return bool(found and found.manifest and found.manifest.made_by_ai and found.aigc.get("Label") == "1")


def finish():
    """Print what was seen."""
    sys.stdout.flush()
    print("SEEN " + json.dumps(SEEN | {"faked": sorted(fakes.Finder.used)}))  # noqa: T201
