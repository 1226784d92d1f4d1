"""A device that keeps passkeys (W3C Web Authentication, level 2): a P-256 key, no attestation, always willing."""

import base64
import json
import os
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256
from fido2.webauthn import AttestedCredentialData

PRESENT, VERIFIED, HOLDS_KEY = 1, 4, 64


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Device:
    """One, with one passkey."""

    def __init__(self, origin="http://localhost", rp="localhost"):
        self._origin, self._rp = origin, rp
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._id = os.urandom(16)
        self._person = b""

    def _said(self, act, options):
        words = {"type": f"webauthn.{act}", "challenge": options["challenge"], "origin": self._origin}
        return json.dumps(words).encode()

    def _data(self, flags, more=b""):
        return sha256(self._rp.encode()).digest() + bytes([flags]) + bytes(4) + more

    def _credential(self, client, **response):
        response = {name: encoded(value) for name, value in response.items()} | {"clientDataJSON": encoded(client)}
        return {"id": encoded(self._id), "rawId": encoded(self._id), "type": "public-key", "response": response}

    def create(self, options):
        """Make the passkey for a page that asks for one."""
        options = options["publicKey"]
        self._person = base64.urlsafe_b64decode(options["user"]["id"] + "==")
        public = ES256.from_cryptography_key(self._key.public_key())
        data = self._data(PRESENT | VERIFIED | HOLDS_KEY, AttestedCredentialData.create(bytes(16), self._id, public))
        attestation = cbor.encode({"fmt": "none", "authData": data, "attStmt": {}})
        made = self._credential(self._said("create", options), attestationObject=attestation)
        return made | {"clientExtensionResults": {"credProps": {"rk": True}}}

    def get(self, options, *, flags=PRESENT | VERIFIED):
        """Sign what a page asks for."""
        client, data = self._said("get", options["publicKey"]), self._data(flags)
        signature = self._key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._credential(client, authenticatorData=data, signature=signature, userHandle=self._person)
