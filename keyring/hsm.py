"""Key-encryption keys behind PKCS#11: in a hardware token, or SoftHSM.

The token makes one AES-256 key an epoch, label `consonant-kek-<epoch>`, sensitive and not extractable. It never leaves the token.
Under it, by the token's AES-GCM, lies the epoch's 32-byte key-encryption key; the wrapped bytes stand in the key store's list of
epochs. So a process asks the token once an epoch and not once a key: every append unwraps a key, and a token on a network answers
hundreds of times a second, not tens of thousands. The price: the key-encryption key is in the memory of a running process. What is
won: no file and no backup opens a key without the token, and destroying the one object in the token destroys the epoch everywhere.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass, Session

from keyring.errors import KeyStoreAway, KeyStoreBroken
from keyring.seal import KEY_BYTES, NONCE_BYTES
from keyring.secretfile import read_private

_LOCK = threading.Lock()  # PKCS#11 libraries are used by one thread at a time, and log in once a process


class TokenKeks:
    """The keys of one token."""

    kind = "pkcs11"

    def __init__(self, *, module: str, token: str, pin_file: Path) -> None:
        self._module = module
        self._token = token
        self._pin_file = pin_file
        self._pid = 0

    def make(self, epoch: int) -> bytes:
        """Make the token's key unless it is there, and wrap a fresh key under it.

        A crash leaves at most a key in the token that wraps nothing; the next call takes it.
        """
        nonce = os.urandom(NONCE_BYTES)
        with self._session(write=True) as session:
            found = _find(session, epoch)
            key = found[0] if found else _generate(session, epoch)
            wrapped = key.encrypt(
                os.urandom(KEY_BYTES), mechanism=Mechanism.AES_GCM, mechanism_param=_parameters(nonce, epoch)
            )
        return nonce + bytes(wrapped)

    def read(self, epoch: int, material: bytes) -> bytes:
        """Let the token unwrap the epoch's key."""
        nonce, wrapped = material[:NONCE_BYTES], material[NONCE_BYTES:]
        with self._session() as session:
            found = _find(session, epoch)
            for key in found:  # two, where two nodes began the epoch at the same moment
                try:
                    kek = key.decrypt(wrapped, mechanism=Mechanism.AES_GCM, mechanism_param=_parameters(nonce, epoch))
                except pkcs11.PKCS11Error:  # which error says "wrong key" differs from token to token
                    continue
                if len(kek) == KEY_BYTES:
                    return bytes(kek)
        if not found:
            raise KeyStoreBroken(
                f"the key-encryption key of epoch {epoch} is missing from the token; restore the token"
            )
        raise KeyStoreBroken(f"the token does not open the key-encryption key of epoch {epoch}")

    def has(self, epoch: int) -> bool:
        """Say whether the token holds the epoch's key."""
        with self._session() as session:
            return bool(_find(session, epoch))

    def destroy(self, epoch: int) -> None:
        """Let the token destroy its key: what was wrapped under it opens nowhere any more."""
        with self._session(write=True) as session:
            for key in _find(session, epoch):
                key.destroy()

    @contextmanager
    def _session(self, *, write: bool = False) -> Iterator[Session]:
        """Open a session, log in, and leave nothing open behind.

        Raises:
            KeyStoreAway: The token is not there, or refuses us.
        """
        pin = read_private(self._pin_file).decode().strip()
        with _LOCK:
            try:
                library = pkcs11.lib(self._module)
                if self._pid not in {0, os.getpid()}:
                    library.reinitialize()  # a library does not live through a fork (PKCS#11 v2.40, 5.3)
                self._pid = os.getpid()
                with library.get_token(token_label=self._token).open(rw=write, user_pin=pin) as session:
                    yield session
            except (pkcs11.PKCS11Error, RuntimeError) as error:
                raise KeyStoreAway(f"the token {self._token!r} cannot be used ({type(error).__name__})") from None


def _find(session: Session, epoch: int) -> list[Any]:
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: _label(epoch)}
    return list(session.get_objects(wanted))


def _generate(session: Session, epoch: int) -> Any:
    return session.generate_key(
        KeyType.AES,
        256,
        label=_label(epoch),
        store=True,
        capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
        template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
    )


def _label(epoch: int) -> str:
    return f"consonant-kek-{epoch}"


def _parameters(nonce: bytes, epoch: int) -> GCMParams:
    return GCMParams(nonce, f"epoch:{epoch}".encode(), 128)
