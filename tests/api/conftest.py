"""What the tests of the whole API share."""

import threading

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.test import override_settings

from tests.api.world import build
from tests.factories import AppFactory
from tests.hooks.receiver import Receiver
from tests.portal.conftest import Quiet


@pytest.fixture(scope="module")
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, receiver, tmp_path_factory):
    """One world for all tests of a file: it takes half a second, and what a test does in it is undone with the test."""
    quick = override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"], HEADS=tmp_path_factory.mktemp("heads")
    )
    with django_db_blocker.unblock(), transaction.atomic():
        with quick:
            made = build(AppFactory(), receiver)
        yield made
        transaction.set_rollback(True)


@pytest.fixture
def address(committed):
    """The service on an address of this machine, on a database of its own."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
