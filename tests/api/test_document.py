"""The OpenAPI document: valid, without a warning, the same for everybody, and of every address there is."""

import os
import re
import subprocess
import sys

import pytest
from django.urls import URLPattern, get_resolver
from rest_framework.views import APIView

from tests.docs.pages import PROJECT


@pytest.fixture(scope="module")
def document(django_db_setup):
    from django.test import Client

    answer = Client().get("/api/schema/")
    assert answer.headers["Content-Type"] == "application/vnd.oai.openapi+json"
    return answer.json()


def operations(document):
    return [(path, method, said) for path, methods in document["paths"].items() for method, said in methods.items()]


def test_it_is_valid_and_nothing_had_to_be_guessed():
    command = [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn"]
    done = subprocess.run(command, cwd=PROJECT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_it_is_the_same_in_every_language(document):
    from config.docs import _document

    _document.cache_clear()
    from django.test import Client

    assert Client().get("/api/schema/", headers={"Accept-Language": "zh-hans"}).json() == document
    assert not re.search("[\u4e00-\u9fff]", str(document))


def routes(patterns, prefix=""):
    for each in patterns:
        if isinstance(each, URLPattern):
            yield prefix + str(each.pattern), each.callback
        else:
            yield from routes(each.url_patterns, prefix + str(each.pattern))


def test_every_address_is_in_it(document):
    found = {
        "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", path)
        for path, view in routes(get_resolver().url_patterns)
        if issubclass(getattr(view, "cls", object), APIView)
    }
    assert len(found) > 10
    assert found == set(document["paths"]) - {"/oauth/token"}


def test_every_operation_says_what_it_must(document):
    names = [said["operationId"] for _, _, said in operations(document)]
    assert len(set(names)) == len(names)
    for path, method, said in operations(document):
        if path == "/oauth/token":
            continue
        assert not re.search(r"_(retrieve|create|destroy|list)$", said["operationId"]), said["operationId"]
        assert said["description"]
        assert said["tags"][0] in {tag["name"] for tag in document["tags"]}
        assert {"429", "503"} <= said["responses"].keys()
        assert "405" not in said["responses"]
        assert ("404" in said["responses"]) or "{" not in path
        if {} in said.get("security", ()):  # a token is not needed, and counts
            assert said["tags"] == ["zkp"]
            assert "403" not in said["responses"]
        elif said.get("security"):
            assert {"401", "403"} <= said["responses"].keys()
            assert said["security"] == [{"agent": []}] or said["security"][0]["oauth2"]
        if method == "post":
            assert {"400", "413", "415", "422"} <= said["responses"].keys()
            if (
                {} not in said.get("security", [{}]) and "agent" not in said["security"][0]
            ):  # of who has no app nobody can
                assert "409" in said["responses"]
                assert "Idempotency-Key" in {parameter["name"] for parameter in said["parameters"]}
        for status, answer in said["responses"].items():
            assert int(status) < 400 or answer["$ref"].startswith("#/components/responses/")


def test_scopes_are_those_of_the_service(document, settings):
    flow = document["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert flow["scopes"] == settings.OAUTH2_PROVIDER["SCOPES"]
    used = {scope for _, _, said in operations(document) for scope in said.get("security", [{}])[0].get("oauth2", [])}
    assert used == set(flow["scopes"])
