"""The schedule of retention in plain words."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.words import listed, purpose, term
from portal.words.people import place
from retention.models import Custody, Kind, Medium, Policy
from retention.policy import Since
from retention.schedule import Line

_KINDS = {
    Kind.UPLOAD: gettext_lazy("Recordings and portraits"),
    Kind.EMBEDDING: gettext_lazy("Voiceprints and faceprints"),
    Kind.SYNTHESIS: gettext_lazy("Synthetic speech"),
    Kind.MODEL: gettext_lazy("Models of a voice"),
    Kind.FEATURES: gettext_lazy("Acoustic features"),
    Kind.TRANSCRIPT: gettext_lazy("Transcripts"),
}
_MEDIA = {Medium.PORTRAIT: gettext_lazy("of a face"), Medium.VOICE: gettext_lazy("of a voice")}
_CUSTODIES = {
    Custody.VAULT: gettext_lazy("kept here, encrypted"),
    Custody.APP: gettext_lazy("kept by the app"),
    Custody.NONE: gettext_lazy("never stored, in memory only"),
}
_AT_ONCE = {
    Since.RECORDED: gettext_lazy("is not kept"),
    Since.PROCESSED: gettext_lazy("goes at once when it has been processed, or when the session ends"),
    Since.SESSION: gettext_lazy("goes at once when the session ends"),
    Since.INTERACTION: gettext_lazy("is not kept"),
    Since.PURPOSE: gettext_lazy("goes at once when its purpose is met"),
}
_AFTER = {
    Since.RECORDED: gettext_lazy("at most %(term)s from recording"),
    Since.PROCESSED: gettext_lazy("at most %(term)s after it has been processed, or after the session ends"),
    Since.SESSION: gettext_lazy("at most %(term)s after the session ends"),
    Since.INTERACTION: gettext_lazy("at most %(term)s after the person last had to do with the app"),
    Since.PURPOSE: gettext_lazy("at most %(term)s after its purpose is met"),
}


@dataclass(frozen=True)
class Said:
    """One policy: of what it is, and how long that may live."""

    about: str
    lives: str
    only_shortens: bool
    source: str


@dataclass(frozen=True)
class Section:
    """One kind of thing."""

    title: str
    rules: list[Said]


def told(line: Line) -> Section:
    """Say what holds for one kind of thing."""
    return Section(str(_KINDS[Kind(line.kind)]), [_rule(policy) for policy in line.policies])


def lives(policy: Policy) -> str:
    """Say how long a policy lets something live."""
    since = Since(policy.since)
    if policy.ttl == timedelta(0):
        return str(_AT_ONCE[since])
    return str(_AFTER[since]) % {"term": term(policy.ttl)}


def _rule(policy: Policy) -> Said:
    parts = [
        str(_MEDIA[Medium(policy.medium)]) if policy.medium else "",
        str(_CUSTODIES[Custody(policy.custody)]) if policy.custody else _("whoever keeps it"),
        _("for %(purpose)s") % {"purpose": purpose(policy.purpose)} if policy.purpose else "",
        _("by %(app)s") % {"app": policy.app.name} if policy.app else "",
        _("of who lives in: %(place)s") % {"place": place(policy.residence)} if policy.residence else "",
    ]
    return Said(listed([part for part in parts if part]), lives(policy), not policy.rule().allows, policy.source)
