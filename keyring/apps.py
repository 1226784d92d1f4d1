"""The app of keys."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from keyring import seal, selftest


class KeyringConfig(AppConfig):
    """Keys outside PostgreSQL, encryption, shredding."""

    name = "keyring"

    def ready(self) -> None:
        """Let no process start whose ciphers are wrong; choose the suite of new seals.

        Raises:
            SelfTestFailed: A suite does not give its published answers.
            ImproperlyConfigured: There is no suite of the name that the settings give.
        """
        selftest.run()
        try:
            seal.use(settings.SUITE)
        except ValueError as error:
            raise ImproperlyConfigured(f"CONSONANT_SUITE: {error}") from None
