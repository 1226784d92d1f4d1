"""An event by the names of the Elastic Common Schema 8, whatever its form was. Pure.

Only what is named here passes: rendered messages, arguments and what else repeats a command line are left behind, because they would also
repeat what `guard.desensitise` takes out of it. What Sysmon reports and ECS has no name for stays under `winlog.event_data`, by Sysmon's own
name. `-`, which stands for nothing, is dropped of Linux; of Windows it stays there too, since rules ask for it.

https://www.elastic.co/docs/reference/ecs; https://learn.microsoft.com/sysinternals/downloads/sysmon
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from guard.errors import Unreadable

LONGEST_VALUE: Final = 32_768
"""Characters of one value; the rest is cut off."""
MOST_FIELDS: Final = 256

Path = tuple[str, ...]

FIELDS: Final[Mapping[str, Path]] = {
    "ProcessGuid": ("process", "entity_id"),
    "ProcessId": ("process", "pid"),
    "Image": ("process", "executable"),
    "CommandLine": ("process", "command_line"),
    "CurrentDirectory": ("process", "working_directory"),
    "OriginalFileName": ("process", "pe", "original_file_name"),
    "FileVersion": ("process", "pe", "file_version"),
    "Description": ("process", "pe", "description"),
    "Product": ("process", "pe", "product"),
    "Company": ("process", "pe", "company"),
    "ParentProcessGuid": ("process", "parent", "entity_id"),
    "ParentProcessId": ("process", "parent", "pid"),
    "ParentImage": ("process", "parent", "executable"),
    "ParentCommandLine": ("process", "parent", "command_line"),
    "TargetFilename": ("file", "path"),
    "Protocol": ("network", "transport"),
    "SourceIp": ("source", "ip"),
    "SourcePort": ("source", "port"),
    "SourceHostname": ("source", "domain"),
    "DestinationIp": ("destination", "ip"),
    "DestinationPort": ("destination", "port"),
    "DestinationHostname": ("destination", "domain"),
    "QueryName": ("dns", "question", "name"),
}
"""Sysmon's names and ECS's."""
SECURITY: Final[Mapping[str, Path]] = {
    "NewProcessId": ("process", "pid"),
    "NewProcessName": ("process", "executable"),
    "CommandLine": ("process", "command_line"),
    "ProcessId": ("process", "parent", "pid"),
    "ParentProcessName": ("process", "parent", "executable"),
}
"""The same of the Security log's 4688, a process as Windows itself audits it."""
NUMBERS: Final = frozenset(
    {("process", "pid"), ("process", "parent", "pid"), ("source", "port"), ("destination", "port")}
)
PE: Final = frozenset({"OriginalFileName", "FileVersion", "Description", "Product", "Company"})
"""They describe the process only where an event is about its start; else the image that was loaded."""

KINDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "1": ("process_creation", "process", "start"),
    "2": ("file_change", "file", "change"),
    "3": ("network_connection", "network", "connection"),
    "4": ("sysmon_status", "process", "change"),
    "5": ("process_termination", "process", "end"),
    "6": ("driver_load", "driver", "start"),
    "7": ("image_load", "process", "change"),
    "8": ("create_remote_thread", "process", "change"),
    "9": ("raw_access_thread", "process", "access"),
    "10": ("process_access", "process", "access"),
    "11": ("file_event", "file", "creation"),
    "12": ("registry_event", "registry", "change"),
    "13": ("registry_set", "registry", "change"),
    "14": ("registry_rename", "registry", "change"),
    "15": ("create_stream_hash", "file", "creation"),
    "16": ("sysmon_status", "configuration", "change"),
    "17": ("pipe_created", "file", "creation"),
    "18": ("pipe_created", "file", "access"),
    "19": ("wmi_event", "process", "creation"),
    "20": ("wmi_event", "process", "creation"),
    "21": ("wmi_event", "process", "creation"),
    "22": ("dns_query", "network", "protocol"),
    "23": ("file_delete", "file", "deletion"),
    "24": ("clipboard_capture", "process", "info"),
    "25": ("process_tampering", "process", "change"),
    "26": ("file_delete", "file", "deletion"),
    "27": ("file_block_executable", "file", "denied"),
    "28": ("file_block_shredding", "file", "denied"),
    "29": ("file_executable_detected", "file", "creation"),
    "255": ("sysmon_error", "process", "error"),
}
"""Sysmon's events: the action (Sigma's category), and ECS's category and type."""

_KEPT: Final[Mapping[str, Any]] = {
    "@timestamp": None,
    "event": {
        **dict.fromkeys(("code", "action", "provider", "module", "dataset"), str),
        **dict.fromkeys(("category", "type", "kind", "outcome", "sequence")),
    },
    "host": {"name": None, "hostname": None, "id": None, "os": dict.fromkeys(("type", "family", "platform"), str)},
    "process": {
        **dict.fromkeys(
            ("entity_id", "pid", "executable", "name", "command_line", "working_directory", "exit_code", "args")
        ),
        "hash": dict.fromkeys(("md5", "sha1", "sha256")),
        "pe": dict.fromkeys(("original_file_name", "file_version", "description", "product", "company", "imphash")),
        "parent": dict.fromkeys(("entity_id", "pid", "executable", "name", "command_line", "args")),
    },
    "file": dict.fromkeys(("path", "name", "extension", "directory")),
    "source": dict.fromkeys(("ip", "port", "domain")),
    "destination": dict.fromkeys(("ip", "port", "domain")),
    "network": dict.fromkeys(("transport", "direction", "type", "protocol")),
    "user": dict.fromkeys(("name", "id", "domain")),
    "dns": {"question": {"name": None}},
    "registry": dict.fromkeys(("path", "key", "value", "hive")),
    "rule": {"name": None},
    "consonant": dict.fromkeys(
        ("place", "folder", "suffix", "queued", "calls", "is_night", "local_hour", "listens_only")
    ),
}
"""What passes; where `str` stands, one text and no list of them: rules are chosen by it."""
_SEPARATORS = re.compile(r"[\\/]")
_CODE = re.compile(r"\s*[0-9]{1,9}\s*")
_LARGEST: Final = 2**63 - 1
"""What is larger, infinity too, is kept as text: no store takes it as a number."""
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s*(Z|UTC|[+-]\d\d:?\d\d)?$")


def normalise(event: Mapping[str, Any]) -> dict[str, Any]:
    """Bring an event, as `guard.formats` reads it, to ECS. Raises `Unreadable` where nothing says what happened."""
    ecs: dict[str, Any] = {
        name: kept for name, value in event.items() if name in _KEPT and (kept := _keep(value, _KEPT[name])) is not None
    }
    what = ecs.setdefault("event", {})
    log = event.get("winlog")
    if isinstance(log, dict):
        _from_log(log, ecs, what)
    if "code" in what:
        what["code"] = str(what["code"])
    elif "action" not in what and "category" not in what:
        raise Unreadable
    if (at := time_of(ecs.pop("@timestamp", None))) is not None:
        ecs["@timestamp"] = at
    _complete(ecs)
    return ecs


def _keep(value: Any, shape: Any) -> Any:
    if shape is str:
        return str(value)[:LONGEST_VALUE] if isinstance(value, (str, int)) else None
    if shape is None:
        if isinstance(value, str):
            return value[:LONGEST_VALUE]
        if isinstance(value, (int, float)):
            return _bounded(value)
        return (
            [_keep(each, None) for each in value[:MOST_FIELDS] if isinstance(each, (str, int))]
            if isinstance(value, list)
            else None
        )
    if not isinstance(value, dict):
        return None
    return {
        name: kept for name, each in value.items() if name in shape and (kept := _keep(each, shape[name])) is not None
    } or None


def _from_log(log: Mapping[str, Any], ecs: dict[str, Any], what: dict[str, Any]) -> None:  # noqa: C901 - one fact after another
    """Fill in what Windows' own schema says."""
    provider, number = (
        str(log.get("provider_name") or what.get("provider") or ""),
        log.get("event_id", what.get("code")),
    )
    if number is None or not _CODE.fullmatch(str(number)):
        raise Unreadable
    code = what["code"] = str(int(str(number)))
    if provider:
        what["provider"] = provider
    is_sysmon = "sysmon" in provider.lower()
    if is_sysmon:
        what["module"] = "sysmon"
        what["action"], category, kind = KINDS.get(code, ("sysmon", "host", "info"))
        what["category"], what["type"] = [category], [kind]
    host = ecs.setdefault("host", {})
    kind_of_host = host.setdefault("os", {})
    kind_of_host["type"] = "linux" if "linux" in provider.lower() else kind_of_host.get("type", "windows")
    if computer := log.get("computer_name"):
        host.setdefault("name", str(computer))
    kept: dict[str, Any] = {"event_id": code}
    if channel := log.get("channel"):
        kept["channel"] = str(channel)
    if provider:
        kept["provider_name"] = provider
    user = log.get("user")
    if (
        not is_sysmon and isinstance(user, dict) and user.get("identifier")
    ):  # of Sysmon's events it is who reports, not who did it
        ecs.setdefault("user", {}).setdefault("id", str(user["identifier"]))
    data = log.get("event_data")
    at, rest = None, {}
    if isinstance(data, dict):
        at = time_of(data.get("UtcTime"))
        rest = _from_data(data, ecs, code=code, is_sysmon=is_sysmon)
    if at := at or time_of(log.get("time_created")):
        ecs["@timestamp"] = at
    if rest:
        kept["event_data"] = rest
    ecs["winlog"] = kept


def _from_data(data: Mapping[str, Any], ecs: dict[str, Any], *, code: str, is_sysmon: bool) -> dict[str, Any]:
    """Move the fields that ECS names, and return the rest."""
    names = FIELDS if is_sysmon else SECURITY if code == "4688" else {}
    of_linux = ecs["host"]["os"]["type"] == "linux"
    rest: dict[str, Any] = {}
    for written, given in list(data.items())[:MOST_FIELDS]:
        if given is None:
            continue
        name = written.replace(" ", "")  # Windows Defender's have spaces, and rules write them without
        value = given[:LONGEST_VALUE] if isinstance(given, str) else _plain(given)
        if value in {"-", ""} if isinstance(value, str) else False:
            if not of_linux:
                rest[name] = value
            continue
        path = names.get(name)
        if path is None or (name in PE and code != "1"):
            if not (is_sysmon and _known(name, value, ecs)):
                rest[name] = value
            continue
        if path in NUMBERS:
            value = _number(value)
            if value is None:
                rest[name] = given if isinstance(given, str) else str(given)
                continue
        _put(ecs, path, value)
    return rest


def _plain(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return _bounded(value)
    if isinstance(value, list):
        return [_plain(each) if not isinstance(each, str) else each[:LONGEST_VALUE] for each in value[:MOST_FIELDS]]
    return str(value)[:LONGEST_VALUE]


def _bounded(value: float) -> float | str:
    return value if -_LARGEST <= value <= _LARGEST else str(value)


def _number(value: Any) -> int | None:
    try:
        number = int(value, 0) if isinstance(value, str) and value[:2] == "0x" else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -_LARGEST <= number <= _LARGEST else None


def _put(ecs: dict[str, Any], path: Path, value: Any) -> None:
    for part in path[:-1]:
        ecs = ecs.setdefault(part, {})
    ecs[path[-1]] = value


def _known(name: str, value: Any, ecs: dict[str, Any]) -> bool:
    """Take what is not a mere other name. Whether it was that."""
    if name == "User":
        domain, _, who = str(value).rpartition("\\")
        user = ecs.setdefault("user", {})
        user["name"] = who
        if domain:
            user["domain"] = domain
    elif name == "Initiated":
        _put(ecs, ("network", "direction"), "egress" if str(value).lower() == "true" else "ingress")
    elif name == "Hashes":
        for pair in str(value).split(","):
            kind, _, digest = pair.partition("=")
            if kind == "IMPHASH":
                _put(ecs, ("process", "pe", "imphash"), digest)
            elif kind in {"MD5", "SHA1", "SHA256"}:
                _put(ecs, ("process", "hash", kind.lower()), digest)
        return False  # rules ask for the whole line
    elif name == "RuleName":
        _put(ecs, ("rule", "name"), value)
    else:
        return name == "UtcTime"
    return True


def _complete(ecs: dict[str, Any]) -> None:
    """Say what follows from what is said: names, extensions, the kind of host."""
    process = ecs.get("process")
    if process:
        _argued(process)
        parent = process.get("parent")
        if parent:
            _argued(parent)
    if file := ecs.get("file"):
        _name(file, "path")
        name = file.get("name")
        if "extension" not in file and isinstance(name, str) and "." in name[1:]:
            file["extension"] = name.rpartition(".")[2].lower()
    if (network := ecs.get("network")) and isinstance(network.get("transport"), str):
        network["transport"] = network["transport"].lower()
    kind = ecs.get("host", {}).get("os", {})
    if kind and "type" not in kind:
        said = str(kind.get("platform") or kind.get("family") or "").lower()
        if said:
            kind["type"] = said if said in {"windows", "macos"} else "macos" if said == "darwin" else "linux"


def _argued(process: dict[str, Any]) -> None:
    _name(process, "executable")
    arguments = process.pop("args", None)
    if "command_line" not in process and isinstance(arguments, list):
        process["command_line"] = " ".join(map(str, arguments))


def _name(thing: dict[str, Any], field: str) -> None:
    path = thing.get(field)
    if "name" not in thing and isinstance(path, str):
        thing["name"] = _SEPARATORS.split(path)[-1]


def time_of(value: Any) -> str | None:
    """Return an instant as RFC 3339 in UTC, to the millisecond; one that names no zone is of UTC. None where it is none."""
    if not isinstance(value, str) or not (match := _TIME.match(value.strip())):
        return None
    day, clock, fraction, zone = match.groups()
    text = f"{day}T{clock}.{((fraction or '') + '000')[:3]}"
    try:
        at = datetime.fromisoformat(text)
        if zone in {None, "Z", "UTC"}:
            return f"{text}Z"
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        offset = timezone(timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1))
        at = at.replace(tzinfo=offset).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
