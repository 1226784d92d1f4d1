"""The second half of the walk: gone on time, erased, certified; and whoever likes verifies all of it. Each function is a step or two."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.demo_log import Copy, published, verifier_of
from deploy.demo_parties import Unexpected, expect, expect_reason
from deploy.demo_use import app_deletes
from deploy.demo_walk import Walk
from ledger.note import Signer, Verifier
from retention import certificate

ERASED_WITHIN = 20.0
"""Seconds from the deadline on: the sweep runs every second; the rest is patience with a slow machine."""
CERTIFIED_WITHIN = 30.0


def the_voice_is_destroyed(walk: Walk) -> None:
    """Key and bytes go on time, by themselves."""
    deadline = datetime.fromisoformat(walk.upload["expires_at"])
    wait = max((deadline - datetime.now(UTC)).total_seconds(), 0)
    where = f"GET {walk.url}/api/v1/artifacts/{walk.upload['id']}"
    walk.say("service", "lets the upload's deadline come; nobody does anything", where, now=f"in {wait:.0f} s")
    time.sleep(wait)
    with walk.quiet():
        expect(walk.app.content(walk.upload["id"]), 410)
    walk.until(
        lambda: walk.app.artifact(walk.upload["id"])["state"] == "erased",
        within=ERASED_WITHIN,
        what="the voice is still there",
    )
    now = walk.app.artifact(walk.upload["id"])
    late = (datetime.fromisoformat(now["key_destroyed_at"]) - deadline).total_seconds()
    walk.say("service", "has destroyed the key, then the bytes", f"{walk.url}/records/", now=f"{late:.1f} s late")
    expect(walk.app.content(walk.upload["id"]), 410)
    walk.say("app", "finds nothing any more: 410 Gone", f"{where}/content")


def app_erases(walk: Walk) -> None:
    """One call withdraws everything of one user and has it erased, here and at the app."""
    with walk.cutting("holders"):
        walk.erasure = walk.app.erase(walk.user)
    where = f"{walk.url}/rights/erasures/{walk.erasure['id']}/"
    walk.say("app", "has the first user erased: withdrawn, and all of it to be destroyed", where, now=walk.user)
    expect_reason(walk.app.open_session(walk.grant), 403, "consent_withdrawn")
    walk.say("app", "wants a new session with that user and is refused", f"POST {walk.url}/api/v1/sessions")
    app_deletes(walk, [walk.speech["id"]])
    if walk.held[walk.speech["id"]].exists():
        raise Unexpected("The app's file is still there")
    walk.say(
        "app", "is asked by hook for the file that it kept, deletes it, and says so, signed", str(walk.folder / "app")
    )


def the_erasure_is_certified(walk: Walk) -> None:
    """When nothing is left, the openings die and the certificate is signed."""
    seconds = walk.until(
        lambda: walk.app.erasure(walk.erasure["id"])["state"] == "certified",
        within=CERTIFIED_WITHIN,
        what="the erasure is not certified",
    )
    now = walk.app.erasure(walk.erasure["id"])
    if any(holder["gone"] != holder["total"] for holder in now["holders"]):
        raise Unexpected("The erasure is certified, and not all of it is gone")
    expect(walk.app.content(walk.stored["id"]), 410)
    where = f"GET {walk.url}/api/v1/erasures/{walk.erasure['id']}"
    walk.say("service", "has destroyed every key of that user, and certified it", where, now=f"{seconds:.1f} s later")


def anyone_verifies_the_certificate(walk: Walk) -> None:
    """The certificate is checked here, by its two published keys."""
    walk.certificate = walk.app.certificate(walk.erasure["id"])
    file = _store(walk, "certificate.json", walk.certificate)
    walk.say("app", "fetches the certificate", file, now=f"{len(walk.certificate) / 1024:.0f} KiB")
    keys = _keys(walk)
    findings = certificate.verify(walk.certificate, **keys)
    if [finding.what for finding in findings] != ["certificate.verified"]:
        raise Unexpected(f"The certificate does not verify: {findings[0].message}")
    body = json.loads(walk.certificate)["certificate"]
    made = {each["id"] for each in (walk.upload, walk.voiceprint, walk.speech, walk.stored)}
    if {each["artifact"] for each in body["artifacts"]} != made:
        raise Unexpected("The certificate is not about what was made of that user")
    if walk.user in walk.certificate.decode():
        raise Unexpected("The certificate names the user")
    what = "verifies it here: signature, every entry in the log, every opening, and how each of the four things went"
    walk.say("anyone", what, file)


def forgeries_are_named(walk: Walk) -> None:
    """A changed certificate, and one that somebody else signed."""
    with walk.quiet():
        keys = _keys(walk)
    body = json.loads(walk.certificate)["certificate"]
    changed = walk.certificate.replace(b'"gone": "acknowledged"', b'"gone": "key_destroyed"')
    said = _named(changed, keys, "signature.other_text", "artifact.unproven")
    walk.say("forger", "changes how a thing went", _store(walk, "certificate-changed.json", changed), now=said)
    fewer = {**body, "artifacts": [each for each in body["artifacts"] if each["custody"] != "app"]}
    own = certificate.sign(fewer, signer=Signer(body["issuer"], Ed25519PrivateKey.generate()))
    said = _named(own, keys, "signature.broken", "erasure.count")
    what = "leaves a thing out and signs with a key of its own"
    walk.say("forger", what, _store(walk, "certificate-own.json", own), now=said)


def _keys(walk: Walk) -> dict[str, Verifier]:
    """Return the keys that the service publishes."""
    log = published(walk.public, json.loads(walk.certificate)["certificate"]["log"])
    return {"issuer": Verifier.from_vkey(log["certificates_vkey"]), "log": Verifier.from_vkey(log["vkey"])}


def _store(walk: Walk, name: str, data: bytes) -> str:
    (walk.folder / name).write_bytes(data)
    return str(walk.folder / name)


def _named(data: bytes, keys: dict[str, Verifier], *names: str) -> str:
    """Return what verification says of a forgery."""
    findings = {finding.what: finding for finding in certificate.verify(data, **keys)}
    if missing := [name for name in names if name not in findings]:
        raise Unexpected(f"Verification does not name what was done to the certificate ({missing[0]})")
    return "; ".join(findings[name].message for name in names)


def anyone_verifies_the_log(walk: Walk) -> None:
    """The whole log, downloaded, replayed offline."""
    origin = json.loads(walk.certificate)["certificate"]["log"]
    verifier, url = verifier_of(walk.public, origin)
    walk.checkpoint = f"{url}checkpoint"
    expect(walk.public.get(walk.checkpoint), 200)
    walk.copy = Copy(walk.folder / "downloaded", verifier)
    with walk.quiet():  # how many files there are depends on the log's size
        count = walk.copy.download(walk.public, url)
    now = f"{walk.copy.size} entries in {count} files"
    walk.say("anyone", "downloads the whole log", walk.checkpoint, now=now)
    findings = walk.copy.verify()
    if [finding.what for finding in findings] != ["log.verified"]:
        raise Unexpected(f"The log does not verify: {findings[0].message}")
    what = "verifies it here: signature, every entry, the chain, every tile, the root"
    walk.say("anyone", what, str(walk.copy.folder))


def tampering_is_named(walk: Walk) -> None:
    """Four ways to tamper with a copy, and what verification says to each."""
    one = walk.index
    other = one - 2 if one % 256 > 1 else one + 2
    tampered(
        walk, "changed", lambda copy: copy.change_byte(one), ("entry.changed", one), "changes one byte of an entry"
    )
    tampered(walk, "removed", lambda copy: copy.remove(one), ("entry.removed", one), "removes it")
    swapped = ("entry.swapped", min(one, other))
    tampered(walk, "swapped", lambda copy: copy.swap(one, other), swapped, "swaps it with another")
    rewritten = ("history.rewritten", None)
    what = "rewrites history from it on, chain and tiles anew"
    tampered(walk, "rewritten", lambda copy: copy.rewrite(one), rewritten, what)


def tampered(walk: Walk, name: str, act: Callable[[Copy], None], expected: tuple[str, int | None], what: str) -> None:
    """Tamper with a copy called `name`; verification must name it."""
    copy = walk.the_copy().another(name)
    act(copy)
    findings = copy.verify()
    named = [finding.message for finding in findings if (finding.what, finding.index) == expected]
    if not named:
        said = "; ".join(finding.message for finding in findings[:3])
        raise Unexpected(f"Verification does not name what was done to {copy.folder}; it says: {said}")
    walk.say("forger", f"{what} in a copy, and verification says so", str(copy.folder), now=named[0])
