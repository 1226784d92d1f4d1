"""What signs C2PA manifests: a key on P-256, its certificate and the root above it, by the profile of the C2PA specification (14.5). Pure.

ES256, digital signature, e-mail protection. The root signs this one certificate, and its key is forgotten. Both name a service or a host,
and no person. They last ten years: a manifest that has no timestamp from elsewhere holds as long as the certificate of who signed it.

It is kept as PEM: the signer's key, its certificate, its root, and the roots before it, the newest first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LASTS: Final = timedelta(days=3653)
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


def load(kept: bytes) -> Credential:
    """Return the signer that is kept so.

    Raises:
        TypeError: Its key is on another curve, or none of a curve.
        ValueError: It is no PEM, or lacks the key, the certificate or the root.
    """
    key = load_pem_private_key(kept, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TypeError("the key that signs C2PA manifests is not on P-256")
    own, *roots = x509.load_pem_x509_certificates(kept)
    if not roots:
        raise ValueError("the certificate that signs C2PA manifests comes without its root")

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_BITS, "big") + s.to_bytes(_BITS, "big")

    return Credential(pem(own, roots[0]), sign, pem(*roots), own.not_valid_after_utc)


def make(name: str, *, now: datetime) -> bytes:
    """Return a new signer with its root, as it is kept. `name`: the service or the host; cut to 64 characters, as certificates have it."""
    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    top = _name(f"{name[:64]} root"[:64])
    of_root = _certificate(top, root, top, root, now=now, is_ca=True)
    of_leaf = _certificate(_name(name[:64]), leaf, top, root, now=now, is_ca=False)
    secret = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret + of_leaf.public_bytes(Encoding.PEM) + of_root.public_bytes(Encoding.PEM)


def pem(*certificates: x509.Certificate) -> str:
    """Return certificates as PEM, one after the other."""
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)


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
