"""The app of the zkp layer."""

from django.apps import AppConfig


class ZkpConfig(AppConfig):
    """Proofs without identity."""

    name = "zkp"
