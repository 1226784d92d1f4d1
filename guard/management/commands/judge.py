"""Judge a file of events by Sigma rules, without a database: which rules match which rows.

Exits with 0 whether or not anything matched; with 1 where no rule could be read, or the events not at all.
"""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from guard import sigma
from guard.ecs import normalise
from guard.errors import RuleUnreadable, Unreadable
from guard.formats import read


class Command(BaseCommand):
    help = "Say which Sigma rules match which rows of a file of events, in any form that POST /api/v1/telemetry takes."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--rules",
            action="append",
            type=Path,
            help="a folder or file of Sigma rules; again for more (default: those shipped)",
        )
        parser.add_argument("--events", required=True, type=Path, help="the file; - reads standard input")
        parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object a row")

    def handle(self, *_args: Any, rules: list[Path] | None, events: Path, as_json: bool, **_options: Any) -> None:
        faults: list[str] = []
        try:
            pack = sigma.load(rules or [sigma.SHIPPED], faults=faults)
            body = sys.stdin.buffer.read() if str(events) == "-" else events.read_bytes()
        except (RuleUnreadable, OSError) as error:
            raise CommandError(str(error)) from error
        for fault in faults:
            self.stderr.write(f"rule left out: {fault}")
        if not pack.rules:
            raise CommandError("There is no rule to judge by.")
        matched = malformed = rows = 0
        for row in read(body):
            rows += 1
            found = self._judge(pack, row)
            matched += bool(found["rules"])
            malformed += "fault" in found
            if as_json:
                self.stdout.write(json.dumps(found, ensure_ascii=False))
            elif "fault" in found:
                self.stdout.write(f"row {row.number}: {found['fault']}")
            elif found["rules"]:
                self.stdout.write(f"row {row.number}: {', '.join(rule['slug'] for rule in found['rules'])}")
        self.stderr.write(f"{rows} rows, {malformed} malformed, {matched} matched by {len(pack.rules)} rules")

    @staticmethod
    def _judge(pack: sigma.Pack, row: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"row": row.number, "rules": []}
        if row.event is None:
            return {**found, "fault": row.fault}
        try:
            event = normalise(row.event)
        except Unreadable:
            return {**found, "fault": "no event id"}
        for rule in pack.judge(event):
            counted = [each.slug for each in pack.correlations if rule.slug in each.rules]
            found["rules"].append(
                {
                    "slug": rule.slug,
                    "id": rule.id,
                    "title": rule.title,
                    "level": rule.level,
                    **({"counted_by": counted} if counted else {}),
                }
            )
        return found
