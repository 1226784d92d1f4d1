"""The broker carries hints only, so any that Celery knows will do: what is asked of it is asked of every kind."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings
from django.utils import timezone
from kombu import Connection
from kombu.exceptions import OperationalError

from config.celery import app as ours
from consent.open_session import open_session
from retention.models import Artifact
from retention.record import upload
from tests.conftest import speech
from tests.factories import AppFactory, TenantFactory, UserFactory

BROKERS = ("redis://", "amqp://")
PROJECT = Path(__file__).parents[2]
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""As Debian has it; the one in the path wants to be another user."""


@pytest.mark.parametrize("scheme", BROKERS)
def test_the_settings_hold_for_redis_and_for_rabbitmq(scheme):
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    connection = Connection(f"{scheme}127.0.0.1:1//", transport_options=options)
    assert connection.transport.driver_type == {"redis://": "redis", "amqp://": "amqp"}[scheme]
    with pytest.raises(OperationalError, match="refused"):  # it gets as far as the socket, and takes every option
        connection.ensure_connection(max_retries=1, timeout=1)
    assert set(options) <= {"visibility_timeout"}, "which AMQP does not know, and passes over"


def test_each_task_is_a_sweep_without_arguments_or_a_result():
    """So a message that comes twice, late or never costs nothing, whatever a broker promises."""
    ours.loader.import_default_modules()
    tasks = {
        name: task
        for name, task in ours.tasks.items()
        if name.startswith(("accounts.", "retention.", "consent.", "hooks.", "zkp.", "guard."))
    }
    assert {
        each["task"] for each in settings.CELERY_BEAT_SCHEDULE.values() if "ledger" not in each["task"]
    } <= tasks.keys()
    for name, task in tasks.items():
        assert ours.conf.task_ignore_result, name
        assert task.acks_late, name
        assert task.run.__code__.co_argcount == 0, name


def test_a_hint_goes_through_a_broker_that_is_no_redis():
    """Kombu's own broker in memory: no Redis is asked for anything."""
    app = Celery("elsewhere", broker="memory://", set_as_current=False)
    app.send_task("retention.sweep", retry=False, expires=5)
    with app.connection() as connection, connection.SimpleQueue(app.conf.task_default_queue) as queue:
        assert queue.get(timeout=5).headers["task"] == "retention.sweep"


# --- a real RabbitMQ ------------------------------------------------------------------------------------------------


@contextmanager
def program(words, seconds=60, **more):
    """Run it while the block runs, then end it as a service is ended."""
    running = subprocess.Popen(
        [str(word) for word in words], cwd=PROJECT, env={**os.environ, **more}, stdout=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(seconds)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def rabbitmq(tmp_path):
    """A RabbitMQ of its own; yields its address."""
    names = shutil.which("epmd")
    if names is None or not RABBITMQ.exists():
        pytest.skip("RabbitMQ is not installed here: apt-get install rabbitmq-server")
    port, other, naming = free_port(), free_port(), free_port()
    (tmp_path / "plugins").write_text("[].")
    places = {"RABBITMQ_MNESIA_BASE": "db", "RABBITMQ_LOG_BASE": "log", "RABBITMQ_ENABLED_PLUGINS_FILE": "plugins"}
    nowhere = ("RABBITMQ_CONFIG_FILE", "RABBITMQ_ADVANCED_CONFIG_FILE", "RABBITMQ_CONF_ENV_FILE")
    environment = {
        "HOME": str(tmp_path),
        "ERL_EPMD_PORT": str(naming),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "consonant@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(other),
        **{name: str(tmp_path / place) for name, place in places.items()},
        **{name: str(tmp_path / "none") for name in nowhere},
    }
    address = f"amqp://guest:guest@127.0.0.1:{port}//"
    with ExitStack() as stack:
        stack.enter_context(program([names, "-port", naming], **environment))
        running = stack.enter_context(program([RABBITMQ], **environment))
        until = time.monotonic() + 120
        while True:
            assert running.poll() is None, "it ended"
            try:
                with Connection(address) as connection:
                    connection.ensure_connection(max_retries=1, timeout=5)
                break
            except (OperationalError, OSError):
                assert time.monotonic() < until, "it does not answer"
                time.sleep(0.5)
        yield address


@pytest.fixture
def app(committed):
    return AppFactory(tenant=TenantFactory())


@pytest.fixture
def user(committed):
    return UserFactory()


def test_what_is_due_goes_by_hints_through_rabbitmq(committed, app, consent, rabbitmq, tmp_path):
    """Beat puts the hints into a real RabbitMQ, a worker takes them out, acknowledges, and sweeps. No `expire` runs."""
    grant, now = consent(), timezone.now()
    room = open_session(app=app, grant_id=grant.id, operations=None, now=now).session
    made = upload(app=app, session_id=room.id, data=speech(0.2), ttl=timedelta(seconds=1), now=now).artifact
    url = os.environ["DATABASE_URL"].replace("/consonant?", f"/{committed}?")
    environment = {"DATABASE_URL": url, "CELERY_BROKER_URL": rabbitmq, "CONSONANT_CACHE_URL": "memory://"}
    worker = [
        "-m",
        "celery",
        "-q",
        "-A",
        "config",
        "worker",
        "-B",
        "--pool",
        "threads",
        "--concurrency",
        "2",
        "--loglevel",
        "ERROR",
        "-s",
    ]
    with program([sys.executable, *worker, tmp_path / "beat"], **environment):
        until = time.monotonic() + 90
        while Artifact.objects.get(id=made.id).state != "erased":
            assert time.monotonic() < until, "nobody swept"
            time.sleep(0.2)
    with Connection(rabbitmq) as connection:
        queue = connection.default_channel.queue_declare("celery", passive=True)
    assert queue.consumer_count == 0, "the worker was at this broker, and is gone"
