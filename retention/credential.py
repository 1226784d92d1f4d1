"""By what this service signs C2PA manifests, and whom it trusts to have signed others.

Set-up makes a root certificate and, under it, that of the signer (`retention.signer`). `renew` makes new ones before they end; the roots
before stay in the file, for what was signed under them.

Whom else to trust is a file of certificates (PEM), which `manage.py trust` keeps; the service trusts itself. While the file is empty, any
manifest counts that holds; once it names somebody, evidence has to be signed by them.
"""

import os
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog
from cryptography import x509
from django.conf import settings

from keyring.secretfile import read_or_make, sync_folder
from retention import signer
from retention.signer import Credential

log = structlog.get_logger(__name__)
RENEWED_BEFORE: Final = timedelta(days=365)
"""So long before the end it is time to renew."""


@cache
def credential() -> Credential:
    """Return the service's signer, making it when there is none."""
    kept = read_or_make(_path(), lambda: _make(datetime.now(UTC)))
    own = signer.load(kept)
    if own.ends < datetime.now(UTC) + RENEWED_BEFORE:
        log.warning("c2pa_certificate_ends", at=own.ends.isoformat())
    return own


def renew(*, now: datetime) -> Credential:
    """Make a new signer under a new root, and keep the roots before; other processes sign by the old one until they start anew.

    A crash leaves the old file or the new one, and at most an unused temporary file.
    """
    path, before = _path(), credential().root
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mkstemp makes mode 600
    with os.fdopen(descriptor, "wb") as file:
        file.write(_make(now) + before.encode())
        file.flush()
        os.fsync(file.fileno())
    Path(aside).replace(path)
    sync_folder(path.parent)
    credential.cache_clear()
    return credential()


def anchors() -> str:
    """Return the certificates that are trusted to have signed a manifest, PEM: the service's own roots and those of the file."""
    return credential().root + signer.pem(*trusted())


def trusted() -> list[x509.Certificate]:
    """Return the certificates of the file, or none when there is no file."""
    try:
        kept = settings.C2PA_TRUST.read_bytes()
    except FileNotFoundError:
        return []
    return x509.load_pem_x509_certificates(kept) if kept.strip() else []


def _path() -> Path:
    path: Path = settings.SECRETS / "c2pa"
    return path


def _make(now: datetime) -> bytes:
    return signer.make(urlsplit(settings.PUBLIC_URL).hostname or "consonant", now=now)
