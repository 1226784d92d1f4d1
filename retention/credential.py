"""By what this service signs C2PA manifests, and whom it trusts to have signed others.

Set-up makes a root certificate and, under it, that of the signer, by the profile of the C2PA specification (14.5): ES256, digital
signature, e-mail protection. The root signs this one certificate, and its key is forgotten. Both name the service, and nobody else.
They last ten years: a manifest that has no timestamp from elsewhere holds as long as the certificate of who signed it. `renew` makes new
ones before that; the roots before stay in the file, for what was signed under them.

The file holds, as PEM: the signer's key, its certificate, its root, and the roots before it, the newest first.

Whom else to trust is a file of certificates (PEM), which `manage.py trust` keeps; the service trusts itself. While the file is empty, any
manifest counts that holds; once it names somebody, evidence has to be signed by them.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings

from keyring.secretfile import read_or_make, sync_folder

log = structlog.get_logger(__name__)
LASTS: Final = timedelta(days=3653)
RENEWED_BEFORE: Final = timedelta(days=365)
"""So long before the end it is time to renew."""
CLOCKS_DIFFER: Final = timedelta(hours=1)
_BITS: Final = 32
_USAGES: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True)
class Credential:
    """A signer of manifests."""

    chain: str
    """Its certificate and its root's, PEM."""
    sign: Callable[[bytes], bytes]
    """ECDSA on P-256 with SHA-256, as `r || s`, 64 bytes."""
    root: str
    """Its root's certificate and those of the roots before it, PEM."""
    ends: datetime


@cache
def credential() -> Credential:
    """Return the service's signer, making it when there is none."""
    kept = read_or_make(_path(), lambda: _make(datetime.now(UTC)))
    key = load_pem_private_key(kept, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the key in secrets/c2pa is not on P-256")
    own, *roots = x509.load_pem_x509_certificates(kept)
    if own.not_valid_after_utc < datetime.now(UTC) + RENEWED_BEFORE:
        log.warning("c2pa_certificate_ends", at=own.not_valid_after_utc.isoformat())

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_BITS, "big") + s.to_bytes(_BITS, "big")

    return Credential(_pem(own, roots[0]), sign, _pem(*roots), own.not_valid_after_utc)


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
    return credential().root + _pem(*trusted())


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


def _pem(*certificates: x509.Certificate) -> str:
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)


def _make(now: datetime) -> bytes:
    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    host = (urlsplit(settings.PUBLIC_URL).hostname or "consonant")[:64]
    top = _name(f"{host} root"[:64])
    of_root = _certificate(top, root, top, root, now=now, is_ca=True)
    of_leaf = _certificate(_name(host), leaf, top, root, now=now, is_ca=False)
    secret = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret + of_leaf.public_bytes(Encoding.PEM) + of_root.public_bytes(Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, common), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Consonant")]
    )


def _certificate(  # noqa: PLR0913
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    now: datetime,
    is_ca: bool,
) -> x509.Certificate:
    usage = dict.fromkeys(_USAGES, False) | dict.fromkeys(
        ("key_cert_sign", "crl_sign") if is_ca else ("digital_signature",), True
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + LASTS)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_ca:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        made = made.add_extension(authority, critical=False)
    return made.sign(issuer_key, hashes.SHA256())
