"""What an agent sent, row by row: each row is read into an event, or counted with its fault. Pure, and never raises for content.

Forms, told apart by what a row holds:

- XML of an event (Windows event schema; Sysmon for Windows and Linux): bare, in `<Events>`, pretty-printed, or within an RFC 5424 or
  RFC 3164 line; from rsyslog, `wevtutil`, or an exported `.evtx`.
- JSON that holds this XML as text: Azure's and Sentinel's rows (`SyslogMessage`, `EventData`), journald, Splunk, `event.original`.
- winlogbeat and the Elastic Agent (`winlog`, dotted keys too), nxlog's flat rows, Wazuh (`win.eventdata`, whose backslashes are doubled),
  dumps of `.evtx` (`Event`, `System`, `EventData`), and ECS as it is, such as our own sidecar's.

Whatever the form, an event of Windows' schema comes out as winlogbeat writes it: `{"winlog": {"event_id", "provider_name", "event_data": ..}}`.

Damage that is repaired: `&quot` and its like without the semicolon, bare `&`, control characters. Damage that is not: a row that was cut off.
A document type or an entity declaration is refused unread, so nothing expands; rows and depth are bounded.
"""

import codecs
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import unescape

LONGEST_ROW: Final = 262_144
"""Characters of one event. The longest command line of Windows has 32,767."""
MOST_FIELDS: Final = 512

_START = re.compile(r"<Event(?=[\s>])")
_DECLARED = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_UNFINISHED = re.compile(r"&(quot|apos|amp|lt|gt)(?!;)|&(?!(?:quot|apos|amp|lt|gt|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u(?:00[01]|[dD][89a-fA-F]|[fF]{3}[eEfF])")
_BETWEEN = re.compile(r"[\s,\x1e]*")
_SYSLOG = re.compile(r"<\d{1,3}>(?:1 (?P<at>\S+) (?P<host>\S+) )?")
_TEXTS = (
    "SyslogMessage",
    "message",
    "Message",
    "MESSAGE",
    "msg",
    "_raw",
    "raw",
    "RawData",
    "log",
    "full_log",
    "full_message",
    "xml",
    "Xml",
    "EventXml",
    "body",
)
_NAMES: Final = {
    "EventID": "event_id",
    "Channel": "channel",
    "Computer": "computer_name",
    "EventRecordID": "record_id",
    "Task": "task",
    "Opcode": "opcode",
    "Level": "level",
}
_QUOTES: Final = {"&quot;": '"', "&apos;": "'"}
_OTHER_ENTITY = re.compile("&(?!(?:quot|apos|amp|lt|gt);)")
_FIELD = re.compile(r"""<Data Name=["']([^"'<>&]+)["']>([^<]*)</Data>""")
_SIMPLE = re.compile(rf"<({'|'.join(_NAMES)})>([^<]*)</")
_LINE = re.compile(r"^([A-Z][A-Za-z0-9]{1,40}): (.*?)\r?$", re.MULTILINE)
_PROVIDER = re.compile(r"""<Provider Name=(["'])([^"'<>]*)\1""")
_CREATED = re.compile(r"""<TimeCreated SystemTime=(["'])([^"'<>]*)\1""")
_SECURITY = re.compile(r"""<Security User[Ii][dD]=(["'])([^"'<>]*)\1""")
_ENVELOPES = ("_source", "result")
_FLAT_OWN = frozenset({
    "@timestamp", "@version", "EventTime", "EventReceivedTime", "TimeCreated", "TimeGenerated", "Hostname", "HostName", "Computer", "Keywords", "EventType",
    "SeverityValue", "Severity", "SourceName", "Source", "Provider", "ProviderName", "ProviderGuid", "Version", "Level", "Task", "Category", "OpcodeValue",
    "Opcode", "RecordNumber", "EventRecordID", "ProcessID", "ThreadID", "ExecutionProcessID", "Channel", "EventLog", "Domain", "AccountName", "UserID",
    "AccountType", "Message", "message", "EventID", "SourceModuleName", "SourceModuleType", "tags", "host", "port", "type", "TenantId", "SourceSystem",
    "EventLevel", "EventLevelName", "RenderedDescription", "MG", "ManagementGroupName", "Type", "_ResourceId", "AzureDeploymentID", "Role", "UserName",
    "ParameterXml", "EventData",
})  # fmt: skip
_DOTTED = (
    "winlog.",
    "event.",
    "process.",
    "file.",
    "host.",
    "destination.",
    "source.",
    "network.",
    "user.",
    "consonant.",
    "data.win.",
    "win.",
    "Event.",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: an event, or what is wrong with it."""

    number: int
    """From 1: its line, or its place in the document."""
    event: dict[str, Any] | None
    fault: str | None
    raw: bytes = field(repr=False)


class _Fault(Exception):
    """A row cannot be read."""


def _no_constant(name: str) -> Any:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)


def read(body: bytes) -> Iterator[Row]:
    """Read what was sent, in whatever form. Blank lines count as lines and yield nothing."""
    body = _utf8(body)
    stripped = body.strip()
    if stripped.startswith((b"<Event", b"<?xml")):
        yield from _documents(body.decode("utf-8", "replace"))
    elif stripped[:1] in {b"[", b"{"} and _is_whole(stripped):
        yield from _whole_json(stripped.decode("utf-8", "replace"))
    else:
        for number, line in enumerate(body.split(b"\n"), 1):
            if line := line.strip():
                yield _row(number, line)


def _utf8(body: bytes) -> bytes:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace").encode()
    return body.removeprefix(codecs.BOM_UTF8)


def _is_whole(body: bytes) -> bool:
    """Whether JSON is to be read as a whole: one line, or a first line that is none by itself while what it begins is."""
    first, _, more = body.partition(b"\n")
    if not more:
        return True
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        try:
            _DECODER.raw_decode(body.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return False
        return True
    return False


def _documents(text: str) -> Iterator[Row]:
    """Each event of an XML document by itself, so that one that is damaged costs no other."""
    if _DECLARED.search(text):
        yield Row(1, None, "declares a document type", text[:LONGEST_ROW].encode())
        return
    starts = [match.start() for match in _START.finditer(text)]
    if not starts:
        yield Row(1, None, "no event in it", text[:LONGEST_ROW].encode())
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=True), 1):
        yield _row(number, text[start:end].encode())


def _whole_json(text: str) -> Iterator[Row]:
    """One document, an array, or documents one after another, over as many lines as they like."""
    position, numbers = 0, itertools.count(1)
    while (start := _BETWEEN.match(text, position).end()) < len(text):  # type: ignore[union-attr]  # it matches nothing too
        try:
            value, position = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            yield Row(next(numbers), None, "not JSON", text[start : start + LONGEST_ROW].encode("utf-8", "replace"))
            return
        for each in _unpack(value):
            try:
                yield _settle(next(numbers), json.dumps(each).encode(), _scrubbed(each))
            except (_Fault, RecursionError):
                yield Row(next(numbers), None, "too deep", b"")


def _unpack(value: Any) -> list[Any]:
    """Lists, and the envelopes that hold one."""
    if isinstance(value, dict):
        for name in ("Records", "records", "Events", "events", "hits"):
            inner = value.get(name)
            if isinstance(inner, dict) and isinstance(inner.get("hits"), list):
                return list(inner["hits"])
            if isinstance(inner, list):
                return list(inner)
    return value if isinstance(value, list) else [value]


def _row(number: int, raw: bytes) -> Row:
    return _settle(number, raw, raw.decode("utf-8", "replace"))


def _settle(number: int, raw: bytes, value: Any) -> Row:
    if len(raw) > LONGEST_ROW:
        return Row(number, None, "too long", raw[:LONGEST_ROW])
    try:
        return Row(number, _event(value), None, raw)
    except _Fault as fault:
        return Row(number, None, str(fault), raw[:LONGEST_ROW])
    except RecursionError:
        return Row(number, None, "too deep", raw[:LONGEST_ROW])


def _event(value: Any, *, depth: int = 0) -> dict[str, Any]:
    """Bring one row to an event: what a text holds, what an envelope holds."""
    if depth > 4:  # a row in a text in an envelope in a text
        raise _Fault("too deep")
    if isinstance(value, str):
        return _of_text(value.strip(), depth)
    if not isinstance(value, dict):
        raise _Fault("no event in it")
    return _of_object(value, depth)


def _of_text(text: str, depth: int) -> dict[str, Any]:
    if text[:1] in {"{", '"'}:
        try:
            value = json.loads(text, parse_constant=_no_constant)
        except ValueError:
            raise _Fault("not JSON: cut off?" if text[-1:] not in {"}", '"'} else "not JSON") from None
        return _event(_scrubbed(value) if _ESCAPED.search(text) else value, depth=depth + 1)
    if found := _START.search(text):
        if _DECLARED.search(text):
            raise _Fault("declares a document type")
        event = _of_xml(text[found.start() :])
        header = _SYSLOG.match(text[: found.start()])
        if header and header["host"] and header["host"] != "-":
            event["winlog"].setdefault("computer_name", header["host"])
        return event
    brace = text.find("{")
    if brace > 0 and text.endswith("}"):  # JSON behind a syslog header
        return _of_text(text[brace:], depth + 1)
    raise _Fault("cut off" if "<Data Name=" in text else "no event in it")


def _of_object(value: dict[str, Any], depth: int) -> dict[str, Any]:  # noqa: C901, PLR0911 - one form a line
    if len(value) > MOST_FIELDS:
        raise _Fault("too many fields")
    if any(key.startswith(_DOTTED) for key in value):
        value = _nested(value)
    for name in _ENVELOPES:
        if isinstance(value.get(name), dict):
            return _event(value[name], depth=depth + 1)
    if isinstance(value.get("winlog"), dict) and ("event_id" in value["winlog"] or "event_data" in value["winlog"]):
        return value
    if isinstance(windows := _wazuh(value), dict):
        return windows
    if isinstance(value.get("Event"), dict):
        return _of_evtx(value["Event"])
    if isinstance(value.get("System"), dict):
        return _of_evtx(value)
    if (text := _inner(value)) is not None:
        event = _event(text, depth=depth + 1)
        if "winlog" in event and isinstance(computer := value.get("Computer") or value.get("HostName"), str):
            event["winlog"].setdefault("computer_name", computer)
        return event
    if "EventID" in value:
        return _of_flat(value)
    if isinstance(value.get("event"), dict) and (
        "module" in value["event"] or "category" in value["event"] or "code" in value["event"]
    ):
        return value
    raise _Fault("no event in it")


def _inner(value: dict[str, Any]) -> str | None:
    """The text within that holds the event itself, if one does."""
    event = value.get("event")
    texts = [_bytes(value.get(name)) for name in _TEXTS]
    texts += [event.get("original")] if isinstance(event, dict) else [event]
    for text in texts:
        if isinstance(text, str) and (_START.search(text) or "<Data Name=" in text):
            return text
    return event if isinstance(event, str) and event.lstrip()[:1] == "{" else None


def _bytes(value: Any) -> Any:
    """Bring the list of bytes as which journald writes a text with control characters back to that text."""
    if not isinstance(value, list) or not value or len(value) > LONGEST_ROW:
        return value
    try:
        return _CONTROLS.sub("\ufffd", bytes(value).decode("utf-8", "replace"))
    except (TypeError, ValueError):
        return value


def _of_xml(text: str) -> dict[str, Any]:
    if (end := text.rfind("</Event>")) < 0:
        raise _Fault("cut off")
    text = text[: end + 8]
    if (quick := _plain(text)) is not None:
        return {"winlog": quick}
    root = _parsed(text)
    winlog: dict[str, Any] = {}
    for part in root:
        name = _local(part.tag)
        if name == "System":
            _system(part, winlog)
        elif name == "EventData":
            winlog["event_data"] = _data(part)
        elif name == "UserData":
            winlog["event_data"] = {_local(each.tag): each.text or "" for each in part.iter() if not len(each)}
    if "event_id" not in winlog:
        raise _Fault("no event id")
    winlog.setdefault("event_data", {})
    return {"winlog": winlog}


def _parsed(text: str) -> ET.Element:
    try:
        return ET.fromstring(text)  # noqa: S314 - no declarations reach it, so there is nothing to expand
    except (ET.ParseError, ValueError):
        pass
    repaired = _CONTROLS.sub("\ufffd", _UNFINISHED.sub(lambda match: f"&{match[1] or 'amp'};", text))
    try:
        return ET.fromstring(repaired)  # noqa: S314 - the same
    except (ET.ParseError, ValueError):
        raise _Fault("not well-formed XML") from None


def _plain(text: str) -> dict[str, Any] | None:
    """Read the plain form that Sysmon writes, three times as fast as a parser does; None of anything else, however small."""
    if not text.isprintable() or "<!" in text or "<?" in text:
        return None
    system, closed, rest = text.partition("</System><EventData>")
    data, ended, tail = rest.rpartition("</EventData>")
    if not closed or not ended or tail != "</Event>" or (("&" in text) and _OTHER_ENTITY.search(text)):
        return None
    fields = _FIELD.findall(data)
    if data.count("<") != 2 * len(fields) or len(fields) > MOST_FIELDS:
        return None
    named = dict(fields)
    simple = dict(_SIMPLE.findall(system))
    provider, at, user = _PROVIDER.search(system), _CREATED.search(system), _SECURITY.search(system)
    if len(named) != len(fields) or "EventID" not in simple or "&" in system or provider is None:
        return None
    if "&" in data:
        named = {name: unescape(value, _QUOTES) if "&" in value else value for name, value in named.items()}
    winlog: dict[str, Any] = {_NAMES[name]: value.strip() for name, value in simple.items() if value}
    winlog["provider_name"] = provider[2]
    if at is not None:
        winlog["time_created"] = at[2]
    if user is not None:
        winlog["user"] = {"identifier": user[2]}
    winlog["event_data"] = named
    return winlog


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _system(part: ET.Element, winlog: dict[str, Any]) -> None:
    for each in part:
        name = _local(each.tag)
        if name in _NAMES:
            if each.text:
                winlog[_NAMES[name]] = each.text.strip()
        elif name == "Provider":
            winlog["provider_name"] = each.get("Name") or ""
        elif name == "TimeCreated":
            winlog["time_created"] = each.get("SystemTime") or ""
        elif name == "Security":
            winlog["user"] = {"identifier": each.get("UserID") or each.get("UserId") or ""}


def _data(part: ET.Element) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for each in part:
        name = each.get("Name") or _local(each.tag)
        if name in data:  # unnamed ones, as the System log has them
            before = data[name]
            data[name] = [*before, each.text or ""] if isinstance(before, list) else [before, each.text or ""]
        else:
            data[name] = each.text or ""
        if len(data) > MOST_FIELDS:
            raise _Fault("too many fields")
    return data


def _of_evtx(event: dict[str, Any]) -> dict[str, Any]:
    """A dump of an .evtx (`#attributes`, `@Name`, `#text`), or a collector's own JSON of it."""
    system = event.get("System")
    if not isinstance(system, dict):
        raise _Fault("no event id")
    number = system.get("EventID")
    if isinstance(number, dict):
        number = number.get("#text", number.get("Value"))
    if number is None:
        raise _Fault("no event id")
    attributes = {name: _attributes(system.get(name)) for name in ("Provider", "TimeCreated", "Security")}
    data = event.get("EventData") or event.get("UserData") or {}
    if isinstance(data, dict) and isinstance(data.get("Data"), list):
        named = [each for each in data["Data"] if isinstance(each, dict)]
        data = {
            _attributes(each).get("Name", "Data"): each.get("#text", each.get("text", "")) for each in named
        } or data
    elif isinstance(data, dict) and len(data) == 1 and isinstance(only := next(iter(data.values())), dict):
        data = only
    when = system.get("TimeCreated")
    return {
        "winlog": {
            "event_id": number,
            "provider_name": attributes["Provider"].get("Name", ""),
            "channel": system.get("Channel") or "",
            "computer_name": system.get("Computer") or "",
            "time_created": when if isinstance(when, str) else attributes["TimeCreated"].get("SystemTime", ""),
            "user": {"identifier": attributes["Security"].get("UserID", "")},
            "event_data": {k: v for k, v in data.items() if not k.startswith(("#", "@"))}
            if isinstance(data, dict)
            else {},
        },
    }


def _attributes(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    inner = value.get("#attributes")
    return inner if isinstance(inner, dict) else {key.lstrip("@"): each for key, each in value.items()}


def _wazuh(value: dict[str, Any]) -> dict[str, Any] | None:
    data = value.get("data")
    outer = data if isinstance(data, dict) else value
    windows = outer.get("win") if isinstance(outer.get("win"), dict) else outer
    if not isinstance(windows, dict) or not isinstance(system := windows.get("system"), dict):
        return None
    if (number := system.get("eventID", system.get("eventId"))) is None:
        return None
    given = windows.get("eventdata")
    fields = {name[:1].upper() + name[1:]: each for name, each in given.items()} if isinstance(given, dict) else {}
    if _is_doubled(fields):
        fields = {name: _undoubled(each) for name, each in fields.items()}
    agent = value.get("agent")
    return {
        "winlog": {
            "event_id": number,
            "provider_name": system.get("providerName") or "",
            "channel": system.get("channel") or "",
            "computer_name": system.get("computer") or (agent.get("name") if isinstance(agent, dict) else "") or "",
            "time_created": system.get("systemTime") or value.get("timestamp") or "",
            "event_data": fields,
        },
    }


_ODD = re.compile(r'(?<!\\)(?:\\\\)*\\(?![\\"])')


def _is_doubled(fields: dict[str, Any]) -> bool:
    """Whether every backslash stands twice (or escapes a quote), and one does."""
    texts = [each for each in fields.values() if isinstance(each, str) and "\\" in each]
    return bool(texts) and not any(_ODD.search(text) for text in texts)


def _undoubled(value: Any) -> Any:
    return re.sub(r'\\([\\"])', r"\1", value) if isinstance(value, str) and "\\" in value else value


def _of_flat(value: dict[str, Any]) -> dict[str, Any]:
    """Read nxlog's rows, and the tables of Azure Monitor."""
    data = value.get("EventData")
    if isinstance(data, str) and "<Data" in data:
        fields = _fragment(data)
    elif isinstance(data, str) and data.lstrip()[:1] == "{":
        try:
            fields = json.loads(data, parse_constant=_no_constant)
        except ValueError:
            raise _Fault("not JSON") from None
    else:
        fields = data if isinstance(data, dict) else {}
    fields = {**{name: each for name, each in value.items() if name not in _FLAT_OWN}, **fields}
    if not fields.keys() & {"Image", "UtcTime"}:
        fields = {**_rendered(value), **fields}
    return {
        "winlog": {
            "event_id": value["EventID"],
            "provider_name": value.get("SourceName")
            or value.get("ProviderName")
            or value.get("Provider")
            or value.get("Source")
            or "",
            "channel": value.get("Channel") or value.get("EventLog") or "",
            "computer_name": value.get("Hostname") or value.get("Computer") or value.get("HostName") or "",
            "time_created": value.get("@timestamp")
            or value.get("TimeCreated")
            or value.get("TimeGenerated")
            or value.get("EventTime")
            or "",
            "event_data": fields,
        },
    }


def _rendered(value: dict[str, Any]) -> dict[str, Any]:
    """Read Sysmon's message, where a collector sends that alone: a line a field."""
    message = next(
        (
            text
            for name in ("Message", "Description", "RenderedDescription")
            if isinstance(text := value.get(name), str)
        ),
        "",
    )
    return dict(_LINE.findall(message)) if "UtcTime: " in message else {}


def _fragment(text: str) -> dict[str, Any]:
    """Sentinel's `EventData`: a `<DataItem>` around the fields."""
    if _DECLARED.search(text):
        raise _Fault("declares a document type")
    try:
        root = ET.fromstring(text)  # noqa: S314 - no declarations reach it
    except (ET.ParseError, ValueError):
        raise _Fault("not well-formed XML") from None
    return {name: each.text or "" for each in root.iter() if (name := each.get("Name")) and _local(each.tag) == "Data"}


def _nested(value: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys, as exports have them, to objects."""
    nested: dict[str, Any] = {}
    for key, each in value.items():
        *path, last = key.split(".") if key.startswith(_DOTTED) else [key]
        inner = nested
        for part in path[:8]:
            step = inner.setdefault(part, {})
            if not isinstance(step, dict):
                raise _Fault("a field within a value")
            inner = step
        inner[last] = {**inner[last], **each} if isinstance(each, dict) and isinstance(inner.get(last), dict) else each
    return nested


def _scrubbed(value: Any, depth: int = 0) -> Any:
    """The same without what no store takes: controls, halves of characters, and depths that nothing real has."""
    if isinstance(value, str):
        return _CONTROLS.sub("\ufffd", value) if _CONTROLS.search(value) else value
    if depth > 12:  # ECS has at most 6
        raise _Fault("too deep")
    if isinstance(value, dict):
        return {_scrubbed(key, depth): _scrubbed(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        if len(value) > MOST_FIELDS and isinstance(text := _bytes(value), str):
            return text
        return [_scrubbed(each, depth + 1) for each in value[:MOST_FIELDS]]
    return value
