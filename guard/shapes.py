"""The pattern of a command line: what stays when numbers, paths and what was desensitised are taken out. Pure."""

import re
from typing import Final

LONGEST: Final = 300
"""Characters. A pattern that is longer is cut off: it tells no more."""

_PARTS = re.compile(
    r"""
    (?P<secret>hmac:[0-9a-f]{32})
    | (?P<url>[a-z][a-z0-9+.-]*://[^\s"']+)
    | (?P<path>(?<![\w.])(?:[A-Za-z]:\\|\\\\|~?/|\.{1,2}[\\/])[^\s"'=,;|&<>]*)
    | (?P<file>(?<![\w/\\-])[\w.-]+\.(?:wav|mp3|flac|ogg|m4a|txt|json|ya?ml|pt|pth|onnx|safetensors|log|tmp|csv)\b)
    | (?P<id>\b[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\b|\b[0-9a-fA-F]{16,}\b)
    | (?P<number>(?<![A-Za-z_])\d+(?:[.:]\d+)*)
    """,
    re.VERBOSE,
)
_MARKS: Final = {
    "secret": "<secret>",
    "url": "<url>",
    "path": "<path>",
    "file": "<file>",
    "id": "<id>",
    "number": "<n>",
}
_QUOTED_SECRET = re.compile(r"""(["'])<secret>\1""")
_SPACE = re.compile(r"\s+")


def shape_of(command_line: str) -> str:
    """Return the pattern. The program keeps its name, without where it lies and without its version (`python3.11` is `python`)."""
    line = _SPACE.sub(" ", command_line.strip())
    if line[:1] == '"' and '"' in line[1:]:
        program, _, rest = line[1:].partition('"')
    else:
        program, _, rest = line.partition(" ")
    name = re.split(r"[\\/]", program)[-1].lower().removesuffix(".exe")
    if re.fullmatch(r"python[\d.]*", name):
        name = "python"
    rest = _PARTS.sub(lambda match: _MARKS[match.lastgroup or "number"], rest.strip())
    return f"{name} {_QUOTED_SECRET.sub('<secret>', rest)}".strip()[:LONGEST]
