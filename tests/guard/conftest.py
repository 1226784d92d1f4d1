"""What the tests of guard share: a host that an app runs on, and its agent."""

import gzip
import json

import pytest
from django.test import Client
from django.utils import timezone

from guard.register_host import register_host


class Agent:
    """A host's agent, over Django's test client with its real token."""

    def __init__(self, registered):
        self.host, self.token = registered.host, registered.token
        self.client = Client()

    def report(self, *events, kind="application/x-ndjson", **headers):
        body = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in events)
        return self.send(body.encode(), kind=kind, **headers)

    def send(self, body, *, kind="application/x-ndjson", packed=False, **headers):
        if packed:
            body, headers = gzip.compress(body), headers | {"Content-Encoding": "gzip"}
        headers = {"Authorization": f"Bearer {self.token}"} | headers
        return self.client.post("/api/v1/telemetry", body, content_type=kind, headers=headers)

    def beat(self, sequence=1, **more):
        said = {"agent": "consonant 0.1.0", "sequence": sequence, "sent_at": timezone.now().isoformat(), **more}
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.client.post("/api/v1/heartbeats", said, content_type="application/json", headers=headers)


@pytest.fixture
def make_host(app, now):
    def make(name="tts-1", **words):
        return Agent(register_host(app=words.pop("app", app), name=name, actor="operator", now=now, **words))

    return make


@pytest.fixture
def agent(make_host):
    return make_host(profile="cosyvoice", timezone="Asia/Shanghai")
