"""The wheel runs on Python 3.10: no newer syntax, no newer name, in any file that it carries."""

import ast

import pytest
import vermin


def test_every_file_compiles_for_3_10_and_uses_no_newer_name(files_of):
    python = {name: data.decode() for name, data in files_of.items() if name.endswith(".py")}
    assert len(python) > 40
    config = vermin.Config()
    config.add_backport("typing_extensions")
    config.set_eval_annotations(False)
    found = {}
    for name, source in python.items():
        ast.parse(source, feature_version=(3, 10))
        visitor = vermin.visit(source, config)
        needed = max((each for each in visitor.minimum_versions() if each), default=(0, 0))
        if needed > (3, 10):
            found[name] = needed
    assert found == {}


@pytest.mark.parametrize(
    "newer",
    [
        "from typing import Self",
        "from datetime import UTC, datetime",
        "from enum import StrEnum",
        "import tomllib",
        "try:\n    pass\nexcept* OSError:\n    pass",
        "raise ExceptionGroup('', [])",
    ],
)
def test_the_look_finds_what_is_newer(newer):
    visitor = vermin.visit(f"{newer}\n", vermin.Config())
    assert max(each for each in visitor.minimum_versions() if each) > (3, 10)


def test_it_says_so(files_of):
    (metadata,) = [data for name, data in files_of.items() if name.endswith(".dist-info/METADATA")]
    assert b"Requires-Python: >=3.10\n" in metadata
    assert "consonant/py.typed" in files_of
