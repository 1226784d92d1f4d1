"""An app asks a person for consent.

One transaction: the request and its entry. A crash before the commit leaves nothing; the link is shown once, in the answer.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import App
from consent.enter import enter_request
from consent.errors import NeedsItsOwn, OperationUnknown, PurposeUnknown, RequestCooling
from consent.models import Binding, ConsentRequest, Declaration, Notice
from consent.terms import ALONE

ANSWER_WITHIN = timedelta(hours=24)
COOL_DOWN = timedelta(hours=24)
"""Nobody who said no is asked the same again before, nor for a part of it."""


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
    scope: Collection[str] = ("voice",),
    return_url: str = "",
    client_state: str = "",
) -> Asked:
    """Make a consent request for the app's user `subject_ref`, answerable for 24 hours.

    Raises:
        PurposeUnknown: The app has not declared this purpose, or has no published notice for it.
        OperationUnknown: The app has not declared one of the operations for it, or the notice does not say it.
        NeedsItsOwn: One of the operations is asked for alone.
        RequestCooling: The person said no to this, or to more, within the last day.
    """
    declared = Declaration.objects.filter(app=app, purpose_id=purpose).first()
    notices = Notice.objects.filter(app=app, purpose_id=purpose, published_at__isnull=False)
    said = notices.order_by("-version").values_list("operations", flat=True).first()
    if declared is None or said is None:
        raise PurposeUnknown
    if not set(operations) <= set(declared.operations) & set(said):
        raise OperationUnknown
    if set(operations) & ALONE and len(set(operations)) > 1:
        raise NeedsItsOwn
    token = secrets.token_urlsafe(16)
    reference = Binding.reference_of(app, subject_ref)
    refused = ConsentRequest.objects.filter(app=app, reference=reference, purpose_id=purpose, state="refused")
    same = refused.filter(operations__contains=operations, scope__contains=list(scope))
    if same.filter(answered_at__gt=now - COOL_DOWN).exists():
        raise RequestCooling
    with transaction.atomic():
        request = ConsentRequest.objects.create(
            app=app,
            reference=reference,
            token_digest=ConsentRequest.digest_of(token),
            purpose_id=purpose,
            operations=sorted(set(operations)),
            scope=sorted(set(scope)),
            term=term,
            created_at=now,
            expires_at=now + ANSWER_WITHIN,
            return_url=return_url,
            client_state=client_state,
        )
        enter_request(request=request, kind="consent.requested", actor=f"app:{app.id}", now=now)
    return Asked(request, token)
