"""Give an app a new secret, and let the one before be good a while longer.

Both are stored hashed. There are never more than two: who rotates once more ends the older one at once. Without an overlap the tokens
that were got with the old secret end with it: so one rotates a secret that has leaked.
"""

from datetime import datetime, timedelta

from django.db import transaction
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import AccessToken

from accounts.errors import OverlapOutOfBounds
from accounts.models import App

OVERLAP = timedelta(days=7)
LONGEST_OVERLAP = timedelta(days=90)


def rotate_secret(*, app: App, now: datetime, overlap: timedelta = OVERLAP) -> str:
    """Return the app's new secret, which is shown this once; the present one is good until `now` + `overlap`.

    Raises:
        OverlapOutOfBounds: The overlap is negative, or longer than ninety days.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise OverlapOutOfBounds
    secret = str(generate_client_secret())
    with transaction.atomic():
        row = App.objects.select_for_update().get(id=app.id)
        row.previous_secret, row.previous_secret_until = (row.client_secret, now + overlap) if overlap else ("", None)
        row.client_secret = secret  # hashed as it is saved
        row.save(update_fields=["client_secret", "previous_secret", "previous_secret_until", "updated"])
        if not overlap:
            AccessToken.objects.filter(application=row).delete()
    app.refresh_from_db(fields=["client_secret", "previous_secret", "previous_secret_until"])
    return secret
