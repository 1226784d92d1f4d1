"""What the pages on proofs tell a person, a verifier and an app to type, typed as it stands there: the program at a terminal of its own,
the verifier's calls in a shell."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone

from consent.allow import allow
from consent.ask import ask
from tests.conftest import Api
from tests.docs.pages import DOCS
from tests.portal.scene import MONTH, seal
from tests.sdk.conftest import target, wheel  # noqa: F401 - fixtures
from tests.sdk.test_wallet import PASSPHRASE, code, program, service  # noqa: F401 - fixtures

SPEAKER, VERIFIER, DEVELOPER = (DOCS / "howto" / f"{name}.md" for name in ("speaker", "verifier", "developer"))


def marked(page, name):
    """Return the block of a page behind its comment."""
    return re.search(rf"<!-- {name} -->\n```bash\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)[1]


def in_shell(folder, script, **environment):
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{script}"],
        cwd=folder,
        env=os.environ | environment | {"NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Terminal:
    """Somebody at a terminal, who answers what the program asks."""

    def __init__(self, target, folder, answers):  # noqa: F811
        self._start, self._folder, self._answers = target / "start_wallet.py", folder, answers

    def type(self, line):
        """Type a line of a page; return what was shown."""
        words = line.split()
        assert words[:2] == ["consonant", "wallet"]
        there, its_own = pty.openpty()
        command = [sys.executable, "-I", "-S", str(self._start), *words[1:]]
        ends_of_it = {"stdin": its_own, "stdout": its_own, "stderr": its_own}
        child = subprocess.Popen(command, cwd=self._folder, start_new_session=True, **ends_of_it)
        os.close(its_own)
        said, answered, ends = b"", 0, time.monotonic() + 90
        while time.monotonic() < ends:
            if not select.select([there], [], [], 1)[0]:
                continue
            try:
                got = os.read(there, 4096)
            except OSError:  # so Linux says that the other end is closed
                break
            said += got
            for asked, answer in self._answers.items():
                if said[answered:].decode(errors="replace").rstrip().endswith(asked):
                    answered = len(said)
                    os.write(there, answer.encode() + b"\n")
        os.close(there)
        assert child.wait(timeout=10) == 0, said.decode()
        return said.decode()


@pytest.fixture
def person(target, program, service, tmp_path):  # noqa: F811
    answers = {
        "passphrase for the file:": PASSPHRASE,
        "passphrase of the file:": PASSPHRASE,
        "same once more:": PASSPHRASE,
        "code of the service's page:": code(service, tmp_path).read_text(),
        "Write yes:": "yes",
    }
    return Terminal(target, tmp_path, answers)


def commands():
    section = SPEAKER.read_text().partition("### The wallet as a program")[2].partition("\n## ")[0]
    return dict(
        zip(
            ("create", "claim", "copied", "scan", "receipt", "prove"),
            re.findall(r"^\$ (.*)$", section, re.MULTILINE),
            strict=True,
        )
    )


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not here")
def test_a_person_and_a_verifier_do_what_the_pages_say(person, service, tmp_path):  # noqa: F811
    lines = {name: line.replace("https://voices.example", service.url) for name, line in commands().items()}
    shown = person.type(lines["create"])
    assert len(re.search(r"(?:[a-z]+ ){23}[a-z]+", shown)[0].split()) == 24
    assert "Earlier keys in the file: 1" in person.type(lines["claim"])
    assert "has deleted" in person.type(lines["copied"])
    seal()
    scanned = person.type(lines["scan"])
    ref = re.search(r"consent\.given (\S{36}) earlier-key", scanned)[1]
    taken = person.type(lines["receipt"].replace("REF", ref))
    assert '"status": "given"' in taken

    asked = in_shell(tmp_path, marked(VERIFIER, "proof"), CONSONANT_URL=service.url)
    link = asked.split()[-1]
    question = json.loads((tmp_path / "question.json").read_text())
    assert link == question["url"]
    begun = lines["prove"].partition(" --entries")[0]
    person.type(f"{begun.replace('LINK', link)} --receipt {ref} --send")
    told = json.loads(in_shell(tmp_path, marked(VERIFIER, "verdict"), CONSONANT_URL=service.url, ID=question["id"]))
    assert (told["verdict"], told["says"]["shown"]["kind"]) == ("holds", "consent.given")

    in_shell(tmp_path, marked(VERIFIER, "proof"), CONSONANT_URL=service.url)
    printed = person.type(f"consonant wallet prove question.json --wallet me.json --receipt {ref}")
    (tmp_path / "answer.json").write_text(re.search(r'^\{"v".*\}', printed, re.MULTILINE)[0])
    told = json.loads(in_shell(tmp_path, marked(VERIFIER, "answer"), CONSONANT_URL=service.url))
    assert (told["verdict"], told["says"]["shown"].keys()) == ("holds", {"kind", "day"})

    body = {"statement": "own", "purpose": "to see that it is you"}
    own = Client().post("/api/v1/challenges", body, content_type="application/json").json()
    verdict = person.type(lines["prove"].replace("LINK", own["url"]))
    assert '"verdict": "holds"' in verdict


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not here")
def test_an_app_asks_whether_a_consent_stands_as_its_page_says(person, service, tmp_path):  # noqa: F811
    now = timezone.now()
    words = {"subject_ref": "user-1", "purpose": "voice-cloning", "operations": ["upload", "synthesize"], "term": MONTH}
    allow(token=ask(app=service.app, now=now, **words).token, user=service.user, choice="term", locale="en", now=now)
    lines = {name: line.replace("https://voices.example", service.url) for name, line in commands().items()}
    person.type(lines["create"])
    person.type(lines["claim"])
    seal()
    api = Api(service.app)
    said = in_shell(
        tmp_path,
        marked(DEVELOPER, "active"),
        CONSONANT_URL=service.url,
        TOKEN=api.token,
        APP=str(service.app.id),
    )
    asked = SimpleNamespace(**json.loads(said))
    assert (asked.verifier_known, asked.verifier_name) == (True, service.app.name)
    begun = lines["prove"].partition(" --entries")[0]
    shown = person.type(f"{begun.replace('LINK', asked.url)} --send")
    assert f"{service.app.name} asks for a proof of active (synthesize" in shown
    assert '"verdict": "holds"' in shown
