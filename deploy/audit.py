"""Asks an advisory service for known holes in the pinned packages: `python -m deploy.audit`, with pip-audit.

The service is OSV. Where it cannot be reached this says so and ends well, for a check must run without a network too; what it finds fails the
check. A hole that does not concern this project stands in IGNORED, with the reason.

Exit status: 0, none is known, or nobody could be asked; 1, some are known; 2, the question failed otherwise.
"""

import json
import subprocess
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path

import requests

PROJECT = Path(__file__).resolve().parent.parent
SERVICE = "https://api.osv.dev/v1/query"
SECONDS = 10
STUDIO = ("examples/voice_studio/requirements.txt", "examples/voice_studio/requirements-alone.txt")
LISTS = ("requirements.txt", "requirements-dev.txt", "constraints.txt", *STUDIO)
IGNORED: dict[str, str] = {}
"""Id of an advisory: why it does not concern this project."""


def answers(service: str) -> bool:
    """Ask the service about a package that nobody uses; return whether it answers as it should."""
    question = json.dumps(
        {"package": {"name": "consonant-asks-whether-you-answer", "ecosystem": "PyPI"}, "version": "0"}
    )
    try:
        answer = requests.post(service, data=question, timeout=SECONDS)
        return answer.status_code == HTTPStatus.OK and isinstance(answer.json(), dict)
    except (requests.RequestException, ValueError):
        return False


def pins(folder: Path) -> list[str]:
    """Return what the lists of a folder pin, each once; what they include by `-r` is a list of its own."""
    lines = [line.strip() for name in LISTS for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    return sorted({line for line in lines if line and not line.startswith(("#", "-"))})


def audit(wanted: list[str], *, service: str) -> int:
    """Ask about each pin and say what is known; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="consonant-audit-") as folder:
        listed, report = Path(folder, "pins.txt"), Path(folder, "report.json")
        listed.write_text("\n".join(wanted) + "\n", encoding="utf-8")
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", f"{SECONDS}"]
        options += ["--vulnerability-service", "osv", "--osv-url", service, "--cache-dir", str(Path(folder, "cache"))]
        options += [word for advisory in IGNORED for word in ("--ignore-vuln", advisory)]
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(listed), "--format", "json", *options]
        done = subprocess.run([*command, "--output", str(report)], check=False, capture_output=True, text=True)
        try:
            packages = json.loads(report.read_text(encoding="utf-8"))["dependencies"]
        except (OSError, ValueError, KeyError):
            print("\n".join(done.stderr.strip().splitlines()[-3:]))
            return 2
    holes = [(each, hole) for each in packages for hole in each.get("vulns", [])]
    for each, hole in holes:
        cure = ", ".join(hole["fix_versions"]) or "no version"
        print(f"{each['name']} {each['version']}: {hole['id']}, mended in {cure}. {hole['description'][:200]}")
    if not holes:
        print(f"no hole is known in {len(packages)} pinned packages")
    return 1 if holes else 0


def main(arguments: list[str]) -> int:
    """Audit this project's pins, or those of the folder that is named; a second word names the service."""
    folder = Path(arguments[0]) if arguments else PROJECT
    service = arguments[1] if len(arguments) > 1 else SERVICE
    if not answers(service):
        print(f"{service} cannot be reached: the packages were not looked up for known holes")
        return 0
    return audit(pins(folder), service=service)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
