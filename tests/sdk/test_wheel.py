"""The wheel carries the server's own modules and needs nothing of the server."""

import ast
import importlib.util
import os
import subprocess
import sys
from email.parser import Parser
from pathlib import PurePosixPath

import pytest

from tests.sdk.conftest import PROJECT

MORE = {"consonant/retention/clip.py": {"c2pa", "tinytag"}, "consonant/retention/audio.py": {"soundfile"}}
"""With the extras `[clip]` and `[mark]`, and then only."""


def test_its_modules_are_the_servers_byte_for_byte(files_of):
    carried = {name: data for name, data in files_of.items() if name.startswith("consonant/ledger/")}
    assert {"consonant/ledger/verify.py", "consonant/ledger/merkle.py", "consonant/ledger/cosignature.py"} <= set(
        carried
    )
    for name, data in carried.items():
        assert data == (PROJECT / name.removeprefix("consonant/")).read_bytes(), name


def test_modules_of_other_apps_differ_only_in_where_they_import_from(files_of):
    carried = {
        name: data
        for name, data in files_of.items()
        if name.startswith(("consonant/consent/", "consonant/retention/", "consonant/keyring/", "consonant/zkp/"))
    }
    assert {"consonant/consent/verify_receipt.py", "consonant/retention/certificate.py"} <= set(carried)
    for name, data in carried.items():
        source = (PROJECT / name.removeprefix("consonant/")).read_text().splitlines()
        for theirs, ours in zip(data.decode().splitlines(), source, strict=True):
            assert theirs == ours or theirs == ours.replace("from ", "from consonant.", 1), name
            assert theirs == ours or ours.startswith(
                ("from ledger", "from consent", "from retention", "from keyring")
            ), name


def test_it_holds_every_module_that_one_of_them_imports(files_of):
    modules = {PurePosixPath(name).stem for name in files_of if name.startswith("consonant/ledger/")}
    packages = {".".join(PurePosixPath(name).with_suffix("").parts) for name in files_of}
    for name, data in files_of.items():
        if not name.startswith(("consonant/ledger/", "consonant/consent/", "consonant/retention/")):
            continue
        for node in ast.walk(ast.parse(data)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("consonant."):
                wanted = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
                assert wanted & packages or f"{node.module}.__init__" in packages, (name, node.module)
                continue
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1
                wanted = {node.module} if node.module else {alias.name for alias in node.names}
                assert wanted <= modules, name
            elif isinstance(node, ast.ImportFrom | ast.Import):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                tops = {each.partition(".")[0] for each in names}
                more = MORE.get(name, set())
                assert tops <= sys.stdlib_module_names | {"cryptography", "jwt"} | more, name


def test_it_declares_what_it_needs(files_of):
    (metadata,) = [data for name, data in files_of.items() if name.endswith(".dist-info/METADATA")]
    needed = Parser().parsestr(metadata.decode()).get_all("Requires-Dist")
    always = [each for each in needed if "extra" not in each]
    assert sorted(each.partition(">")[0] for each in always) == ["cryptography", "httpx", "pyjwt", "tqdm"]
    assert sorted(each.partition(">")[0] for each in needed if "extra == 'clip'" in each) == ["c2pa-python", "tinytag"]
    of_wallet = [each for each in needed if "extra == 'wallet'" in each]
    assert sorted(each.partition(">")[0] for each in of_wallet) == ["mnemonic", "py-arkworks-bls12381"]
    (script,) = [data for name, data in files_of.items() if name.endswith("entry_points.txt")]
    assert b"consonant = consonant.cli:main" in script


def test_nothing_of_the_server_can_be_imported_beside_it(target, tmp_path):
    code = f"import sys; sys.path.insert(0, {str(target)!r}); import consonant.cli; import {{}}"
    for name in ("django", "ledger", "consent", "retention", "config", "psycopg", "rest_framework"):
        assert importlib.util.find_spec(name), "the test would show nothing"
        command = [sys.executable, "-I", "-S", "-c", code.format(name)]
        done = subprocess.run(command, capture_output=True, cwd=tmp_path, check=False)
        assert f"No module named '{name}'" in done.stderr.decode()


@pytest.mark.parametrize("start", [["bin/consonant"], [sys.executable, "-m", "consonant"]], ids=["script", "module"])
def test_both_ways_to_start_it(target, start, tmp_path):
    command = [str(target / start[0]), *start[1:]] if start[0] == "bin/consonant" else start
    done = subprocess.run(
        [*command, "--version"],
        env=os.environ | {"PYTHONPATH": str(target)},
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, b"consonant 0.1.0\n"), done.stderr
