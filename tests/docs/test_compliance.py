"""docs/compliance.md names a test for each requirement that is met here: the test is there, and bears the requirement's name."""

import ast
import re

import pytest

from tests.docs.pages import DOCS, PROJECT

ROW = re.compile(
    r'^\| ([A-Z]\d+(?:\.\d+)?) \| [^|]+ \| <a href="\.\./([\w/.]+)">([\w/.]+)::(\w+)</a> \|$', re.MULTILINE
)
LAW = {
    *("G1", "G2", "G3", "G4", "G5", "G6", "P1", "P2", "P3", "P4", "P6", "P7", "P9", "P11", "P12", "P13"),
    *("B2", "B3", "E2", "T1"),
}
ASKED = {"S0.1", "S0.2", "S0.7", "S0.8", "S0.10", "S1.3", "S1.4", "S1.5", "S1.8", "S1.9", "S2.3", "S2.4"}
ROWS = ROW.findall((DOCS / "compliance.md").read_text(encoding="utf-8"))


def test_every_requirement_has_its_row():
    assert sorted(row[0] for row in ROWS) == sorted(LAW | ASKED)


@pytest.mark.parametrize(("requirement", "link", "path", "name"), ROWS, ids=[row[0] for row in ROWS])
def test_the_test_is_there_and_bears_the_name(requirement, link, path, name):
    assert link == path
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert name in found
    assert f"_{requirement.lower().replace('.', '_')}_" in name.replace("test", "", 1)
