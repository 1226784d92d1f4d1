"""Keep what a screen showed when somebody answered, so that it can be shown again (GDPR 7(1)).

In the caller's transaction. The same screen is kept once; it holds the app's words and ours, and nobody's name.
"""

import hashlib
from datetime import datetime

from consent.models import Screen


def keep_screen(*, html: str, now: datetime) -> Screen:
    """Return the screen with these words, keeping it if it is new."""
    digest = hashlib.sha256(html.encode()).hexdigest()
    screen, _ = Screen.objects.get_or_create(sha256=digest, defaults={"html": html, "first_shown_at": now})
    return screen
