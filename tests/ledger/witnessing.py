"""A log that grows in memory, and a witness's process: what the tests of witnesses share."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger import checkpoint, merkle, note
from ledger.addcheckpoint import format_request
from ledger.cosignature import CosignatureSigner

PROJECT = Path(__file__).parent.parent.parent
ML_DSA = CosignatureSigner("witness.example/pq", MLDSA44PrivateKey.from_seed_bytes(b"p" * 32))
ED25519 = CosignatureSigner("witness.example/ed", Ed25519PrivateKey.from_private_bytes(b"e" * 32))


class Leaves:
    """Gives the nodes of a tree over leaf hashes."""

    def __init__(self, hashes):
        self._hashes = hashes

    def read_nodes(self, nodes):
        return [merkle.root(self._hashes[index << level : (index + 1) << level]) for level, index in nodes]


class Log:
    """A log of `fork` and then numbers: two logs of one name and key with different forks have different histories."""

    def __init__(self, origin="log.example/one", *, fork=b"", common=0):
        self.origin = origin
        self.signer = note.Signer(origin, Ed25519PrivateKey.from_private_bytes(sha256(origin.encode()).digest()))
        self.vkey = self.signer.verifier().vkey
        self._hashes = [merkle.leaf_hash((fork if n >= common else b"") + b"%d" % n) for n in range(600)]

    def root(self, size):
        return merkle.root(self._hashes[:size])

    def text(self, size, *extensions):
        return checkpoint.format(checkpoint.Checkpoint(self.origin, size, self.root(size), extensions))

    def signed(self, size, *extensions):
        return note.sign(self.text(size, *extensions), [self.signer])

    def prove(self, old, size):
        return merkle.prove_consistency(first=old, second=size, reader=Leaves(self._hashes))

    def request(self, old, size, *, proof=None):
        return format_request(
            old=old, proof=self.prove(old, size) if proof is None else proof, checkpoint=self.signed(size)
        )


class Process:
    """A running `manage.py witness`."""

    def __init__(self, state, port, process, vkeys):
        self.state, self.process, self.vkeys = state, process, vkeys
        self.url = f"http://127.0.0.1:{port}"

    def post(self, body, **options):
        return httpx.post(f"{self.url}/add-checkpoint", content=body, timeout=20, trust_env=False, **options)

    def get(self, origin):
        address = sha256(origin.encode()).hexdigest()
        return httpx.get(f"{self.url}/{address}/checkpoint", timeout=20, trust_env=False)

    def worker(self):
        """Return the process id of gunicorn's worker, or None while there is none."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None

    def kill_worker(self):
        with suppress(ProcessLookupError):
            os.kill(self.worker(), signal.SIGKILL)

    def wait(self):
        """Wait until it answers."""
        for _ in range(200):
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/", timeout=5, trust_env=False).status_code == 404:
                    return self
            time.sleep(0.05)
        raise AssertionError("the witness does not answer")


def environment(var):
    """Return all that the command needs to know: no address of a database."""
    return {"PATH": os.environ["PATH"], "CONSONANT_MODE": "local", "CONSONANT_VAR": str(var)}


@contextmanager
def running(state, *options, name="witness.example/w1", script=None):
    """Run the command as another organisation does, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = ["manage.py"] if script is None else ["-c", script]
    command = [sys.executable, *program, "witness", "--state", state, "--name", name]
    process = subprocess.Popen(
        [*map(str, command), "--listen", f"127.0.0.1:{port}", *map(str, options)],
        cwd=PROJECT,
        env=environment(state.parent / "var"),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        vkeys = [process.stdout.readline().strip()]
        yield Process(state, port, process, vkeys).wait()
    finally:
        process.send_signal(signal.SIGKILL if process.poll() is not None else signal.SIGTERM)
        process.wait(20)
        process.stdout.close()
