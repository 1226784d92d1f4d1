"""The papers of one consent that somebody may want to hold: China's separate-consent sheet and Illinois's written release.

Both tell the same record. What the person read is taken from the notice, word for word; the labels are ours, in the notice's language. They
name the person by an id alone, like the record.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from consent.machine import State
from consent.receipt import KINDS, ConsentFacts, Happened, NoticeFacts
from portal.words import listed, operations, term

SHEETS: Final = ("pipl", "bipa")


@dataclass(frozen=True)
class Row:
    """A label and what stands beside it; `is_code`: an id or a digest."""

    label: str
    text: str
    is_code: bool = False


@dataclass(frozen=True)
class Section:
    """Rows under a heading, perhaps after a sentence."""

    title: str
    rows: tuple[Row, ...]
    lead: str = ""


@dataclass(frozen=True)
class Sheet:
    """A paper of one consent."""

    kind: str
    language: str
    title: str
    law: str
    standing: str
    sections: tuple[Section, ...]
    declaration: str
    foot: str

    def plain(self) -> dict[str, Any]:
        """Return it as names and texts."""
        return asdict(self)

    def text(self) -> str:
        """Return all that stands in it, one after the other."""
        rows = [part for section in self.sections for row in section.rows for part in (row.label, row.text)]
        leads = [part for section in self.sections for part in (section.title, section.lead)]
        return "\n".join([self.title, self.law, self.standing, self.declaration, self.foot, *leads, *rows])


def sheet(kind: str, facts: ConsentFacts, body: Mapping[str, str], *, log: str, now: datetime) -> Sheet:
    """Return the paper, `pipl` or `bipa`, of a consent and of the notice that was read for it; in the language that is active.

    `log` is the origin of the log whose entries prove it.
    """
    make = _pipl if kind == "pipl" else _bipa
    title, law, sections, declaration = make(facts, body)
    return Sheet(
        kind=kind,
        language=facts.notice.locale,
        title=title,
        law=law,
        standing=_standing(facts),
        sections=(*sections, _evidence(facts, log)),
        declaration=declaration,
        foot=_(
            "Made on %(at)s from the record of this consent. The signed receipt of the same record can be checked by anyone, without this service."
        )
        % {"at": _time(now)},
    )


_Words = tuple[str, str, tuple[Section, ...], str]


def _pipl(facts: ConsentFacts, body: Mapping[str, str]) -> _Words:
    """PIPL 14 and 29 (separate consent), 17 (what must be told), 30 (necessity and impact), 23 (provision to another processor)."""
    told = Section(
        _("What I was told"),
        _rows(
            body,
            (_("Processor of personal information and contact"), "controller"),
            (_("Person in charge of personal information protection"), "dpo"),
            (_("Purpose"), "why"),
            (_("Method"), "method"),
            (_("Kinds of sensitive personal information"), "what"),
            (_("Voiceprint"), "voiceprint"),
            (_("Why it is necessary"), "necessity"),
            (_("What it can mean for my rights and interests"), "impact"),
            (_("Retention period"), "kept"),
            (_("Deletion"), "deleted"),
            (_("Storage"), "stored"),
            (_("Use for anything else"), "other_use"),
            (_("Transfer abroad"), "transfers"),
            (_("Recipient"), "recipient_name"),
            (_("Contact of the recipient"), "recipient_contact"),
            (_("Purpose of the recipient"), "recipient_purpose"),
            (_("Method of the recipient"), "recipient_method"),
            (_("Kinds that the recipient gets"), "recipient_kinds"),
        ),
    )
    rights = Section(
        _("My rights"),
        _rows(
            body,
            (_("Rights and how to use them"), "rights"),
            (_("Withdrawal"), "withdraw"),
            (_("If I refuse"), "fallback"),
            (_("Complaint"), "complaint"),
        ),
    )
    return (
        _("Separate consent to the processing of sensitive personal information"),
        _("Personal Information Protection Law of the People's Republic of China, Articles 14, 17, 23, 29 and 30"),
        (told, rights, _consent(facts)),
        _(
            "Having read the above, I gave my separate consent to exactly this, freely and explicitly: for this one purpose, "
            "apart from any other terms, and with nothing chosen for me beforehand."
        ),
    )


def _bipa(facts: ConsentFacts, body: Mapping[str, str]) -> _Words:
    """740 ILCS 14/15(b): (1) that it is collected or stored, (2) purpose and length of term, (3) a written release; 14/10: electronic signature."""
    fact = Section(
        _("Notice that a biometric identifier or biometric information is collected or stored"),
        _rows(
            body,
            (_("Private entity and contact"), "controller"),
            (_("What is collected or stored"), "what"),
            (_("Voiceprint"), "voiceprint"),
            (_("Storage"), "stored"),
        ),
        _("I was told in writing, before the first collection, that the following is collected or stored."),
    )
    purpose = Section(
        _("Specific purpose and length of term"),
        (
            *_rows(body, (_("Specific purpose"), "why"), (_("Use for anything else"), "other_use")),
            Row(_("Length of term"), _span(facts)),
            *_rows(
                body, (_("How long it is stored and used"), "kept"), (_("Destruction"), "deleted")
            ),
        ),
    )  # fmt: skip
    return (
        _("Written release for biometric information"),
        _("Illinois Biometric Information Privacy Act, 740 ILCS 14/10 and 14/15(b), as amended by Public Act 103-0769"),
        (fact, purpose, _consent(facts)),
        _(
            "By the electronic signature below, I gave my informed written consent: I release the private entity named above to collect, "
            "store and use what is named above, for this purpose and this length of term, and for nothing else."
        ),
    )


def _rows(body: Mapping[str, str], *wanted: tuple[str, str]) -> tuple[Row, ...]:
    """Return the rows of those fields that the notice has."""
    return tuple(Row(label, str(body[name])) for label, name in wanted if str(body.get(name, "")).strip())


def _consent(facts: ConsentFacts) -> Section:
    uses = _("As often as needed") if facts.uses_left is None else _("Once")
    return Section(
        _("What I allowed"),
        (
            Row(_("App"), facts.app_name),
            Row(_("Purpose"), facts.purpose_name),
            Row(_("It may"), listed(operations(list(facts.operations)))),
            Row(_("Term"), _span(facts)),
            Row(_("How often"), uses),
        ),
    )


def _span(facts: ConsentFacts) -> str:
    return _("%(term)s: from %(start)s until %(end)s, or until I withdraw") % {
        "term": term(facts.valid_until - facts.valid_from),
        "start": _time(facts.valid_from),
        "end": _time(facts.valid_until),
    }


def _evidence(facts: ConsentFacts, log: str) -> Section:
    """How it was signed: a process attached to the record by the person, with intent to sign (740 ILCS 14/10; PIPL 14)."""
    rows = [Row(_("Person, by an id of this service"), str(facts.subject), is_code=True)]
    for each in facts.events:
        if KINDS[each.kind] in {State.GIVEN, State.RENEWED} and each.kind != "consent.resumed":
            rows += _signature(each, facts, log)
    rows += [
        Row(_("Consent"), str(facts.grant), is_code=True),
        *_notice(facts.notice),
    ]
    return Section(_("Electronic signature and evidence"), tuple(rows))


def _signature(each: Happened, facts: ConsentFacts, log: str) -> list[Row]:
    label = _("Given") if KINDS[each.kind] == State.GIVEN else _("Confirmed again")
    rows = [Row(label, f"{_time(each.at)} · {_how(each)} · {_who(each)}")]
    if each.notice and each.notice.id != facts.notice.id:
        rows += _notice(each.notice)
    if each.delegation:
        rows.append(Row(_("Authority to act, checked by an officer"), str(each.delegation), is_code=True))
    if each.screen:
        rows.append(Row(_("SHA-256 of the screen"), each.screen, is_code=True))
    if each.kind == "consent.given" and facts.statement:
        rows.append(Row(_("Said aloud"), facts.statement.phrase))
    if each.ref:
        rows.append(Row(_("Entry in the public log %(log)s") % {"log": log}, str(each.ref), is_code=True))
    return rows


def _notice(notice: NoticeFacts) -> list[Row]:
    version = _("version %(n)s of %(day)s") % {"n": notice.version, "day": notice.published_on.isoformat()}
    return [Row(_("Notice that was read"), version), Row(_("SHA-256 of the notice"), notice.sha256, is_code=True)]


def _how(each: Happened) -> str:
    known = {
        "button on a screen": _("by pressing a button under the notice"),
        "spoken statement": _("by a statement said aloud"),
    }
    return known.get(each.how, each.how or _("electronically"))


def _who(each: Happened) -> str:
    known = {
        "subject": _("by the person"),
        "guardian": _("by the guardian"),
        "attorney": _("by an attorney of the person"),
        "estate": _("for the estate of the person"),
    }
    return known.get(each.actor, each.actor)


def _standing(facts: ConsentFacts) -> str:
    last = facts.events[-1]
    at = _time(last.at)
    sentences = {
        State.GIVEN: _("This consent stands, since %(at)s."),
        State.RENEWED: _("This consent stands, confirmed again on %(at)s."),
        State.PAUSED: _("This consent is paused, since %(at)s."),
        State.STALE: _("This consent is on hold since %(at)s, until it is confirmed again."),
        State.WITHDRAWN: _("This consent was withdrawn on %(at)s."),
        State.EXPIRED: _("This consent ran out on %(at)s."),
        State.EXHAUSTED: _("This consent was for one use, which was over on %(at)s."),
        State.REVOKED: _("This consent was revoked on %(at)s."),
        State.INVALIDATED: _("This consent was found invalid on %(at)s."),
    }
    return sentences[KINDS[last.kind]] % {"at": at}


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
