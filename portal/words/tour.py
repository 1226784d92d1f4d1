"""What the last tour made, as its file tells it: `demo/tour.json` in the folder of state, which `make demo` writes on a developer's machine.

The file is read as a stranger's: bounded, every text cut, and no link that leads away from here.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme

_MOST_BYTES = 256 * 1024
_MOST_CONTAINERS = 2_000
_MOST = 200
_LONGEST = 500


@dataclass(frozen=True)
class Tour:
    """A tour that was taken."""

    at: datetime | None
    steps: list[dict[str, str]]
    """Each with `who`, `what`, `where` and `link`, of which any may be empty."""
    links: list[dict[str, str]]
    """Each with `title`, `what` and `link`."""


def is_taken() -> bool:
    """Say whether there is something to show."""
    return bool(settings.LOCAL) and (settings.VAR / "demo" / "tour.json").is_file()


def last(*, host: str) -> Tour | None:
    """Return the last tour, with links to `host` alone; None if there is none that can be read."""
    try:
        with (settings.VAR / "demo" / "tour.json").open("rb") as file:
            text = file.read(_MOST_BYTES)
        if text.count(b"[") + text.count(b"{") > _MOST_CONTAINERS:
            return None  # the parser recurses in C
        said = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    steps = [
        {**_texts(row, "who", "what", "where"), "link": _link(row.get("where"), host)} for row in _rows(said, "steps")
    ]
    links = [{**_texts(row, "title", "what"), "link": _link(row.get("url"), host)} for row in _rows(said, "links")]
    return Tour(_time(said.get("at")), steps, [row for row in links if row["link"]])


def _rows(said: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = said.get(name)
    return [row for row in rows[:_MOST] if isinstance(row, dict)] if isinstance(rows, list) else []


def _texts(row: dict[str, Any], *names: str) -> dict[str, str]:
    return {name: value[:_LONGEST] if isinstance(value := row.get(name), str) else "" for name in names}


def _link(url: object, host: str) -> str:
    """Return the path of an address of our own, or nothing."""
    if not isinstance(url, str) or len(url) > _LONGEST or not url.startswith(("/", "http://", "https://")):
        return ""
    if not url_has_allowed_host_and_scheme(url, {host, urlsplit(settings.PUBLIC_URL).netloc}):
        return ""
    path = urlunsplit(urlsplit(url)._replace(scheme="", netloc=""))
    return path if path.startswith("/") and url_has_allowed_host_and_scheme(path, None) else ""


def _time(at: object) -> datetime | None:
    try:
        found = parse_datetime(at) if isinstance(at, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None
