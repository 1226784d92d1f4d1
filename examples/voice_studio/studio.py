"""What the studio does with a voice, and what it never does without consent. The page (`page.py`) shows it; nothing here knows of pages.

Invariants:

- Nothing is computed, and the sample is not even opened, before the ledger has opened a session.
- The voiceprint is in memory only, and zeroed when the session ends. The sample's file goes then too, also after a refusal.
- A clip is marked before it is written: GB 45438 metadata, an audible label, a C2PA manifest. It is written once, whole.
- Between two sentences the ledger is asked again; whoever switches off hears no further one.
"""

from __future__ import annotations

import logging
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consonant import Client, NotAllowed, Rejected, Unavailable
from consonant.mark import marked

from examples.voice_studio.sound import DIMENSIONS, MODEL, Ear, Mouth, NoVoice, milliseconds, wav

log = logging.getLogger("voice_studio")
PURPOSE = "voice-cloning"
OPERATIONS = ("upload", "embed", "synthesize")
TERM = "P30D"
PRODUCER = "Voice Studio"
LONGEST_TEXT = 600
WHY = {
    "consent_missing": "You have not been asked yet, or have not allowed this.",
    "consent_withdrawn": "You switched this off in the portal, so it stopped.",
    "consent_paused": "You paused this in the portal.",
    "uses_exhausted": "You allowed this once, and that once has been used.",
    "operation_spent": "You allowed this once, and that once has been used.",
    "term_over": "The time for which you allowed this is over.",
    "session_ended": "This use was ended.",
}
"""What a refusal means to who reads it here; the ledger's own sentence for all others."""
_LETTERS = "abcdefghijkmnpqrstuvwxyz"


@dataclass(frozen=True)
class Step:
    """What is to be seen now. `state`: working, done or refused. `entries`: what the ledger has entered so far."""

    state: str
    sentence: str
    cure: str = ""
    clip: Path | None = None
    entries: tuple[str, ...] = ()


class Studio:
    """One voice app: its client, its mouth and ears, and the folder in which clips lie while they are heard."""

    def __init__(self, client: Client, *, clips: Path, clip_ttl: str = "PT5M") -> None:
        self.client, self.mouth = client, Mouth()
        self.ear = Ear(self.mouth)
        self._clips, self._ttl = clips, clip_ttl

    def speak(self, *, subject_ref: str, sample: Path, text: str, live: bool = False) -> Iterator[Step]:
        """Say a text with a voice after the sample's, under the consent of `subject_ref`; `live`: sentence by sentence, as it is heard."""
        try:
            yield from self._speak(subject_ref, sample, text[:LONGEST_TEXT], live=live)
        except NotAllowed as refused:
            yield Step("refused", WHY.get(refused.reason, str(refused)), refused.cure)
        except Unavailable:
            yield Step("refused", "The ledger cannot be asked now, so nothing is computed.", "Try again in a moment.")
        except Rejected as rejected:
            yield Step("refused", f"The ledger does not take this: {rejected}")
        except NoVoice as deaf:
            yield Step("refused", str(deaf), "Record yourself for some seconds in a quiet room.")
        finally:
            shutil.rmtree(sample.parent) if _is_own(sample) else sample.unlink(missing_ok=True)

    def _speak(self, subject_ref: str, sample: Path, text: str, *, live: bool) -> Iterator[Step]:
        yield Step("working", "Asking the ledger whether your voice may be used")
        with self.client.grant(subject_ref=subject_ref, purpose=PURPOSE, operations=OPERATIONS) as use:
            data = use.residue(sample).read_bytes()
            recording = use.upload(data, ttl="PT5M")
            yield Step("working", "Measuring your voice, in memory only", entries=tuple(use.receipts))
            voiceprint = self.ear.measure(data)
            use.on_exit(voiceprint.clear)
            measured = use.embed(dimensions=DIMENSIONS, model=MODEL, derived_from=[recording])
            voice, near = self.ear.nearest(voiceprint)
            log.info("a voice was measured")
            pieces = sentences(text) if live else [text]
            for number, piece in enumerate(pieces, 1):
                use.ensure()
                samples, rate = self.mouth.say(piece, voice=voice, pitch=voiceprint.pitch)
                number_of_clip = "".join(secrets.choice(_LETTERS) for _ in range(26))
                speech, mark = marked(
                    wav(samples, rate),
                    producer=PRODUCER,
                    produce_id=number_of_clip,
                    audible="rhythm",
                    state=self.client.state,
                )
                length, rate = milliseconds(speech)
                clip = self._write(speech)
                use.synthesize(
                    clip, derived_from=[measured], mark=mark, duration_ms=length, sample_rate=rate, ttl=self._ttl
                )
                said = f"Sentence {number} of {len(pieces)}" if live else "Ready to be heard"
                how = f"{said}: the voice {voice} at {voiceprint.pitch:.0f} Hz, {near:.0%} like yours"
                state = "working" if number < len(pieces) else "done"
                yield Step(state, how, clip=clip, entries=tuple(use.receipts))
                if state == "working":
                    self._wait(use, length / 1000)
                    self.remove(clip)

    @staticmethod
    def _wait(use: object, seconds: float) -> None:
        """Wait until a sentence has been heard; stop at once when the person switches off."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            use.ensure()  # type: ignore[attr-defined]
            time.sleep(min(0.5, max(0.0, ends - time.monotonic())))

    def _write(self, speech: bytes) -> Path:
        """Write a clip where the page can play it, for this account alone."""
        folder = self._clips / secrets.token_urlsafe(16)
        folder.mkdir(mode=0o700, parents=True)
        clip = folder / "speech.wav"
        clip.write_bytes(speech)
        return clip

    def remove(self, clip: Path) -> None:
        """Remove a clip of ours and its folder; nothing else, whoever asks."""
        if clip.parent.parent == self._clips:
            shutil.rmtree(clip.parent, ignore_errors=True)


def _is_own(sample: Path) -> bool:
    """Say whether a sample lies alone in a folder that was made for it, as Gradio does."""
    return sample.parent.is_dir() and [*sample.parent.iterdir()] == [sample]


def sentences(text: str) -> list[str]:
    """Cut a text into what is said in one breath."""
    found = [each.strip() for each in re.findall(r"[^.!?。！？]+[.!?。！？]*", text)]
    return [each for each in found if Mouth.can_say(each)] or [text]
