"""Consonant inside the voice apps and frameworks that people run."""
