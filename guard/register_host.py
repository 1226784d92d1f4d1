"""Register a machine that runs a voice app, and give its agent a token.

One transaction: the row and the entry `host.registered`. The token is returned once and kept nowhere.
"""

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from accounts.models import App
from consent.enter import enter_for_tenant
from guard.errors import NameTaken, NightUnknown
from guard.models import Host
from guard.token import digest_of, new_token


@dataclass(frozen=True)
class Registered:
    """A host, and its agent's token, which is shown once."""

    host: Host
    token: str = field(repr=False)


def register_host(  # noqa: PLR0913
    *,
    app: App,
    name: str,
    actor: str,
    now: datetime,
    profile: str = Host.Profile.OTHER,
    timezone: str = "UTC",
    listens_only: bool = True,
) -> Registered:
    """Register a host of the app's organisation.

    Args:
        app: What it runs.
        name: As officers know it; of the living hosts of an organisation no two have the same.
        actor: Who does it: `operator`, or `officer:<id>`.
        now: When.
        profile: The voice program: `Host.Profile`.
        timezone: By whose night its calls are judged: a name of the IANA time zone database.
        listens_only: Whether every connection outwards is an alarm.

    Raises:
        NameTaken: There is a host of that name.
        NightUnknown: There is no such time zone.
        ValueError: There is no such profile, or the name is empty or longer than 60 characters.
    """
    name = name.strip()
    if profile not in Host.Profile.values or not 0 < len(name) <= 60:
        raise ValueError("a host has a name of at most 60 characters and a profile that there is")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NightUnknown from None
    token = new_token()
    with transaction.atomic():
        App.objects.select_for_update().get(id=app.id)  # so that of two at once one sees the other's name
        if Host.objects.filter(tenant=app.tenant, name=name, removed_at=None).exists():
            raise NameTaken
        host = Host.objects.create(
            tenant=app.tenant,
            app=app,
            name=name,
            profile=profile,
            timezone=timezone,
            listens_only=listens_only,
            token_digest=digest_of(token),
            registered_at=now,
            followed_at=now,
        )
        enter_for_tenant(
            tenant=app.tenant,
            kind="host.registered",
            actor=actor,
            payload={"host": str(host.id), "app": str(app.id), "profile": profile, "listens_only": listens_only},
            now=now,
        )
    return Registered(host, token)
