"""The sequencer and the verifier as an operator runs them: processes of their own."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from ledger.cosignature import CosignatureSigner
from ledger.folder import folder_of
from ledger.models import Entry, Pending
from ledger.publish import publish
from ledger.sequence import sequence
from tests.ledger.conftest import add

PROJECT = Path(__file__).parent.parent.parent


def start(database):
    url = os.environ["DATABASE_URL"].replace("/consonant?", f"/{database}?")
    return subprocess.Popen(
        [sys.executable, "manage.py", "sequence"], cwd=PROJECT, env={**os.environ, "DATABASE_URL": url}
    )


def wait_until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_the_sequencer_killed_again_and_again(committed, origin):
    refs = []
    for before in range(0, 80, 20):
        process = start(committed)
        refs += add(origin, 20)
        wait_until(Entry.objects.filter(index__gte=before).exists)
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = start(committed)
    refs += add(origin)
    wait_until(lambda: Entry.objects.count() == len(refs) and not Pending.objects.exists())
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert set(Entry.objects.values_list("ref", flat=True)) == set(refs)
    publish(origin=origin, now=timezone.now())
    call_command("verify_log", origin=origin, stdout=io.StringIO())
    connection.close()


def test_verify_log_says_what_is_wrong(origin):
    add(origin, 3)
    sequence(origin=origin)
    publish(origin=origin, now=timezone.now())
    out = io.StringIO()
    call_command("verify_log", stdout=out)
    assert f"{origin}\n  ok: " in out.getvalue()
    bundle = folder_of(origin) / "tile" / "entries" / "000.p" / "3"
    data = bytearray(bundle.read_bytes())
    data[data.index(b'"kind":"test') + 9] ^= 1
    bundle.write_bytes(data)
    out = io.StringIO()
    with pytest.raises(CommandError, match="does not verify"):
        call_command("verify_log", stdout=out)
    assert "error: entry.changed 0" in out.getvalue()
    with pytest.raises(CommandError, match="no such log"):
        call_command("verify_log", origin="nobody/knows")


def test_verify_log_with_a_policy(origin, tmp_path):
    add(origin, 3)
    sequence(origin=origin)
    publish(origin=origin, now=timezone.now())
    policy = tmp_path / "policy"
    policy.write_text("quorum none\n")
    out = io.StringIO()
    call_command("verify_log", policy=policy, stdout=out)
    assert "ok: checkpoint.cosigned: by nobody" in out.getvalue()
    witness = CosignatureSigner("witness.example", Ed25519PrivateKey.generate()).verifier()
    policy.write_text(f"witness w {witness.vkey}\nquorum w\n")
    with pytest.raises(CommandError, match="does not verify"):
        call_command("verify_log", policy=policy, stdout=out)
    assert "error: checkpoint.quorum: cosigned by nobody" in out.getvalue()
    policy.write_text("junk")
    with pytest.raises(CommandError, match="is no policy"):
        call_command("verify_log", policy=policy, stdout=out)
