"""What an app says of itself: that one deals with a machine, that it recognises people, that speech was made (EU 2024/1689 art. 50).

One transaction under the app's row: the texts and the entry. The app shows them; here they are kept, so that an officer can see that there
are any, and whoever asks can see which.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from accounts.models import App
from consent.approve import of_app
from consent.enter import enter_for_tenant
from consent.errors import AppIncomplete
from consent.notice_fields import LANGUAGES, LONGEST

Text = Mapping[str, str]
"""By language."""


def describe_app(  # noqa: PLR0913
    *,
    app_id: uuid.UUID,
    interaction_notice: Text,
    categorisation_notice: Text,
    disclosure: Text,
    actor: str,
    now: datetime,
) -> App:
    """Write the three texts of an app anew; what does not concern it is empty.

    Raises:
        AppIncomplete: The app is approved, and has to have a text that would be gone.
        ValueError: A language that there is not, or a text that is too long.
    """
    said = {
        "interaction_notice": _clean(interaction_notice),
        "categorisation_notice": _clean(categorisation_notice),
        "disclosure": _clean(disclosure),
    }
    with transaction.atomic():
        app: App = App.objects.select_for_update(of=("self",)).select_related("tenant").get(id=app_id)
        for name, text in said.items():
            setattr(app, name, text)
        if app.approved_at and (lacks := list(of_app(app))):
            raise AppIncomplete(lacks)
        app.save(update_fields=list(said))
        enter_for_tenant(
            tenant=app.tenant, kind="app.described", actor=actor, payload={"app": str(app.id), **said}, now=now
        )
    return app


def _clean(text: Text) -> dict[str, str]:
    if not set(text) <= set(LANGUAGES) or any(len(words) > LONGEST for words in text.values()):
        raise ValueError("a language that there is not, or a text that is too long")
    return {locale: words.strip() for locale, words in text.items() if words.strip()}
