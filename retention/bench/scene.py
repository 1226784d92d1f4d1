"""Who and what is there to be measured: an organisation, its apps, people, and what they allow."""

import base64
import http.client
import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.utils import timezone

from accounts.models import App, Tenant, User
from consent.allow import allow
from consent.ask import ask
from consent.models import Grant
from consent.register import Registered, register_app, register_tenant

OPERATIONS = ["upload", "embed", "synthesize"]
PURPOSE = "voice-cloning"


@dataclass(frozen=True)
class Voice:
    """An app, and a token of its own."""

    app: App
    token: str


def tenant() -> Tenant:
    """Return the organisation."""
    return register_tenant(
        slug="bench",
        name="Bench",
        now=timezone.now(),
        address="1 Test Street",
        contact="privacy@bench.localhost",
        country="DE",
    )


def voice(port: int, name: str) -> Voice:
    """Register an app, and get it a token."""
    made = register_app(tenant=tenant(), name=name, website="", purposes=[PURPOSE], now=timezone.now())
    return Voice(made.app, _token(port, made))


def person() -> User:
    """Return somebody new."""
    return User.objects.create(email=None, is_adult=True)


def allowed(app: App, user: User) -> Grant:
    """Return what the person allows the app, for a day."""
    now = timezone.now()
    asked = ask(
        app=app,
        subject_ref=str(uuid.uuid4()),
        purpose=PURPOSE,
        operations=OPERATIONS,
        term=timedelta(days=1),
        now=now,
    )
    return allow(token=asked.token, user=user, choice="term", locale="en", now=now)


def _token(port: int, made: Registered) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    known = base64.b64encode(f"{made.app.client_id}:{made.client_secret}".encode()).decode()
    connection.request(
        "POST",
        "/oauth/token",
        urlencode({"grant_type": "client_credentials"}),
        {"Authorization": f"Basic {known}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    said = json.loads(connection.getresponse().read())
    connection.close()
    return str(said["access_token"])
