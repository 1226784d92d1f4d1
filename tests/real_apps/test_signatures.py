"""The facts of tests/sdk/standins.py about Linly-Talker are those of its own files, also of what cannot be imported here."""

import ast
import os
from pathlib import Path

import pytest

from tests.sdk.standins import LINLY


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")  # theirs
@pytest.mark.parametrize(("place", "name"), LINLY, ids=lambda each: each)
def test_the_real_file_has_this_signature(place, name):
    tree = ast.parse(Path(os.environ["CONSONANT_REAL_APPS"], "Linly-Talker", place).read_text(encoding="utf-8"))
    body = tree.body
    *owner, function = name.split(".")
    if owner:
        [found] = [each for each in body if isinstance(each, ast.ClassDef) and each.name == owner[0]]
        body = found.body
    [found] = [each for each in body if isinstance(each, ast.FunctionDef) and each.name == function]
    parameters = [each.arg for each in found.args.args]
    assert parameters == [*(["self"] if owner else []), *LINLY[place, name][0].split()]
    assert (found.args.vararg, found.args.kwarg, found.args.kwonlyargs) == (None, None, [])
