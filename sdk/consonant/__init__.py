"""Consonant: an app's client (`Client`), what watches beside it, and for those who run neither: verify what a ledger has published.

Names are loaded when they are first used: to verify takes no HTTP library, and the guard stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consonant.aclient import AsyncClient
    from consonant.client import Client
    from consonant.errors import ConsonantError, Misconfigured, NotAllowed, Rejected, ResidueLeft, Unavailable
    from consonant.grant import AsyncGrant, Grant
    from consonant.protocol import Asked, Record
    from consonant.settings import Settings
    from consonant.subjects import Subject, using

__version__ = "0.1.0"
__all__ = [
    "Asked",
    "AsyncClient",
    "AsyncGrant",
    "Client",
    "ConsonantError",
    "Grant",
    "Misconfigured",
    "NotAllowed",
    "Record",
    "Rejected",
    "ResidueLeft",
    "Settings",
    "Subject",
    "Unavailable",
    "using",
]
_WHERE = {
    "Asked": "protocol",
    "AsyncClient": "aclient",
    "AsyncGrant": "grant",
    "Client": "client",
    "Grant": "grant",
    "Record": "protocol",
    "Settings": "settings",
    "Subject": "subjects",
    "using": "subjects",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"consonant.{_WHERE.get(name, 'errors')}"), name)
