"""What was made of a voice, in plain words: what it is, who holds it, until when, and what came of it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.machine import ERASING
from portal.words import listed, medium, moment, seconds
from retention.models import Artifact, Custody, Kind

_KINDS: dict[str, Promise] = {
    Kind.UPLOAD: gettext_lazy("recording"),
    Kind.EMBEDDING: gettext_lazy("voiceprint"),
    Kind.SYNTHESIS: gettext_lazy("speech in your voice"),
    Kind.MODEL: gettext_lazy("model of your voice"),
    Kind.FEATURES: gettext_lazy("features of your speech"),
    Kind.TRANSCRIPT: gettext_lazy("transcript of your words"),
}
_TITLES: dict[tuple[str, str], Promise] = {
    (Kind.UPLOAD, "voice"): gettext_lazy("Recording"),
    (Kind.UPLOAD, "portrait"): gettext_lazy("Picture of you"),
    (Kind.EMBEDDING, "voice"): gettext_lazy("Voiceprint"),
    (Kind.EMBEDDING, "portrait"): gettext_lazy("Faceprint"),
    (Kind.EMBEDDING, "both"): gettext_lazy("Voiceprint and faceprint"),
    (Kind.SYNTHESIS, "voice"): gettext_lazy("Speech in your voice"),
    (Kind.SYNTHESIS, "portrait"): gettext_lazy("Picture of you, made by machine"),
    (Kind.SYNTHESIS, "both"): gettext_lazy("Picture of you that speaks in your voice"),
    (Kind.MODEL, "voice"): gettext_lazy("Model of your voice"),
    (Kind.MODEL, "portrait"): gettext_lazy("Model of your face"),
    (Kind.MODEL, "both"): gettext_lazy("Model of your voice and face"),
    (Kind.FEATURES, "voice"): gettext_lazy("Features of your speech"),
    (Kind.TRANSCRIPT, "voice"): gettext_lazy("Transcript of your words"),
}
_MARKS = {
    "c2pa": gettext_lazy("signed data in the file (C2PA)"),
    "watermark": gettext_lazy("an inaudible watermark"),
    "aigc": gettext_lazy("a label in the file (GB 45438)"),
}
_LABELS = {
    "voice_prompt": gettext_lazy("a spoken notice"),
    "rhythm": gettext_lazy("an audible rhythm"),
}


def kind(code: str) -> str:
    """Return what a thing is, within a sentence."""
    return str(_KINDS.get(code, code))


def marks(marking: str, audible_label: str) -> str:
    """Say how speech is marked as made by a machine; nothing if it is no speech."""
    if not marking:
        return ""
    how = [_MARKS.get(marking, marking), *([_LABELS.get(audible_label, audible_label)] if audible_label else [])]
    return _("Marked as AI-made: %(how)s") % {"how": listed([str(each) for each in how])}


@dataclass
class Thing:
    """An artifact, with what was made from it."""

    artifact: Artifact
    title: str
    keeping: str
    """Who holds it and until when, or how it went."""
    warning: str
    mark: str
    exists: bool
    """It is there and can be let go before its time."""
    also_from: list[str] = field(default_factory=list)
    """What it was made from besides the thing under which it stands."""
    made: list["Thing"] = field(default_factory=list)

    @property
    def lives(self) -> bool:
        """Whether it, or anything made from it, is not known to be gone."""
        return self.artifact.state != Artifact.State.ERASED or any(thing.lives for thing in self.made)

    @property
    def takes(self) -> int:
        """How many things go with it: what exists of all that was made from it under the same consent."""
        same = [thing for thing in self.made if thing.artifact.grant_id == self.artifact.grant_id]
        return sum(thing.exists + thing.takes for thing in same)


def thing(artifact: Artifact, now: datetime) -> Thing:
    """Say what an artifact is."""
    going = now >= artifact.expires_at or artifact.grant.state in ERASING
    return Thing(
        artifact=artifact,
        title=_title(artifact),
        keeping=_keeping(artifact, going=going),
        warning=_warning(artifact),
        mark=marks(artifact.marking, artifact.audible_label),
        exists=artifact.state in Artifact.LIVING and artifact.custody != Custody.NONE and not going,
    )


def lineage(artifacts: Collection[Artifact], now: datetime) -> list[Thing]:
    """Return what was made from nothing older here, newest first, each with what was made from it; every artifact once."""
    things = {artifact.id: thing(artifact, now) for artifact in artifacts}
    roots: list[Thing] = []
    for each in things.values():
        parents = sorted(each.artifact.parents.all(), key=lambda parent: (parent.recorded_at, parent.id))
        above = next((things[parent.id] for parent in parents if parent.id in things), None)
        (above.made if above else roots).append(each)
        each.also_from = [_from(parent) for parent in parents if above is None or parent.id != above.artifact.id]
    return roots


def _title(artifact: Artifact) -> str:
    what = str(_TITLES.get((artifact.kind, medium(artifact.media)), kind(artifact.kind)))
    if artifact.duration_ms is None:
        return what
    return _("%(what)s, %(seconds)s seconds") % {"what": what, "seconds": seconds(artifact.duration_ms)}


def _from(parent: Artifact) -> str:
    return format_html(_("{thing} ({at})"), thing=_title(parent), at=moment(parent.recorded_at, exact=True))


def _warning(artifact: Artifact) -> str:
    if artifact.standing == Artifact.Standing.UNPERMITTED:
        return _("Made without your permission. It has to be destroyed at once.")
    if artifact.standing == Artifact.Standing.LATE:
        return _("Reported only after the session in which you allowed it had ended.")
    return ""


def _keeping(artifact: Artifact, *, going: bool) -> str:
    if artifact.custody == Custody.APP:
        return _kept_by_app(artifact, going=going)
    if artifact.custody == Custody.NONE:
        if artifact.state == Artifact.State.ERASED:
            return _("Never stored. It was in memory only, and its session is over.")
        return _("Never stored: in memory only, until its session ends.")
    return _kept_here(artifact, going=going)


def _kept_here(artifact: Artifact, *, going: bool) -> str:
    if artifact.state == Artifact.State.ERASED and artifact.erased_at:
        return format_html(_("Destroyed at {at}."), at=moment(artifact.erased_at, exact=True))
    if artifact.state == Artifact.State.SHREDDED and artifact.key_destroyed_at:
        return format_html(_("Unreadable since {at}; being deleted."), at=moment(artifact.key_destroyed_at, exact=True))
    if apart := _kept_apart(artifact, going=going):
        return apart
    if artifact.state == Artifact.State.ACTIVE and not going:
        return format_html(_("Kept here, encrypted, until {at}."), at=moment(artifact.expires_at, exact=True))
    return _("Being destroyed now.")


def _kept_apart(artifact: Artifact, *, going: bool) -> str:
    """Say why it is kept and not used, if so."""
    if artifact.state == Artifact.State.ERASE_FAILED:
        return _("It could not be destroyed yet. Nobody can read it; we go on trying.")
    if artifact.state != Artifact.State.RESTRICTED:
        return ""
    if artifact.is_held:
        return _("Kept beyond its time by a legal hold. Nobody may use it, and it goes when the hold ends.")
    at = moment(artifact.expires_at, exact=True)
    return (
        "" if going else format_html(_("Kept here, encrypted, until {at}. It is restricted: nobody may use it."), at=at)
    )


def _kept_by_app(artifact: Artifact, *, going: bool) -> str:
    app = artifact.app.name
    if artifact.state == Artifact.State.ERASED and artifact.erased_at:
        at = moment(artifact.erased_at, exact=True)
        return format_html(_("{app} confirmed at {at} that it is destroyed."), app=app, at=at)
    if artifact.erase_requested_at:
        at = moment(artifact.erase_requested_at, exact=True)
        return format_html(_("{app} was asked at {at} to destroy it, and has not confirmed yet."), app=app, at=at)
    if going:
        return format_html(_("Kept by {app}, which is being asked to destroy it."), app=app)
    return format_html(_("Kept by {app}, until {at}."), app=app, at=moment(artifact.expires_at, exact=True))
