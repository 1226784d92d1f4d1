"""A studio that makes speaking pictures of people: what its consents, recordings and sessions are, over REST."""

import io
from datetime import timedelta

import numpy as np
from django.utils import timezone
from PIL import Image

from consent.allow import allow
from consent.ask import ask
from tests.conftest import speech

WATERMARK = {"kind": "watermark", "watermark_id": "wm-7"}
BOTH = ["portrait", "voice"]
COLLECT = ["embed", "synthesize", "upload"]


def picture(width=96, height=128, kind="JPEG", **words):
    """Bytes of a picture that decodes: noise, for tests in which nobody looks."""
    out = io.BytesIO()
    noise = np.random.default_rng(7).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, format=kind, **words)
    return out.getvalue()


def allowed(
    app, user, operations, *, purpose="digital-human", scope=("portrait", "voice"), choice="term", ref="user-1"
):
    """A consent of the person to the app."""
    now = timezone.now()
    asked = ask(
        app=app,
        subject_ref=ref,
        purpose=purpose,
        operations=list(operations),
        scope=scope,
        term=timedelta(days=30),
        now=now,
    )
    return allow(token=asked.token, user=user, choice=choice, locale="en", now=now)


def opened(api, grant, **words):
    """The answer to the call that opens a session."""
    return api.post("/api/v1/sessions", {"grant": str(grant.id), **words})


def begun(api, grant, **words):
    """The id of a session."""
    answer = opened(api, grant, **words)
    assert answer.status_code == 201, answer.content
    return answer.json()["id"]


def portray(api, session, data=None, **fields):
    """The answer to the upload of a portrait."""
    file = io.BytesIO(picture() if data is None else data)
    file.name = "face.jpg"
    return api.client.post("/api/v1/uploads", {"session": session, "portrait": file, **fields}, headers=api.headers)


def face_and_voice(api, session):
    """The ids of a portrait and of a recording, in the vault."""
    face, voice = portray(api, session), api.upload(session, speech())
    assert (face.status_code, voice.status_code) == (201, 201), (face.content, voice.content)
    return [face.json()["id"], voice.json()["id"]]


def synthesise(api, session, sources, **words):
    """What was recorded of a clip made from these."""
    body = {"session": session, "mark": WATERMARK, "derived_from": sources, "custody": "app", **words}
    answer = api.post("/api/v1/syntheses", body)
    assert answer.status_code == 201, answer.content
    return answer.json()
