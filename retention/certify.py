"""Finish an erasure: collect what its certificate needs, shred, forget, sign, and in the end drop our own copy.

The functions are steps of `retention.pursue`, which says what a crash between them leaves.
"""

import json
import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from consent.models import Binding, Subject
from consent.release import forget, is_last
from keyring.errors import KeyGone
from keyring.keys import store
from keyring.seal import seal, unseal
from ledger import reserve
from ledger.models import Log, Opening
from ledger.note import Verifier
from ledger.show import show
from ledger.signing import certifier_of
from retention import certificate, evidence
from retention.decide_erasure import enter_about, kept_of, ties_kept
from retention.erasure_machine import State
from retention.errors import CertificateBroken, CertificateGone
from retention.models import Artifact, Custody, Disclosure, Erasure, Kept
from retention.queries import disclosures_of

EVIDENCE_KEPT = timedelta(days=183)
"""The longest that proof of consent and the log of labels must be kept: six months."""
BACKUPS_LIVE = timedelta(days=7)
"""After this a destroyed key is in no backup of the key store either."""
COPY_KEPT = timedelta(days=7)
_ABOUT = certificate.ABOUT_THINGS | certificate.ABOUT_RECIPIENTS
_OF_RECIPIENTS = certificate.ABOUT_RECIPIENTS


def complete(*, erasure: Erasure, artifacts: Sequence[Artifact], now: datetime) -> None:
    """Enter that the erasure is done, and seal what the certificate will need; in the transaction that moves the state, under its lock.

    `artifacts` are those that were found gone, locked, so that no acknowledgement comes between. The key comes before the row that it
    seals. Where the keys of its records are dead already (a restored database, whose own memory of the erasure was lost), nothing is sealed.
    """
    ids = {artifact.id for artifact in artifacts}
    passed_on = list(disclosures_of(erasure).filter(artifact__in=ids).order_by("id"))
    said = {
        "erasure": str(erasure.id),
        "scope": erasure.scope,
        "artifacts": sorted(str(each) for each in ids),
        "recipients": sorted(str(row.id) for row in passed_on),
        "kept": kept_of(erasure),
    }
    ref = enter_about(erasure, kind="erasure.completed", payload=said, now=now)
    try:
        openings = _openings(erasure, {str(each) for each in ids}, completed=ref)
    except KeyGone:
        # Nobody can open any more what it would show: it ends here, without one.
        erasure.certificate_until = now + COPY_KEPT
        return
    entries: dict[str, list[str]] = {}
    for opening_ref, (_, payload, kind) in openings.items():
        said = json.loads(payload)
        about = said.get("disclosure" if kind in _OF_RECIPIENTS else "artifact", "")
        entries.setdefault(about, []).append(opening_ref)
    draft = {
        "artifacts": [
            {
                "artifact": str(artifact.id),
                "kind": artifact.kind,
                "custody": artifact.custody,
                "gone": _how(artifact),
                "recorded_at": _time(artifact.recorded_at),
                "gone_at": _time(_gone_at(artifact)),
                "entries": sorted(entries.get(str(artifact.id), [])),
            }
            for artifact in artifacts
        ],
        "recipients": [
            {
                "disclosure": str(row.id),
                "artifact": str(row.artifact_id),
                "processor": str(row.processor_id),
                "name": row.processor.name,
                "basis": row.basis,
                "outcome": _OUTCOMES.get(row.state, certificate.UNCONFIRMED),
                "answered_at": _time(row.answered_at),
                "entries": sorted(entries.get(str(row.id), [])),
            }
            for row in passed_on
        ],
        "kept": kept_of(erasure),
        "openings": {opening_ref: (salt, payload) for opening_ref, (salt, payload, _) in openings.items()},
    }
    key = store().make(erasure.key_name, now=now)
    erasure.sealed = seal(key, json.dumps(draft).encode(), context=erasure.id.bytes)


_OUTCOMES: dict[str, str] = {
    Disclosure.State.DONE: "deleted",
    Disclosure.State.NOT_FOUND: "not_found",
    Disclosure.State.REFUSED: "refused",
}


def _openings(erasure: Erasure, artifacts: set[str], *, completed: uuid.UUID) -> dict[str, tuple[str, str, str]]:
    """Return salt (hex) and text of the payload of each entry that the certificate shows, and its kind, by ref."""
    keys = [*erasure.bindings.values_list("key_name", flat=True)]
    found: dict[str, tuple[str, str, str]] = {}
    for holder in {*keys, erasure.subject.evidence_name}:
        key = store().get(holder)
        shown = certificate.ABOUT_ERASURE if holder == erasure.subject.evidence_name else _ABOUT
        for opening in Opening.objects.filter(holder=holder, kind__in=shown).iterator():
            salt, payload = json.loads(unseal(key, bytes(opening.sealed), context=opening.ref.bytes))["payload"]
            said: dict[str, Any] = json.loads(payload)
            ours = (
                said.get("artifact") in artifacts if opening.kind in _ABOUT else said.get("erasure") == str(erasure.id)
            )
            if ours:
                found[str(opening.ref)] = (salt, payload, opening.kind)
    if str(completed) not in found:
        raise RuntimeError("the entry of a moment ago has no opening")
    return found


def _how(artifact: Artifact) -> str:
    if artifact.custody == Custody.APP:
        return "acknowledged" if artifact.state == Artifact.State.ERASED else "unconfirmed"
    return "key_destroyed" if artifact.custody == Custody.VAULT else "never_stored"


def _gone_at(artifact: Artifact) -> datetime | None:
    return artifact.key_destroyed_at if artifact.custody == Custody.VAULT else artifact.erased_at


def shred(*, erasure_id: uuid.UUID, clock: Callable[[], datetime]) -> None:
    """Destroy the keys of all that was entered, synced; then delete the openings, the kept answers, and the ties to the person."""
    erasure = Erasure.objects.get(id=erasure_id, state=State.COMPLETED)
    bindings = list(erasure.bindings.exclude(id__in=ties_kept(erasure)))
    own = {binding.key_name for binding in bindings}
    others = Binding.objects.filter(key_name__in=own).exclude(id__in=[binding.id for binding in bindings])
    names = own - set(others.exclude(reference=None).values_list("key_name", flat=True))
    with transaction.atomic():
        # Of two erasures that end together one sees that it is the last; the keys go before the rows, and both again if this is repeated.
        subject = Subject.objects.select_for_update(no_key=True).get(id=erasure.subject_id)
        last = is_last(subject=subject, bindings=bindings)
        names = names | {subject.key_name, *subject.marking_names} if last else names - {subject.key_name}
        store().destroy(names)
        now = clock()
        if not Erasure.objects.filter(id=erasure_id, keys_destroyed_at=None).update(keys_destroyed_at=now):
            return  # another worker has done it
        Opening.objects.filter(holder__in=names).delete()
        reserve.forget(holders=names)
        evidence.keep(bindings=bindings, user=subject.user, until=now + EVIDENCE_KEPT)
        stranger = forget(
            subject=subject, bindings=bindings, evidence_until=now + EVIDENCE_KEPT if last else None, now=now
        )
        cut(bindings=bindings, stranger=stranger)
        Erasure.objects.filter(id=erasure_id).update(subject=stranger)


def cut(*, bindings: Collection[Binding], stranger: Subject) -> None:
    """Make the rows under forgotten ties a stranger's, so that no erasure, of whatever age, leads from them to the person.

    What was refused or taken back the person goes on reading, without the things that it was about, while this log knows them.
    """
    ids = [binding.id for binding in bindings]
    Artifact.objects.filter(grant__binding__in=ids).update(subject=stranger)
    about = Erasure.objects.filter(bindings__in=ids)
    over = list(about.filter(state__in=[State.REFUSED, State.CANCELLED]).values_list("id", flat=True).distinct())
    Erasure.objects.filter(id__in=over, subject=stranger).update(user=None, reference=None)  # nothing else is left
    Erasure.bindings.through.objects.filter(erasure__in=over, binding__in=ids).delete()
    Erasure.grants.through.objects.filter(erasure__in=over, grant__binding__in=ids).delete()
    Kept.objects.filter(erasure__in=over, artifact__grant__binding__in=ids).delete()
    others = list(about.filter(scope=Erasure.Scope.CONSENT).values_list("id", flat=True).distinct())
    Erasure.objects.filter(id__in=others).update(subject=stranger)


_SHREDDED = Q(keys_destroyed_at__isnull=False) | Q(scope=Erasure.Scope.CONSENT)


def sign_off(*, erasure_id: uuid.UUID, now: datetime) -> bool:
    """Sign the certificate if a published checkpoint covers every entry it shows; say whether that was done."""
    with transaction.atomic():
        erasure = (
            Erasure.objects.select_related("subject__tenant")
            .select_for_update(of=("self",), skip_locked=True)
            .filter(_SHREDDED, id=erasure_id, state=State.COMPLETED)
            .first()
        )
        if erasure is None:
            return False
        key = store().get(erasure.key_name)
        draft = json.loads(unseal(key, bytes(erasure.sealed or b""), context=erasure.id.bytes))
        body = _body(erasure, draft, now=now)
        if body is None:
            return False
        origin = erasure.subject.tenant.origin
        signer = certifier_of(origin, now=now)
        signed = certificate.sign(body, signer=signer)
        log_key = Verifier.from_vkey(Log.objects.get(origin=origin).vkey)
        findings = certificate.verify(signed, issuer=signer.verifier(), log=log_key)
        if any(finding.level == "error" for finding in findings):
            raise CertificateBroken(
                str(findings[0])
            )  # tried again with the next head; nobody is given what does not verify
        erasure.sealed = seal(key, signed, context=erasure.id.bytes)
        erasure.state = State.CERTIFIED
        erasure.certified_at = now
        erasure.certificate_until = now + COPY_KEPT
        erasure.save()
    return True


def _body(erasure: Erasure, draft: dict[str, Any], *, now: datetime) -> dict[str, Any] | None:
    """Return the certificate, or None while an entry has no place under a published checkpoint."""
    origin = erasure.subject.tenant.origin
    openings = draft["openings"]
    entries, signed = show(origin=origin, openings=openings)
    if len(entries) != len(openings):
        return None
    stays = erasure.scope == Erasure.Scope.CONSENT
    destroyed = None if stays else erasure.keys_destroyed_at or now
    evidence_until = erasure.subject.evidence_until
    until = {"consent_proof": evidence_until, "spoken_consent": evidence_until, "delegate_document": evidence_until}
    return {
        "type": certificate.TYPE,
        "issuer": certificate.issuer_of(origin),
        "log": origin,
        "erasure": str(erasure.id),
        "scope": erasure.scope,
        "requested_at": _time(erasure.requested_at),
        "due_at": _time(erasure.due_at),
        "extended": erasure.extended_at is not None,
        "completed_at": _time(erasure.completed_at),
        "keys_destroyed_at": _time(destroyed),
        "unrecoverable_from_backups_by": _time(destroyed + BACKUPS_LIVE) if destroyed else None,
        "issued_at": _time(now),
        "artifacts": draft["artifacts"],
        "recipients": draft["recipients"],
        "kept": [{**each, "until": _time(until.get(each["what"]))} for each in draft["kept"]],
        "entries": entries,
        "checkpoint": signed,
    }


def certificate_of(erasure: Erasure) -> bytes:
    """Return the signed certificate, while we keep it.

    Raises:
        CertificateGone: It is not signed yet, or our copy has gone.
    """
    if erasure.state != State.CERTIFIED or erasure.sealed is None:
        raise CertificateGone
    try:
        return unseal(store().get(erasure.key_name), bytes(erasure.sealed), context=erasure.id.bytes)
    except KeyGone:
        raise CertificateGone from None


def drop_old(*, now: datetime) -> None:
    """Destroy our copies of certificates that are a week old, and with them who it was."""
    old = Erasure.objects.filter(certificate_until__lte=now, sealed__isnull=False)
    for erasure in old.only("id"):
        store().destroy([erasure.key_name])
        Erasure.objects.filter(id=erasure.id).update(sealed=None, user=None, reference=None)
    without = Erasure.objects.filter(state=State.COMPLETED, sealed=None, certificate_until__lte=now)
    without.exclude(user=None, reference=None).update(user=None, reference=None)
    over = Erasure.objects.filter(state__in=[State.REFUSED, State.CANCELLED], closed_at__lte=now - EVIDENCE_KEPT)
    over.exclude(user=None, reference=None).update(user=None, reference=None)


def drop_evidence(*, now: datetime) -> None:
    """Destroy the proof of consent of those who were erased, when its time is over."""
    for subject in Subject.objects.filter(user=None, evidence_until__lte=now):
        store().destroy([subject.evidence_name])
        with transaction.atomic():
            Opening.objects.filter(holder=subject.evidence_name).delete()
            Subject.objects.filter(id=subject.id).update(evidence_until=None)
    evidence.drop(now=now)


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
