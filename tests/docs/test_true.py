"""The documentation says what the code has: every setting, address, problem and reason, and every link leads somewhere."""

import ast
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import URLPattern, get_resolver
from rest_framework.serializers import BaseSerializer

import consent.api
import consent.api_grants
import guard.api
import guard.api_alerts
import hooks.api
import keyring.store
import ledger.api
import retention.api
import retention.api_batch
import retention.api_made
import retention.api_marks
import retention.api_statements
import zkp.api
from consent import terms
from consent.models import GRANT_STATES
from deploy.run import service_programs
from hooks.cloudevent import EVENTS
from hooks.schedule import DELAYS
from retention import certificate
from retention.erasure_machine import State
from retention.models import Policy
from tests.docs.pages import DOCS, PAGES, PROJECT, prose

API, OPERATIONS, LEDGER, RETENTION, CERTIFICATE = (
    DOCS / f"{name}.md" for name in ("api", "operations", "ledger", "retention", "certificate")
)


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
    names = ("audio.py", "marks.py", "mark_clip.py", "portrait.py")
    pure = "".join((PROJECT / "retention" / name).read_text(encoding="utf-8") for name in names)
    return {each.reason for each in [*refusals, *terms._BY_STATE.values()]} | set(
        re.findall(r"(?:Audio|Mark|Portrait)Refused\(\s*\"(\w+)\"", pure)
    )


@pytest.mark.parametrize("reason", sorted(reasons()))
def test_every_reason_is_documented(reason):
    assert reason in words(API)


def fields():
    """Every field that the API takes or answers with, by its serializers."""
    found = set()
    ours = (retention.api, retention.api_batch, retention.api_made, retention.api_marks, retention.api_statements)
    for module in (consent.api, consent.api_grants, *ours, guard.api, guard.api_alerts, hooks.api, ledger.api, zkp.api):
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, BaseSerializer) and each.__module__ == module.__name__:
                found |= getattr(each(), "fields", {}).keys()
    assert len(found) > 50
    return found


@pytest.mark.parametrize("field", sorted(fields()))
def test_every_field_is_documented(field):
    text = API.read_text(encoding="utf-8")
    assert f"`{field}`" in text or f'"{field}":' in text


@pytest.mark.parametrize("name", [*settings.OAUTH2_PROVIDER["SCOPES"], *EVENTS, *State])
def test_every_scope_event_and_state_of_an_erasure_is_documented(name):
    assert name in words(API)


def test_the_retries_are_those_of_the_schedule():
    units = ((3600, "h"), (60, "min"), (1, "s"))
    said = [
        next(f"{delay.total_seconds() / size:g} {unit}" for size, unit in units if delay.total_seconds() >= size)
        for delay in DELAYS[1:]
    ]
    assert f"after {', '.join(said[:-1])} and {said[-1]}." in prose(API)


@pytest.mark.parametrize("task", settings.CELERY_BEAT_SCHEDULE.values(), ids=lambda task: task["task"])
def test_every_task_is_documented(task):
    period = {1.0: "second", 2.0: "2 seconds", 30.0: "30 seconds", 3600.0: "hour", 86400.0: "day"}[task["schedule"]]
    assert f"| `{task['task']}` | {period} |" in prose(OPERATIONS)


@pytest.mark.parametrize("name", ["web", "sequencer", "publisher", "expiry", "worker", "courier"])
def test_the_programs_are_run_as_make_run_does(name):
    _, *arguments = service_programs(var=Path("var"))[name]["argv"]
    command = " ".join(arguments).removeprefix("-m ").removesuffix(" --loglevel INFO")
    assert f"| `{name}` | `{command}` |" in prose(OPERATIONS)
    assert re.search(rf"^\$ \.venv/bin/python (?:-m )?{re.escape(command)}$", prose(OPERATIONS), flags=re.MULTILINE)


@pytest.mark.parametrize("prefix", re.findall(r"`([a-z]+:)<", keyring.store.__doc__))
def test_every_kind_of_key_is_documented(prefix):
    assert f"| `{prefix}` |" in prose(OPERATIONS)


@pytest.mark.parametrize(
    "field",
    sorted(
        certificate._BODY_1
        | certificate._ARTIFACT
        | certificate._KEPT_1
        | certificate._RECIPIENT
        | certificate._ENTRY
        | {"signature"}
    ),
)
def test_every_field_of_a_certificate_is_documented(field):
    assert field in words(CERTIFICATE)


@pytest.mark.parametrize("gone", certificate._WAYS)
def test_every_way_to_go_is_documented_with_its_entries(gone):
    custody, entries = certificate._WAYS[gone]
    row = re.search(rf"^\| `{gone}` \| `{custody}` \| (.*) \|$", prose(CERTIFICATE), flags=re.MULTILINE)
    assert re.findall(r"`([^`]+)`", row[1]) == entries


@pytest.mark.django_db
def test_the_policies_are_those_that_stand_from_the_start():
    cells = r"^\| (`.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \| `(\w+)` \| ([\d,]+) (minute|hour|day)s? \|$"
    rows = re.findall(cells, prose(RETENTION), flags=re.MULTILINE)
    said = {
        (kind, custody, *(None if "`" not in cell else cell.strip("`") for cell in about), since, _span(number, unit))
        for kinds, custodies, *about, since, number, unit in rows
        for kind in re.findall(r"`(\w+)`", kinds)
        for custody in re.findall(r"`(\w+)`", custodies) or [""]
    }
    assert said == {
        (
            each.kind,
            each.custody,
            each.medium or None,
            each.purpose_id,
            each.residence or None,
            each.since,
            each.ttl,
        )
        for each in Policy.objects.all()
    }


def _span(number, unit):
    return timedelta(**{f"{unit}s": int(number.replace(",", ""))})


def kinds():
    """Every kind of entry that the code appends; the names of its own modules and tasks look alike."""
    files = [
        path
        for path in python_files("consent", "retention", "guard", "hooks", "config", "zkp")
        if "migrations" not in path.parts
    ]
    files.remove(PROJECT / "retention" / "certificate.py")  # its findings have names of the same form
    named = {text for path in files for text in strings(path)}
    modules = {".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in files}
    # `consent.<state>` is put together from the state to which a grant moves.
    ends = {f"consent.{state}" for state in GRANT_STATES}
    pattern = r"(app|purpose|notice|consent|delegation|session|use|artifact|access|erasure|hook|label|hold|policy|proof|subject|host|alert|rule|playbook)\.[a-z_]+"
    events = {
        "session.ended",
        "hook.challenge",
        "app.resumed",
        "host.isolate",
        "host.release",
    }  # told by hook, and no entries
    tasks = {each["task"] for each in settings.CELERY_BEAT_SCHEDULE.values()}
    return {name for name in named | ends if re.fullmatch(pattern, name)} - modules - events - tasks


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
        assert plain in re.findall(r"[/\w.{}-]+(?::\w+)?", re.sub(r"\{[^}]*\}", "{}", said))


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
