"""An alert as a line of the Common Event Format, version 0. Pure.

Source: ArcSight Common Event Format, "Header Information", "Extension" and "Character Encoding": a header escapes backslash and pipe, an
extension's value backslash, equals sign and line ends; times are milliseconds since 1970.
"""

from typing import Any, Final

from guard.finding import Finding, at

_SEVERITY: Final = (0, 1, 3, 5, 8, 10)
"""CEF counts to ten."""


def encode(finding: Finding) -> str:
    """Return it as one line."""
    event = finding.events[0] if finding.events else {}
    header = (
        "CEF:0",
        "Consonant",
        "Consonant",
        finding.product_version,
        finding.slug,
        finding.title,
        str(_SEVERITY[finding.severity]),
    )
    extension: dict[str, Any] = {
        "rt": round(finding.raised_at.timestamp() * 1000),
        "start": round(finding.at.timestamp() * 1000),
        "end": round(finding.last_at.timestamp() * 1000),
        "cnt": finding.count,
        "externalId": finding.uid,
        "dvchost": finding.host_name,
        "deviceExternalId": finding.host,
        "act": ",".join(f"{act.step}:{act.state}" for act in finding.acts),
        "outcome": finding.state,
        "destinationServiceName": finding.app_name,
        "sproc": at(event, "process.executable"),
        "spid": at(event, "process.pid"),
        "filePath": at(event, "file.path"),
        "fname": at(event, "file.name"),
        "src": at(event, "source.ip"),
        "spt": at(event, "source.port"),
        "dst": at(event, "destination.ip"),
        "dpt": at(event, "destination.port"),
        "proto": at(event, "network.transport"),
        "cs1Label": "ledgerEntry",
        "cs1": finding.entry,
        "cs2Label": "ruleId",
        "cs2": finding.rule,
        "cs3Label": "activity",
        "cs3": finding.activity,
        "cs4Label": "commandLine",
        "cs4": at(event, "process.command_line"),
        "msg": finding.description,
    }
    if not extension["cs4"]:
        del extension["cs4Label"]
    said = " ".join(f"{name}={_value(value)}" for name, value in extension.items() if value not in (None, ""))
    return "|".join([header[0], *(_head(each) for each in header[1:]), said])


def _head(text: str) -> str:
    return _line(text.replace("\\", "\\\\").replace("|", "\\|"))


def _value(value: Any) -> str:
    text = str(value).replace("\\", "\\\\").replace("=", "\\=")
    return text.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\r")


def _line(text: str) -> str:
    return " ".join(text.split())
