"""`make demo`: walks the main job on the running service over HTTP, as its parties do, and says each step in one line.

The app asks, the speaker answers at the portal, a voice is recorded and used; it is switched off, destroyed on time, erased and
certified; and whoever likes verifies the certificate and a copy of the log, and sees that no tampering goes unnamed. Every run uses
new names for the app's users, so it can be repeated. Every answer is checked: the first that is not as it must be ends the walk with
one sentence and exit code 1. What it did and where that can be seen stands in `var/demo/tour.json` afterwards.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from deploy import demo_end, demo_use
from deploy.demo_parties import Service, Unexpected, expect
from deploy.demo_record import Recorder
from deploy.demo_walk import PROJECT, Walk

STEPS = [
    demo_use.app_signs_in,
    demo_use.app_subscribes,
    demo_use.app_asks,
    demo_use.app_uploads,
    demo_use.anyone_checks_the_entry,
    demo_use.app_makes_a_voiceprint,
    demo_use.app_synthesises,
    demo_use.speaker_allows_once,
    demo_use.speaker_refuses,
    demo_use.two_voices,
    demo_use.speaker_switches_off,
    demo_use.what_both_made_goes,
    demo_end.the_voice_is_destroyed,
    demo_end.app_erases,
    demo_end.the_erasure_is_certified,
    demo_end.anyone_verifies_the_certificate,
    demo_end.forgeries_are_named,
    demo_end.anyone_verifies_the_log,
    demo_end.tampering_is_named,
]


def copies_folder(var: Path) -> Path:
    """Make a folder for this run's files; those of runs more than an hour ago go."""
    parent = var / "demo"
    parent.mkdir(mode=0o700, exist_ok=True)
    for old in parent.glob("run-*"):
        if old.stat().st_mtime < time.time() - 3600:
            shutil.rmtree(old)
    return Path(tempfile.mkdtemp(prefix="run-", dir=parent))


def write_whole(path: Path, text: str, *, mode: int) -> None:
    """Write a file so that it is seen whole or not at all."""
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(aside).chmod(mode)
    Path(aside).replace(path)


def point(walk: Walk) -> None:
    """Say where the person and the officer see what the walk made."""
    artifact, erasure = walk.upload["id"], walk.erasure["id"]
    event = walk.receiver.take(walk.speech["id"], within=0).event["id"]
    for title, path, what in (
        ("My records", "/records/", "every entry about the speaker that can still be read, newest first"),
        ("My apps", "/apps/", "what was allowed, used up, refused and switched off"),
        ("My rights", "/rights/", "what can be had and erased, and what was"),
        ("The erasure", f"/rights/erasures/{erasure}/", "who was told, who confirmed; the certificate"),
        (
            "Proof of an entry",
            f"/api/v1/entries/{walk.upload['entry']}/proof",
            "the upload is under the log's signature",
        ),
        ("The log's checkpoint", walk.checkpoint, "the signed head of the log that all of this is in"),
        ("The artifact", f"/admin/retention/artifact/{artifact}/change/", "for the officer: the upload, gone on time"),
        ("The deadlines", f"/admin/retention/erasure/{erasure}/change/", "for the officer: where each holder stands"),
        ("The delivery", f"/admin/hooks/delivery/?event_id={event}", "for the officer: the hook that told the app"),
    ):
        walk.link(title, path, what)


def walk_through(var: Path, *, record: Path | None) -> None:
    """Take every step.

    Raises:
        Unexpected: The service does not run, or something is not as it must be.
    """
    service = Service.of(var)
    began = time.monotonic()
    try:
        with service.client() as client:
            expect(client.get("/readyz"), 200)
    except httpx.TransportError:
        raise Unexpected(
            f"The service is not running at {service.url}: `make run` in another terminal starts it."
        ) from None
    recorder = Recorder(url=service.url) if record else None
    walk = Walk(service, copies_folder(var), recorder)
    try:
        for step in STEPS:
            step(walk)
    except httpx.TransportError as error:
        raise Unexpected(f"The service stopped answering ({type(error).__name__})") from None
    except (LookupError, ValueError) as error:
        raise Unexpected(f"The service answered what cannot be read here ({type(error).__name__}: {error})") from error
    finally:
        walk.close()
    point(walk)
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    tour = {"at": at, "steps": walk.steps, "links": walk.links}
    write_whole(var / "demo" / "tour.json", json.dumps(tour, indent=1, ensure_ascii=False), mode=0o600)
    if record and recorder:
        write_whole(record, recorder.page(), mode=0o644)
    size = walk.the_copy().size
    print(
        f"\nAll as it must be, in {time.monotonic() - began:.0f} s: 3 consents for a term, 1 for once, 1 refusal, 1 switched off;"
        f" 1 erasure, certified;\n8 things recorded, 7 of them gone; 2 forgeries of the certificate and 4 tamperings with the log named;"
        f" {size} entries verified.\nSee it as the speaker at {service.url}/records/ and as the officer at {service.url}/admin/."
    )


def main(arguments: list[str] | None = None) -> int:
    """Walk, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.demo", description="Walk the main job on the running service."
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="write every request and answer down as Markdown")
    said = parser.parse_args(arguments)
    try:
        walk_through(Path(os.environ.get("CONSONANT_VAR") or PROJECT / "var").absolute(), record=said.record)
    except Unexpected as error:
        print(f"{error}".rstrip(".") + ".", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
