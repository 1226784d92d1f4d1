"""An app asks a person for consent.

One transaction: the request and its entry. A crash before the commit leaves nothing; the link is shown once, in the answer.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import App
from consent.enter import enter_request
from consent.errors import OperationUnknown, PurposeUnknown
from consent.models import Binding, ConsentRequest, Notice

ANSWER_WITHIN = timedelta(hours=24)


@dataclass(frozen=True)
class Asked:
    """A request and the token of its link, which is not stored."""

    request: ConsentRequest
    token: str


def ask(  # noqa: PLR0913
    *,
    app: App,
    subject_ref: str,
    purpose: str,
    operations: list[str],
    term: timedelta,
    now: datetime,
    return_url: str = "",
    client_state: str = "",
) -> Asked:
    """Make a consent request for the app's user `subject_ref`, answerable for 24 hours.

    Raises:
        PurposeUnknown: The app has no notice for this purpose.
        OperationUnknown: The notice does not name one of the operations.
    """
    notice = Notice.objects.filter(app=app, purpose_id=purpose).order_by("-version").first()
    if notice is None:
        raise PurposeUnknown
    if not set(operations) <= set(notice.operations):
        raise OperationUnknown
    token = secrets.token_urlsafe(16)
    reference = Binding.reference_of(app, subject_ref)
    with transaction.atomic():
        request = ConsentRequest.objects.create(
            app=app,
            reference=reference,
            token_digest=ConsentRequest.digest_of(token),
            purpose_id=purpose,
            operations=sorted(set(operations)),
            term=term,
            created_at=now,
            expires_at=now + ANSWER_WITHIN,
            return_url=return_url,
            client_state=client_state,
        )
        enter_request(request=request, kind="consent.requested", actor=f"app:{app.id}", now=now)
    return Asked(request, token)
