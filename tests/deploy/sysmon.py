"""Reads a Sysmon configuration as Sysmon does, as far as ours go: what is logged of an event, by the published rules of filters.

Filters of one field beside each other are joined by OR, different fields by the group's relation, those of a Rule with `groupRelation="and"`
by AND whatever their field; a match in `exclude` wins over all (Microsoft, "Sysmon - The rules about rules"; 10.4 rule enhancements).
"""

from xml.etree import ElementTree as ET

EVENTS = {
    "windows": {
        *(
            "ProcessCreate",
            "FileCreateTime",
            "NetworkConnect",
            "ProcessTerminate",
            "DriverLoad",
            "ImageLoad",
            "CreateRemoteThread",
        ),
        *(
            "RawAccessRead",
            "ProcessAccess",
            "FileCreate",
            "RegistryEvent",
            "FileCreateStreamHash",
            "PipeEvent",
            "WmiEvent",
            "DnsQuery",
        ),
        *("FileDelete", "ClipboardChange", "ProcessTampering", "FileDeleteDetected"),
    },
    "linux": {
        *(
            "ProcessCreate",
            "NetworkConnect",
            "ProcessTerminate",
            "RawAccessRead",
            "ProcessAccess",
            "FileCreate",
            "FileDelete",
        ),
    },
}
"""Rules of schema 4.90 (Windows) and of Sysmon for Linux 1.3 (4.81)."""
FIELDS = {
    "ProcessCreate": {"Image", "ParentImage", "CommandLine", "CurrentDirectory", "User", "ParentCommandLine"},
    "NetworkConnect": {"Image", "Initiated", "DestinationIp", "DestinationPort", "DestinationHostname", "User"},
    "FileCreate": {"Image", "TargetFilename", "User"},
}
"""Of each event the fields that ours may filter by; a subset of the schema's."""
HOLDS = {
    "is": lambda value, said: value == said,
    "is any": lambda value, said: value in said.split(";"),
    "contains": lambda value, said: said in value,
    "contains any": lambda value, said: any(each in value for each in said.split(";")),
    "excludes": lambda value, said: said not in value,
    "begin with": lambda value, said: value.startswith(said),
    "end with": lambda value, said: value.endswith(said),
}


def read(path):
    root = ET.parse(path).getroot()
    assert root.tag == "Sysmon"
    return root


def faults(root, system):
    """Say what of a configuration Sysmon would refuse or read otherwise than it was meant."""
    found = []
    allowed = {"EventFiltering"} | ({"HashAlgorithms", "CheckRevocation"} if system == "windows" else set())
    found += [f"option {each.tag}" for each in root if each.tag not in allowed]
    groups = root.findall("EventFiltering/*")
    found += [f"{each.tag} outside a RuleGroup" for each in groups if each.tag != "RuleGroup"]
    seen = set()
    for group in groups:
        if group.get("groupRelation") not in {"and", "or"} or set(group.attrib) - {"name", "groupRelation"}:
            found.append("a RuleGroup without a relation")
        for event in group:
            if event.tag not in EVENTS[system]:
                found.append(f"no such event: {event.tag}")
            if event.get("onmatch") not in {"include", "exclude"} or set(event.attrib) != {"onmatch"}:
                found.append(f"{event.tag} without onmatch")
            if (event.tag, event.get("onmatch")) in seen:
                found.append(f"{event.tag} twice")
            seen.add((event.tag, event.get("onmatch")))
            found += _faults_of_filters(event)
    return found


def _faults_of_filters(event):
    found = []
    rules = [each for each in event if each.tag == "Rule"]
    found += [f"a Rule of {event.tag} is no conjunction" for each in rules if each.get("groupRelation") != "and"]
    found += [f"a Rule of {event.tag} of one filter" for each in rules if len(each) < 2]
    for each in [*(each for each in event if each.tag != "Rule"), *(inner for rule in rules for inner in rule)]:
        if each.tag not in FIELDS[event.tag]:
            found.append(f"{event.tag} has no {each.tag}")
        if each.get("condition") not in HOLDS:
            found.append(f"no such condition: {each.get('condition')}")
        if not (each.text or "").strip("; ") or (each.text or "") != (each.text or "").strip():
            found.append(f"an empty filter in {event.tag}")
    return found


def logs(root, tag, event):
    """Say whether Sysmon logs an event: its fields by name."""
    includes = [each for each in root.iter(tag) if each.get("onmatch") == "include"]
    excludes = [each for each in root.iter(tag) if each.get("onmatch") == "exclude"]
    return any(_matches(each, event) for each in includes) and not any(_matches(each, event) for each in excludes)


def _matches(element, event):
    return any(
        all(_holds(inner, event) for inner in each) if each.tag == "Rule" else _holds(each, event) for each in element
    )


def _holds(each, event):
    return HOLDS[each.get("condition")](event.get(each.tag, "").lower(), each.text.lower())
