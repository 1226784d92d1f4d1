"""The parties of the demonstration: the app, with its credentials, and the people, each with a browser's cookies.

They speak HTTP to the running service and to nothing else, and take no answer for granted: `Unexpected` says in one sentence
what came instead. Nothing is tried twice here.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from standardwebhooks.webhooks import Webhook

from deploy.demo_pages import NoSuchForm, Page

SCOPES = "consent record hooks"
OPERATIONS = ("upload", "embed", "synthesize")


class Unexpected(Exception):
    """The service answered otherwise than it must; the message is one sentence."""


@dataclass(frozen=True)
class Service:
    """Where the running service is, and the demonstration's logins."""

    url: str
    logins: dict[str, dict[str, str]]

    @classmethod
    def of(cls, var: Path) -> "Service":
        """Read what `make run` left in the folder of state.

        Raises:
            Unexpected: Nothing is there, so nothing runs.
        """
        try:
            lines = (var / "run" / "service.env").read_text(encoding="utf-8").splitlines()
            logins = json.loads((var / "secrets" / "demo.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Unexpected(
                f'No service has run in {var} yet: `make run` in another terminal starts it, and this waits for its "ready".'
            ) from None
        return cls(dict(line.split("=", 1) for line in lines if "=" in line)["CONSONANT_PUBLIC_URL"], logins)

    def client(self, **options: Any) -> httpx.Client:
        """Return a client of this service that no proxy of the environment comes between."""
        return httpx.Client(**{"base_url": self.url, "timeout": 30.0, "trust_env": False, **options})


def expect(response: httpx.Response, status: int) -> httpx.Response:
    """Return the response if it has that status; an error of the API must be a problem document (RFC 9457)."""
    request = f"{response.request.method} {response.request.url.path}"
    kind = response.headers.get("Content-Type", "")
    if response.status_code != status:
        said = response.text[:200] if kind.startswith(("application/problem+json", "text/plain")) else kind
        raise Unexpected(f"{request} must answer {status} and answered {response.status_code} ({said})")
    is_api = response.request.url.path.startswith(("/api/", "/v1/"))
    if is_api and status >= httpx.codes.BAD_REQUEST and not kind.startswith("application/problem+json"):
        raise Unexpected(f"{request} answered {status} with {kind or 'no type'}, which is no problem document")
    return response


def expect_reason(response: httpx.Response, status: int, reason: str) -> httpx.Response:
    """Return the response if it is a refusal for that reason."""
    found = expect(response, status).json().get("reason")
    if found != reason:
        raise Unexpected(
            f"{response.request.method} {response.request.url.path} must refuse with {reason} and refused with {found}"
        )
    return response


class App:
    """A voice app: an OAuth client that asks, opens sessions and uploads."""

    def __init__(self, client: httpx.Client, login: dict[str, str]) -> None:
        self.http = client
        self._login = login
        self.token = ""

    def authenticate(self, scope: str = SCOPES) -> None:
        """Get an access token (RFC 6749, section 4.4)."""
        credentials = (self._login["client_id"], self._login["client_secret"])
        form = {"grant_type": "client_credentials", "scope": scope}
        self.token = expect(self.http.post("/oauth/token", data=form, auth=credentials), 200).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    def ask(
        self,
        subject_ref: str,
        *,
        purpose: str = "voice-cloning",
        operations: Collection[str] = OPERATIONS,
        term: str = "P30D",
    ) -> Any:
        """Ask for the consent of the app's user `subject_ref`; return the request with its link."""
        body = {"subject_ref": subject_ref, "purpose": purpose, "operations": list(operations), "term": term}
        return expect(self.http.post("/api/v1/consent-requests", json=body), 201).json()

    def answer(self, request_id: str) -> Any:
        """Return where a consent request stands, and its grant."""
        return expect(self.http.get(f"/api/v1/consent-requests/{request_id}"), 200).json()

    def open_session(self, grant: str) -> httpx.Response:
        """Ask to use the voice now; the answer may be a refusal."""
        return self.http.post("/api/v1/sessions", json={"grant": grant})

    def upload(self, session: str, audio: bytes, *, ttl: str = "", key: str = "") -> httpx.Response:
        """Upload a recording in a session, under an Idempotency-Key or none; the answer may be a refusal."""
        form = {"session": session, **({"ttl": ttl} if ttl else {})}
        files = {"audio": ("clip.wav", audio, "audio/wav")}
        return self.http.post("/api/v1/uploads", data=form, files=files, headers=_once(key))

    def record(self, kind: str, session: str, *, key: str = "", **facts: Any) -> httpx.Response:
        """Record what was made in a session: `embeddings` or `syntheses`."""
        return self.http.post(f"/api/v1/{kind}", json={"session": session, **facts}, headers=_once(key))

    def record_with(self, kind: str, session: str, content: bytes, **facts: Any) -> httpx.Response:
        """Record what was made in a session, and leave its bytes with the vault: a form, in which objects are JSON."""
        form = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in facts.items()}
        files = {"content": ("speech.wav", content, "audio/wav")}
        return self.http.post(f"/api/v1/{kind}", data={"session": session, "custody": "vault", **form}, files=files)

    def artifact(self, artifact: str) -> Any:
        """Return where an artifact stands."""
        return expect(self.http.get(f"/api/v1/artifacts/{artifact}"), 200).json()

    def content(self, artifact: str) -> httpx.Response:
        """Ask for an artifact's bytes."""
        return self.http.get(f"/api/v1/artifacts/{artifact}/content")

    def entry(self, ref: str, *, wait: int = 5) -> tuple[Any, str]:
        """Return a ledger entry and its proof, once a signed checkpoint covers it."""
        prefer = {"Prefer": f"wait={wait}"}
        proof = expect(self.http.get(f"/api/v1/entries/{ref}/proof", headers=prefer), 200).text
        return expect(self.http.get(f"/api/v1/entries/{ref}"), 200).json(), proof

    def subscribe(self, event: str, target_url: str) -> Any:
        """Ask to be told of an event; return the subscription with its secret."""
        return expect(self.http.post("/api/v1/hooks", json={"event": event, "target_url": target_url}), 201).json()

    def unsubscribe(self, hook: str) -> None:
        """Be told no more."""
        expect(self.http.delete(f"/api/v1/hooks/{hook}"), 204)

    def acknowledge(self, artifact: str, *, secret: str) -> Any:
        """Say that what the app held is deleted, signed with its hook's secret (Standard Webhooks)."""
        now = datetime.now(UTC)
        signature = Webhook(secret).sign(artifact, now, f"deleted.{int(now.timestamp())}")
        said = {"outcome": "deleted", "deleted_at": now.isoformat(), "signed_at": now.isoformat()}
        path = f"/api/v1/artifacts/{artifact}/erasure-acks"
        return expect(self.http.post(path, json={**said, "signature": signature}), 200).json()

    def erase(self, user: str) -> Any:
        """Withdraw all that a user of the app gave it, and have all that was made of them erased."""
        return expect(self.http.delete(f"/v1/voice/consent/{user}"), 202).json()

    def erasure(self, erasure: str) -> Any:
        """Return where an erasure stands."""
        return expect(self.http.get(f"/api/v1/erasures/{erasure}"), 200).json()

    def certificate(self, erasure: str) -> bytes:
        """Return an erasure's certificate, as it is signed."""
        return expect(self.http.get(f"/api/v1/erasures/{erasure}/certificate"), 200).content


class Speaker:
    """A person at the portal: pages, forms and cookies, as a browser has them."""

    def __init__(self, client: httpx.Client, login: dict[str, str]) -> None:
        self.http = client
        self._login = login

    def visit(self, url: str) -> Page:
        """Open a page, signing in where the portal asks for it."""
        response = self.http.get(url, follow_redirects=True)
        if _is_login(response):
            self.sign_in()
            response = self.http.get(url, follow_redirects=True)
        return Page(str(response.url), expect(response, 200).text)

    def sign_in(self) -> None:
        """Sign in with e-mail address and password."""
        response = expect(self.http.get("/accounts/login/"), 200)
        form = Page(str(response.url), response.text).form_to("/accounts/login/")
        said = {**form.click(), "login": self._login["email"], "password": self._login["password"]}
        if self.send(form.action, said).is_success:
            raise Unexpected("The portal does not let the speaker in with the password of demo.json")

    def send(self, action: str, said: dict[str, str]) -> httpx.Response:
        """Send a form; the portal answers with a page or with the way to one."""
        response = self.http.post(action, data=said)
        return response if response.has_redirect_location else expect(response, 200)

    def answer(self, url: str, choice: str) -> Page:
        """Read a request's notice and answer it: `once`, `term` or `refuse`; return the page that was read.

        The notice is open to whoever has the link; the answer is a signed-in person's, who says once to be an adult.
        """
        page = self.visit(url)
        if not page.has_form_with(choice):
            self.sign_in()
            page = self.visit(url)
        try:
            form = page.form_with(choice)
        except NoSuchForm:
            raise Unexpected(f'The consent page offers no "{choice}"') from None
        self.send(form.action, form.click(choice, *({"adult"} & form.answers())))
        return page

    def withdraw(self, grant: str) -> None:
        """Take a consent back on the page of apps: one click."""
        page = self.visit("/apps/")
        try:
            form = page.form_to(f"/apps/withdraw/{grant}")
        except NoSuchForm:
            raise Unexpected("The page of apps has no button that takes this consent back") from None
        self.send(form.action, form.click())


def _is_login(response: httpx.Response) -> bool:
    return urlsplit(str(response.url)).path.startswith("/accounts/login/")


def _once(key: str) -> Mapping[str, str]:
    return {"Idempotency-Key": key} if key else {}
