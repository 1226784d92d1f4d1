"""The OpenAPI 3.1 document: what each view says of itself, and what all operations have in common.

A view says what it takes and gives (`extend_schema`). Added here, for all alike: problem documents (RFC 9457) under the statuses that an
operation can answer, `Idempotency-Key` where `@once` applies, who may call, and a group. A status from 400 on that a view names with
None is a problem document too. The document is in English whoever asks.

Views ask for this module while they are being defined, so it imports none of them.
"""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction, OpenApiParameter
from oauth2_provider.contrib.rest_framework import TokenHasScope
from rest_framework.permissions import AllowAny

from accounts.strict import StrictSerializer
from ledger import wait
from ledger.once import HEADER, LONGEST_KEY, REPLAYED

Schema = dict[str, Any]

_TAGS = {
    "consent": "Ask a person, learn the answer, open and close sessions.",
    "retention": "Record what was made of a voice, read it, let it go.",
    "hooks": "Be told by signed deliveries instead of polling.",
    "ledger": "Published entries and their proofs. No login.",
    "guard": "What voice hosts report, and the alerts about them.",
    "zkp": "Ask for a proof without identity, and judge it. No login.",
    "tokens": "Who is calling.",
}
_PROBLEM: Schema = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "pattern": "^urn:consonant:problem:[a-z-]+$",
            "description": "Stable; a program decides by it.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "A sentence for a person."},
        "reason": {"type": "string", "description": "Of a refusal: why, stable."},
        "cure": {"type": "string", "description": "Of a refusal: what would help."},
        "artifact": {"type": "string", "format": "uuid", "description": "Of `bytes-not-taken`: what was recorded."},
        "entry": {"type": "string", "format": "uuid", "description": "Of `bytes-not-taken`: the ledger's entry."},
        "errors": {"description": "Of `invalid-request`: what is wrong, by field."},
        "incident": {
            "type": "string",
            "format": "uuid",
            "description": "Of `unexpected`: finds it in the service's log.",
        },
    },
    "examples": [
        {
            "type": "urn:consonant:problem:use-refused",
            "title": "Use refused",
            "status": 403,
            "detail": "The person has withdrawn this consent.",
            "reason": "consent_withdrawn",
            "cure": "Ask the person again with a new consent request.",
        }
    ],
}
_PROBLEMS = {
    400: ("Malformed", "The body cannot be read."),
    401: ("NotAuthenticated", "No token, or not a valid one."),
    403: ("NotPermitted", "The token lacks the scope, or the use is refused."),
    404: ("NotFound", "There is no such thing, or it is another's."),
    409: ("InUse", f"A request with this {HEADER} is being worked on, or how things stand forbids it."),
    410: ("Gone", "It was destroyed, or the keys of its record were."),
    413: ("TooLarge", "The body is larger than may be sent here."),
    415: ("UnsupportedType", "The body is of another type than may be sent here."),
    422: ("Invalid", "The request is not valid; nothing was changed."),
    429: ("TooMany", "Too many requests."),
    503: ("Unavailable", "Something is away; ask again."),
}
_EVERYWHERE, _WITH_BODY, _WITH_TOKEN = {429, 503}, {400, 413, 415, 422}, {401, 403, 410}
_RETRY_AFTER: Schema = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}
}
_HEADERS: dict[int, Schema] = {
    401: {"WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}, "required": True}},
    **dict.fromkeys((404, 409, 429, 503), _RETRY_AFTER),
    429: {
        **_RETRY_AFTER,
        "RateLimit-Policy": {"description": "The quota, and its window in seconds.", "schema": {"type": "string"}},
        "RateLimit": {"description": "What remains, and the seconds until it is whole.", "schema": {"type": "string"}},
    },
}
_JSON_PART = {"contentType": "application/json"}
_ONCE = [
    OpenApiParameter(
        HEADER,
        {"type": "string", "maxLength": LONGEST_KEY, "pattern": r"^[!#-+\--\[\]-~]+$"},
        OpenApiParameter.HEADER,
        description="The same key with the same body gets the first answer again, for seven days.",
    ),
    OpenApiParameter(
        REPLAYED,
        {"type": "string", "const": "true"},
        OpenApiParameter.HEADER,
        response=True,
        description="This is the first answer again.",
    ),
]
_PROVEN = [
    OpenApiParameter(
        wait.HEADER,
        {"type": "string", "examples": ["wait=5"]},
        OpenApiParameter.HEADER,
        description="`wait=N` waits N seconds, at most 10, for a checkpoint that covers the entry, and brings its `proof` (RFC 7240).",
    ),
    OpenApiParameter(
        wait.APPLIED,
        {"type": "string", "pattern": "^wait=[0-9]+$"},
        OpenApiParameter.HEADER,
        response=True,
        description="The `proof` is in the answer.",
    ),
]


class Operation(AutoSchema):
    """One operation of a view."""

    def get_tags(self) -> list[str]:
        """Group by the layer it belongs to."""
        return [type(self.view).__module__.partition(".")[0]]

    def get_summary(self) -> str:
        """Say the operation's name in words."""
        return self.get_operation_id().replace("_", " ").capitalize()

    def get_override_parameters(self) -> list[Any]:
        """Add the headers of `@once` and `@proven`."""
        return [*(_ONCE if self._is("once") else []), *(_PROVEN if self._is("proven") else [])]

    def _get_response_bodies(self, direction: Direction = "response") -> Schema:
        answers = {int(status): answer for status, answer in super()._get_response_bodies(direction).items()}
        for status, answer in answers.items():
            answer["description"] = HTTPStatus(status).phrase
        problems = {status for status in answers if status >= HTTPStatus.BAD_REQUEST} | self._problems()
        answers |= {status: {"$ref": f"#/components/responses/{_PROBLEMS[status][0]}"} for status in problems}
        return {str(status): answers[status] for status in sorted(answers)}

    def _problems(self) -> set[int]:
        """Return the statuses of the problems that any such operation can answer with."""
        found = set(_EVERYWHERE)
        if self.method in {"POST", "PUT", "PATCH"}:
            found |= _WITH_BODY
        if self.view.get_authenticators() and AllowAny not in self.view.permission_classes:
            found |= _WITH_TOKEN
        if "{" in self.path:
            found.add(404)
        if self._is("once"):
            found |= {409, 422}
        return found

    def _get_request_body(self, direction: Direction = "request") -> Schema | None:
        """Say how a form carries what is no text, and that JSON carries no files."""
        body: Schema | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        for kind, media in (body or {}).get("content", {}).items():
            name = media["schema"].get("$ref", "").rpartition("/")[2]
            whole = self.registry._components[name, ResolvedComponent.SCHEMA].schema if name else {}  # noqa: SLF001
            fields: Schema = whole.get("properties", {})
            if kind == "multipart/form-data":
                nested = [field for field, said in fields.items() if "$ref" in said or said.get("type") == "array"]
                if nested:
                    media["encoding"] = dict.fromkeys(nested, _JSON_PART)
            elif any(said.get("format") == "binary" for said in fields.values()):
                fields = {field: said for field, said in fields.items() if said.get("format") != "binary"}
                bare = ResolvedComponent(f"{name}Json", ResolvedComponent.SCHEMA, {**whole, "properties": fields}, name)  # type: ignore[no-untyped-call]
                self.registry.register_on_missing(bare)
                media["schema"] = bare.ref
        return body

    def _map_basic_serializer(self, serializer: Any, direction: Direction) -> Schema:
        """Say that an answer has all its fields, and that a strict body has no others."""
        said: Schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "response":
            said["required"] = sorted(said.get("properties", {}))
        elif isinstance(serializer, StrictSerializer):
            said["additionalProperties"] = False
        return said

    def _is(self, mark: str) -> bool:
        return hasattr(getattr(self.view, self.method.lower(), None), mark)


class Bearer(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """An app's token: got with its credentials, or brought along."""

    target_class = "accounts.authentication.BearerToken"
    name = ["oauth2", "bearer"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """Return the view's scopes, with either way to bring the token."""
        view = auto_schema.view
        scopes = TokenHasScope().get_scopes(view.request, view)
        return [{"oauth2": scopes}, {"bearer": scopes}]

    def get_security_definition(self, _auto_schema: AutoSchema) -> list[Schema]:
        """Describe both ways."""
        flow = {"tokenUrl": "/oauth/token", "scopes": settings.OAUTH2_PROVIDER["SCOPES"]}
        return [
            {"type": "oauth2", "description": "RFC 6749, section 4.4.", "flows": {"clientCredentials": flow}},
            {"type": "http", "scheme": "bearer", "description": "A token from `/oauth/token`."},
        ]


class Agent(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The token of a voice host's agent."""

    target_class = "guard.agent.AgentToken"
    name = "agent"

    def get_security_definition(self, _auto_schema: AutoSchema) -> Schema:
        """Describe it."""
        return {"type": "http", "scheme": "bearer", "description": "A host's token, from `manage.py create_host`."}


def complete(result: Schema, **_more: Any) -> Schema:
    """Add what belongs to no view, and take away what says nothing."""
    enums = _enums()
    names = {frozenset(words): name for name, words in enums.items()}
    for said in _parts(result):
        said.pop("x-spec-enum-id", None)
        _refer(said, names)
        said.pop("readOnly", None)  # what is asked and what is answered have components of their own
        if said.get("default") == "":
            del said["default"]  # left out is left out; an empty text is refused
    result["paths"]["/oauth/token"] = {"post": _TOKEN}
    result["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
    components = result["components"]
    components["schemas"] |= {name: {"type": "string", "enum": words} for name, words in enums.items()}
    components["schemas"]["Problem"] = _PROBLEM
    components["responses"] = {
        name: {
            "description": text,
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, (name, text) in _PROBLEMS.items()
    }
    components["securitySchemes"]["client"] = {
        "type": "http",
        "scheme": "basic",
        "description": "The app's `client_id` and `client_secret`.",
    }
    return result


def _enums() -> dict[str, list[str]]:
    """Return the words that mean the same wherever they stand, by what they are together."""
    from consent.machine import State as GrantState
    from consent.models import ConsentRequest
    from consent.terms import Operation as OfVoice
    from hooks.cloudevent import EVENTS
    from hooks.models import Subscription
    from retention.marks import AudibleLabel, Marking
    from retention.models import Artifact, Custody, Erasure, Kind

    enums: dict[str, Iterable[str]] = {
        "Operation": OfVoice,
        "RequestState": ConsentRequest.State,
        "GrantState": GrantState,
        "Kind": Kind,
        "Custody": Custody,
        "ArtifactState": Artifact.State,
        "Standing": Artifact.Standing,
        "Marking": Marking,
        "AudibleLabel": AudibleLabel,
        "ErasureState": Erasure.State,
        "Event": EVENTS,
        "HookState": Subscription.State,
    }
    return {name: [str(word) for word in words] for name, words in enums.items()}


def _refer(said: Schema, names: dict[frozenset[str], str]) -> None:
    """Put the name of an enum in its place."""
    words = said.get("enum", [])
    name = names.get(frozenset(word for word in words if word is not None))
    if name is None:
        return
    ref: Schema = {"$ref": f"#/components/schemas/{name}"}
    rest = {key: said[key] for key in ("description", "default") if key in said}
    said.clear()
    said.update(rest | ({"oneOf": [ref, {"type": "null"}]} if None in words else {"allOf": [ref]} if rest else ref))


def _parts(said: Any) -> Iterator[Schema]:
    if isinstance(said, dict):
        yield said
        for part in said.values():
            yield from _parts(part)
    elif isinstance(said, list):
        for part in said:
            yield from _parts(part)


_TEXT = {"type": "string"}
_WRONG: Schema = {
    "description": "RFC 6749, section 5.2.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": _TEXT, "error_description": _TEXT},
            }
        }
    },
}
_TOKEN: Schema = {
    "operationId": "get_token",
    "summary": "Get token",
    "description": "Get an access token (RFC 6749, section 4.4). Errors have OAuth's own form.",
    "tags": ["tokens"],
    "security": [{"client": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "const": "client_credentials"},
                        "scope": {
                            "type": "string",
                            "description": "Some scopes, with spaces between; all, when left out.",
                        },
                    },
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "OK",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["access_token", "token_type", "expires_in", "scope"],
                        "properties": {
                            "access_token": _TEXT,
                            "token_type": {"type": "string", "const": "Bearer"},
                            "expires_in": {"type": "integer", "description": "Seconds."},
                            "scope": _TEXT,
                        },
                    }
                }
            },
        },
        "400": _WRONG,
        "401": _WRONG,
        "429": {"$ref": "#/components/responses/TooMany"},
    },
}
