"""The settings: safe by default, and strict about what they are given."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent


def check(tmp_path, **environment):
    words = {"PATH": os.environ["PATH"], "CONSONANT_VAR": str(tmp_path)} | environment
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=PROJECT,
        env=words,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_is_the_default_and_clean(tmp_path):
    done = check(
        tmp_path,
        CONSONANT_PUBLIC_URL="https://consonant.example",
        DATABASE_URL="postgresql:///x",
        EMAIL_URL="smtp://localhost",
    )
    assert done.returncode == 0, done.stderr
    for secret in (tmp_path / "secrets").iterdir():
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "CONSONANT_PUBLIC_URL must be"),
        ({"CONSONANT_PUBLIC_URL": "http://consonant.example"}, "CONSONANT_PUBLIC_URL must be"),
        ({"CONSONANT_PUBLIC_URL": "https://consonant.example"}, "EMAIL_URL must say"),
        ({"CONSONANT_MODE": "debug"}, "neither `local` nor `production`"),
        ({"CONSONANT_MODE": "local", "DATABASE_URL": "sqlite:///x"}, "must name a PostgreSQL"),
        ({"CONSONANT_MODE": "local", "CONSONANT_API_RATE": "600/min"}, "'600/min' is no rate such as 600/minute"),
        ({"CONSONANT_MODE": "local", "CONSONANT_CACHE_URL": "localhost:6379"}, "the address of a Redis, or memory://"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, environment, sentence):
    done = check(tmp_path, **environment)
    assert done.returncode != 0
    assert sentence in done.stderr
