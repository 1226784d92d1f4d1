"""Take a processor's word on what was passed on to it: signed with its own secret, or entered by an officer from a letter.

One transaction: the state of the disclosure, entry `disclosure.attested`. The entry says what the processor said; nobody here saw it happen. Before it
was asked, only that it has nothing left is taken. Repeating it changes nothing; after `deleted`, `not_found` or `refused` nothing else is taken, unless
a look found the thing there all the same, or it got the thing again.
"""

import uuid
from datetime import UTC, datetime
from typing import Final, Literal

from django.db import transaction
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from consent.enter import enter_for_grant
from hooks.wake import wake
from keyring.errors import KeyGone
from retention.errors import DisclosureUnknown, Unsigned
from retention.models import Disclosure
from retention.queries import secret_of_processor

Outcome = Literal["received", "in_progress", "deleted", "not_found", "refused"]
STATES: Final[dict[str, Disclosure.State]] = {
    "received": Disclosure.State.RECEIVED,
    "in_progress": Disclosure.State.IN_PROGRESS,
    "deleted": Disclosure.State.DONE,
    "not_found": Disclosure.State.NOT_FOUND,
    "refused": Disclosure.State.REFUSED,
}
_GONE: Final = frozenset({Disclosure.State.DONE, Disclosure.State.NOT_FOUND})
REASONS: Final = ("law", "contract", "unknown")
"""Why a processor refuses, as it says."""


def check_signature(*, disclosure_id: uuid.UUID, body: bytes, headers: dict[str, str]) -> None:
    """Check that the processor signed these very bytes for this disclosure within the last five minutes (Standard Webhooks).

    The message's id is the disclosure's, perhaps with more after a dot: so nothing that was said of one is taken as said of another.

    Raises:
        Unsigned: It did not, or there is no such disclosure: who holds no secret learns nothing.
    """
    row = Disclosure.objects.select_related("processor").filter(id=disclosure_id).first()
    said = {name.lower(): value for name, value in headers.items()}.get("webhook-id", "")
    if row is None or said.partition(".")[0] != str(disclosure_id):
        raise Unsigned
    try:
        Webhook(secret_of_processor(row.processor)).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, KeyGone, ValueError, TypeError):
        raise Unsigned from None


def attest(  # noqa: PLR0913
    *,
    disclosure_id: uuid.UUID,
    outcome: Outcome,
    deleted_at: datetime | None,
    actor: str,
    now: datetime,
    reason: str = "",
) -> Disclosure:
    """Record what the processor says. `actor`: `processor:<id>`, whose signature was checked, or `officer:<id>`, who has it in writing.

    Raises:
        DisclosureUnknown: There is none.
    """
    with transaction.atomic():
        row = (
            Disclosure.objects.select_related(
                "processor", "artifact__grant__binding", "artifact__grant__subject__tenant"
            )
            .select_for_update(of=("self",))
            .filter(id=disclosure_id)
            .first()
        )
        if row is None:
            raise DisclosureUnknown
        state = STATES[outcome]
        unasked = row.asked_at is None and not row.tries and state not in _GONE
        if unasked or row.state in {*Disclosure.ANSWERED, state}:
            return row
        row.state = state
        if state in Disclosure.ANSWERED:
            row.answered_at, row.deleted_at, row.next_try_at = now, deleted_at, None
        row.save(update_fields=["state", "answered_at", "deleted_at", "next_try_at"])
        if state not in Disclosure.ANSWERED:
            return row
        enter_for_grant(
            grant=row.artifact.grant,
            kind="disclosure.attested",
            actor=actor,
            payload={
                **row.artifact.record(),
                "disclosure": str(row.id),
                "processor": str(row.processor_id),
                "outcome": outcome,
                "deleted_at": deleted_at.astimezone(UTC).isoformat() if deleted_at else None,
                "signed": actor.startswith("processor:"),
                "reason": reason or None,
            },
            now=now,
        )
        wake("retention.pursue")
    return row
