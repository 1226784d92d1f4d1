"""Keep the list of who is trusted to have signed a clip's C2PA manifest: show it, add the certificates of a file, take one away.

While the list is empty, any manifest counts that holds. A certificate that is added is a root, or the signer's own.
The service signs by a certificate of its own: `root` writes its root, and those before it; `renew` makes a new one before it ends.
"""

import os
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from keyring.secretfile import sync_folder
from retention.credential import credential, renew, trusted


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("show", help="who is trusted, by the SHA-256 of each certificate")
        acts.add_parser("root", help="write the root certificates of this service, for the lists of others")
        acts.add_parser("renew", help="sign by a new certificate from now on; then start the service anew")
        acts.add_parser("add", help="trust the certificates of a file").add_argument("file", type=Path)
        acts.add_parser("remove", help="trust a certificate no more").add_argument("sha256", help="or its beginning")

    def handle(self, **options: Any) -> None:
        match options["act"]:
            case "root":
                self.stdout.write(credential().root, ending="")
            case "renew":
                renew(now=timezone.now())
            case "add":
                self._add(options["file"])
            case "remove":
                self._remove(options["sha256"].lower().replace(":", ""))
        if options["act"] != "root":
            self._show()

    def _show(self) -> None:
        self.stdout.write(f"this service signs by a certificate until {credential().ends.date().isoformat()}")
        for each in trusted():
            ends = each.not_valid_after_utc.date().isoformat()
            self.stdout.write(f"{_digest(each)} {each.subject.rfc4514_string()} until {ends}")
        if not trusted():
            self.stdout.write("nobody is named: any manifest counts that holds")

    def _add(self, file: Path) -> None:
        try:
            new = x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError):
            raise CommandError(f"{file} holds no certificates in PEM") from None
        known = {_digest(each): each for each in [*trusted(), *new]}
        _write(list(known.values()))

    def _remove(self, digest: str) -> None:
        found = [each for each in trusted() if digest and _digest(each).startswith(digest)]
        if len(found) != 1:
            raise CommandError("there is no such certificate" if not found else "more than one begins so")
        _write([each for each in trusted() if each not in found])


def _digest(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _write(certificates: list[x509.Certificate]) -> None:
    """Put the list in its place, whole or not at all."""
    path: Path = settings.C2PA_TRUST
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o644)  # nothing of it is secret, and another account may serve
        file.write(b"".join(each.public_bytes(Encoding.PEM) for each in certificates))
        file.flush()
        os.fsync(file.fileno())
    Path(aside).replace(path)
    sync_folder(path.parent)
