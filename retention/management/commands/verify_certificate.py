"""Verify an erasure certificate: with the two keys offline, without them by the keys of this service's own logs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from keyring.errors import KeyringError
from ledger.errors import InvalidKey
from ledger.models import Log
from ledger.note import Verifier
from ledger.signing import published_certifier
from retention.certificate import MAX_BYTES, parse, verify
from retention.errors import CertificateBroken


class Command(BaseCommand):
    help = __doc__ or ""
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--issuer-vkey", help="the key that signs certificates, as /.well-known/consonant.json names it"
        )
        parser.add_argument("--log-vkey", help="the log's key, as /.well-known/consonant.json names it")

    def handle(self, **options: Any) -> None:
        try:
            with options["file"].open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}") from None
        if bool(options["issuer_vkey"]) != bool(options["log_vkey"]):
            raise CommandError("give both keys, or none")
        try:
            issuer, log = self._keys(data, options)
        except InvalidKey as error:
            raise CommandError(str(error)) from None
        except CertificateBroken as error:
            self.stdout.write(f"error: certificate.broken: {error}")
            raise SystemExit(1) from None
        except (DatabaseError, KeyringError) as error:
            raise CommandError(f"this service's keys cannot be read ({type(error).__name__}): give the keys") from None
        findings = verify(data, issuer=issuer, log=log)
        for finding in findings:
            self.stdout.write(str(finding))
        if any(finding.level == "error" for finding in findings):
            raise SystemExit(1)

    def _keys(self, data: bytes, options: dict[str, Any]) -> tuple[Verifier, Verifier]:
        if options["issuer_vkey"]:
            return Verifier.from_vkey(options["issuer_vkey"]), Verifier.from_vkey(options["log_vkey"])
        origin = parse(data)[0]["log"]
        log = Log.objects.filter(origin=origin).first()
        certifier = published_certifier(origin) if log else None
        if log is None or certifier is None:
            raise CommandError("this service has no such log, or signed no certificate about it: give the keys")
        return certifier, Verifier.from_vkey(log.vkey)
