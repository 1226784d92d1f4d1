"""Both backends of the key store, opened as often as a test likes; and a token of SoftHSM."""

import os
import subprocess
from pathlib import Path

import pkcs11
import pytest

from tests.keyring.backends import Backend
from tests.keyring.kv import KV

SOFTHSM = next(
    (
        path
        for path in map(
            Path,
            (
                "/usr/lib/softhsm/libsofthsm2.so",
                "/usr/lib64/softhsm/libsofthsm2.so",
                "/usr/local/lib/softhsm/libsofthsm2.so",
            ),
        )
        if path.exists()
    ),
    None,
)


@pytest.fixture
def kv():
    server = KV()
    yield server
    server.close()


@pytest.fixture(params=["local", "openbao"])
def backend(request, tmp_path):
    return Backend(tmp_path, request.getfixturevalue("kv") if request.param == "openbao" else None)


@pytest.fixture
def local(tmp_path):
    return Backend(tmp_path)


@pytest.fixture
def openbao(tmp_path, kv):
    return Backend(tmp_path, kv)


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory):
    """A token of SoftHSM: its label, and the file of its PIN. One configuration a process: the library reads it once."""
    if SOFTHSM is None:
        pytest.skip("SoftHSM is not installed (apt install softhsm2)")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(conf)
    pin_file = folder / "pin"
    pin_file.touch(mode=0o600)
    pin_file.write_text("5678\n")

    def token(label):
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "1234", "--pin", "5678"]
        subprocess.run(command, check=True, capture_output=True)
        pkcs11.lib(str(SOFTHSM)).reinitialize()  # it knows the tokens that were there when it started
        return {"module": str(SOFTHSM), "token": label, "pin_file": pin_file}

    yield token
    os.environ.pop("SOFTHSM2_CONF", None)  # two folders of tests may have made one


@pytest.fixture
def token(softhsm, tmp_path):
    return softhsm(tmp_path.name[:32])
