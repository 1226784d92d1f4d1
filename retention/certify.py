"""Finish an erasure: collect what its certificate needs, shred, forget, sign, and in the end drop our own copy.

The functions are steps of `retention.pursue`, which says what a crash between them leaves.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from consent.enter import enter
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
from retention.erasure_machine import State
from retention.errors import CertificateBroken, CertificateGone
from retention.models import Artifact, Custody, Erasure

EVIDENCE_KEPT = timedelta(days=183)
"""The longest that proof of consent and the log of labels must be kept: six months."""
BACKUPS_LIVE = timedelta(days=7)
"""After this a destroyed key is in no backup of the key store either."""
COPY_KEPT = timedelta(days=7)
_ABOUT_ARTIFACTS = ("artifact.", "use.late", "use.unpermitted")


def complete(*, erasure: Erasure, artifacts: Sequence[Artifact], now: datetime) -> None:
    """Enter that the erasure is done, and seal what the certificate will need; in the transaction that moves the state, under its lock.

    `artifacts` are those that were found gone, locked, so that no acknowledgement comes between. The key comes before the row that it
    seals.
    """
    ref = enter(
        subject=erasure.subject,
        kind="erasure.completed",
        actor="service",
        payload={
            "erasure": str(erasure.id),
            "scope": _scope(erasure),
            "artifacts": sorted(str(artifact.id) for artifact in artifacts),
        },
        now=now,
    )
    openings = _openings(erasure, {str(artifact.id) for artifact in artifacts}, completed=ref)
    entries: dict[str, list[str]] = {}
    for opening_ref, (_, payload) in openings.items():
        entries.setdefault(json.loads(payload).get("artifact", ""), []).append(opening_ref)
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
        "openings": openings,
    }
    key = store().make(erasure.key_name, now=now)
    erasure.sealed = seal(key, json.dumps(draft).encode(), context=erasure.id.bytes)


def _openings(erasure: Erasure, artifacts: set[str], *, completed: uuid.UUID) -> dict[str, tuple[str, str]]:
    """Return salt (hex) and text of the payload of each entry that the certificate shows, by ref."""
    keys = [*erasure.bindings.values_list("key_name", flat=True)]
    found: dict[str, tuple[str, str]] = {}
    for holder in {*keys, erasure.subject.evidence_name}:
        key = store().get(holder)
        for opening in Opening.objects.filter(holder=holder).iterator():
            if not opening.kind.startswith((*_ABOUT_ARTIFACTS, "erasure.")):
                continue
            salt, payload = json.loads(unseal(key, bytes(opening.sealed), context=opening.ref.bytes))["payload"]
            said: dict[str, Any] = json.loads(payload)
            ours = said.get("artifact") in artifacts and opening.kind != "artifact.discarded"
            if ours or (said.get("erasure") == str(erasure.id) and opening.kind != "erasure.escalated"):
                found[str(opening.ref)] = (salt, payload)
    if str(completed) not in found:
        raise RuntimeError("the entry of a moment ago has no opening")
    return found


def _scope(erasure: Erasure) -> str:
    return "app" if erasure.app_id else "everything"


def _how(artifact: Artifact) -> str:
    if artifact.custody == Custody.APP:
        return "acknowledged" if artifact.state == Artifact.State.ERASED else "unconfirmed"
    return "key_destroyed" if artifact.custody == Custody.VAULT else "never_stored"


def _gone_at(artifact: Artifact) -> datetime | None:
    return artifact.key_destroyed_at if artifact.custody == Custody.VAULT else artifact.erased_at


def shred(*, erasure_id: uuid.UUID, clock: Callable[[], datetime]) -> None:
    """Destroy the keys of all that was entered, synced; then delete the openings, the kept answers, and the ties to the person."""
    erasure = Erasure.objects.get(id=erasure_id, state=State.COMPLETED)
    bindings = list(erasure.bindings.all())
    own = {binding.key_name for binding in bindings}
    others = Binding.objects.filter(key_name__in=own).exclude(id__in=[binding.id for binding in bindings])
    names = own - set(others.exclude(reference=None).values_list("key_name", flat=True))
    with transaction.atomic():
        # Of two erasures that end together one sees that it is the last; the keys go before the rows, and both again if this is repeated.
        subject = Subject.objects.select_for_update(no_key=True).get(id=erasure.subject_id)
        last = is_last(subject=subject, bindings=bindings)
        names = names | {subject.key_name, subject.custody_name} if last else names - {subject.key_name}
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
        Artifact.objects.filter(grant__binding__in=bindings).update(subject=stranger)
        Erasure.objects.filter(id=erasure_id).update(subject=stranger)


def sign_off(*, erasure_id: uuid.UUID, now: datetime) -> bool:
    """Sign the certificate if a published checkpoint covers every entry it shows; say whether that was done."""
    with transaction.atomic():
        erasure = (
            Erasure.objects.select_related("subject__tenant")
            .select_for_update(of=("self",), skip_locked=True)
            .filter(id=erasure_id, state=State.COMPLETED, keys_destroyed_at__isnull=False)
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
    destroyed = erasure.keys_destroyed_at or now
    evidence_until = erasure.subject.evidence_until
    return {
        "type": certificate.TYPE,
        "issuer": certificate.issuer_of(origin),
        "log": origin,
        "erasure": str(erasure.id),
        "scope": _scope(erasure),
        "requested_at": _time(erasure.requested_at),
        "completed_at": _time(erasure.completed_at),
        "keys_destroyed_at": _time(destroyed),
        "unrecoverable_from_backups_by": _time(destroyed + BACKUPS_LIVE),
        "issued_at": _time(now),
        "artifacts": draft["artifacts"],
        "kept": [
            {
                "what": "proof of consent and of this erasure",
                "ground": "GDPR 7(1), 17(3)(b) and (e)",
                "until": _time(evidence_until),
            }
        ],
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
    for erasure in Erasure.objects.filter(certificate_until__lte=now, sealed__isnull=False):
        store().destroy([erasure.key_name])
        Erasure.objects.filter(id=erasure.id).update(sealed=None, user=None, reference=None)


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
