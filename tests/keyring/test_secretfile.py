"""Secrets in files: made once, read only where nobody else can."""

import os

import pytest

from keyring.errors import KeyStoreBroken
from keyring.secretfile import read_or_make, read_private


def test_a_secret_is_made_once(tmp_path):
    path = tmp_path / "secrets" / "x"
    made = [read_or_make(path, lambda: os.urandom(8)) for _ in range(3)]
    assert len(set(made)) == 1
    assert [file.name for file in path.parent.iterdir()] == ["x"]


def test_only_a_private_file_is_read(tmp_path):
    path = tmp_path / "x"
    with pytest.raises(KeyStoreBroken, match="missing"):
        read_private(path)
    path.write_bytes(b"secret")
    for mode in range(0o1000):
        path.chmod(mode)
        if mode in {0o600, 0o400} or (os.geteuid() == 0 and mode & ~0o600 == 0):
            assert read_private(path) == b"secret"
        else:
            with pytest.raises(KeyStoreBroken, match=r"mode|cannot be read"):
                read_private(path)
