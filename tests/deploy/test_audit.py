"""The look-up of known holes, against an advisory service that stands here."""

import http.server
import json
import subprocess
import sys
import threading

import pytest

from deploy import audit
from tests.deploy.stack import PROJECT, free_port

HOLE = {
    "id": "PYSEC-2026-1",
    "schema_version": "1.6.0",
    "summary": "Anybody may listen.",
    "affected": [
        {
            "package": {"name": "holey", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
        }
    ],
}


class Advisories(http.server.BaseHTTPRequestHandler):
    """Answers as OSV does; knows one hole."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((asked["package"]["name"], asked["version"]))
        found = {"vulns": [HOLE]} if asked["package"]["name"] == "holey" and asked["version"] == "1.0" else {}
        said = b"a page" if self.server.is_ill else json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    server.asked, server.is_ill = [], False
    server.url = f"http://127.0.0.1:{server.server_port}/v1/query"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def project(tmp_path):
    texts = ("holey==1.0\n", "-r requirements.txt\n", "# tried\nsound==3.1\n", "voice==1.0\n", "# alone\n")
    for name, text in zip(audit.LISTS, texts, strict=True):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder, url):
    command = [sys.executable, "-m", "deploy.audit", str(folder), url]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_s1_11_a_known_hole_in_a_pinned_package_fails_the_check(service, project):
    assert run(project, service.url) == (1, "holey 1.0: PYSEC-2026-1, mended in 2.0. Anybody may listen.\n")
    assert set(service.asked[1:]) == {("holey", "1.0"), ("sound", "3.1"), ("voice", "1.0")}
    (project / "requirements.txt").write_text("holey==2.0\n")
    assert run(project, service.url) == (0, "no hole is known in 3 pinned packages\n")


def test_without_a_network_it_says_so_and_goes_on(service, project):
    away = f"http://127.0.0.1:{free_port()}/v1/query"
    said = "cannot be reached: the packages were not looked up for known holes\n"
    assert run(project, away) == (0, f"{away} {said}")
    service.is_ill = True  # a page of somebody else's in between, as on a train
    assert run(project, service.url) == (0, f"{service.url} {said}")


def test_all_that_runs_and_develops_is_asked_about():
    wanted = audit.pins(PROJECT)
    assert len(wanted) > 200
    assert all("==" in each for each in wanted)
    assert any(each.startswith("Django==") for each in wanted)
    assert any(each.startswith("gradio==") for each in wanted), "the studio's too"
    check = (PROJECT / "Makefile").read_text(encoding="utf-8").partition("\ncheck:")[2].partition("\n\n")[0]
    assert "$(PY) -m deploy.audit" in check
