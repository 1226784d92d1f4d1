"""The documentation says what the code has: every setting, address, problem and reason, and every link leads somewhere."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import URLPattern, get_resolver

from consent import terms
from tests.docs.pages import DOCS, PAGES, PROJECT, prose

API, OPERATIONS, LEDGER = (DOCS / name for name in ("api.md", "operations.md", "ledger.md"))


def words(page):
    """What stands in backticks on a page."""
    return set(re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")))


def python_files(*folders):
    return [path for folder in folders for path in (PROJECT / folder).rglob("*.py")]


def strings(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def variables():
    """Every environment variable that the service or its starting reads by name."""
    found = set()
    for path in [*python_files("config", "deploy"), PROJECT / "Makefile", PROJECT / ".ci" / "run"]:
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"\bCONSONANT_[A-Z_]*[A-Z]\b", text))
        found |= set(re.findall(r"\benv\.\w+\(\s*[\"']([A-Z_]+)[\"']", text))
        found |= set(re.findall(r"\b(?:environ(?:\.get)?|getenv)[\[(]\s*[\"']([A-Z_]+)[\"']", text))
    return found - {"PATH", "TERM", "NO_COLOR"}


@pytest.mark.parametrize("name", sorted(variables()))
def test_every_variable_is_documented(name):
    assert name in prose(OPERATIONS)


def problem_types():
    text = (PROJECT / "config" / "problems.py").read_text(encoding="utf-8")
    found = set(re.findall(r"\(\d{3}, \"([a-z-]+)\"\)", text))
    found |= set(re.findall(r"_problem\(\s*\d{3},\s*\"([a-z-]+)\"", text))
    found |= set(re.findall(r"\d{3}: \"([a-z-]+)\"", text))
    assert len(found) > 20
    return found | {"error"}


@pytest.mark.parametrize("name", sorted(problem_types()))
def test_every_problem_is_documented(name):
    assert name in words(API)


def test_no_problem_is_invented():
    table = prose(API).partition("## Problems")[2].partition("## Reasons")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, flags=re.MULTILINE)) == problem_types()


def reasons():
    refusals = [value for value in vars(terms).values() if isinstance(value, terms.Refusal)]
    pure = "".join((PROJECT / "retention" / name).read_text(encoding="utf-8") for name in ("audio.py", "marks.py"))
    return {each.reason for each in [*refusals, *terms._BY_STATE.values()]} | set(
        re.findall(r"(?:Audio|Mark)Refused\(\s*\"(\w+)\"", pure)
    )


@pytest.mark.parametrize("reason", sorted(reasons()))
def test_every_reason_is_documented(reason):
    assert reason in words(API)


def kinds():
    """Every kind of entry that the code appends; the names of its own modules and tasks look alike."""
    files = [path for path in python_files("consent", "retention", "hooks", "config") if "migrations" not in path.parts]
    files.remove(PROJECT / "retention" / "certificate.py")  # its findings have names of the same form
    named = {text for path in files for text in strings(path)}
    modules = {".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in files}
    # `consent.<state>` is put together from the state in which a grant ends.
    ends = {f"consent.{state}" for state in ("withdrawn", "expired", "exhausted")}
    pattern = r"(app|consent|session|use|artifact|access|erasure|hook)\.[a-z_]+"
    events = {"session.ended", "hook.challenge"}  # told by hook, and no entries
    return {name for name in named | ends if re.fullmatch(pattern, name)} - modules - events


def test_every_kind_of_entry_is_documented():
    found = kinds()
    assert len(found) > 12
    assert found <= words(LEDGER)


def routes(patterns, before=""):
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield path
        else:
            yield from routes(pattern.url_patterns, path)


@pytest.mark.parametrize("route", sorted(set(routes(get_resolver().url_patterns))))
def test_every_address_is_documented(route):
    said = prose(API) + prose(OPERATIONS)
    if route.startswith(("accounts/", "admin/")):
        assert f"/{route.partition('/')[0]}/..." in said
    else:
        plain = "/" + re.sub(r"<[^>]*>", "{}", route)
        assert plain in re.findall(r"[/\w.{}-]+", re.sub(r"\{[^}]*\}", "{}", said))


def anchors(page):
    """The ids of a page's headings, as MkDocs makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}


def links():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
            yield pytest.param(page, target, id=f"{page.name}:{target}")


@pytest.mark.parametrize(("page", "target"), list(links()))
def test_every_link_leads_somewhere(page, target):
    path, _, anchor = target.partition("#")
    assert "://" not in target
    found = (page.parent / path) if path else page
    assert found.exists()
    if anchor:
        assert anchor in anchors(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_named_file_is_there(page):
    """Paths of the project that a page names in backticks, apart from what a start makes."""
    for word in words(page):
        if re.fullmatch(r"(?:[\w.-]+/)+[\w.-]*\.(?:py|sh|md|wav|txt|toml)", word):
            assert (PROJECT / word).exists(), word


def test_every_page_is_in_the_navigation():
    listed = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(str(page.relative_to(DOCS)) in listed for page in DOCS.rglob("*.md"))


def test_the_site_builds_and_asks_nobody(tmp_path: Path):
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)]
    built = subprocess.run(
        command, cwd=PROJECT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|iframe|source)[^>]+src=\"?(?:https?:)?//", text), page
        assert not re.findall(
            r"<link[^>]+rel=\"?(?:stylesheet|preconnect|preload)\"?[^>]+href=\"?(?:https?:)?//", text
        ), page
