"""Redaction on the device (`consonant[redact]`): a sensitive word mutes its frames before anything is stored or sent."""

from consonant.redact.redactor import Frame, Redacted, Redactor, redact
from consonant.redact.spotter import Hit, PocketSpotter, Spotter

__all__ = ["Frame", "Hit", "PocketSpotter", "Redacted", "Redactor", "Spotter", "redact"]
