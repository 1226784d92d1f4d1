"""The Python that the API's page gives an app for hooks, run as it stands there: it verifies a real delivery and signs what the service takes."""

import re

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import WebhookVerificationError

from hooks.deliver import deliver
from retention.sweep import sweep
from tests.conftest import Api
from tests.docs.pages import DOCS
from tests.hooks.receiver import Receiver

pytestmark = pytest.mark.django_db


class Raw(Receiver):
    """Keeps what came as it came."""

    def _check(self, headers, body, event):
        self.got.append((dict(headers), body, event))


@pytest.fixture
def receiver():
    made = Raw()
    yield made
    made.close()


@pytest.fixture(scope="module")
def page():
    """What the page's code defines."""
    section = (DOCS / "api.md").read_text(encoding="utf-8").partition("### Verifying a delivery\n")[2]
    code = re.search(r"^```python\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line]) <= 10
    defined = {}
    exec(compile(code, "docs/api.md", "exec"), defined)
    return defined


def test_an_app_verifies_and_acknowledges_as_the_page_says(app, consent, receiver, page):
    api = Api(app, scope="consent record hooks")
    hook = {"event": "artifact.erase_requested", "target_url": receiver.url}
    secret = api.post("/api/v1/hooks", hook).json()["secret"]
    grant = consent(operations=("synthesize",))
    session = api.post("/api/v1/sessions", {"grant": str(grant.id)}).json()["id"]
    mark = {"kind": "watermark", "watermark_id": "wm-1"}
    said = {"session": session, "custody": "app", "mark": mark}
    artifact = api.post("/api/v1/syntheses", said).json()["id"]
    api.delete(f"/api/v1/artifacts/{artifact}")
    sweep(clock=timezone.now)
    deliver(clock=timezone.now)
    ((headers, body, _),) = receiver.got

    event = page["verified"](secret, body, headers)
    assert event["type"] == "artifact.erase_requested"
    assert event["data"]["artifact"] == artifact
    with pytest.raises(WebhookVerificationError):
        page["verified"](secret, body.replace(b"synthesis", b"embedding"), headers)

    acks = f"/api/v1/artifacts/{artifact}/erasure-acks"
    other = "whsec_" + "A" * 43 + "="
    assert api.post(acks, page["acknowledgement"](other, artifact)).status_code == 403
    taken = api.post(acks, page["acknowledgement"](secret, artifact))
    assert (taken.status_code, taken.json()["state"]) == (200, "erased")
