"""The page of now stays as it is now: what is told, to whom, for how long, and that pages are answered meanwhile."""

import gc
import http.client
import os
import re
import runpy
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings as project
from django.contrib.sessions.models import Session as SignIn
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from consent.close_session import close_session
from consent.models import Grant
from consent.open_session import open_session
from consent.withdraw import withdraw
from portal.views import events, now
from tests.deploy.stack import free_port
from tests.factories import UserFactory

PROJECT = Path(project.BASE_DIR)


@pytest.fixture
def mine(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def quick(monkeypatch):
    """Look often, and end soon."""
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(events, "LASTS_SECONDS", 0.3)


def shown(client, at=None):
    session = client.session
    person = User.objects.get(id=session["_auth_user_id"])
    return now.shown(user=person, sign_in=session.session_key, now=at or timezone.now())


def use(grant):
    return open_session(app=grant.app, grant_id=grant.id, operations=None, now=timezone.now()).session


def heard(answer):
    return b"".join(answer.streaming_content).decode()


# --- the digest -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_whatever_the_card_shows_changes_the_digest(mine, user, consent, app):
    seen = [shown(mine)]

    def is_new():
        seen.append(shown(mine))
        return seen.count(seen[-1]) == 1

    once = consent("once")
    assert is_new()
    session = use(once)
    assert is_new()
    close_session(app=app, session_id=session.id, now=timezone.now())
    assert is_new()
    grant = consent()
    assert is_new()
    session = use(grant)
    assert is_new()
    assert shown(mine, session.expires_at) != seen[-1], "the clock ends a session too"
    app.suspended_at = timezone.now()
    app.save()
    assert is_new()
    app.suspended_at = None
    app.save()
    assert not is_new(), "as it was"
    withdraw(grant_id=grant.id, user=user, now=timezone.now())
    assert is_new()


@pytest.mark.django_db
def test_the_clock_ends_what_can_be_stopped(mine, consent):
    grant = consent()
    assert shown(mine, grant.valid_until) != shown(mine)


@pytest.mark.django_db
def test_nobody_elses_life_changes_it(mine, consent):
    before = shown(mine)
    use(consent(who=UserFactory()))
    assert shown(mine) == before


@pytest.mark.django_db
def test_a_look_is_one_query(mine, consent, django_assert_num_queries):
    use(consent())
    user, sign_in = Grant.objects.get().subject.user, mine.session.session_key
    with django_assert_num_queries(1):
        assert now.shown(user=user, sign_in=sign_in, now=timezone.now())


# --- the card -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_card(client, mine, consent, app):
    use(consent())
    page = mine.get("/now/card")
    text = page.content.decode()
    assert "1 app is using your voice now" in text
    assert "<html" not in text
    assert "no-store" in page.headers["Cache-Control"]
    assert mine.get("/").content.decode().count(re.search(r'data-shown="\w{64}"', text)[0]) == 1
    said = re.search(r'data-shown="(\w+)"', text)[1]
    assert mine.get(f"/now/card?shown={said}").status_code == 204
    assert mine.get("/now/card?shown=other").status_code == 200
    assert f'data-began="{app.name} began to use your voice"' in text
    assert mine.post("/now/card").status_code == 405


@pytest.mark.django_db
def test_a_stranger_has_no_card_and_hears_nothing(client):
    assert client.get("/now/card").status_code == 403
    assert client.get("/now/events").status_code == 204


# --- the stream -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_stream_tells_what_the_page_does_not_show(mine, quick, consent):
    use(consent())
    answer = mine.get("/now/events")
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert "no-store" in answer.headers["Cache-Control"]
    assert heard(answer) == f"retry: 1000\n\nevent: changed\nid: {shown(mine)}\ndata:\n\n"
    assert heard(mine.get(f"/now/events?shown={shown(mine)}")) == "retry: 1000\n\n"
    again = mine.get("/now/events?shown=long-ago", headers={"Last-Event-ID": shown(mine)})
    assert heard(again) == "retry: 1000\n\n", "a browser that comes back is told nothing twice"


@pytest.mark.django_db
def test_a_quiet_stream_beats(mine, quick, monkeypatch):
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.1)
    told = heard(mine.get(f"/now/events?shown={shown(mine)}"))
    assert 1 <= told.count(":\n\n") <= 3
    assert "changed" not in told


@pytest.mark.django_db
def test_signing_out_ends_it(mine, quick, monkeypatch):
    monkeypatch.setattr(events, "LASTS_SECONDS", 60)
    stream = iter(mine.get("/now/events"))
    assert [next(stream), next(stream)[:14]] == [b"retry: 1000\n\n", b"event: changed"]
    SignIn.objects.all().delete()
    assert list(stream) == []


def test_an_outage_ends_it(committed, django_db_blocker, quick, monkeypatch):
    monkeypatch.setattr(events, "LASTS_SECONDS", 60)
    with django_db_blocker.unblock():
        browser = Client()
        browser.force_login(UserFactory())
        answer = browser.get("/now/events")
        stream = iter(answer)
        assert [next(stream), next(stream)[:14]] == [b"retry: 1000\n\n", b"event: changed"]
        where = connection.settings_dict
        with (
            connection.cursor() as cursor,
            psycopg.connect(
                dbname=where["NAME"], user=where["USER"], host=where["HOST"] or where["OPTIONS"].get("host")
            ) as other,
        ):
            cursor.execute("SELECT pg_backend_pid()")
            other.execute("SELECT pg_terminate_backend(%s, 5000)", cursor.fetchone())
        assert list(stream) == []
        answer.close()


@pytest.mark.django_db
def test_there_is_room_for_half_of_the_threads(mine, quick, monkeypatch):
    threads = runpy.run_path(str(PROJECT / "deploy" / "gunicorn.conf.py"))["threads"]
    assert threads == 2 * events.STREAMS
    monkeypatch.setattr(events, "_room", threading.BoundedSemaphore(2))
    first, second = mine.get("/now/events"), mine.get("/now/events")
    assert [first.status_code, second.status_code, mine.get("/now/events").status_code] == [200, 200, 204]
    heard(first)
    third = mine.get("/now/events")
    assert [third.status_code, mine.get("/now/events").status_code] == [200, 204]
    heard(second)
    for close in second._resource_closers:
        close()
    fourth = mine.get("/now/events")
    assert [fourth.status_code, mine.get("/now/events").status_code] == [200, 204], "given back once only"
    del third  # a server that forgets an answer without closing it
    gc.collect()
    assert mine.get("/now/events").status_code == 200


def test_a_browser_that_hung_up_is_noticed_without_writing(user):
    here, there = socket.socketpair()
    events._room.acquire()
    stream = events._Stream(user=user, sign_in=None, seen=None, peer=here)
    assert not stream._has_hung_up()
    there.sendall(b"x")
    assert not stream._has_hung_up()
    assert here.recv(1) == b"x", "what it sent is left where it was"
    there.close()
    assert stream._has_hung_up()
    here.close()
    assert stream._has_hung_up()
    stream.close()


# --- as it runs -----------------------------------------------------------------------------------------------------


@pytest.fixture
def gunicorn(committed, django_db_blocker):
    """The service as `make run` runs it, on this test's database; what a browser of a person there gets."""
    port = free_port()
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{committed}").geturl()
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "config.wsgi"]
    environment = {**os.environ, "DATABASE_URL": address, "PORT": str(port)}
    server = subprocess.Popen(command, cwd=PROJECT, env=environment)

    lines = []

    def get(path, **headers):
        lines.append(http.client.HTTPConnection("127.0.0.1", port, timeout=20))
        lines[-1].request("GET", path, headers=headers)
        answer = lines[-1].getresponse()
        if answer.headers["Content-Type"] != "text/event-stream":
            answer.read()
        return answer

    def hang_up():
        while lines:
            lines.pop().close()

    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                get("/healthz")
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        with django_db_blocker.unblock():
            yield get, hang_up
    finally:
        hang_up()
        server.kill()
        server.wait()


def test_pages_are_answered_while_all_streams_are_taken(gunicorn):
    get, hang_up = gunicorn
    browser = Client()
    browser.force_login(UserFactory())
    cookie = {"Cookie": f"{project.SESSION_COOKIE_NAME}={browser.session.session_key}"}
    streams = [get("/now/events", **cookie) for _ in range(24)]
    assert {answer.status for answer in streams} == {200, 204}
    assert events.STREAMS <= sum(answer.status == 200 for answer in streams) <= 2 * events.STREAMS
    start = time.monotonic()
    for _ in range(10):
        assert get("/", **cookie).status == 200
    assert time.monotonic() - start < 5
    for answer in streams:
        answer.close()
    hang_up()
    deadline = time.monotonic() + 10
    while get("/now/events", **cookie).status != 200:
        assert time.monotonic() < deadline, "who hung up gives its place back, without having been written to"
        time.sleep(0.2)
