"""The first half of the walk: asked, allowed, used, made, and switched off. Each function is a step or two."""

import json
import secrets
import time
from typing import Any

from deploy.demo_log import verifier_of
from deploy.demo_parties import Unexpected, expect, expect_reason
from deploy.demo_walk import Walk, clock
from ledger import proof
from ledger.errors import LedgerError
from ledger.note import Verifier

TTL_SECONDS = 8
HOOK_WITHIN = 20.0
WATERMARK = {"kind": "watermark", "watermark_id": "booth:wm-1"}
AIGC: dict[str, Any] = {
    "kind": "aigc",
    "metadata": {"Label": "1", "ContentProducer": "Voice Booth", "ProduceID": "booth-1"},
    "audible_label": "voice_prompt",
}
MODEL = "demo-resnet"


def app_signs_in(walk: Walk) -> None:
    """Client credentials become a token."""
    walk.app.authenticate()
    walk.say("app", "signs in with its client credentials and gets a token", f"POST {walk.url}/oauth/token")


def app_subscribes(walk: Walk) -> None:
    """The app's own address answers a challenge; from then on it is told what to delete."""
    made = walk.app.subscribe("artifact.erase_requested", walk.receiver.url)
    walk.hook = made["id"]
    walk.receiver.trust(made["secret"])
    if walk.recorder and walk.receiver.challenge:
        walk.recorder.delivered(walk.receiver.challenge)
    what = "asks to be told what it has to delete; its address answers a challenge"
    walk.say("app", what, f"POST {walk.url}/api/v1/hooks")


def app_asks(walk: Walk) -> Any:
    """A consent request becomes a link."""
    asked = walk.ask()
    walk.user = asked["user"]
    walk.say("app", "asks for the voice of one of its users for 30 days, and gets a link", asked["url"], now=walk.user)
    page = walk.speaker.answer(asked["url"], "term")
    walk.say("speaker", "signs in, reads the notice and allows it for the term", f"{walk.url}/apps/", now=page.heading)
    walk.grant = walk.granted(asked)
    session = expect(walk.app.open_session(walk.grant), 201).json()
    walk.session = session["id"]
    walk.say("app", "holds a grant and opens a session", f"{walk.url}/", now=f"until {clock(session['expires_at'])}")


def app_uploads(walk: Walk) -> None:
    """The voice goes into the vault, with a deadline; a request that is repeated does nothing twice."""
    key = secrets.token_urlsafe(16)
    response = walk.app.upload(walk.session, walk.clips["slt-1"], ttl=f"PT{TTL_SECONDS}S", key=key)
    walk.upload = expect(response, 201).json()
    what = f"uploads slt-1.wav, {walk.upload['duration_ms'] / 1000:.1f} s of speech, to live {TTL_SECONDS} s"
    walk.say("app", what, f"{walk.url}/records/", now=f"until {clock(walk.upload['expires_at'])}")
    again = walk.app.upload(walk.session, walk.clips["slt-1"], ttl=f"PT{TTL_SECONDS}S", key=key)
    if expect(again, 201).json() != walk.upload or again.headers.get("Idempotency-Replayed") != "true":
        raise Unexpected("The same request under the same Idempotency-Key was not answered as at first")
    walk.say("app", "sends the same again under the same key: the first answer, and no second recording", walk.url)
    if expect(walk.app.content(walk.upload["id"]), 200).content != walk.clips["slt-1"]:
        raise Unexpected("The vault gave back other bytes than it was given")
    walk.say("app", "reads the same bytes back", f"GET {walk.url}/api/v1/artifacts/{walk.upload['id']}/content")


def anyone_checks_the_entry(walk: Walk) -> None:
    """The upload's entry is under the log's signature."""
    ref = walk.upload["entry"]
    entry, text = walk.app.entry(ref)
    with walk.quiet():
        verifier, _ = verifier_of(walk.public, entry["log"])
    proven = _prove(text, entry["leaf"], verifier)
    walk.index = proven.index
    where = f"{walk.url}/api/v1/entries/{ref}/proof"
    now = f"entry {proven.index} of {proven.checkpoint.size}"
    walk.say("anyone", "verifies here that the upload's entry is under the log's signature", where, now=now)


def _prove(text: str, leaf: str, verifier: Verifier) -> proof.Proven:
    try:
        return proof.verify(text, leaf.encode(), [verifier])
    except LedgerError as error:
        raise Unexpected(f"The proof of the entry does not verify: {error}") from None


def app_makes_a_voiceprint(walk: Walk) -> None:
    """What is never stored is recorded too."""
    facts: dict[str, Any] = {"dimensions": 192, "model": MODEL, "custody": "none", "derived_from": [walk.upload["id"]]}
    walk.voiceprint = _permitted(walk.app.record("embeddings", walk.session, **facts))
    walk.say("app", "makes a voiceprint of it in memory, and records that; nobody stores it", f"{walk.url}/records/")


def app_synthesises(walk: Walk) -> None:
    """Marked as AI-made, or not recorded."""
    facts: dict[str, Any] = {"custody": "app", "derived_from": [walk.voiceprint["id"]], "duration_ms": 3600}
    expect_reason(walk.app.record("syntheses", walk.session, **facts), 422, "missing")
    walk.say("app", "records speech without a mark that it is AI-made, and is refused", f"{walk.url}/records/")
    walk.speech = _permitted(walk.app.record("syntheses", walk.session, mark=WATERMARK, **facts))
    walk.keep(walk.speech["id"], speech=walk.clips["rms-1"])
    where = str(walk.held[walk.speech["id"]])
    walk.say("app", "records it with its watermark, and keeps the file itself", where)
    stored = walk.app.record_with(
        "syntheses", walk.session, _labelled(walk.clips["rms-2"]), mark=AIGC, derived_from=[walk.voiceprint["id"]]
    )
    walk.stored = _permitted(stored)
    walk.say("app", "leaves a second clip, with the AIGC label of GB 45438, in the vault", f"{walk.url}/records/")


def _labelled(wav: bytes) -> bytes:
    """Return the clip with its AIGC metadata in a chunk of its own, as the mark declares it."""
    said = json.dumps({"AIGC": AIGC["metadata"]}).encode()
    chunk = b"AIGC" + len(said).to_bytes(4, "little") + said + b"\0" * (len(said) % 2)
    return wav[:4] + (len(wav) + len(chunk) - 8).to_bytes(4, "little") + wav[8:] + chunk


def _permitted(response: Any) -> Any:
    made = expect(response, 201).json()
    if made["standing"] != "permitted":
        raise Unexpected(f"What was made in a living session was recorded as {made['standing']}")
    return made


def speaker_allows_once(walk: Walk) -> None:
    """One use, and no second."""
    asked = walk.ask()
    walk.say("app", "asks for another user", asked["url"], now=asked["user"])
    walk.speaker.answer(asked["url"], "once")
    once = walk.granted(asked)
    walk.say("speaker", "allows it once", f"{walk.url}/apps/")
    session = expect(walk.app.open_session(once), 201).json()
    kept = expect(walk.app.upload(session["id"], walk.clips["slt-2"]), 201).json()
    what = "uses it: a session, and slt-2.wav, which policy keeps for five minutes"
    walk.say("app", what, f"{walk.url}/records/", now=f"until {clock(kept['expires_at'])}")
    refused = expect_reason(walk.app.open_session(once), 403, "uses_exhausted").json()
    walk.say("app", f"wants a second session and is refused: {refused['detail']}", f"{walk.url}/records/")


def speaker_refuses(walk: Walk) -> None:
    """No is an answer, and without a session nothing is taken."""
    asked = walk.ask()
    walk.say("app", "asks for a third user", asked["url"], now=asked["user"])
    walk.speaker.answer(asked["url"], "refuse")
    answer = walk.app.answer(asked["id"])
    if answer["state"] != "refused" or answer["grant"]:
        raise Unexpected(f'The speaker refused, and the app reads the state "{answer["state"]}"')
    walk.say("speaker", "refuses; the app reads it and holds no grant", f"{walk.url}/records/")
    expect(walk.app.upload(asked["id"], walk.clips["rms-1"]), 404)
    where = f"POST {walk.url}/api/v1/uploads"
    walk.say("app", "sends rms-1.wav all the same; without a session nothing is taken: 404", where)


def two_voices(walk: Walk) -> None:
    """A second person's voice gives the feeling: one act, an artifact for each of them."""
    sessions = []
    for who in (walk.speaker, walk.actor):
        asked = walk.ask()
        who.answer(asked["url"], "term")
        grant = walk.granted(asked)
        sessions.append(expect(walk.app.open_session(grant), 201).json()["id"])
        walk.switched_off = walk.switched_off or grant
    walk.dead_session = sessions[0]
    walk.say("actor", "allows a voice too, for its feeling; the speaker has allowed a further use", f"{walk.url}/apps/")
    made = _permitted(
        walk.app.record("syntheses", sessions[0], with_sessions=sessions[1:], custody="app", mark=WATERMARK)
    )
    halves = [made["id"], *(other["id"] for other in made["others"])]
    if len(halves) != 2 or {other["act"] for other in made["others"]} != {made["act"]}:
        raise Unexpected("One act with two voices is not one artifact for each person")
    walk.asked_for += halves
    walk.keep(*halves, speech=walk.clips["slt-2"])
    walk.say("app", "records one clip of both voices: one act, an entry for each person", f"{walk.url}/records/")


def speaker_switches_off(walk: Walk) -> None:
    """One click, and the next use is refused; a use all the same is entered as what it is."""
    began = time.monotonic()
    walk.speaker.withdraw(walk.switched_off)
    seconds = time.monotonic() - began
    walk.say("speaker", "switches that off: one click", f"{walk.url}/apps/", now=f"{seconds:.1f} s with the pages")
    refused = expect_reason(walk.app.open_session(walk.switched_off), 403, "consent_withdrawn").json()
    where = f"POST {walk.url}/api/v1/sessions"
    walk.say("app", f"wants a new session and is refused: {refused['detail']}", where)
    expect_reason(walk.app.upload(walk.dead_session, walk.clips["rms-2"]), 403, "consent_withdrawn")
    walk.say("app", "sends rms-2.wav into the session that was open, and is refused too", f"{walk.url}/records/")
    response = walk.app.record("syntheses", walk.dead_session, custody="app", mark=WATERMARK)
    made = expect(response, 201).json()
    if (made["standing"], made["reason"]) != ("unpermitted", "consent_withdrawn"):
        raise Unexpected(f"Speech made after the withdrawal was recorded as {made['standing']}")
    walk.asked_for.append(made["id"])
    walk.keep(made["id"], speech=walk.clips["rms-2"])
    what = "admits speech made after that: a fact is entered, as use.unpermitted, with the duty to destroy it at once"
    walk.say("app", what, f"{walk.url}/records/")


def app_deletes(walk: Walk, artifacts: list[str]) -> None:
    """Wait for the service's word about each, delete its file, and acknowledge it, signed."""
    for artifact in artifacts:
        delivery = walk.receiver.take(artifact, within=HOOK_WITHIN)
        if walk.recorder:
            walk.recorder.delivered(delivery)
        walk.held[artifact].unlink(missing_ok=True)
        said = walk.app.acknowledge(artifact, secret=walk.receiver.secret)
        if said["state"] != "erased":
            raise Unexpected(f'What the app says it has deleted is "{said["state"]}"')


def what_both_made_goes(walk: Walk) -> None:
    """What was made in one go goes in one go, whoever of its people takes the word back."""
    app_deletes(walk, walk.asked_for)
    what = "is asked by hook to delete it, and both halves of the clip of two voices; does, and says so, signed"
    walk.say("app", what, str(walk.folder / "app"))
