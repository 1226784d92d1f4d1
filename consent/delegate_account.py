"""Who had no account gets one: the guardian names an address, and the person chooses a password by a letter sent there.

Until they have, the address can be named anew. A guardian whose time is over by majority can still do it: nobody else could.
"""

import uuid

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts.models import User
from consent.capacity import Relationship
from consent.errors import DelegationForbidden, DelegationUnknown
from consent.models import Delegation


def give_account(*, delegation_id: uuid.UUID, delegate: User, email: str) -> bool:
    """Give the person this address to sign in by; no, and nothing changed, if somebody else has it.

    Raises:
        DelegationUnknown: This is no guardian of that person, and was none when they came of age.
        DelegationForbidden: The person has an account.
    """
    found = Delegation.objects.filter(id=delegation_id, delegate=delegate, relationship=Relationship.GUARDIAN).first()
    if found is None or not may_give_account(found):
        raise DelegationUnknown
    address = User.objects.normalize_email(email).lower()
    with transaction.atomic():
        person = User.objects.select_for_update().get(id=found.principal_id)
        if person.has_usable_password():
            raise DelegationForbidden
        others = User.objects.filter(email__iexact=address).exclude(id=person.id).exists()
        if others or EmailAddress.objects.filter(email__iexact=address).exclude(user=person).exists():
            return False
        EmailAddress.objects.filter(user=person).delete()
        EmailAddress.objects.create(user=person, email=address, primary=True, verified=False)
        person.email = address
        person.save(update_fields=["email"])
    return True


def may_give_account(delegation: Delegation) -> bool:
    """Say whether the guardian may: they act, or did until the person came of age."""
    return delegation.state == Delegation.State.APPROVED or delegation.end_reason == "majority"
