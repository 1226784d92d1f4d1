"""A life of a voice, told by the verbs themselves: what was asked, allowed, used, destroyed and stopped, with the log published."""

from dataclasses import dataclass
from datetime import timedelta

from consent.allow import allow
from consent.ask import ask
from consent.close_session import close_session
from consent.open_session import open_session
from consent.refuse import refuse
from consent.withdraw import withdraw
from ledger.publish import publish
from ledger.queries import logs
from ledger.sequence import sequence
from retention.record import upload
from retention.sweep import sweep
from tests.conftest import speech
from tests.factories import AppFactory, TenantFactory, UserFactory

MONTH = timedelta(days=30)
MINUTE = timedelta(minutes=1)


def question(app, *, now, purpose="voice-cloning", operations=("upload",), ref="user-1", term=MONTH, **more):
    """Return the token of a new consent request's link."""
    return ask(app=app, subject_ref=ref, purpose=purpose, operations=list(operations), term=term, now=now, **more).token


def seal():
    """Give every entry its place, sign and publish."""
    from django.utils import timezone

    for log in logs():
        while sequence(origin=log.origin):
            pass
        publish(origin=log.origin, now=timezone.now())


@dataclass
class Life:
    """One person and their apps."""

    user: object
    story: object
    door: object
    open_link: str
    """A request nobody has answered."""
    answered_link: str
    refused_link: str
    standing: object
    once: object


def live(now):
    """Two hours of it, up to `now`: one app works at this moment, one may, one has been stopped, one was refused."""
    user = UserFactory(email="speaker@test.localhost")
    tenant = TenantFactory(name="Harbour Audio")
    story = AppFactory(tenant=tenant, name="Storyteller", purposes=["text-to-speech", "voice-cloning"])
    door = AppFactory(tenant=tenant, name="Front Door", purposes=["speaker-verification"])

    def given(app, *, at, choice="term", **asked):
        token = question(app, now=at, **asked)
        return token, allow(token=token, user=user, choice=choice, locale="en", now=at + MINUTE)

    start = now - timedelta(hours=2)
    _, old = given(story, at=start, purpose="voice-cloning", operations=("upload", "embed", "synthesize"))
    opened = open_session(app=story, grant_id=old.id, operations=None, now=start + 3 * MINUTE).session
    upload(app=story, session_id=opened.id, data=speech(4.2), ttl=None, now=start + 4 * MINUTE)
    sweep(clock=lambda: start + 9 * MINUTE)
    close_session(app=story, session_id=opened.id, now=start + 10 * MINUTE)
    withdraw(grant_id=old.id, user=user, now=start + 20 * MINUTE)
    open_session(app=story, grant_id=old.id, operations=None, now=start + 21 * MINUTE)

    refused = question(door, now=start + 30 * MINUTE, purpose="speaker-verification", operations=("upload", "embed"))
    refuse(token=refused, user=user, locale="en", now=start + 31 * MINUTE)
    _, once = given(
        door, at=now - 40 * MINUTE, choice="once", purpose="speaker-verification", operations=("upload", "embed")
    )
    answered, standing = given(
        story, at=now - 30 * MINUTE, purpose="text-to-speech", operations=("upload", "synthesize")
    )
    seal()
    opened = open_session(app=story, grant_id=standing.id, operations=None, now=now - 2 * MINUTE).session
    upload(app=story, session_id=opened.id, data=speech(3.5), ttl=None, now=now - MINUTE)
    seal()
    waiting = question(
        story, now=now, purpose="voice-cloning", operations=("upload", "embed", "synthesize"), client_state="s-1"
    )
    return Life(user, story, door, waiting, answered, refused, standing, once)
