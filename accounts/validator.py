"""Who an app is at the token endpoint (RFC 6749 section 2.3.1): its secret fits, or for a while the one before it."""

from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator

from accounts.models import App


class TwoSecrets(OAuth2Validator):  # type: ignore[misc]
    """Takes the secret that was replaced until its end."""

    def _check_secret(self, provided_secret: str, stored_secret: str) -> bool:
        """Say whether the secret is the app's, or its last one. A stored hash has a salt of its own, so it names one app."""
        if super()._check_secret(provided_secret, stored_secret):
            return True
        replaced = App.objects.filter(client_secret=stored_secret, previous_secret_until__gt=timezone.now())
        hashes = replaced.exclude(previous_secret="").values_list("previous_secret", flat=True)
        return any(super(TwoSecrets, self)._check_secret(provided_secret, each) for each in hashes)
