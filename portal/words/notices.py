"""What a notice says, in the order in which a person asks it, and the answers that can be given; purposes and operations in words.

First what for, what the app may do, whether a voiceprint is made, for how long, how it is stored, whether it is used for anything else, and
how it is taken back: whoever reads no further has read that, and above it who asks. The rest of what the law wants follows. A field of a
notice that has no label here is not shown: nobody would know what it says.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import App
from consent.models import Notice
from portal.words import listed, medium, operations, term

_FIRST: Final = {
    "why": gettext_lazy("What for"),
    "recipient_name": gettext_lazy("Who is handed it"),
    "recipient_purpose": gettext_lazy("What they do with it"),
    "voiceprint": gettext_lazy("Is a voiceprint made?"),
    "kept": gettext_lazy("For how long, until it is deleted"),
    "stored": gettext_lazy("How it is stored"),
    "other_use": gettext_lazy("Used for anything else?"),
    "withdraw": gettext_lazy("How to take it back"),
}
_MORE: Final = {
    "who": gettext_lazy("Who asks"),
    "what": gettext_lazy("What is recorded"),
    "method": gettext_lazy("How it is done"),
    "necessity": gettext_lazy("Why it is needed"),
    "impact": gettext_lazy("What it can mean for you"),
    "deleted": gettext_lazy("How it is deleted"),
    "fallback": gettext_lazy("If you say no"),
    "rights": gettext_lazy("Your rights"),
    "complaint": gettext_lazy("Where to complain"),
    "controller": gettext_lazy("Who is responsible"),
    "dpo": gettext_lazy("Data protection officer"),
    "legal_basis": gettext_lazy("Legal basis"),
    "recipients": gettext_lazy("Who else receives it"),
    "recipient_contact": gettext_lazy("How to reach who is handed it"),
    "recipient_method": gettext_lazy("How they work with it"),
    "recipient_kinds": gettext_lazy("What exactly they are handed"),
    "transfers": gettext_lazy("Transfers abroad"),
    "source": gettext_lazy("Where it comes from"),
    "automated": gettext_lazy("Decisions by a machine"),
}
_APPS_OWN: Final = {
    "interaction_notice": gettext_lazy("Talking to a machine"),
    "categorisation_notice": gettext_lazy("Sorting people by their voice"),
    "disclosure": gettext_lazy("Listening to a machine"),
}
_SCOPES: Final = {"voice": gettext_lazy("your voice"), "portrait": gettext_lazy("a picture of you")}
_SHORT: Final = re.compile(r"(\w{1,12}[.。!！])\s*(.*)", re.DOTALL)


@dataclass(frozen=True)
class Fact:
    """One question and its answer."""

    key: str
    label: str
    text: str
    lead: str = ""
    """What of the answer is said first, and strongly."""


@dataclass(frozen=True)
class Change:
    """What one field of a notice said before, and says now; either can be empty."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Answer:
    """An answer that can be given: what the form sends, the word on the button, and what it means."""

    value: str
    word: str
    meaning: str


def first(notice: Notice, *, codes: list[str], scope: Collection[str], lasts: str = "") -> list[Fact]:
    """Return what everybody has to read; `lasts` says how long the consent shall stand."""
    found = []
    for key, label in _FIRST.items():
        if key == "voiceprint":
            found.append(Fact("may", _("It may"), listed(operations(codes, scope))))
        lead = lasts if key == "kept" else ""
        text = str(notice.body.get(key, ""))
        if not lead and (short := _SHORT.fullmatch(text)):
            lead, text = short[1], short[2]
        if lead or text:
            found.append(Fact(key, str(label), text, lead))
    return found


def more(notice: Notice, *, app: App, scope: Collection[str]) -> list[Fact]:
    """Return the rest of what the notice says, and what the app says of itself."""
    about = listed([str(_SCOPES.get(each, each)) for each in sorted(scope, reverse=True)])
    said = [("scope", _("What it is about"), about)]
    said += [(key, str(label), str(notice.body.get(key, ""))) for key, label in _MORE.items()]
    said += [(key, str(label), str(getattr(app, key).get(notice.locale, ""))) for key, label in _APPS_OWN.items()]
    return [Fact(key, label, text) for key, label, text in said if text]


def changes(before: Notice, after: Notice) -> list[Change]:
    """Return which of the fields that are shown say something else now."""
    labels = {"title": _("In short"), "statement": _("Please note"), **_FIRST, **_MORE}
    pairs = [(label, str(before.body.get(key, "")), str(after.body.get(key, ""))) for key, label in labels.items()]
    found = [Change(str(label), was, is_) for label, was, is_ in pairs if was != is_]
    was, is_ = (listed(operations(each.operations)) for each in (before, after))
    return [*found, Change(_("What it may be asked for"), was, is_)] if was != is_ else found


def lasting(span: timedelta) -> str:
    """Say how long a consent shall stand at most."""
    return _("At most %(term)s.") % {"term": term(span)}


def answers(span: timedelta, *, scope: Collection[str]) -> list[Answer]:
    """Return the answers to a request, in the order in which they stand everywhere."""
    no = _("Your voice is not used.") if medium(scope) == "voice" else _("Nothing of you is used.")
    return [
        Answer("once", _("Allow once"), _("One use, within %(term)s.") % {"term": term(span)}),
        Answer("term", _("Allow for %(term)s") % {"term": term(span)}, _("As often as needed, until you stop it.")),
        Answer("refuse", _("Don't allow"), no),
    ]


def answers_again() -> list[Answer]:
    """Return the answers to whether a consent shall go on."""
    return [
        Answer("confirm", _("Confirm"), _("It goes on, under this notice.")),
        Answer("stop", _("Stop"), _("It ends, and what was recorded is destroyed.")),
        Answer("later", _("Not now"), _("It rests: your voice is not used.")),
    ]
