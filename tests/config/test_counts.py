"""Counts: in Redis for all processes together, in memory while it is away, and never under a readable name."""

import os
import socket
import threading
import time
import uuid

import pytest
import redis
from django.core.cache import cache
from django.test import Client
from django.utils.translation import gettext, override

from config.counts import PREFIX, Counts, hidden
from tests.factories import PASSWORD, UserFactory

PARAMS = {"KEY_FUNCTION": "config.counts.hidden"}
ADDRESS = os.environ["CELERY_BROKER_URL"].replace("redis+socket://", "unix://")


@pytest.fixture
def server():
    """The broker's own Redis, with none of our counts before and after."""
    client = redis.Redis.from_url(ADDRESS)
    Counts(ADDRESS, PARAMS).clear()
    yield client
    Counts(ADDRESS, PARAMS).clear()
    client.close()


@pytest.fixture
def counts(server, settings):
    """What the service counts with, in Redis."""
    settings.CACHES = {"default": {"BACKEND": "config.counts.Counts", "LOCATION": ADDRESS} | PARAMS}
    return cache


@pytest.fixture
def away(settings):
    settings.CACHES = {
        "default": {"BACKEND": "config.counts.Counts", "LOCATION": "unix:///nowhere/redis.sock"} | PARAMS
    }
    cache.clear()
    yield cache
    cache.clear()


def test_two_processes_count_together(server):
    here, there = Counts(ADDRESS, PARAMS), Counts(ADDRESS, PARAMS)
    name = str(uuid.uuid4())
    assert [here.hit(name, 60), there.hit(name, 60), here.hit(name, 60)] == [1, 2, 3]
    assert 0 < server.ttl(hidden(name, "", 1)) <= 60
    assert here.add(name + "x", "y", 60)
    assert not there.add(name + "x", "y", 60)


def test_fifty_at_once_lose_none(server):
    name, seen = str(uuid.uuid4()), []

    def count():
        seen.extend(Counts(ADDRESS, PARAMS).hit(name, 60) for _ in range(5))

    threads = [threading.Thread(target=count) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 51))


@pytest.mark.django_db
def test_no_address_and_no_person_is_readable_in_it(server, counts):
    person = UserFactory()
    outside = Client(REMOTE_ADDR="203.0.113.77")
    for password in ("wrong", PASSWORD):
        outside.post("/accounts/login/", {"login": person.email, "password": password})
    outside.post("/accounts/password/reset/", {"email": person.email})
    names = list(server.scan_iter(match=f"{PREFIX}*"))
    assert len(names) >= 4
    held = b" ".join([*names, *(server.get(name) or b"" for name in names)])
    for word in ("203.0.113.77", person.email, person.email.partition("@")[0], str(person.pk), person.pk.hex):
        assert word.encode() not in held


def test_to_clear_takes_what_is_ours_and_no_task(server, counts):
    server.rpush("a-queue-of-the-broker", "a task")
    cache.set("x", 1)
    cache.clear()
    assert cache.get("x") is None
    assert server.lrange("a-queue-of-the-broker", 0, -1) == [b"a task"]
    server.delete("a-queue-of-the-broker")


@pytest.mark.django_db
def test_without_redis_people_sign_in_and_guesses_are_counted_all_the_same(away, user):
    assert Client().post("/accounts/login/", {"login": user.email, "password": PASSWORD}).status_code == 302
    answers = [Client().post("/accounts/login/", {"login": user.email, "password": "wrong"}) for _ in range(6)]
    with override("en"):
        assert gettext("Too many failed login attempts. Try again later.") in answers[-1].content.decode()
    last = Client().post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert last.status_code == 200


def test_a_redis_that_does_not_answer_holds_nobody_up_and_is_left_alone():
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        counts = Counts(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0", PARAMS)
        began = time.monotonic()
        assert counts.hit("deaf", 60) == 1
        assert time.monotonic() - began < 2
        began = time.monotonic()
        assert [counts.hit("deaf", 60) for _ in range(20)] == list(range(2, 22))
        assert time.monotonic() - began < 0.5
    counts.memory.clear()


def test_it_comes_back(server, monkeypatch):
    counts = Counts(ADDRESS, PARAMS)
    name = str(uuid.uuid4())
    counts._again_at = time.monotonic() + 0.2  # as after a failure
    assert [counts.hit(name, 60), counts.hit(name, 60)] == [1, 2]
    time.sleep(0.25)
    assert counts.hit(name, 60) == 1
    assert server.exists(hidden(name, "", 1))


def test_names_are_hidden_with_a_key(settings):
    name = hidden("ip:203.0.113.77", "", 1)
    assert name.startswith(PREFIX)
    assert name == hidden("ip:203.0.113.77", "", 1) != hidden("ip:203.0.113.78", "", 1)
    settings.SECRET_KEY = "another" * 10
    assert name != hidden("ip:203.0.113.77", "", 1)
