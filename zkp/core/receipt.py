"""The statement receipt: the ledger attests an entry with these attributes to me.

A receipt is a credential over `SCHEMA`, each attribute its text in UTF-8, empty where it has none. It proves the ledger's word, not inclusion:
who takes one checks inclusion first. Rare values identify, so times are days. The header is the same for every receipt: a header is always
shown. A proof has 272 bytes, 32 for the secret, and 32 for each attribute not shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import credential
from .errors import InvalidAttributes, InvalidContext

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .context import Context

STATEMENT: Final = "receipt"
HEADER: Final = b"consonant/1|receipt"
SCHEMA: Final = ("kind", "app", "purpose", "operation", "day", "status", "within_ttl")


def issue(*, sk: bytes, pk: bytes, key_commitment: bytes, attributes: Mapping[str, str]) -> bytes:
    """Return a receipt, 80 bytes, for the holder of a key commitment that `enrol` has verified.

    Raises:
        InvalidAttributes: They are not the schema's.
        InvalidScalar, InvalidPoint: A key, or the commitment.
    """
    messages = credential.all_messages(SCHEMA, attributes)
    return credential.issue(sk=sk, pk=pk, key_commitment=key_commitment, header=HEADER, messages=messages)


def check(*, pk: bytes, receipt: bytes, s: bytes, attributes: Mapping[str, str]) -> bool:
    """Say whether a receipt is the ledger's, over these attributes and this secret. Raises InvalidAttributes."""
    messages = credential.all_messages(SCHEMA, attributes)
    return credential.check(pk=pk, signature=receipt, s=s, header=HEADER, messages=messages)


def prove(  # noqa: PLR0913 - the receipt, and what it is shown for
    *, pk: bytes, receipt: bytes, s: bytes, attributes: Mapping[str, str], disclosed: Collection[str], context: Context
) -> bytes:
    """Return a proof that shows the attributes named.

    Raises:
        InvalidCredential: The receipt is not the ledger's, or not over these.
        InvalidAttributes: They are not the schema's, or one to show is unknown.
        InvalidContext: It is for another statement.
    """
    if context.statement != STATEMENT:
        raise InvalidContext
    if not set(disclosed) <= set(SCHEMA):
        raise InvalidAttributes
    return credential.present(
        pk=pk,
        signature=receipt,
        s=s,
        header=HEADER,
        ph=context.octets(),
        messages=credential.all_messages(SCHEMA, attributes),
        disclosed=[at for at, name in enumerate(SCHEMA) if name in disclosed],
    )


def verify(*, pk: bytes, disclosed: Mapping[str, str], context: Context, proof: bytes) -> bool:
    """Say whether somebody holds a receipt of this ledger with these attributes, and answered this context."""
    if context.statement != STATEMENT:
        return False
    try:
        shown = credential.disclosed_messages(SCHEMA, disclosed)
    except InvalidAttributes:
        return False
    return credential.verify(
        pk=pk,
        proof=proof,
        header=HEADER,
        ph=context.octets(),
        count=len(SCHEMA),
        disclosed=shown,
    )
