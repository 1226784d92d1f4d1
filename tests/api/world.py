"""One of everything that an app can name, made as apps and people make it."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from django.utils import timezone

from accounts.models import App
from consent.allow import allow
from consent.ask import ask
from consent.models import Delegation, Grant
from ledger.publish import publish
from ledger.sequence import sequence
from retention.export import export
from retention.make_exports import make_exports
from retention.models import Export
from retention.pursue import pursue
from retention.register_processor import Words, register_processor
from retention.sweep import sweep
from retention.take_export import link_of
from tests.conftest import Api, speech
from tests.factories import UserFactory
from tests.hooks.receiver import Receiver
from zkp.models import Verdict

SCOPES = "consent record hooks guard"
OPERATIONS = ["upload", "embed", "synthesize"]


@dataclass
class World:
    """What is there of one app, by the names of the addresses' arguments."""

    app: App
    api: Api
    grant: Grant
    grant_id: uuid.UUID
    request_id: uuid.UUID
    session_id: uuid.UUID
    artifact_id: uuid.UUID
    """A recording in the vault."""
    held_id: uuid.UUID
    """Synthetic speech that the app holds, of somebody who is being erased: it has to be acknowledged."""
    erasure_id: uuid.UUID
    """Of somebody else, done and certified."""
    hook_id: uuid.UUID
    statement_id: uuid.UUID
    """A phrase that waits to be said."""
    delegation_id: uuid.UUID
    """Somebody asks to act for somebody; no app knows of it."""
    processor_id: uuid.UUID
    disclosure_id: uuid.UUID
    """Of what the app holds, to that processor."""
    challenge_id: uuid.UUID
    """A question that nobody has answered."""
    verdict_id: uuid.UUID
    """Of one that was answered."""
    origin: str
    """The log's."""
    ref: uuid.UUID
    receiver: Receiver
    user_id: str = "user-1"

    @property
    def export_id(self) -> uuid.UUID:
        """Of a file with all that is known of the person, ready to be taken."""
        return self._export.id

    @property
    def export_token(self) -> str:
        """By which that file is taken."""
        return link_of(self._export)

    @cached_property
    def _export(self) -> Export:
        asked = export(user=self.grant.subject.user, by=None, now=timezone.now())
        make_exports(clock=timezone.now)
        asked.refresh_from_db()
        assert asked.state == Export.State.READY
        return asked


def allowed(app, user, *, ref):
    """A grant of the person to the app."""
    now = timezone.now()
    words = {"purpose": "voice-cloning", "operations": OPERATIONS, "term": timedelta(days=30)}
    asked = ask(app=app, subject_ref=ref, now=now, **words)
    return allow(token=asked.token, user=user, choice="term", locale="en", now=now)


def made(answer, status=201):
    assert answer.status_code == status, answer.content
    return answer.json()


def build(app, receiver: Receiver) -> World:
    """Make it all."""
    api = Api(app, scope=SCOPES)
    hook = made(api.post("/api/v1/hooks", {"event": "consent.given", "target_url": receiver.url}))
    allowed(app, UserFactory(), ref="user-0")
    gone = made(api.post("/api/v1/erasures", {"subject_ref": "user-0"}), 202)
    for _ in range(2):
        pursue(clock=timezone.now)
        sequence(origin=app.tenant.origin)
        publish(origin=app.tenant.origin, now=timezone.now())
    grant = allowed(app, UserFactory(), ref="user-1")
    session = made(api.post("/api/v1/sessions", {"grant": str(grant.id)}))
    artifact = made(api.upload(session["id"], speech()))
    phrase = made(api.post(f"/api/v1/grants/{grant.id}/statements", {}))
    asked = Delegation.objects.create(
        principal=UserFactory(), delegate=UserFactory(), relationship="attorney", requested_at=timezone.now()
    )
    theirs = made(api.post("/api/v1/sessions", {"grant": str(allowed(app, UserFactory(), ref="user-2").id)}))
    facts = {"session": theirs["id"], "custody": "app", "mark": {"kind": "watermark", "watermark_id": "wm-7"}}
    held = made(api.post("/api/v1/syntheses", facts))
    words = Words("A recogniser", "Speech recognition", "US", "privacy@asr.test", "DPA 7", timedelta(days=30))
    processor = register_processor(app=app, words=words, officer="7", now=timezone.now()).processor
    passed_on = {"processor": str(processor.id), "basis": "consent"}
    disclosed = made(api.post(f"/api/v1/artifacts/{held['id']}/disclosures", passed_on))
    made(api.post("/api/v1/erasures", {"subject_ref": "user-2"}), 202)
    sweep(clock=timezone.now)
    pursue(clock=timezone.now)
    sequence(origin=app.tenant.origin)
    publish(origin=app.tenant.origin, now=timezone.now())
    body = {"statement": "own", "purpose": "to let you in", "log": app.tenant.origin}
    question = made(api.post("/api/v1/challenges", body))
    return World(
        app=app,
        api=api,
        grant=grant,
        grant_id=grant.id,
        request_id=grant.request_id,
        session_id=session["id"],
        artifact_id=artifact["id"],
        held_id=held["id"],
        erasure_id=gone["id"],
        hook_id=hook["id"],
        statement_id=phrase["id"],
        delegation_id=asked.id,
        processor_id=processor.id,
        disclosure_id=disclosed["id"],
        challenge_id=question["id"],
        verdict_id=Verdict.objects.create(id=uuid.uuid4(), holds=False, checked_at=timezone.now()).id,
        origin=app.tenant.origin,
        ref=artifact["entry"],
        receiver=receiver,
    )
