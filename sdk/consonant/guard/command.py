"""`consonant guard`: the guard as a program, until SIGTERM or SIGINT, which end it with 0."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import signal
import sys
from pathlib import Path
from typing import Final

from consonant.errors import Misconfigured
from consonant.guard.profiles import PROFILES, SOUND, Watched
from consonant.settings import secret_of, state_of

_FAILED: Final = 1
_NOT_UNDERSTOOD: Final = 2
_DURATION: Final = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?|(\d+)", flags=re.ASCII)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's parser."""
    about = "watch a voice app's folders: remove residue, report what has no entry"
    made = commands.add_parser("guard", help=about, description=__doc__, allow_abbrev=False)
    made.add_argument(
        "--profile", choices=PROFILES, default="other", help="which app it is: its folders and their times"
    )
    made.add_argument("--app-dir", type=Path, metavar="DIR", help="where the app lies")
    made.add_argument(
        "--watch",
        action="append",
        default=[],
        metavar="DIR[=TTL]",
        help="one more folder; with TTL (PT5M, 300) its sound is removed then, without it each new clip needs an entry",
    )
    made.add_argument(
        "--port-allowed", action="append", type=int, default=[], metavar="PORT", help="one that may be open"
    )
    made.add_argument("--all-ports", action="store_true", help="look at the host's ports, not the app's alone")
    made.add_argument("--expects-sysmon", action="store_true", help="Sysmon has to run here: say so when it does not")
    made.add_argument(
        "--once",
        action="store_true",
        help="sweep and scan once, send it, and end: 1 if a port is open that should not be",
    )
    made.set_defaults(program=run)


def run(args: argparse.Namespace) -> int:
    """Run until it is told to end; return the exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    logging.getLogger().handlers[0].setFormatter(_Lines())
    try:
        from consonant.guard.plain import Plain
        from consonant.guard.sidecar import Plan, Sidecar

        plan = Plan(
            profile=args.profile,
            app=args.app_dir.resolve() if args.app_dir else None,
            watched=tuple(_watched(each) for each in args.watch),
            allowed=frozenset(args.port_allowed),
            of_host=args.all_ports,
            expects_sysmon=args.expects_sysmon,
        )
        url, token = _needed()
        names = {"ca": "CONSONANT_CA", "certificate": "CONSONANT_CLIENT_CERT", "key": "CONSONANT_CLIENT_KEY"}
        plain = Plain(url, token, **{each: os.environ.get(name, "") for each, name in names.items()})
        sidecar = Sidecar(plan, state=state_of(), send=plain.send)
    except ImportError as missing:
        return _stopped(f"this needs {missing.name}: install the wheel with [guard] behind its name")
    except (Misconfigured, OSError) as error:
        return _stopped(str(error))
    ends: list[int] = []
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _frame: ends.append(number))
    sidecar.start()
    try:
        if args.once:
            sidecar.sweep()
            bad = sidecar.scan()
            sidecar.turn()
            return _FAILED if bad else 0
        while not ends:
            sidecar.turn()
    finally:
        sidecar.stop()
        plain.close()
    return 0


class _Lines(logging.Formatter):
    """Each line a JSON object, with no more than its words and counts."""

    def format(self, record: logging.LogRecord) -> str:
        said = {"level": record.levelname.lower(), "event": record.getMessage()}
        if isinstance(count := getattr(record, "count", None), int):
            said["count"] = str(count)
        return json.dumps(said)


def _watched(said: str) -> Watched:
    name, _, time = said.rpartition("=") if "=" in said else (said, "", "")
    path = Path(name).resolve()  # a link that the operator names is meant
    if not time:
        return Watched(path, SOUND, None, is_reported=True)
    found = _DURATION.fullmatch(time)
    if found is None or time == "PT":
        raise Misconfigured("a folder's time is PT1H, PT5M, PT30S, PT1M30S or seconds")
    hours, minutes, seconds, bare = (int(each or 0) for each in found.groups())
    return Watched(path, SOUND, float(hours * 3600 + minutes * 60 + seconds + bare))


def _needed() -> tuple[str, str]:
    url, token = os.environ.get("CONSONANT_URL", ""), secret_of(os.environ, "CONSONANT_AGENT_TOKEN")
    if not token or not url:
        raise Misconfigured("CONSONANT_URL and CONSONANT_AGENT_TOKEN (or _FILE) have to be set")
    return url, token


def _stopped(sentence: str) -> int:
    sys.stderr.write(f"consonant guard: {sentence}\n")
    return _NOT_UNDERSTOOD
