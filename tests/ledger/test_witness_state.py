"""What a witness remembers is all that makes it one."""

import pytest

from ledger.management.witness_state import AnotherName, Forgotten, State


def test_keys_without_what_they_cosigned_are_not_used(tmp_path):
    folder = tmp_path / "state"
    [signer] = State(folder).signers("w.example/1", ["ed25519"])
    assert State(folder).signers("w.example/1", ["ed25519"])[0].verifier() == signer.verifier()
    with pytest.raises(AnotherName):
        State(folder).signers("w.example/2", ["ed25519"])
    for each in folder.glob("witness.sqlite3*"):
        each.unlink()
    with pytest.raises(Forgotten, match="would cosign what it must refuse"):
        State(folder).signers("w.example/1", ["ed25519"])
