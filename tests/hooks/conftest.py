"""What the tests of hooks share."""

import pytest

from tests.conftest import Api
from tests.hooks.receiver import Receiver


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def other_receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def api(app):
    return Api(app, scope="consent record hooks")


@pytest.fixture
def subscribe(api):
    """Subscribe a receiver as an app does; return the answer."""

    def make(receiver, event="consent.given", by=api):
        answer = by.post("/api/v1/hooks", {"event": event, "target_url": receiver.url})
        assert answer.status_code == 201, answer.content
        receiver.secrets.append(answer.json()["secret"])
        return answer.json()

    return make
