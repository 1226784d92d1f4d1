"""Frames of sound under SM4-GCM (GB/T 32907-2016, RFC 8998), one key for one session, gone with it.

A frame is nonce (12 bytes), ciphertext, tag (16 bytes). The nonce is the side (one byte), three zeros, and the number of the frame (8 bytes): a
key never meets a nonce twice, for it counts, it belongs to one session, and each side counts for itself. What is opened comes in order: a
frame that was repeated, left out or turned round does not open. The session's id is authenticated with each frame.

Both ends derive the key from a secret that they share: HMAC-SHA-256 over the session's id, cut to 128 bits. The secret can lie in a token behind
PKCS#11 (`TokenSecret`: a UKey, an HSM, SoftHSM), which computes the HMAC and never shows it.
"""

from __future__ import annotations

import hmac
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from consonant.errors import ConsonantError

if TYPE_CHECKING:
    from consonant.grant import Grant

KEY_BYTES: Final = 16
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
MOST_FRAMES: Final = 2**32
"""Of one key and side; SP 800-38D section 8.3."""
_LABEL: Final = b"consonant/bank/session/v1|"


class KeyGone(ConsonantError):
    """The session is over, and its key with it."""


class BadFrame(ConsonantError):
    """This is not the next frame of this session."""


class Secret(Protocol):
    """What both ends share."""

    def derive(self, session: bytes) -> bytes:
        """Return HMAC-SHA-256 of the secret over these bytes."""


class SharedSecret:
    """A secret in memory, at least 16 bytes."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < KEY_BYTES:
            raise ValueError(f"a secret has at least {KEY_BYTES} bytes")
        self._secret = secret

    def derive(self, session: bytes) -> bytes:
        """Return the HMAC."""
        return hmac.digest(self._secret, session, "sha256")


class TokenSecret:
    """A secret in a token behind PKCS#11: a generic secret key that may sign, found by its label. The PIN is in a file."""

    def __init__(self, *, module: str, token: str, label: str, pin_file: Path) -> None:
        self._module, self._token, self._label, self._pin_file = module, token, label, pin_file

    def derive(self, session: bytes) -> bytes:
        """Return the HMAC that the token computes.

        Raises:
            pkcs11.PKCS11Error: The token or the key is not there.
        """
        import pkcs11

        pin = self._pin_file.read_text(encoding="utf-8").strip()
        with pkcs11.lib(self._module).get_token(token_label=self._token).open(user_pin=pin) as opened:
            key: Any = opened.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=self._label)
            return bytes(key.sign(session, mechanism=pkcs11.Mechanism.SHA256_HMAC))


class SessionKey:
    """The key of one session. `is_caller`: which side this is; the bank's other end is the other."""

    def __init__(self, secret: Secret, session: str, *, is_caller: bool = True) -> None:
        self._about = _LABEL + session.encode()
        self._key: bytearray | None = bytearray(secret.derive(self._about)[:KEY_BYTES])
        self._own, self._other = (b"\1", b"\2") if is_caller else (b"\2", b"\1")
        self._sent = self._received = 0
        self._lock = threading.Lock()

    @classmethod
    def of(cls, use: Grant, secret: Secret) -> SessionKey:
        """Return the key of a session of the service, which dies when the session is closed."""
        made = cls(secret, use.session)
        use.on_exit(made.close)
        return made

    def seal(self, frame: bytes) -> bytes:
        """Return a frame sealed.

        Raises:
            KeyGone: The session is over.
        """
        with self._lock:
            key, number = self._living(), self._sent
            if number >= MOST_FRAMES:
                self.close()
                raise KeyGone
            self._sent += 1
        nonce = self._own + bytes(3) + number.to_bytes(8, "big")
        sealing = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
        sealing.authenticate_additional_data(self._about)
        return nonce + sealing.update(frame) + sealing.finalize() + sealing.tag

    def open(self, sealed: bytes) -> bytes:
        """Return what the other side sealed, in the order in which it did.

        Raises:
            BadFrame: It is not the next one, or was changed.
            KeyGone: The session is over.
        """
        with self._lock:
            key = self._living()
            nonce = self._other + bytes(3) + self._received.to_bytes(8, "big")
            if len(sealed) < NONCE_BYTES + TAG_BYTES or sealed[:NONCE_BYTES] != nonce:
                raise BadFrame
            opening = Cipher(algorithms.SM4(key), modes.GCM(nonce, sealed[-TAG_BYTES:])).decryptor()
            opening.authenticate_additional_data(self._about)
            try:
                frame = opening.update(sealed[NONCE_BYTES:-TAG_BYTES]) + opening.finalize()
            except InvalidTag:
                raise BadFrame from None
            self._received += 1
        return frame

    def close(self) -> None:
        """Overwrite the key and let it go. As often as you like."""
        if self._key is not None:
            self._key[:] = bytes(KEY_BYTES)
            self._key = None

    def _living(self) -> bytes:
        if self._key is None:
            raise KeyGone
        return bytes(self._key)

    def __enter__(self) -> SessionKey:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
