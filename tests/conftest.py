"""What all tests share: an app that can call, people, a clock, and a database for tests that commit."""

import io
import logging.config
import os
import shutil
import uuid
from datetime import timedelta
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import soundfile
from django.conf import settings as project
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone

from tests.factories import SECRET, AppFactory, TenantFactory, UserFactory
from tests.traces import traces

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_report_header():
    """What is not collected here, and what would collect it."""
    sources = {"SigmaHQ's own cases": "CONSONANT_SIGMA", "real voice apps": "CONSONANT_REAL_APPS"}
    return [
        f"{what}: {os.environ.get(name) or f'not collected ({name} names no checkout)'}"
        for what, name in sources.items()
    ]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where skips are forbidden (CONSONANT_NO_SKIPS=1), a skip is a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CONSONANT_NO_SKIPS") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and skips are forbidden here: {report.longrepr}"


@pytest.fixture(scope="session", autouse=True)
def _assembled():
    """What `make run` does before the first request: static files in their place."""
    call_command("collectstatic", interactive=False, verbosity=0)
    project.WHITENOISE_AUTOREFRESH = True  # else each client of each test reads all of them before its first answer


@pytest.fixture(scope="session", autouse=True)
def suite_log(tmp_path_factory):
    """All that these tests log, as the service writes it. In the end nobody may stand in it."""
    path, logs = tmp_path_factory.mktemp("logs") / "suite.log", project.LOGGING
    logs["handlers"]["stderr"]["level"] = logs["root"]["level"]
    logs["handlers"]["suite"] = {"class": "logging.FileHandler", "filename": str(path), "formatter": "json"}
    logs["root"] = {"handlers": ["stderr", "suite"], "level": "INFO"}
    logging.config.dictConfig(logs)  # as Django does for each server that a test starts
    yield path
    assert traces(path.read_text(encoding="utf-8")) == []


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Half a second a login is right for people, not for a thousand tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _own_heads(settings, tmp_path_factory):
    """What was signed and published lies outside the database, and the platform's log has one name in all tests: no test meets another's."""
    settings.HEADS = tmp_path_factory.mktemp("heads")
    shutil.rmtree(Path(settings.LOG_FOLDER, *settings.PLATFORM_ORIGIN.split("/")), ignore_errors=True)


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, django_db_modify_db_settings):
    """The migrated test database, also for tests that have only a copy of it (pytest-django's own fixture looks at its marks alone)."""
    with django_db_blocker.unblock():
        databases = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        teardown_databases(databases, verbosity=0)


@pytest.fixture
def committed(django_db_setup, django_db_blocker):
    """A database of its own for a test that commits: the ledger's triggers refuse the flush that pytest-django would do."""
    template, name = connection.settings_dict["NAME"], f"test_{uuid.uuid4().hex}"
    with django_db_blocker.unblock():
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        connection.settings_dict["NAME"] = name
        try:
            yield name
        finally:
            connection.close()
            connection.settings_dict["NAME"] = template
            with connection._nodb_cursor() as cursor:
                cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            connection.close()


def speech(seconds=1.0, rate=16_000, kind="WAV"):
    """Bytes of a clip that decodes: noise, for tests in which nobody listens."""
    out = io.BytesIO()
    noise = np.random.default_rng(7).uniform(-0.1, 0.1, int(seconds * rate))
    soundfile.write(out, noise, rate, format=kind)
    return out.getvalue()


@pytest.fixture
def clip():
    return speech()


@pytest.fixture
def tenant(db):
    return TenantFactory()


@pytest.fixture
def app(tenant):
    return AppFactory(tenant=tenant)


@pytest.fixture
def user(db):
    return UserFactory()


@pytest.fixture
def api(app):
    return Api(app)


class Api:
    """A voice app's own view of the service, over Django's test client with a real token."""

    def __init__(self, app, scope="consent record"):
        self.client = Client()
        answer = self.client.post(
            "/oauth/token",
            {
                "grant_type": "client_credentials",
                "scope": scope,
                "client_id": app.client_id,
                "client_secret": SECRET,
            },
        )
        assert answer.status_code == 200, answer.content
        self.token = answer.json()["access_token"]
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def get(self, path, **headers):
        return self.client.get(path, headers=self.headers | headers)

    def post(self, path, body):
        return self.client.post(path, body, content_type="application/json", headers=self.headers)

    def delete(self, path):
        return self.client.delete(path, headers=self.headers)

    def ask(self, **changes):
        body = {"subject_ref": "user-1", "purpose": "voice-cloning", "operations": ["upload"], "term": "P30D"} | changes
        return self.post("/api/v1/consent-requests", body)

    def upload(self, session, data, **fields):
        file = io.BytesIO(data)
        file.name = "clip.wav"
        return self.client.post("/api/v1/uploads", {"session": session, "audio": file, **fields}, headers=self.headers)


@pytest.fixture
def consent(app, user):
    """Make a grant as a person does, `once` or for a `term`."""
    from consent.allow import allow
    from consent.ask import ask

    def make(
        choice="term", *, operations=("upload",), term=timedelta(days=30), who=user, by=app, ref="user-1", at=None
    ):
        at = at or timezone.now()
        asked = ask(app=by, subject_ref=ref, purpose="voice-cloning", operations=list(operations), term=term, now=at)
        return allow(token=asked.token, user=who, choice=choice, locale="en", now=at)

    return make


def kinds(origin=None):
    """Return the kinds of all openings in the order in which they were entered: those of one moment by their place, or in the queue."""
    from ledger.models import Entry, Opening, Pending

    openings = Opening.objects.all() if origin is None else Opening.objects.filter(log=origin)
    places = {ref: (1, number) for ref, number in Pending.objects.values_list("ref", "id")}
    places |= {ref: (0, index) for ref, index in Entry.objects.values_list("ref", "index")}
    rows = sorted(openings.values_list("at", "ref", "kind"), key=lambda row: (row[0], places[row[1]]))
    return [kind for _, _, kind in rows]
