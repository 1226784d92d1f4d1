"""The erasure certificate as a paper: what it says, in words. What proves it is the file, which the paper names by its digest.

Everything on it is taken from the signed body. It names ids, kinds and times, as the file does, and no person.
"""

from datetime import datetime
from hashlib import sha256
from typing import Any

from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from portal.words.sheets import Row, Section, Sheet
from portal.words.things import kind
from retention import certificate

MOST_ROWS = 500
"""More things than these are counted on the paper, and listed in the file."""
_GONE = {
    "key_destroyed": gettext_lazy("key destroyed, then deleted, %(at)s"),
    "acknowledged": gettext_lazy("the app confirmed that it is gone, %(at)s"),
    "never_stored": gettext_lazy("never stored; over with its session, %(at)s"),
    "unconfirmed": gettext_lazy("NOT CONFIRMED by the app"),
}
_OUTCOMES = {
    "deleted": gettext_lazy("confirmed that it is deleted, %(at)s"),
    "not_found": gettext_lazy("confirmed that it has nothing, %(at)s"),
    "refused": gettext_lazy("REFUSED, %(at)s"),
    "unconfirmed": gettext_lazy("NOT CONFIRMED"),
}
_KEPT = {
    "artifact": gettext_lazy("Kept by law"),
    "consent_proof": gettext_lazy("Proof of consent and of this erasure"),
    "spoken_consent": gettext_lazy("Recording of a spoken consent"),
    "delegate_document": gettext_lazy("Document of who acted for the person"),
    "records": gettext_lazy("Records of what was done"),
}


def certificate_sheet(signed: bytes, *, now: datetime) -> Sheet:
    """Return the paper of a certificate.

    Raises:
        retention.errors.CertificateBroken: It is no certificate.
    """
    body, _signature = certificate.parse(signed)
    scopes = {
        "everything": _("everything of a person in this log"),
        "app": _("what one app had of a person"),
        "consent": _("what was made under a consent that was taken back"),
    }
    return Sheet(
        kind="erasure",
        language=get_language() or "en",
        title=_("Certificate of erasure"),
        law=_(
            "General Data Protection Regulation, Articles 12, 17 and 19; Personal Information Protection Law of the People's Republic of China, Article 47"
        ),
        standing=_counted(body),
        sections=(
            Section(
                _("The erasure"),
                (
                    Row(_("Erasure"), body["erasure"], is_code=True),
                    Row(_("Erased"), scopes.get(body["scope"], body["scope"])),
                    Row(_("Asked for"), _at(body["requested_at"])),
                    *([Row(_("Due"), _at(body["due_at"]))] if "due_at" in body else []),
                    Row(_("Done"), _at(body["completed_at"])),
                    *_keys(body),
                ),
            ),
            *_things(body),
            *_recipients(body),
            *_kept(body),
            Section(
                _("To check it"),
                (
                    Row(_("Log"), body["log"]),
                    Row(_("Issued"), _at(body["issued_at"])),
                    Row(_("Entries shown in the file"), str(len(body["entries"]))),
                    Row(_("SHA-256 of the file"), sha256(signed).hexdigest(), is_code=True),
                    Row(_("Command"), "consonant verify certificate FILE --vkey ... --vkey ..."),
                ),
                _(
                    "This paper proves nothing by itself: the file of the same name does, to anyone, without this service."
                ),
            ),
        ),
        declaration=_(
            "The file proves what the log states, and when. It does not prove that no copy exists elsewhere. "
            "What was destroyed here cannot be brought back by anybody."
        ),
        foot=_("Made on %(at)s from the signed file.") % {"at": f"{now:%Y-%m-%d %H:%M} UTC"},
    )


def _counted(body: dict[str, Any]) -> str:
    waiting = sum(1 for each in body["artifacts"] if each["gone"] == certificate.UNCONFIRMED)
    n = len(body["artifacts"]) - waiting
    said = ngettext("%(n)d thing is gone.", "%(n)d things are gone.", n) % {"n": n}
    if waiting:
        more = ngettext("%(n)d thing: NOT CONFIRMED.", "%(n)d things: NOT CONFIRMED.", waiting) % {"n": waiting}
        said = f"{said} {more}"
    if held := sum(1 for each in body["kept"] if each.get("artifact")):
        more = ngettext("%(n)d thing is kept by law.", "%(n)d things are kept by law.", held) % {"n": held}
        said = f"{said} {more}"
    return said


def _keys(body: dict[str, Any]) -> tuple[Row, ...]:
    if body["keys_destroyed_at"] is None:
        return ()
    return (
        Row(_("Keys of the records destroyed"), _at(body["keys_destroyed_at"])),
        Row(_("In no backup by"), _at(body["unrecoverable_from_backups_by"])),
    )


def _things(body: dict[str, Any]) -> list[Section]:
    rows = [
        Row(kind(each["kind"]), f"{each['artifact']}: {_GONE[each['gone']] % {'at': _at(each['gone_at'])}}")
        for each in body["artifacts"][:MOST_ROWS]
        if each["gone"] in _GONE
    ]
    left = len(body["artifacts"]) - len(rows)
    if left > 0:
        rows.append(Row(_("And"), ngettext("%(n)d more in the file", "%(n)d more in the file", left) % {"n": left}))
    return [Section(_("What went, and how"), tuple(rows))] if rows else []


def _recipients(body: dict[str, Any]) -> list[Section]:
    rows = [
        Row(each["name"], f"{each['artifact']}: {_OUTCOMES[each['outcome']] % {'at': _at(each['answered_at'])}}")
        for each in body.get("recipients", [])[:MOST_ROWS]
        if each["outcome"] in _OUTCOMES
    ]
    return [Section(_("To whom it had been passed on"), tuple(rows))] if rows else []


def _kept(body: dict[str, Any]) -> list[Section]:
    rows = []
    for each in body["kept"]:
        until = _(", until %(at)s") % {"at": _at(each["until"])} if each["until"] else ""
        thing = f"{each['artifact']}: " if each.get("artifact") else ""
        rows.append(Row(str(_KEPT.get(each["what"], each["what"])), f"{thing}{each['ground']}{until}"))
    return [Section(_("What was kept, and on what ground"), tuple(rows[:MOST_ROWS]))] if rows else []


def _at(said: str | None) -> str:
    return f"{said[:10]} {said[11:19]} UTC" if said else ""
