"""Opening a session over REST, also one that names what it combines: the artifacts are known here, and not to `consent`."""

from typing import Any

from django.utils import timezone

from accounts.models import App
from consent import api
from consent.open_session import Opened
from consent.terms import Refusal
from retention.open_combining import open_combining


class Sessions(api.Sessions):
    """Ask whether a voice may be used now."""

    def open(self, app: App, words: dict[str, Any]) -> Opened | Refusal:
        """Open it; one to combine names a portrait and a voice."""
        if "artifacts" not in words:
            return super().open(app, words)
        return open_combining(
            app=app,
            grant_id=words["grant"],
            operations=words.get("operations"),
            artifacts=words["artifacts"],
            now=timezone.now(),
        )
