"""`make demo`: it passes, can be repeated, says where to look, and is what docs/tour.md shows."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from deploy.demo_parties import Speaker
from tests.accounts.codes import code_of
from tests.stack.conftest import run_demo
from tests.stack.service import PROJECT
from tests.stack.words import secret_words, writings

LONGEST_SECONDS = 25.0


@pytest.fixture(scope="module")
def again(stack, demo, tmp_path_factory):
    """A second run."""
    return run_demo(stack, tmp_path_factory.mktemp("again") / "tour.md")


def test_the_demo_passes_and_says_where_to_look(demo, stack):
    assert "All as it must be" in demo.said
    steps = [line for line in demo.said.splitlines() if re.match(r" ?\d+  ", line)]
    assert len(steps) > 40
    assert all(stack.url in line or str(stack.var) in line for line in steps)
    assert "\033" not in demo.said
    for named in ("was changed", "was removed", "were swapped", "another history", "not the one that was signed"):
        assert named in demo.said


def test_the_demo_can_be_repeated_and_the_log_grows(demo, again):
    sizes = [int(re.search(r"(\d+) entries verified", run.said)[1]) for run in (demo, again)]
    assert sizes[1] > sizes[0]
    assert not set(re.findall(r"visitor-\w+", demo.said)) & set(re.findall(r"visitor-\w+", again.said))
    assert min(demo.seconds, again.seconds) < LONGEST_SECONDS


def test_each_run_is_recorded_alike_and_the_documentation_shows_it(demo, again):
    assert again.page == demo.page
    assert (PROJECT / "docs" / "tour.md").read_text(encoding="utf-8") == demo.page, (
        "the tour has changed: while `make run` runs, `python -m deploy.demo --record docs/tour.md` writes it anew"
    )


def test_no_secret_is_recorded(stack, demo):
    words = {word: name for name, value in secret_words(stack).items() for word in writings(value)}
    words |= dict.fromkeys(stack.secrets, "a token, a link or a user's name")
    words |= {login["client_id"]: "a client id" for who, login in stack.service().logins.items() if who == "app"}
    assert len(words) > 20
    assert [name for word, name in words.items() if word in demo.page] == []
    assert "127.0.0.1" not in demo.page
    random = [word for word in re.findall(r"[\w+/=-]{24,}", demo.page) if sum(map(str.isdigit, word)) > 4]
    assert random == []


def test_what_the_tour_made_can_be_seen(stack, demo):
    """Every link opens for the speaker or, in the admin, for the officer."""
    note = stack.var / "demo" / "tour.json"
    assert note.stat().st_mode & 0o777 == 0o600
    tour = json.loads(note.read_text(encoding="utf-8"))
    assert datetime.now(UTC) - datetime.fromisoformat(tour["at"]) < timedelta(hours=1)
    assert all(step.keys() == {"who", "what", "where"} for step in tour["steps"])
    assert "/consent/" not in note.read_text(encoding="utf-8"), "the token of a link is nobody's to keep"
    assert len(tour["steps"]) == demo.said.count("\n") - 4
    assert {link["title"] for link in tour["links"]} >= {"My records", "My rights", "The erasure", "Proof of an entry"}
    logins = stack.service().logins
    people = {
        who: Speaker(stack.client(headers={"Accept-Language": "en"}), logins[who]) for who in ("speaker", "officer")
    }
    for person in people.values():
        person.sign_in()
    page = people["officer"].visit("/accounts/2fa/authenticate/")
    form = page.form_to("/accounts/2fa/authenticate/")
    people["officer"].send(form.action, {**form.click(), "code": code_of(logins["officer"]["totp"])})
    for link in tour["links"]:
        who = people["officer" if "/admin/" in link["url"] else "speaker"]
        response = who.http.get(link["url"])
        assert response.status_code == 200, link
        if "?event_id=" in link["url"]:
            assert "artifact.erase_requested" in response.text


def test_without_a_service_the_demo_says_one_sentence(tmp_path):
    command = [sys.executable, "-m", "deploy.demo"]
    environment = {"CONSONANT_VAR": str(tmp_path)}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "make run" in done.stderr


def test_with_a_stopped_service_the_demo_says_one_sentence(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "run" / "service.env").write_text("CONSONANT_PUBLIC_URL=http://127.0.0.1:1\n")
    (tmp_path / "secrets" / "demo.json").write_text('{"app": {}, "speaker": {}}')
    command = [sys.executable, "-m", "deploy.demo"]
    environment = {"CONSONANT_VAR": str(tmp_path)}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "not running" in done.stderr
