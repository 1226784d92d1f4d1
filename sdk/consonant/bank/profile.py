"""What a bank's app insists on: a client's certificate, and for each third party that hears a voice an entry before and an attestation after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import environ
from typing import Any, Final

from consonant.client import Client
from consonant.errors import Misconfigured, Unavailable
from consonant.protocol import CALLING
from consonant.settings import Settings
from consonant.wire import Call, Flow, judged

ANSWERED: Final = frozenset({"done_signed", "not_found_signed"})


def client_of(env: Mapping[str, str] = environ) -> Client:
    """Return a client that shows its certificate (mTLS). The edge refuses whoever has none, and anything older than TLS 1.3.

    Raises:
        Misconfigured: CONSONANT_CLIENT_CERT or CONSONANT_CLIENT_KEY is missing, or the address is not https.
    """
    settings = Settings.from_env(env)
    if not (settings.certificate and settings.key):
        raise Misconfigured(
            "CONSONANT_CLIENT_CERT and CONSONANT_CLIENT_KEY are not set: a bank's app shows a certificate"
        )
    if not settings.url.startswith("https://"):
        raise Misconfigured("CONSONANT_URL is not https")
    return Client(settings)


def processors(client: Client) -> dict[str, dict[str, Any]]:
    """Return the third parties that an officer registered for this app, by id: `name`, `service`, `country`, `keeps_for`."""
    return {each["id"]: each for each in _listed(client, "/api/v1/processors")}


def disclosed(
    client: Client, artifact: str, processor: str, *, basis: str = "consent", reference: str | None = None
) -> dict[str, Any]:
    """Note that a thing is passed on to a processor, before it goes; return the disclosure. The person sees it.

    Raises:
        NotAllowed: Do not pass it on.
        Rejected: There is no such processor.
    """
    body = {"processor": processor, "basis": basis} | ({"reference": reference} if reference else {})
    found: dict[str, Any] = client.call("POST", f"/api/v1/artifacts/{artifact}/disclosures", body)
    return found


def unattested(client: Client, artifact: str) -> list[dict[str, Any]]:
    """Return the disclosures of an artifact whose processor has not attested with its signature that nothing is left."""
    found = _listed(client, f"/api/v1/artifacts/{artifact}/disclosures")
    return [each for each in found if each["state"] not in ANSWERED]


def _listed(client: Client, path: str) -> list[dict[str, Any]]:
    """Return what a call answers that answers with a list."""

    def asked() -> Flow[list[dict[str, Any]]]:
        answer = yield from client.login.call(Call("GET", path), deadline=CALLING)
        if answer.status != 200:
            judged(answer)
        try:
            found = json.loads(answer.body)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise Unavailable("the answer is not the service's")
        return found

    return client.run(asked())
