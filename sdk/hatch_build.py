"""Take the server's own pure modules into the wheel.

Those of `ledger` import each other relatively and come byte for byte (`force-include` in pyproject.toml). Those of other apps import by
full name; they differ from the server's in nothing but that `ledger`, `consent` and `retention` are found under `consonant`.
"""
# ruff: noqa: INP001 - hatchling runs this file by its path

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULES = (
    "consent/__init__.py",
    "consent/errors.py",
    "consent/jose.py",
    "consent/machine.py",
    "consent/receipt.py",
    "consent/status_token.py",
    "consent/verify_receipt.py",
    "retention/__init__.py",
    "retention/certificate.py",
    "retention/audio.py",
    "retention/clip.py",
    "retention/errors.py",
    "retention/signer.py",
    "zkp/__init__.py",
    "zkp/document.py",
    "zkp/errors.py",
    "zkp/tag.py",
    "zkp/wallet.py",
    *(f"zkp/core/{path.name}" for path in sorted((Path(__file__).parent.parent / "zkp" / "core").glob("*.py"))),
)
_IMPORT = re.compile(rb"^from (ledger|consent|retention)\b", re.MULTILINE)


def moved(source: bytes) -> bytes:
    """Return a module as it stands in the wheel."""
    return _IMPORT.sub(rb"from consonant.\1", source)


class Modules(BuildHookInterface):
    """Writes them into a folder that lives as long as the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Add the modules to what the wheel includes."""
        self._folder = TemporaryDirectory()
        for number, name in enumerate(MODULES):
            made = Path(self._folder.name) / str(number)
            made.write_bytes(moved((Path(self.root).parent / name).read_bytes()))
            build_data["force_include"][str(made)] = f"consonant/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Take the folder away."""
        self._folder.cleanup()
