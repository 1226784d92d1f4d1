"""The words of the rooms: what each field of a notice has to say, what an app lacks, why a purpose is refused."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _

from consent.approve import Lack
from consent.errors import (
    AppIncomplete,
    AttestationMissing,
    NeedsItsOwn,
    NoticeIncomplete,
    NoticeUnknown,
    OperationUnknown,
    PurposeInvalid,
    PurposeUnknown,
)
from consent.models import Purpose
from hooks.errors import TargetRefused

FIELDS: dict[str, tuple[Promise, Promise]] = {
    "title": (_("Title"), _("What is asked for, in a few words.")),
    "statement": (
        _("Statement"),
        _("One sentence above all else. Where speech is made, the prescribed one has to stand in it word for word."),
    ),
    "who": (_("Who asks"), _("The app and the organisation behind it.")),
    "controller": (_("Who answers for it"), _("The organisation's name, address and contact.")),
    "dpo": (_("Data protection officer"), _("How the one in charge of data protection is reached.")),
    "what": (_("What it takes"), _("Which kinds of data are collected.")),
    "why": (_("Why"), _("The purpose.")),
    "method": (_("How"), _("What is done with it, and by what means.")),
    "necessity": (_("Why it is needed"), _("Why the purpose cannot be reached without it.")),
    "impact": (
        _("What it can mean for you"),
        _("What may follow for the person's rights, and what is done against it."),
    ),
    "voiceprint": (_("Is a voiceprint made?"), _("Whether one is extracted, and whether it identifies.")),
    "stored": (_("How it is stored"), _("Where and how, or that it is not.")),
    "kept": (_("How long it is kept"), _("The length of time, for each thing that is kept.")),
    "deleted": (_("When it is deleted"), _("At the latest, and after a withdrawal.")),
    "other_use": (_("Used for anything else?"), _("Any other use; and whether it trains models or is passed on.")),
    "recipients": (_("Who gets it"), _("Who works with it. Passing it on to others needs a purpose of its own.")),
    "transfers": (_("Does it leave the country?"), _("To which countries, and on what ground.")),
    "legal_basis": (_("By what right"), _("The consent, and the law under which it is given.")),
    "source": (_("Where it comes from"), _("From the person, or from whom else.")),
    "automated": (_("Does a machine decide?"), _("Decisions without a person, how they come about and what follows.")),
    "rights": (_("Your rights"), _("Which, and how to use them.")),
    "withdraw": (_("How to take it back"), _("As easily as it was given.")),
    "fallback": (_("If you say no"), _("How the service is had without it.")),
    "complaint": (_("Where to complain"), _("Which authority.")),
    "recipient_name": (_("Recipient"), _("To whom it is passed on.")),
    "recipient_contact": (_("Contact of the recipient"), _("How the recipient is reached.")),
    "recipient_purpose": (_("What the recipient does it for"), _("The recipient's purpose.")),
    "recipient_method": (_("How the recipient works with it"), _("The recipient's means.")),
    "recipient_kinds": (_("What the recipient gets"), _("Which kinds of data.")),
}
"""By field: its name as people read it, and what its author has to say."""

LANGUAGES = {"en": "English", "zh-hans": "简体中文"}

_LACKS: dict[str, Promise] = {
    "purpose": _("The app has declared no purpose."),
    "assessment": _("%(purpose)s: there is no impact assessment of the last three years."),
    "attestation": _("%(purpose)s: nobody has attested that whoever is imitated is told of it and asked separately."),
    "fallback": _("%(purpose)s: there is no address, or none that answers, where the service is had without consent."),
    "notice": _("%(purpose)s: no published notice says all that the law demands."),
    "interaction_notice": _("The app does not say in each language that one deals with a machine."),
    "categorisation_notice": _("The app recognises people, and does not say so in each language."),
    "disclosure": _("The app makes speech, and does not say so in each language."),
}
_FAULTS: dict[str, Promise] = {
    "slug_invalid": _("The short name has small letters, digits and hyphens, and begins with a letter."),
    "slug_taken": _("There is a purpose of that short name."),
    "name_missing": _("A purpose has a name in each language, of at most 60 characters."),
    "strength_invalid": _("The strength is a number from 1 to 100."),
    "use_class_unknown": _("There is no such class of use."),
    "operations_missing": _("A purpose has at least one operation."),
    "operation_unknown": _("There is no such operation."),
    "operation_not_of_class": _("This class of use never has one of these operations."),
    "provide_unflagged": _("A purpose hands voices on exactly if it has the operation for that."),
    "sensitive_unflagged": _("What makes voiceprints or recognises people is sensitive."),
    "trade_unflagged": _("Its name speaks of trade. Then it has to be marked as trading voiceprints."),
    "assessment_invalid": _("An assessment has a reference, and is of no day to come."),
}
_REFUSALS: dict[type[Exception], Promise] = {
    AttestationMissing: _(
        "A sensitive purpose needs the app's word that whoever is imitated is told and asked separately."
    ),
    NeedsItsOwn: _("A recipient is named only in the notice of a purpose that hands voices on."),
    NoticeUnknown: _("There is no such draft any more."),
    OperationUnknown: _("The catalogue does not have these operations for the purpose."),
    PurposeUnknown: _("There is no such purpose."),
    TargetRefused: _("This address cannot be called: https and a public address are needed."),
}

SUSPENDED_FOR: dict[str, Promise] = {
    "use_without_permission": _("it used a voice without permission"),
    "erasure_unconfirmed": _("it does not confirm erasures"),
    "notice_untrue": _("what its notice says is not true"),
    "fallback_missing": _("it denies its service to who says no"),
    "security_incident": _("a security incident"),
    "authority": _("an authority demands it"),
    "own_wish": _("its own wish"),
}
"""Why an app is suspended; the ledger holds the code, and no free text."""

USE_CLASSES: dict[str, Promise] = {
    "identification": _("identification"),
    "non-identification": _("not for identification"),
    "experiment": _("experiment"),
}
OPERATIONS: dict[str, Promise] = {
    "upload": _("receive recordings"),
    "embed": _("compute voiceprints"),
    "synthesize": _("make speech"),
    "combine": _("join voice and picture"),
    "provide": _("hand on to others"),
}
APP_TEXTS: dict[str, tuple[Promise, Promise]] = {
    "interaction_notice": (
        _("That one deals with a machine"),
        _("Every app says so (EU 2024/1689 art. 50(1))."),
    ),
    "categorisation_notice": (
        _("That people are recognised by their voice"),
        _("Needed where a purpose identifies people (art. 50(3))."),
    ),
    "disclosure": (
        _("That what one hears was made by a machine"),
        _("Needed where speech is made (art. 50(4))."),
    ),
}


def purpose_name(purpose: Purpose) -> str:
    """Return a purpose's name in the officer's language; its short name where there is none."""
    return str(purpose.names.get(get_language() or "en") or purpose.names.get("en") or purpose.slug)


def listed(codes: Iterable[str], words: dict[str, Promise]) -> str:
    """Name several codes, in the order of the words."""
    known = set(codes)
    return gettext(", ").join(str(word) for code, word in words.items() if code in known)


def field_names(names: Iterable[str]) -> list[str]:
    """Return fields as people read them."""
    return [str(FIELDS[name][0]) if name in FIELDS else gettext("Operations") for name in names]


def lack(found: Lack) -> str:
    """Say what an app lacks."""
    purpose = Purpose.objects.filter(slug=found.purpose).first()
    return str(_LACKS[found.what]) % {"purpose": purpose_name(purpose) if purpose else found.purpose}


def sentences(error: Exception) -> list[str]:
    """Say why a verb refused."""
    match error:
        case AppIncomplete(lacks=list() as lacks):
            return [lack(each) for each in lacks]
        case PurposeInvalid(faults=list() as faults):
            return [str(_FAULTS[fault]) for fault in faults]
        case NoticeIncomplete(missing=dict() as missing):
            said = gettext_lazy("%(language)s, missing: %(fields)s")
            return [
                str(said) % {"language": LANGUAGES[locale], "fields": gettext(", ").join(field_names(names))}
                for locale, names in missing.items()
            ]
    return [str(_REFUSALS.get(type(error), (error.__doc__ or "").strip()))]
