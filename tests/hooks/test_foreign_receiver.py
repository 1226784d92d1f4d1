"""Deliveries against a foreign verifier: the npm package `standardwebhooks` in a Node server."""

import hashlib
import json
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.utils import timezone

from hooks import cloudevent, target
from hooks import deliver as delivering
from hooks.models import Delivery
from hooks.notify import notify
from tests.conftest import Api

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not shutil.which("npm"), reason="npm is not here, so there is no foreign verifier"),
]
HERE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def installed():
    """The package, in a folder that is kept: it is fetched once, and is what the lock file says."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = settings.BASE_DIR / ".cache" / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "receiver.js"):
            shutil.copy(HERE / name, folder)
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True
        )
        (folder / "done").touch()
    shutil.copy(HERE / "receiver.js", folder)
    return folder


class Foreign:
    """The running receiver."""

    def __init__(self, folder):
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._process = subprocess.Popen(
            ["node", "receiver.js"], cwd=folder, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.url = f"http://127.0.0.1:{self._process.stdout.readline().strip()}/hook"

    def know(self, *secrets):
        httpx.put(self.url, json=secrets, trust_env=False).raise_for_status()

    def heard(self):
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.kill()
        self._process.stdout.close()
        self._process.wait()


@pytest.fixture
def foreign(installed):
    made = Foreign(installed)
    yield made
    made.close()


@pytest.fixture
def api(app):
    return Api(app, scope="hooks")


def test_all_that_is_sent_is_accepted(api, app, foreign):
    secrets = []
    for event in cloudevent.EVENTS:
        made = api.post("/api/v1/hooks", {"event": event, "target_url": foreign.url})
        assert made.status_code == 201, made.content
        secrets.append(made.json()["secret"])
    foreign.know(*secrets)
    now = timezone.now()
    sent = {
        str(notify(app=app, event=event, data={"purpose": "语音克隆", "n": [1.5, None, "\u2028"]}, now=now)): event
        for event in cloudevent.EVENTS
    }
    delivering.deliver(clock=timezone.now)
    heard = [foreign.heard() for _ in sent]
    assert all(each["accepted"] for each in heard), heard
    assert {each["event"]["id"]: each["event"]["type"] for each in heard} == sent
    assert set(Delivery.objects.values_list("state", "last_status")) == {("delivered", 204)}


def test_while_a_secret_is_replaced_both_are_accepted(api, app, foreign):
    old = api.post("/api/v1/hooks", {"event": "consent.given", "target_url": foreign.url}).json()
    new = api.post(f"/api/v1/hooks/{old['id']}/secret", {}).json()
    for secret in (old["secret"], new["secret"]):
        foreign.know(secret)
        notify(app=app, event="consent.given", data={}, now=timezone.now())
        delivering.deliver(clock=timezone.now)
        assert foreign.heard()["accepted"]


def test_what_is_forged_or_old_is_not(api, app, foreign):
    made = api.post("/api/v1/hooks", {"event": "consent.given", "target_url": foreign.url}).json()
    foreign.know(made["secret"])
    now = timezone.now()
    words = {"event_id": "msg_1", "body": '{"type": "x"}'}
    with target.client(private=True) as client:
        for secret, at in (
            ("whsec_" + "A" * 43 + "=", now),
            (made["secret"], now - timedelta(minutes=6)),
            (made["secret"], now + timedelta(minutes=6)),
        ):
            assert delivering.post(client, foreign.url, secrets=[secret], now=at, **words).status_code == 401
            assert not foreign.heard()["accepted"]
        assert delivering.post(client, foreign.url, secrets=[made["secret"]], now=now, **words).status_code == 204
