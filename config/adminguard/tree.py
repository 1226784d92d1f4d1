"""A process tree as a picture: who began whom, and what each did, in lines from the top, as text would be indented. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ROW: Final = 46
"""Height of a line, in pixels."""
STEP: Final = 26
"""What a child is moved to the right."""
DEEPEST: Final = 8
"""Levels; what lies deeper is drawn at this one."""
MOST: Final = 60
"""Lines; what is more is left out, and said."""
LONGEST: Final = 58
"""Characters of a line in the picture; the list below it has all."""


@dataclass(frozen=True)
class Seen:
    """An event of a process."""

    id: int
    at: str
    code: str
    entity: str
    parent: str
    data: Mapping[str, Any]
    is_evidence: bool


@dataclass
class Line:
    """One line: a process, or something that it did."""

    kind: str
    """`process`, `file`, `network` or `other`."""
    title: str
    detail: str
    whole: str
    at: str
    depth: int
    is_evidence: bool
    x: int = 0
    y: int = 0
    elbow: str = ""
    """The path of the line to its parent."""


@dataclass
class Picture:
    """All of it, and how large it is."""

    lines: list[Line] = field(default_factory=list)
    width: int = 0
    height: int = 0
    left_out: int = 0


def draw(events: Iterable[Seen]) -> Picture:
    """Lay it out. Processes whose parent was not seen stand at the left; what a process did stands under it, in its order."""
    events = list(events)
    starts = {event.entity: event for event in events if _begins(event) and event.entity}
    children: dict[str, list[Seen]] = {}
    roots = []
    for event in events:
        above = event.parent if _begins(event) else event.entity
        if above in starts and starts[above] is not event:
            children.setdefault(above, []).append(event)
        else:
            roots.append(event)
    drawing = _Drawing(children)
    for event in [*roots, *events]:  # all once more: no root leads to two that began each other
        drawing.add(event, 0, None)
    picture = drawing.picture
    widest = max((line.x + 9 * max(len(line.title) + 9, len(line.detail)) for line in picture.lines), default=0)
    picture.width, picture.height = max(widest + 24, 320), len(picture.lines) * ROW + 12
    return picture


def _begins(event: Seen) -> bool:
    return event.code == "1"


class _Drawing:
    """A picture in the making."""

    def __init__(self, children: Mapping[str, list[Seen]]) -> None:
        self.picture, self._children = Picture(), children
        self._drawn: set[int] = set()

    def add(self, event: Seen, depth: int, above: int | None) -> None:
        """Draw an event, and below it what came of it."""
        if event.id in self._drawn:
            return
        self._drawn.add(event.id)
        if len(self.picture.lines) >= MOST:
            self.picture.left_out += 1
            return
        line = _line(event, min(depth, DEEPEST))
        line.x, line.y = line.depth * STEP + 8, len(self.picture.lines) * ROW + 6
        if above is not None:
            line.elbow = f"M{line.x - STEP + 2} {above + ROW - 10} V{line.y + (ROW - 10) // 2} H{line.x}"
        self.picture.lines.append(line)
        for child in self._children.get(event.entity, []) if _begins(event) else []:
            self.add(child, depth + 1, line.y)


def _line(event: Seen, depth: int) -> Line:
    data = event.data
    process = data.get("process") or {}
    name = str(process.get("name") or process.get("executable") or "?")
    if event.code == "1":
        number = process.get("pid")
        kind, title, whole = "process", f"{name} · {number}" if number else name, str(process.get("command_line") or "")
    elif path := (data.get("file") or {}).get("path"):
        kind, title, whole = "file", name, str(path)
    elif address := (data.get("destination") or {}).get("ip"):
        port = (data.get("destination") or {}).get("port")
        kind, title, whole = "network", name, f"{address}:{port}" if ":" not in str(address) else f"[{address}]:{port}"
    else:
        kind, title, whole = "other", name, str((data.get("event") or {}).get("action") or event.code)
    return Line(kind, _short(title, 40), _short(whole, LONGEST), whole, event.at, depth, event.is_evidence)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
