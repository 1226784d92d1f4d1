"""docs/compliance.md names a test for each requirement that is met here: the test is there, and bears the requirement's name."""

import ast
import re

import pytest

from tests.docs.pages import DOCS, PROJECT

LINK = re.compile(r'<a href="\.\./([\w/.]+)">([\w/.]+)::(\w+)</a>')
ROW = re.compile(rf"^\| ([A-Z]\d+(?:\.\d+)?) \| [^|]+ \| ({LINK.pattern}(?:, {LINK.pattern})*) \|$", re.MULTILINE)
LAW = {
    *(f"G{number}" for number in range(1, 14)),
    *(f"P{number}" for number in range(1, 14)),
    *("B1", "B2", "B3", "B4", "B5", "E1", "E2", "C1", "C2", "C3", "F1", "T1"),
}
ASKED = {
    *(f"S0.{number}" for number in range(1, 12)),
    *(f"S1.{number}" for number in range(1, 12)),
    *(f"S2.{number}" for number in range(1, 13)),
    *(f"S3.{number}" for number in range(1, 11)),
}
TABLE = {row[1]: row[2] for row in ROW.finditer((DOCS / "compliance.md").read_text(encoding="utf-8"))}
ROWS = [(requirement, *link) for requirement, links in TABLE.items() for link in LINK.findall(links)]


def test_every_requirement_has_its_row():
    text = (DOCS / "compliance.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| ([A-Z]\d[\d.]*) \|", text, re.MULTILINE)) == sorted(LAW | ASKED), "each once"
    assert TABLE.keys() == LAW | ASKED, "and each links to its test"


@pytest.mark.parametrize(("requirement", "link", "path", "name"), ROWS, ids=[f"{row[0]} {row[3]}" for row in ROWS])
def test_the_test_is_there_and_bears_the_name(requirement, link, path, name):
    assert link == path
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert name in found
    assert f"_{requirement.lower().replace('.', '_')}_" in name.replace("test", "", 1)
