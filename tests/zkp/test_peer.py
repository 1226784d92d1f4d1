"""BBS, both ways, with somebody else's: npm's @digitalbazaar/bbs-signatures in node."""

import hashlib
import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from tests.zkp.given import PK, SK, SOAK
from zkp.core import bbs

pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not here, so there is no peer")
HERE = Path(__file__).parent / "node"
ROUNDS = 40 if SOAK else 4


@pytest.fixture(scope="module")
def installed():
    """The package, in a folder that is kept: it is fetched once, and is what the lock file says."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = settings.BASE_DIR / ".cache" / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True
        )
        (folder / "done").touch()
    shutil.copy(HERE / "peer.mjs", folder)
    return folder


def ask(folder, jobs):
    """What the peer says to each job."""
    done = subprocess.run(
        ["node", "peer.mjs"],
        cwd=folder,
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)


def cases():
    """Messages, header, presentation header and what is shown: the same every time."""
    chance = random.Random(7)
    for number in range(ROUNDS):
        messages = [chance.randbytes(chance.choice([0, 1, 32, 100])) for _ in range(number % 6)]
        shown = sorted(chance.sample(range(len(messages)), chance.randint(0, len(messages))))
        yield messages, chance.randbytes(number), chance.randbytes(2 * number), shown


def test_both_sign_the_same_and_verify_each_others_proofs(installed):
    jobs, expected, ours = [{"call": "secretKeyToPublicKey", "secretKey": SK.hex()}], [PK.hex()], []
    for messages, header, ph, shown in cases():
        signature = bbs.sign(sk=SK, pk=PK, header=header, messages=messages)
        proof = bbs.proof_gen(pk=PK, signature=signature, header=header, ph=ph, messages=messages, disclosed=shown)
        changed = proof[:-1] + bytes([proof[-1] ^ 1])
        base = {"publicKey": PK.hex(), "header": header.hex()}
        signed = base | {"messages": [each.hex() for each in messages]}
        asked = base | {"presentationHeader": ph.hex(), "disclosedMessageIndexes": shown}
        seen = asked | {"call": "verifyProof", "disclosedMessages": [messages[at].hex() for at in shown]}
        jobs += [
            signed | {"call": "sign", "secretKey": SK.hex()},
            signed | {"call": "verifySignature", "signature": signature.hex()},
            seen | {"proof": proof.hex()},
            seen | {"proof": changed.hex()},
            signed | asked | {"call": "deriveProof", "signature": signature.hex()},
        ]
        expected += [signature.hex(), True, True, False, None]
        ours.append((messages, header, ph, shown))
    said = ask(installed, jobs)
    for got, wanted in zip(said, expected, strict=True):
        assert wanted is None or got == wanted
    theirs = [bytes.fromhex(got) for got, wanted in zip(said, expected, strict=True) if wanted is None]
    for proof, (messages, header, ph, shown) in zip(theirs, ours, strict=True):
        seen = {"header": header, "disclosed_messages": [messages[at] for at in shown], "disclosed": shown}
        assert bbs.proof_verify(pk=PK, proof=proof, ph=ph, **seen)
        assert not bbs.proof_verify(pk=PK, proof=proof, ph=ph + b"\0", **seen)
