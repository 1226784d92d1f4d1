"""Enter a fact about a subject, or about no person, into the tenant's log.

Last in the caller's transaction, as `ledger.append` demands. The subject's tag, salt and mark come from the keys the service holds for
them (zkp.tag), fresh for every entry: nobody else can tell which entries belong together.
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from accounts.models import Tenant
from consent.models import Binding, ConsentRequest, Grant, Subject
from keyring.errors import KeyGone
from keyring.keys import store
from ledger.append import About, append
from zkp.tag import day_tag, derive, mark, subject_salt

_EVIDENCE = ("consent.", "erasure.")


def enter(  # noqa: PLR0913
    *, subject: Subject, kind: str, actor: str, payload: Mapping[str, Any], now: datetime, holder: str | None = None
) -> uuid.UUID:
    """Append an entry about `subject`.

    Consent and erasure themselves are sealed under the person's evidence key, for they must be provable after the voice is gone (GDPR
    7(1)); all else under the key `holder`, or the subject's own.
    """
    origin = subject.tenant.origin
    keys = derive(store().get(subject.custody_name), origin)
    ref = uuid.uuid4()
    return append(
        origin=origin,
        kind=kind,
        actor=actor,
        payload=payload,
        holder=subject.evidence_name if kind.startswith(_EVIDENCE) else holder or subject.key_name,
        now=now,
        about=About(
            ref=ref,
            tag=day_tag(keys, now.astimezone(UTC).date()),
            salt=subject_salt(keys.k_u, ref),
            mark=mark(keys.k_u, ref),
        ),
    )


def enter_for_grant(*, grant: Grant, kind: str, actor: str, payload: Mapping[str, Any], now: datetime) -> uuid.UUID:
    """Append an entry about what happened under a grant: its ids come with it, and the app's tie to the person seals it.

    What is told of a person who has been forgotten, or is being forgotten at this moment, is entered about no person: nobody can say any
    more who it was.

    Raises:
        keyring.errors.KeyGone: A key is lost, and no erasure has taken it.
    """
    payload = {**grant.record(), **payload}
    try:
        return enter(
            subject=grant.subject,
            kind=kind,
            actor=actor,
            payload=payload,
            now=now,
            holder=grant.binding.key_name,
        )
    except KeyGone:
        # Asked anew: the row in hand may be from before the erasure.
        if not Binding.objects.filter(id=grant.binding_id, closed_at__isnull=False).exists():
            raise
        return enter_for_tenant(tenant=grant.subject.tenant, kind=kind, actor=actor, payload=payload, now=now)


def enter_for_tenant(*, tenant: Tenant, kind: str, actor: str, payload: Mapping[str, Any], now: datetime) -> uuid.UUID:
    """Append an entry about no person."""
    return append(origin=tenant.origin, kind=kind, actor=actor, payload=payload, holder=tenant.key_name, now=now)


def enter_request(*, request: ConsentRequest, kind: str, actor: str, now: datetime) -> uuid.UUID:
    """Append an entry about a consent request: about the person its app's user is tied to, or about no person while there is none."""
    payload = {
        "request": str(request.id),
        "app": str(request.app_id),
        "purpose": request.purpose_id,
        "operations": request.operations,
    }
    bindings = Binding.objects.select_related("subject__tenant").filter(app=request.app_id, closed_at=None)
    binding = bindings.filter(reference=request.reference).first() if request.reference else None
    if binding:
        return enter(subject=binding.subject, kind=kind, actor=actor, payload=payload, now=now)
    return enter_for_tenant(tenant=request.app.tenant, kind=kind, actor=actor, payload=payload, now=now)
