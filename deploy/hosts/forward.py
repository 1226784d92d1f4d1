#!/usr/bin/env python3
"""Take telemetry on to the ledger's guard, for forwarders that cannot post it themselves; Python 3.9 or newer, and nothing but Python.

    rsyslog's omprog:  forward.py rsyslog     lines on stdin, in transactions that are confirmed when the ledger has them
    Wazuh's manager:   custom-consonant ALERT_FILE ...     (a copy of this file under that name) one alert for each call

Where to is CONSONANT_URL; in the place of the environment, `/etc/consonant/forward.env` may say it (NAME=value, one a line). The token of the
host is read from CONSONANT_AGENT_TOKEN_FILE; for Wazuh from `<CONSONANT_TOKENS>/<name of the agent>`, and an agent without such a file is
none of ours. CONSONANT_CA, CONSONANT_CLIENT_CERT and CONSONANT_CLIENT_KEY (PEM files) are for an edge that asks for client certificates.

What is forwarded is never printed: it holds names and command lines until the guard has masked them.
"""

from __future__ import annotations

import gzip
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

SETTINGS = Path("/etc/consonant/forward.env")
BEGIN, COMMIT = "BEGIN TRANSACTION", "COMMIT TRANSACTION"
MOST_ROWS = 5_000
MOST_BYTES = 4 * 1024 * 1024
SECONDS = 20
NDJSON, JSON = "application/x-ndjson", "application/json"


class NotTaken(Exception):
    """The ledger did not take it; it may be sent again."""


class Refused(Exception):
    """The ledger never takes this; sending it again is of no use."""


def settings() -> dict[str, str]:
    """Return what the file says, and the environment over it."""
    lines = SETTINGS.read_text(encoding="utf-8").splitlines() if SETTINGS.is_file() else []
    said = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {**said, **os.environ}


def post(body: bytes, kind: str, *, token: str, env: dict[str, str]) -> None:
    """Post one batch of telemetry.

    Raises:
        NotTaken: There was no answer, or one that promises a better one later (429, 5xx, and 401 while a token is changed).
        Refused: The ledger refuses what was sent, whenever it is sent.
    """
    url = env["CONSONANT_URL"].rstrip("/") + "/api/v1/telemetry"
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise Refused("CONSONANT_URL must begin with https://")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind, "Content-Encoding": "gzip"}
    request = urllib.request.Request(url, gzip.compress(body), headers)  # noqa: S310 - its scheme was looked at
    context = ssl.create_default_context(cafile=env.get("CONSONANT_CA"))
    if env.get("CONSONANT_CLIENT_CERT"):
        context.load_cert_chain(env["CONSONANT_CLIENT_CERT"], env.get("CONSONANT_CLIENT_KEY"))
    way = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    try:
        with way.open(request, timeout=SECONDS):
            return
    except urllib.error.HTTPError as error:
        if error.code in {400, 413, 415, 422}:
            raise Refused(f"the ledger refuses it: {error.code}") from None
        raise NotTaken(f"the ledger answered {error.code}") from None
    except OSError as error:
        raise NotTaken(f"the ledger cannot be reached: {type(error).__name__}") from None


def say(text: str) -> None:
    """Answer rsyslog, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def batches(rows: list[str]) -> list[bytes]:
    """Cut rows into bodies that the ledger takes."""
    found: list[bytes] = []
    body = b""
    count = 0
    for row in rows:
        line = row.encode("utf-8", "replace") + b"\n"
        if count and (count == MOST_ROWS or len(body) + len(line) > MOST_BYTES):
            found.append(body)
            body, count = b"", 0
        body += line
        count += 1
    return [*found, body] if count else found


def rsyslog(env: dict[str, str]) -> int:
    """Serve rsyslog until it closes the pipe: what a transaction held is confirmed when the ledger has it, else sent again by rsyslog."""
    rows: list[str] = []
    say("OK")
    for line in sys.stdin:
        row = line.rstrip("\n")
        if row == BEGIN:
            rows = []
            say("OK")
        elif row != COMMIT:
            rows.append(row)
            say("DEFER_COMMIT")
        else:
            try:
                token = Path(env["CONSONANT_AGENT_TOKEN_FILE"]).read_text(encoding="ascii").strip()
                for body in batches(rows):
                    post(body, NDJSON, token=token, env=env)
            except Refused as error:
                print(f"{len(rows)} rows dropped: {error}", file=sys.stderr)
                say("OK")
            except (NotTaken, OSError, KeyError) as error:
                say(f"Error: {type(error).__name__}")
            else:
                say("OK")
    return 0


def wazuh(alert: Path, env: dict[str, str]) -> int:
    """Forward one alert of Wazuh's manager, as its integrator calls us."""
    said = json.loads(alert.read_text(encoding="utf-8"))
    name = str(said.get("agent", {}).get("name", ""))
    file = Path(env.get("CONSONANT_TOKENS", "/etc/consonant/tokens")) / name
    if not name or name in {".", ".."} or "/" in name or not file.is_file():
        return 0
    post(json.dumps(said).encode(), JSON, token=file.read_text(encoding="ascii").strip(), env=env)
    return 0


def main(arguments: list[str]) -> int:
    """Run; return the exit status."""
    env = settings()
    if arguments == ["rsyslog"]:
        return rsyslog(env)
    if not arguments or not Path(arguments[0]).is_file():
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return wazuh(Path(arguments[0]), env)
    except (NotTaken, Refused) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
