"""Consonant, for those who do not run it: verify what its ledger has published."""

__version__ = "0.1.0"
