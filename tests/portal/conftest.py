"""What the tests of the pages share: compiled catalogues, a real server on a database of its own, and a real browser."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.cache import cache
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import Client
from django.utils.translation import reloader

from deploy.steps import compile_messages
from portal.views import events
from tests.factories import sign_in

CHROMIUM = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    """What `make run` does before the first request: the catalogues compiled, and none remembered from before."""
    compile_messages(project.LOCALE_PATHS[0])
    reloader.translation_file_changed(None, Path("django.mo"))


@pytest.fixture(autouse=True)
def _no_tries_yet():
    """Tries to sign in are counted in the cache, which outlives a test."""
    cache.clear()


class Quiet(WSGIRequestHandler):
    """Says nothing, and lets a stream look at its socket as gunicorn does."""

    def get_environ(self):
        return super().get_environ() | {"gunicorn.socket": self.connection}

    def log_message(self, format, *args):  # noqa: A002
        pass


class Site:
    """The service as a browser sees it."""

    def __init__(self, server):
        self.origin = f"http://127.0.0.1:{server.server_port}"

    def cookies(self, *, user=None, language=None, theme=None):
        """Return what a browser holds that has signed in, or chosen."""
        found = {"django_language": language, "theme": theme}
        if user:
            client = Client()
            sign_in(client, user) if user.is_staff else client.force_login(user)
            found[project.SESSION_COOKIE_NAME] = client.cookies[project.SESSION_COOKIE_NAME].value
        return [{"name": name, "value": value, "url": self.origin} for name, value in found.items() if value]


@pytest.fixture
def site(browser, committed, monkeypatch):
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.2)  # so that a stream ends soon after its page
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    room = events._room
    try:
        yield Site(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        # A stream that outlived its test would look into the next one's database.
        assert all(room.acquire(timeout=5) for _ in range(events.STREAMS))
        room.release(events.STREAMS)


def chromium():
    """Where Chromium is; None: Playwright's own."""
    installed = (shutil.which(name) for name in ("chromium-headless-shell", "chromium", "chromium-browser"))
    return os.environ.get("CONSONANT_CHROMIUM") or next(filter(None, installed), None)


@pytest.fixture(scope="module")
def browser(django_db_setup, django_db_blocker):
    """Chromium: the one of CONSONANT_CHROMIUM, the machine's (rather without a window of its own, which draws in vain), or Playwright's.

    While Playwright's loop runs in this thread, Django keeps other connections for it. So those of before are closed first, and those
    of meanwhile last: an open one would stand in the way of copying the database.
    """
    from playwright.sync_api import Error, sync_playwright

    path = chromium()
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        connection.close()
        with sync_playwright() as playwright:
            try:
                launched = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM))
            except Error as error:
                pytest.skip(f"no browser: {str(error).splitlines()[0]}")
            yield launched
            launched.close()
            connection.close()


PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}


@pytest.fixture
def window(site, browser):
    """Open a window of a person's browser; at the end, fail for what a page should not have done."""
    contexts, complaints = [], []

    def watch(page):
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda sent: (
                None if sent.url.startswith((site.origin, "data:")) else complaints.append(f"left: {sent.url}")
            ),
        )
        return page

    def make(*, user=None, language=None, theme=None, scheme="light", size=PHONE, **more):
        locale = "zh-CN" if language == "zh-hans" else "en-GB"
        context = browser.new_context(
            viewport=size, base_url=site.origin, color_scheme=scheme, locale=locale, timezone_id="Asia/Shanghai", **more
        )
        context.set_default_timeout(10_000)
        context.add_cookies(site.cookies(user=user, language=language, theme=theme))
        contexts.append(context)
        return watch(context.new_page())

    make.complaints = complaints
    yield make
    for context in contexts:
        context.close()
    assert complaints == []
