"""The profile of banks: sound under SM4-GCM with one key a session, a client's certificate, and processors whose deletions are attested."""

from consonant.bank.profile import client_of, disclosed, processors, unattested
from consonant.bank.sealed import BadFrame, KeyGone, SessionKey, SharedSecret, TokenSecret

__all__ = [
    "BadFrame",
    "KeyGone",
    "SessionKey",
    "SharedSecret",
    "TokenSecret",
    "client_of",
    "disclosed",
    "processors",
    "unattested",
]
