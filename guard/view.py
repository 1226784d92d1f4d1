"""An event as rules look at it: each field by the name that they give it. Pure."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from guard.ecs import FIELDS

Text = str | tuple[str, ...] | None
"""Of a list, each value."""

SYSTEM_FIELDS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "EventID": (("event", "code"),),
    "EventId": (("event", "code"),),
    "Channel": (("winlog", "channel"),),
    "Provider_Name": (("event", "provider"),),
    "ProviderName": (("event", "provider"),),
    "Computer": (("host", "name"),),
    "ComputerName": (("host", "name"),),
    "Hostname": (("host", "name"),),
    "TargetObject": (("registry", "path"),),
    "NewProcessName": (("process", "executable"),),
    "ParentProcessName": (("process", "parent", "executable"),),
    "Imphash": (("process", "pe", "imphash"),),
    "md5": (("process", "hash", "md5"),),
    "sha1": (("process", "hash", "sha1"),),
    "sha256": (("process", "hash", "sha256"),),
    "dst_ip": (("destination", "ip"),),
    "dst_port": (("destination", "port"),),
    "src_ip": (("source", "ip"),),
    "src_port": (("source", "port"),),
    "UtcTime": (("@timestamp",),),
}
"""What Sigma calls what Windows' schema holds beside the fields of an event, and other names in use."""


class View(dict[str, Text]):
    """An event, field by field as rules name them: lower-case text, each looked up once."""

    __slots__ = ("_exact", "_values", "event")

    def __init__(self, event: Mapping[str, Any]) -> None:
        super().__init__()
        self.event = event
        self._exact: dict[str, Text] = {}
        self._values: dict[bool, tuple[str, ...]] = {}

    def __missing__(self, name: str) -> Text:
        exact = self.exact(name)
        text = exact.lower() if exact.__class__ is str else tuple(map(str.lower, exact)) if exact is not None else None
        self[name] = text
        return text

    def exact(self, name: str) -> Text:
        """Return the field as it is."""
        if name not in self._exact:
            self._exact[name] = text_of(look_up(self.event, name))
        return self._exact[name]

    def all_text(self, *, cased: bool) -> tuple[str, ...]:
        """Return all text there is, for what is looked for anywhere."""
        if cased not in self._values:
            found = tuple(_all_values(self.event))
            self._values[cased] = found if cased else tuple(map(str.lower, found))
        return self._values[cased]


@cache
def _places(name: str) -> tuple[tuple[str, ...], ...]:
    """Where a field may stand, first the likeliest."""
    places = [FIELDS[name]] if name in FIELDS else []
    places += SYSTEM_FIELDS.get(name, ())
    places.append(("winlog", "event_data", name))
    if "." in name:
        places.append(tuple(name.split(".")))
    return (*places, (name,))


def look_up(event: Mapping[str, Any], name: str) -> Any:
    """Return what an event holds under a name of Sysmon, Sigma or ECS. None where it holds nothing."""
    if name == "User":
        return _user(event)
    if name == "Initiated":
        direction = at(event, ("network", "direction"))
        return None if direction is None else direction in {"egress", "outbound"}
    for place in _places(name):
        if (value := at(event, place)) is not None and not isinstance(value, dict):
            return value
    return None


def _user(event: Mapping[str, Any]) -> Any:
    user = event.get("user") or {}
    name, domain = user.get("name"), user.get("domain")
    return f"{domain}\\{name}" if name and domain else name or at(event, ("winlog", "event_data", "User"))


def at(value: Any, place: tuple[str, ...]) -> Any:
    """Return what stands at a place of nested objects."""
    for part in place:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def text_of(value: Any) -> Text:
    """Return a value as what rules compare."""
    if value.__class__ is str or value is None:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return tuple(text for each in value if isinstance(text := text_of(each), str))
    return str(value)


def _all_values(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _all_values(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _all_values(each)
    elif value is not None:
        yield str(text_of(value))
