"""A life of a voice, told by the verbs themselves: what was asked, allowed, used, destroyed and stopped, with the log published."""

from dataclasses import dataclass
from datetime import timedelta

from consent.allow import allow
from consent.ask import ask
from consent.close_session import close_session
from consent.draft_notice import draft_notice
from consent.lapse import lapse
from consent.models import Notice
from consent.open_session import open_session
from consent.pause import pause
from consent.publish_notice import publish_notice
from consent.queries import newest_notice, notice_for, request_by_token
from consent.refuse import refuse
from consent.withdraw import withdraw
from ledger.publish import publish
from ledger.queries import logs
from ledger.sequence import sequence
from retention import request_erasure
from retention.acknowledge import acknowledge
from retention.marks import AudibleLabel, Mark, Marking
from retention.models import Artifact, Custody, Kind
from retention.pursue import pursue
from retention.record import Facts, made, upload
from retention.sweep import sweep
from tests.conftest import speech
from tests.factories import AppFactory, TenantFactory, UserFactory

EVERYTHING = ("upload", "embed", "synthesize")
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


def make(session, kind, *, now, custody=Custody.APP, of=(), data=None, **facts):
    """Record something that an app made in its session; return the artifact."""
    return (
        made(
            app=session.app,
            kind=kind,
            session_ids=[session.id],
            custody=custody,
            derived_from=[each.id for each in of],
            facts=Facts(**facts),
            data=data,
            ttl=None,
            now=now,
        )
        .recorded[0]
        .artifact
    )


def confirm(artifact, *, now):
    """Let the app say that it has destroyed what it kept."""
    acknowledge(
        app=artifact.app, artifact_id=artifact.id, outcome="deleted", deleted_at=now, signature=None, now=now + MINUTE
    )


WATERMARK = Mark(Marking.WATERMARK, "", {"watermark_id": "wm-7"})
LABEL = Mark(Marking.AIGC, AudibleLabel.RHYTHM, {"metadata": {"Label": "1"}})


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
        read = notice_for(request=request_by_token(token=token, now=at), locale="en").id
        said = {"choice": choice, "locale": "en", "notice_id": read, "screen": "<p>what was read</p>"}
        return token, allow(token=token, user=user, now=at + MINUTE, **said)

    start = now - timedelta(hours=2)
    _, old = given(story, at=start, purpose="voice-cloning", operations=EVERYTHING)
    opened = open_session(app=story, grant_id=old.id, operations=None, now=start + 3 * MINUTE).session
    recording = upload(app=story, session_id=opened.id, data=speech(4.2), ttl=None, now=start + 4 * MINUTE).artifact
    voiceprint = make(
        opened, Kind.EMBEDDING, custody=Custody.NONE, of=[recording], dimensions=192, now=start + 5 * MINUTE
    )
    first, second = (
        make(opened, Kind.SYNTHESIS, of=[voiceprint], mark=LABEL, duration_ms=2_500, now=start + n * MINUTE)
        for n in (6, 7)
    )
    sweep(clock=lambda: start + 9 * MINUTE)
    close_session(app=story, session_id=opened.id, now=start + 10 * MINUTE)
    make(opened, Kind.SYNTHESIS, mark=WATERMARK, duration_ms=1_200, now=start + 11 * MINUTE)
    withdraw(grant_id=old.id, user=user, now=start + 20 * MINUTE)
    open_session(app=story, grant_id=old.id, operations=None, now=start + 21 * MINUTE)
    sweep(clock=lambda: start + 22 * MINUTE)
    confirm(Artifact.objects.get(id=first.id), now=start + 23 * MINUTE)
    make(opened, Kind.SYNTHESIS, of=[second], mark=WATERMARK, duration_ms=800, now=start + 25 * MINUTE)

    refused = question(
        door, now=start + 30 * MINUTE, purpose="speaker-verification", operations=("upload",), ref="user-2"
    )
    refuse(token=refused, user=user, locale="en", now=start + 31 * MINUTE)
    _, once = given(
        door, at=now - 40 * MINUTE, choice="once", purpose="speaker-verification", operations=("upload", "embed")
    )
    answered, standing = given(
        story, at=now - 30 * MINUTE, purpose="text-to-speech", operations=("upload", "synthesize")
    )
    seal()
    opened = open_session(app=story, grant_id=standing.id, operations=None, now=now - 3 * MINUTE).session
    recording = upload(app=story, session_id=opened.id, data=speech(3.5), ttl=None, now=now - 2 * MINUTE).artifact
    spoken = make(opened, Kind.SYNTHESIS, of=[recording], mark=LABEL, duration_ms=6_000, now=now - MINUTE)
    make(
        opened,
        Kind.SYNTHESIS,
        custody=Custody.VAULT,
        of=[recording, spoken],
        mark=WATERMARK,
        data=speech(2.0),
        now=now - MINUTE,
    )
    seal()
    waiting = question(story, now=now, purpose="voice-cloning", operations=EVERYTHING, client_state="s-1")
    return Life(user, story, door, waiting, answered, refused, standing, once)


@dataclass
class Leaving:
    """Two erasures of a life."""

    done: object
    """Certified."""
    waiting: object
    """One app has not confirmed, and is late."""


def leave(life, now):
    """Let the person be erased from two more apps: one confirms, one does not."""

    def ask_out(name, *, at):
        app = AppFactory(tenant=life.story.tenant, name=name)
        token = question(app, now=at, operations=EVERYTHING)
        grant = allow(token=token, user=life.user, choice="term", locale="en", now=at)
        session = open_session(app=app, grant_id=grant.id, operations=None, now=at + MINUTE).session
        recording = upload(app=app, session_id=session.id, data=speech(1.5), ttl=None, now=at + MINUTE).artifact
        kept = make(session, Kind.SYNTHESIS, of=[recording], mark=WATERMARK, duration_ms=3_000, now=at + 2 * MINUTE)
        (erasure,) = request_erasure.by_subject(user=life.user, app_id=app.id, now=at + 3 * MINUTE)
        sweep(clock=lambda: at + 3 * MINUTE)
        return erasure, kept

    waiting, _ = ask_out("Karaoke Bar", at=now - timedelta(days=8))
    done, kept = ask_out("Night Radio", at=now - 30 * MINUTE)
    confirm(kept, now=now - 20 * MINUTE)
    pursue(clock=lambda: now - 10 * MINUTE)
    seal()
    pursue(clock=lambda: now - 9 * MINUTE)
    for erasure in (waiting, done):
        erasure.refresh_from_db()
    return Leaving(done, waiting)


def reword(app, purpose, *, now, material=True, **english):
    """Publish the next version of a notice, in which some fields say something else, in both languages."""
    draft_notice(
        app_id=app.id,
        purpose=purpose,
        actor="operator",
        now=now,
        bodies={
            locale: newest_notice(app_id=app.id, purpose_id=purpose, locale=locale).body
            | {name: text if locale == "en" else CHINESE for name, text in english.items()}
            for locale in ("en", "zh-hans")
        },
    )
    version = Notice.objects.filter(app=app, purpose=purpose).latest("version").version
    return publish_notice(app_id=app.id, purpose=purpose, version=version, material=material, actor="operator", now=now)


CHINESE = "这句话的内容现在与之前不同。"


def restless(now):
    """A person whose consents stand in every way: changed in what matters and not, paused, used up with something left, one to come."""
    user = UserFactory()
    tenant = TenantFactory(name="Harbour Audio")
    found = {}
    for name in ("Storyteller", "Front Door", "Karaoke Bar", "Night Radio"):
        app = AppFactory(tenant=tenant, name=name, purposes=["voice-cloning"])
        choice = "once" if name == "Night Radio" else "term"
        token = question(app, now=now - 9 * MINUTE, operations=EVERYTHING)
        found[name] = allow(token=token, user=user, choice=choice, locale="en", now=now - 9 * MINUTE)
    reword(found["Storyteller"].app, "voice-cloning", now=now - 8 * MINUTE, kept="A recording is kept for 10 minutes.")
    reword(
        found["Karaoke Bar"].app, "voice-cloning", now=now - 8 * MINUTE, material=False, stored="Encrypted, and apart."
    )
    pause(grant_id=found["Front Door"].id, user=user, now=now - 7 * MINUTE)
    once = found["Night Radio"]
    session = open_session(app=once.app, grant_id=once.id, operations=None, now=now - 6 * MINUTE).session
    make(session, Kind.SYNTHESIS, mark=WATERMARK, duration_ms=2_000, now=now - 5 * MINUTE)
    close_session(app=once.app, session_id=session.id, now=now - 4 * MINUTE)
    lapse(now=now - 3 * MINUTE)
    seal()
    for grant in found.values():
        grant.refresh_from_db()
    return user, found
