"""`consonant doctor`: is this host fit to work with voices? One line a finding, `ok:`, `warning:` or `error:`; 1 where there is an error.

It looks at the settings, the folder of state and who else may read it, the keys, whether the service answers, knows the app and has the same
time, what waits in the queue, and what was given up: a record that the service will never take. `--fix` makes what is missing (folders,
keys, the signer of clips) and takes rights away from others; `--drop-dead` forgets what was given up. Nothing of a record is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from consonant.errors import ConsonantError, Misconfigured, Rejected, Unavailable
from consonant.settings import Settings, folder, key_at, secret_of, state_of

_SKEW: Final = 60.0
_OLD: Final = 3600.0
_SCOPES: Final = ("consent", "record")


class Line:
    """A finding. `level`: ok, warning or error."""

    def __init__(self, level: str, what: str, message: str) -> None:
        self.level, self.what, self.message = level, what, message

    def __str__(self) -> str:
        return f"{self.level}: {self.what}: {self.message}"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's parser."""
    about = "is this host fit: settings, keys, the service, the queue"
    made = commands.add_parser("doctor", help=about, description=__doc__, allow_abbrev=False)
    made.add_argument("--fix", action="store_true", help="make what is missing, and take rights away from others")
    made.add_argument("--drop-dead", action="store_true", help="forget the records that the service will never take")
    made.add_argument("--json", action="store_true", help="each finding as a JSON object on a line")
    made.set_defaults(program=run)


def run(args: argparse.Namespace) -> int:
    """Look at everything; return the exit status."""
    failed = False
    for each in examine(fix=args.fix, drop_dead=args.drop_dead):
        failed |= each.level == "error"
        said = json.dumps(vars(each)) if args.json else str(each)
        sys.stdout.write(f"{said}\n")
    return int(failed)


def examine(*, fix: bool = False, drop_dead: bool = False) -> Iterator[Line]:
    """Yield the findings about the host that the environment describes."""
    state = state_of()
    yield from _state(state, fix=fix)
    yield from _queue(state, drop_dead=drop_dead)
    yield from _held(state)
    yield from _signer(state, fix=fix)
    try:
        settings = Settings.from_env()
    except Misconfigured as error:
        yield Line("error", "settings", str(error))
        return
    yield Line("ok", "settings", "complete")
    yield from _service(settings)
    if not secret_of(os.environ, "CONSONANT_HOOK_SECRET"):
        yield Line(
            "warning", "hooks", "no CONSONANT_HOOK_SECRET: erasures have to be looked for and acknowledged by you"
        )


def _state(state: Path, *, fix: bool) -> Iterator[Line]:
    try:
        if fix:
            folder(state)
            for path in [state, *state.rglob("*")]:
                if not path.is_symlink() and path.stat().st_mode & 0o077:
                    path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
        if not state.is_dir():
            yield Line("error", "state", "the folder of state is not there: --fix makes it")
            return
        open_to_others = [
            each for each in [state, *state.rglob("*")] if not each.is_symlink() and each.stat().st_mode & 0o077
        ]
        if os.name == "posix" and open_to_others:
            yield Line(
                "error", "state", f"{len(open_to_others)} files or folders of it are open to others: --fix closes them"
            )
        else:
            yield Line("ok", "state", "there, and closed to others")
        host = Path(os.environ.get("CONSONANT_HOST_KEY_FILE") or state / "host.key")
        for path in (host, state / "queue.key"):
            if not fix and not path.exists():
                yield Line("warning", "key", f"{path.name} is not there yet: it is made when it is needed")
                continue
            key_at(path)
            yield Line("ok", "key", path.name)
    except (OSError, Misconfigured) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        yield Line("error", "state", f"cannot be used: {reason}")


def _queue(state: Path, *, drop_dead: bool) -> Iterator[Line]:
    from consonant.queue import Queue

    for where, what in ((state, "queue"), (state / "guard", "guard's queue")):
        queue = Queue(where)
        if drop_dead:
            for name in queue.buried():
                (queue.dead / f"{name}.sealed").unlink(missing_ok=True)
        waiting, dead = queue.waiting(), queue.buried()
        if dead:
            yield Line(
                "error",
                what,
                f"{len(dead)} records were given up: the service does not take them (--drop-dead forgets them)",
            )
        age = time.time() - int(waiting[0].partition("-")[0]) / 1e9 if waiting else 0.0
        if age > _OLD:
            yield Line("warning", what, f"{len(waiting)} wait, the oldest for {age / 3600:.0f} hours")
        elif not dead:
            yield Line("ok", what, f"{len(waiting)} wait")


def _held(state: Path) -> Iterator[Line]:
    from consonant.held import Held
    from consonant.queue import Broken

    broken, held = 0, Held(state)
    for each in (state / "held").glob("[0-9a-f]*"):
        try:
            held.paths(each.name)
        except (Broken, OSError, ValueError):
            broken += 1
    if broken:
        yield Line(
            "error", "held", f"of {broken} artifacts it cannot be read which files are theirs: another queue.key"
        )


def _signer(state: Path, *, fix: bool) -> Iterator[Line]:
    try:
        import c2pa  # noqa: F401 - what writes the manifests

        from consonant.mark import signer_of
    except ImportError as missing:
        yield Line("warning", "mark", f"clips cannot be marked here: {missing.name} is missing (install with [mark])")
        return
    if not fix and not (state / "c2pa" / "signer.pem").exists():
        yield Line("warning", "mark", "the signer of clips is not there yet: it is made when it is needed")
        return
    try:
        signer_of(state)
    except (OSError, ValueError) as error:
        yield Line("error", "mark", f"the signer of clips cannot be used: {type(error).__name__}")
        return
    yield Line("ok", "mark", "clips can be marked")


def _service(settings: Settings) -> Iterator[Line]:
    from consonant.client import Client
    from consonant.transport import Transport
    from consonant.wire import Call, run, tried

    transport = Transport(settings)
    try:
        answer = run(tried(Call("GET", "/healthz"), deadline=5.0), transport.send)
    except Unavailable:
        yield Line("error", "service", "it does not answer")
        return
    finally:
        transport.close()
    yield Line("ok", "service", "it answers")
    with contextlib.suppress(ValueError):  # a proxy's date that is none
        skew = abs(parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - time.time())
        if skew > _SKEW:
            yield Line("error", "clock", f"it differs from the service's by {skew:.0f} seconds")
        else:
            yield Line("ok", "clock", "agrees with the service's")
    with Client(settings) as client:
        try:
            client.grants("consonant-doctor")
            yield Line("ok", "app", "the service knows it")
        except Rejected as error:
            yield Line(
                "error",
                "app",
                f"the service does not take its credentials, or it lacks a scope of {', '.join(_SCOPES)}: {error.status}",
            )
        except ConsonantError as error:
            yield Line("error", "app", str(error))
