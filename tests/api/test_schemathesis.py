"""The service keeps to its document, whatever it is sent: no fault, no undocumented status, form, field or header.

Requests are generated from the document for each operation, bad ones and good ones, and sent by an app for which one of everything is
there. What the document leaves open is narrowed to what is there and to what is not, so that both are met.
"""

import base64
import json
import os
import re
import uuid

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from config.docs import _document
from tests.conftest import speech
from tests.factories import SECRET

pytestmark = pytest.mark.django_db

CALM = settings(
    max_examples=200 if os.environ.get("CONSONANT_SOAK") == "1" else 15,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
OPERATIONS = {
    said["operationId"]: (path, method)
    for path, methods in json.loads(_document())["paths"].items()
    for method, said in methods.items()
}
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
HEARD = {"record_upload", "record_statement"}
checks_of = dict.fromkeys(OPERATIONS, CHECKS) | {
    # What is wrong with one record of many is the verdict on that one.
    "record_batch": [check for check in CHECKS if check is not checks.negative_data_rejection]
}
REQUEST = re.compile("(?<!Consent)Request(Json)?$")
CLIP = speech(0.2)


def narrowed(document, world, mode):
    """The document, with what is there, and what is not, in place of anything of that form."""
    nobodys = str(uuid.uuid4())
    for said in parts(document["paths"]):
        if said.get("in") == "path" and hasattr(world, said["name"]):
            own = [getattr(world, said["name"])] + ([world.held_id] if said["name"] == "artifact_id" else [])
            said["schema"] = {"type": "string", "enum": [*map(str, own), nobodys]}
    known = {
        "grant": [str(world.grant.id), nobodys],
        "session": [world.session_id, nobodys],
        "with_sessions": [world.session_id, nobodys],
        "derived_from": [world.artifact_id, nobodys],
        "purpose": ["voice-cloning", "voice-selling"],
        "term": ["P30D", "PT8S", "P367D"],
        "subject_ref": ["user-1", "user-2", "user-3"],
        "target_url": [world.receiver.url],
        "mark": [{"kind": "watermark", "watermark_id": "wm-7"}],
    }
    if mode is GenerationMode.NEGATIVE:  # another name of a user is no bad one
        del known["subject_ref"]
    asked = {name: body for name, body in document["components"]["schemas"].items() if REQUEST.search(name)}
    for name, body in asked.items():
        free = {"purpose"} if name.startswith("Question") else set()  # there it is any text
        for field in (body.get("properties", {}).keys() & known.keys()) - free:
            said = body["properties"][field]
            said.pop("$ref", None)
            said.get("items", said)["enum"] = known[field]
        if "mark" in body.get("properties", {}):
            body["required"].append("mark")
    return document


def parts(said):
    if isinstance(said, dict):
        yield said
        for each in said.values():
            yield from parts(each)
    elif isinstance(said, list):
        for each in said:
            yield from parts(each)


def basic(app):
    return {"Authorization": "Basic " + base64.b64encode(f"{app.client_id}:{SECRET}".encode()).decode()}


@pytest.fixture
def service():
    """The service in this process, in the test's transaction: as with Django's own client, no request ends it."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield get_wsgi_application()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_keeps_to_its_document(name, world, service):
    for mode in (GenerationMode.NEGATIVE, GenerationMode.POSITIVE):
        send(name, mode, world, service)


def send(name, mode, world, service):
    path, method = OPERATIONS[name]
    headers = world.api.headers if path != "/oauth/token" else basic(world.app)
    schema = schemathesis.openapi.from_dict(narrowed(json.loads(_document()), world, mode))
    schema.app = service

    @CALM
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def run(case):
        if mode is GenerationMode.POSITIVE and name in HEARD:
            case.body.pop("portrait", None)
            case.body["audio"] = CLIP  # what can be heard is not generated
        case.call_and_validate(headers=headers, checks=checks_of[name])

    run()
