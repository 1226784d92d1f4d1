"""The conformance data: made by others, kept beside the project, never copied into it.

`CONSONANT_VECTORS` names the folder; without it, it is `../shared/vectors` seen from the project. A test whose data is absent is skipped
by name.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent.parent


def folder() -> Path:
    return Path(os.environ.get("CONSONANT_VECTORS") or PROJECT.parent / "shared" / "vectors")


def path(name: str) -> Path:
    """Return the path of a file or folder of the conformance data, or skip the test."""
    found = folder() / name
    if not found.exists():
        pytest.skip(f"conformance data is absent: {found} (set CONSONANT_VECTORS)")
    return found


def load(name: str) -> Any:
    """Return a JSON file of the conformance data, or skip the test."""
    return json.loads(path(name).read_text())


def names(pattern: str) -> list[str]:
    """Return the files that match, for parametrising; without the data, one name that `load` will skip."""
    found = sorted(str(each.relative_to(folder())) for each in folder().glob(pattern))
    return found or [pattern]
