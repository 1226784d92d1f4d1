"""What the Verify page says of what was handed in: what it is, what it shows, and what it does not."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from portal.exhibit import Exhibit, Kind, Outcome, Place, Standing
from portal.words import listed, moment, proofs, purpose

_TITLES = {
    Kind.UNKNOWN: gettext_lazy("Nothing that can be checked here"),
    Kind.CERTIFICATE: gettext_lazy("Certificate of an erasure"),
    Kind.RECEIPT: gettext_lazy("Consent receipt"),
    Kind.STATUS: gettext_lazy("Status token"),
    Kind.PROOF: gettext_lazy("Proof of an entry"),
    Kind.CHECKPOINT: gettext_lazy("Signed checkpoint of a log"),
    Kind.ENTRY: gettext_lazy("Entry of a log"),
    Kind.CLIP: gettext_lazy("Sound or picture"),
    Kind.ANONYMOUS: gettext_lazy("Proof without identity"),
}
_HOLDS = {
    Kind.CERTIFICATE: gettext_lazy("It is genuine: signed here, and each entry that it shows stands in the log."),
    Kind.RECEIPT: gettext_lazy("It is genuine: signed here, and each entry that it shows stands in the log."),
    Kind.STATUS: gettext_lazy("It is genuine, and good at this moment."),
    Kind.PROOF: gettext_lazy(
        "It holds: the entry stands in the log, and the log still has the history that was signed."
    ),
    Kind.CHECKPOINT: gettext_lazy("It is genuine: the log signed it, and still has all that it speaks of."),
    Kind.ENTRY: gettext_lazy("It stands in the log, under a signed checkpoint."),
    Kind.CLIP: gettext_lazy("Its C2PA manifest holds: the file is as it was signed, and says how it was made."),
}
_BROKEN = {
    "malformed": gettext_lazy("It is not whole, or was changed: it cannot be read as what it says it is."),
    "signature": gettext_lazy("It is not signed with the key that it should be signed with, or it was changed since."),
    "rewritten": gettext_lazy(
        "The log signed this, and shows another history now. Keep the file: it shows to anyone that the log was changed."
    ),
    "other_entry": gettext_lazy("What it shows is not the entry that stands at this place in the log."),
    "false": gettext_lazy("What the log has published at this place is not what was entered."),
    "expired": gettext_lazy("It is genuine, but its time is over: a status token is good for five minutes."),
    "early": gettext_lazy("It was made in the future: one of two clocks is wrong. It shows nothing."),
    "type": gettext_lazy("It is a token of another kind. Whoever has it may be able to use it: do not give it away."),
    "key": gettext_lazy("It was not signed with a key of this service."),
    "unproven": gettext_lazy("The proof does not hold: it was changed, or is a forgery."),
    "other_head": gettext_lazy("It speaks of a history that is not this log's."),
}
_OPEN = {
    "foreign_log": gettext_lazy(
        "It is about a log that another service keeps. Only with that service's keys can it be checked."
    ),
    "ahead": gettext_lazy("It speaks of more entries than the log has published here. Try again in a moment."),
    "newer": gettext_lazy(
        "It is signed by the log, and newer than what the log has published here. Try again in a moment."
    ),
    "unpublished": gettext_lazy("What the log has published cannot be read at this moment."),
    "waiting": gettext_lazy("The entry is there and waits to be sealed. Try again in a moment."),
    "nowhere": gettext_lazy("No log here has such an entry."),
    "unmarked": gettext_lazy("The file says nothing about how it was made: no C2PA manifest, no AIGC metadata."),
    "unsigned": gettext_lazy("The file says how it was made, in AIGC metadata that nobody signed."),
    "elsewhere": gettext_lazy(
        "Its C2PA manifest lies at another address. Nothing is fetched here, so it was not checked."
    ),
    "unreadable": gettext_lazy("It takes too much to read this file. It was not checked."),
}
_PROVES = {
    Kind.CERTIFICATE: (
        gettext_lazy("that the service has signed it, and that nothing in it was changed;"),
        gettext_lazy("what the log states of each thing: when it was made, and when and how it went."),
    ),
    Kind.RECEIPT: (
        gettext_lazy("that the service has signed it, and that nothing in it was changed;"),
        gettext_lazy("that the log states this consent as it is told here, as far as entries are shown."),
    ),
    Kind.STATUS: (gettext_lazy("that a consent for this stood when the token was made."),),
    Kind.PROOF: (
        gettext_lazy("that this entry stood in the log when the checkpoint was signed, and still does;"),
        gettext_lazy("that nobody can change it or take it away without being noticed."),
    ),
    Kind.CHECKPOINT: (gettext_lazy("that nothing which the log had when it was signed was changed or taken away."),),
    Kind.ENTRY: (gettext_lazy("that this entry stands in the log, and when it was made."),),
}
_NOT = {
    Kind.CERTIFICATE: (
        gettext_lazy("that no copy exists elsewhere: of what an app kept, it is the app's word;"),
        gettext_lazy("whose voice it was."),
    ),
    Kind.RECEIPT: (
        gettext_lazy("that the consent stands today: whatever came after the receipt is not in it;"),
        gettext_lazy("who holds it: the person is an id in it, without a name."),
    ),
    Kind.STATUS: (
        gettext_lazy("that it still stands: it may have been taken back since;"),
        gettext_lazy("whose voice it is, or that anything may be recorded."),
    ),
    Kind.PROOF: (
        gettext_lazy("what the entry says, or about whom: that is sealed;"),
        gettext_lazy("that what it says is so, or that everything was entered."),
    ),
    Kind.CHECKPOINT: (gettext_lazy("what the entries say, or that everything was entered."),),
    Kind.ENTRY: (
        gettext_lazy("what the entry says, or about whom: that is sealed;"),
        gettext_lazy("that what it says is so, or that everything was entered."),
    ),
    Kind.CLIP: (
        gettext_lazy("whose voice it is, or that the person allowed it;"),
        gettext_lazy("that it is real, where it bears no mark: marks can be taken out of a file;"),
    ),
}
_WHERE = {
    Standing.SEALED: gettext_lazy("in the log and sealed"),
    Standing.WAITING: gettext_lazy("in the log, waiting to be sealed"),
    Standing.NOWHERE: gettext_lazy("no log here has it"),
    Standing.FALSE: gettext_lazy("what is published of it is not what was entered"),
}
_ABOUT = {
    "consent": gettext_lazy("about a consent"),
    "session": gettext_lazy("about a time of use"),
    "use": gettext_lazy("about something that was done with a voice"),
    "artifact": gettext_lazy("about something that was made of a voice"),
    "erasure": gettext_lazy("about an erasure"),
    "access": gettext_lazy("an officer looked at a record"),
}
_STATES = {
    "given": gettext_lazy("given"),
    "renewed": gettext_lazy("confirmed anew"),
    "paused": gettext_lazy("paused"),
    "stale": gettext_lazy("on hold until it is confirmed again"),
    "exhausted": gettext_lazy("used up"),
    "withdrawn": gettext_lazy("taken back"),
    "expired": gettext_lazy("ran out"),
    "refused": gettext_lazy("refused"),
    "requested": gettext_lazy("asked for"),
    "deferred": gettext_lazy("put off"),
    "revoked": gettext_lazy("revoked"),
    "invalidated": gettext_lazy("found invalid"),
}
_OPERATIONS = {
    "upload": gettext_lazy("record"),
    "embed": gettext_lazy("compute a voiceprint"),
    "synthesize": gettext_lazy("make speech"),
    "combine": gettext_lazy("join voice and picture"),
    "provide": gettext_lazy("pass on"),
}
_LABELS = {
    "1": gettext_lazy("made by AI"),
    "2": gettext_lazy("may be made by AI"),
    "3": gettext_lazy("suspected to be made by AI"),
}
_AIGC = {
    "Label": gettext_lazy("AIGC label"),
    "ContentProducer": gettext_lazy("Producer"),
    "ProduceID": gettext_lazy("Number at the producer"),
    "ReservedCode1": gettext_lazy("Producer's own mark"),
    "ContentPropagator": gettext_lazy("Distributor"),
    "PropagateID": gettext_lazy("Number at the distributor"),
    "ReservedCode2": gettext_lazy("Distributor's own mark"),
}


@dataclass(frozen=True)
class Told:
    """What the page says of something that was handed in."""

    title: str
    tone: str
    """`holds`, `broken` or `open`."""
    sentence: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    proves: list[str] = field(default_factory=list)
    proves_not: list[str] = field(default_factory=list)
    technical: list[str] = field(default_factory=list)
    """The findings as the programs say them, in English."""


def tell(exhibit: Exhibit) -> Told:
    """Tell what was handed in, and what it shows."""
    holds = exhibit.outcome == Outcome.HOLDS
    proves, proves_not = _shows(exhibit)
    return Told(
        title=str(_TITLES[exhibit.kind]),
        tone=exhibit.outcome.value,
        sentence=_sentence(exhibit),
        facts=[*_FACTS.get(exhibit.kind, _no_facts)(exhibit), *_places(exhibit.places)],
        proves=proves if holds else [],
        proves_not=proves_not if holds or exhibit.kind == Kind.CLIP else [],
        technical=_technical(exhibit),
    )


def _technical(exhibit: Exhibit) -> list[str]:
    manifest = exhibit.clip.manifest if exhibit.clip else None
    return [*(str(finding) for finding in exhibit.findings), *(manifest.problems if manifest else ())]


def _sentence(exhibit: Exhibit) -> str:
    if exhibit.reason == "large":
        return _(
            "This is too large to be checked on this page. The program `consonant`, which anybody can have, checks it on a computer of yours."
        )
    if exhibit.kind == Kind.UNKNOWN:
        return _(
            "This is no receipt, certificate, token or proof that is known here, and no sound or picture. It may have been cut short."
        )
    if exhibit.outcome == Outcome.HOLDS:
        return _held(exhibit)
    if exhibit.kind == Kind.CLIP and exhibit.outcome == Outcome.BROKEN:
        return _("Its C2PA manifest does not hold: the file, or the manifest, was changed after it was signed.")
    known = _BROKEN if exhibit.outcome == Outcome.BROKEN else _OPEN
    return str(known.get(exhibit.reason) or _("IT DOES NOT HOLD. Do not rely on it: it was changed, or is a forgery."))


def _held(exhibit: Exhibit) -> str:
    if any(finding.what == "receipt.signed" for finding in exhibit.findings):
        return _(
            "It is genuine: signed here. It shows no entry of the log, so what it says is the service's word alone."
        )
    if exhibit.kind == Kind.ANONYMOUS:
        said = exhibit.facts
        return proofs.sentence(said["statement"], said["says"], to=_asker(said), app=said["app"])
    return str(_HOLDS[exhibit.kind])


def _shows(exhibit: Exhibit) -> tuple[list[str], list[str]]:
    proves = [str(each) for each in _PROVES.get(exhibit.kind, ())]
    proves_not = [str(each) for each in _NOT.get(exhibit.kind, ())]
    if exhibit.kind == Kind.ANONYMOUS and exhibit.outcome == Outcome.HOLDS:
        said = exhibit.facts
        fresh = _("that it was made just now, or for you: only whoever asked the question knows that;")
        asked = _("that whoever is named asked, for that purpose, until then: whoever made the proof could write that;")
        return proofs.proves(said["statement"], fresh=False), [
            fresh,
            asked,
            *proofs.proves_not(said["statement"], said["says"]),
        ]
    if exhibit.clip is None:
        return proves, proves_not
    if exhibit.clip.manifest:
        proves += [_("that nothing in the file was changed since whoever is named signed it.")]
        if not exhibit.clip.manifest.trusted:
            proves_not += [_("that the signer is who the certificate says: this service does not know them;")]
    if exhibit.clip.aigc:
        proves_not += [_("that the AIGC metadata is true: it is not signed, and anybody can write it into a file;")]
    if exhibit.places:
        proves_not += [_("that an entry which the file names is about this file: what the entry says is sealed.")]
    return proves, proves_not


def _no_facts(_exhibit: Exhibit) -> list[tuple[str, str]]:
    return []


def _certificate(exhibit: Exhibit) -> list[tuple[str, str]]:
    said = exhibit.facts
    if "scope" not in said:
        return _log(exhibit)
    scopes = {
        "everything": _("everything of a person in this log"),
        "app": _("what one app had of a person"),
        "consent": _("what was made under a consent that was taken back"),
    }
    facts = [
        (_("Erased"), scopes[said["scope"]]),
        (_("Things gone"), number_format(said["gone"])),
    ]
    if said["unconfirmed"]:
        n = said["unconfirmed"]
        confirmed = ngettext(
            "%(n)d thing: no app has said that it is gone", "%(n)d things: no app has said that they are gone", n
        )
        facts += [(_("NOT CONFIRMED"), confirmed % {"n": n})]
    if said["recipients"]:
        facts += [(_("Passed on to others"), number_format(said["recipients"]))]
    if said["silent"]:
        n = said["silent"]
        silent = ngettext("%(n)d time without a yes", "%(n)d times without a yes", n) % {"n": n}
        facts += [(_("OF THESE NOT CONFIRMED"), silent)]
    if said["kept"]:
        facts += [(_("Things kept by law"), number_format(said["kept"]))]
    destroyed = [
        (_("Keys of the records destroyed"), _at(said["keys_destroyed_at"])),
        (_("In no backup by"), _at(said["backups_by"])),
    ]
    return [
        *facts,
        (_("Asked for"), _at(said["requested_at"])),
        (_("Done"), _at(said["completed_at"])),
        *(destroyed if said["keys_destroyed_at"] else []),
        (_("Entries shown"), number_format(said["entries"])),
        *_log(exhibit),
    ]


def _receipt(exhibit: Exhibit) -> list[tuple[str, str]]:
    said = exhibit.facts
    if "state" not in said:
        return _log(exhibit)
    return [
        (_("App"), said["app"]),
        (_("For"), purpose(said["purpose"])),
        (_("It may"), _operations(said["operations"])),
        (_("The consent"), str(_STATES.get(said["state"], said["state"]))),
        (_("Since"), _at(said["since"])),
        (_("As of"), _at(said["created"])),
        (_("Entries shown"), number_format(said["entries"])),
        *_log(exhibit),
    ]


def _status(exhibit: Exhibit) -> list[tuple[str, str]]:
    said = exhibit.facts
    if "at" not in said:
        return []
    return [
        (_("For"), purpose(said["purpose"])),
        (_("It may"), _operations(said["operations"])),
        (_("Made for"), said["audience"]),
        (_("A consent stood at"), moment(said["at"], exact=True)),
        (_("Good until"), moment(said["until"], exact=True)),
        (_("Signed for"), said["issuer"]),
    ]


def _anonymous(exhibit: Exhibit) -> list[tuple[str, str]]:
    said = exhibit.facts
    if "statement" not in said:
        return _log(exhibit)
    return [
        *proofs.facts(said["says"].get("shown", {}), app=said["app"]),
        *proofs.entries(said["says"]),
        (_("Made for, as it says"), _asker(said)),
        (_("What for"), said["purpose"]),
        (_("To be answered by"), moment(said["until"], exact=True)),
        (_("Log"), said["log"]),
    ]


def _asker(said: Mapping[str, Any]) -> str:
    """Return who asked: an app by its name, if the proof says that one did."""
    return str(said["asker"] or said["verifier"])


def _log(exhibit: Exhibit) -> list[tuple[str, str]]:
    facts = [(_("Log"), exhibit.facts["log"])] if "log" in exhibit.facts else []
    if "size" in exhibit.facts:
        facts += [(_("Entries then"), number_format(exhibit.facts["size"]))]
    return facts


def _clip(exhibit: Exhibit) -> list[tuple[str, str]]:
    clip = exhibit.clip
    if clip is None:
        return []
    facts: list[tuple[str, str]] = []
    if manifest := clip.manifest:
        intact = _("nothing was changed since it was signed") if manifest.intact else _("DOES NOT HOLD")
        facts += [(_("C2PA manifest"), intact)]
        facts += [(_("Signed by"), manifest.signer)] if manifest.signer else []
        known = _("who signed is known to this service") if manifest.trusted else _("not known to this service")
        facts += [(_("The signer"), known)] if manifest.intact else []
        facts += [(_("Made with"), manifest.generator)] if manifest.generator else []
        facts += [(_("It says"), _("made by AI"))] if manifest.made_by_ai else []
    elif clip.aigc:
        facts += [(_("C2PA manifest"), _("none in the file"))]
    for name, value in clip.aigc.items():
        meant = _LABELS.get(value) if name == "Label" else None
        facts += [(str(_AIGC[name]), f"{meant} ({value})" if meant else value)]
    return facts


def _places(places: Iterable[Place]) -> list[tuple[str, str]]:
    facts = []
    for place in places:
        facts += [(_("Entry"), _where(place))]
        if place.at:
            facts += [
                (_("Entered"), moment(place.at, exact=True)),
                (_("What it is"), _kind(place.kind)),
                (_("Signed checkpoint"), _("of %(size)s entries") % {"size": number_format(place.size or 0)}),
            ]
    return facts


def _where(place: Place) -> str:
    if place.standing == Standing.FOREIGN:
        return format_html(_("kept by another service, {host}: ask there"), host=place.host)
    if place.standing != Standing.SEALED:
        return str(_WHERE[place.standing])
    return format_html(
        _("no. {index} of {log}, {where} (<a href='{proof}'>proof</a>)"),
        index=number_format(place.index or 0),
        log=place.log,
        where=_WHERE[place.standing],
        proof=reverse("ledger:proof", args=[place.ref]),
    )


def _kind(code: str) -> SafeString:
    about = _ABOUT.get(code.partition(".")[0], _("about the service itself"))
    return format_html('{} (<span class="mono">{}</span>)', about, code)


def _operations(codes: list[str]) -> str:
    return listed([str(_OPERATIONS.get(code, code)) for code in codes])


def _at(said: str) -> str:
    return moment(datetime.fromisoformat(said), exact=True)


_FACTS: dict[Kind, Callable[[Exhibit], list[tuple[str, str]]]] = {
    Kind.CERTIFICATE: _certificate,
    Kind.RECEIPT: _receipt,
    Kind.STATUS: _status,
    Kind.PROOF: _log,
    Kind.CHECKPOINT: _log,
    Kind.ENTRY: _log,
    Kind.CLIP: _clip,
    Kind.ANONYMOUS: _anonymous,
}
