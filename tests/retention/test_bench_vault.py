"""The measures of the vault run, leave nothing, and are of what they say."""

import subprocess
import sys

from django.conf import settings

from retention.bench.vault import MB, memory, most_held, speed
from vault import blobs
from vault.blobs import Kind


def held():
    return {blob for blob, _ in blobs.stored(kind=Kind.VOICE)}


def test_each_speed_is_measured_and_nothing_stays():
    before = held()
    found = speed(size=2 * MB, rounds=1)
    assert min(found.copy, found.bare_write, found.bare_read, found.vault_write, found.vault_read) > 0
    assert found.write_ratio == found.vault_write / found.bare_write
    assert held() == before


def test_memory_is_that_of_the_process_and_not_of_who_started_it():
    held = bytearray(b"x") * (400 * MB)
    told = [sys.executable, "-c", "from retention.bench.vault import most_held; print(most_held())"]
    child = subprocess.run(told, cwd=settings.BASE_DIR, capture_output=True, text=True, check=True)
    assert 10 * MB < int(child.stdout) < len(held)
    assert most_held() > len(held)


def test_memory_does_not_grow_with_what_goes_through():
    before = held()
    assert memory(size=96 * MB) < 16 * MB
    assert held() == before
