"""The pages, their prose, and their blocks that run."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", *sorted(DOCS.rglob("*.md"))]
_BLOCK = re.compile(r"^<!-- runs -->\n```(bash|python)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```(?:bash|console|json)?\n|^```$", flags=re.MULTILINE)


def prose(page: Path) -> str:
    """A page's text without its fences and without the code of languages that have brackets of their own."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```(?:python|text|bash).*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return _FENCE.sub("", text)


def script(page: Path) -> str:
    """A page's blocks that run, as one bash script; Python pasted piece by piece into one interpreter is one program."""
    parts: list[tuple[str, str]] = []
    for language, code in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if parts and parts[-1][0] == language:
            parts[-1] = (language, parts[-1][1] + code)
        else:
            parts.append((language, code))
    lines = [code if language == "bash" else f".venv/bin/python - <<'PY'\n{code}PY\n" for language, code in parts]
    return "set -euo pipefail\n" + "".join(lines)
