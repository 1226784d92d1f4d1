"""Work on a key store in a process that kills itself (SIGKILL) at its n-th step.

A step is what can change something: before each statement of SQLite that is no SELECT, before and after each sync, link, rename and
unlink, before and after each writing request to the server, before and after each call that finds, makes or destroys a token's key.
"""

import multiprocessing
import os
import signal
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path

from requests.adapters import HTTPAdapter

from keyring import hsm
from keyring.kek import FileKeks
from keyring.rotate import destroy_epochs, rotate

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=31)
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.keyring.crash"])  # a child is a fork of what has imported everything


def work(job, backend, token, argument):
    """Do one job, as the service or a command does."""
    store = backend.open(*([hsm.TokenKeks(**token)] if token else []), FileKeks(backend.kek))
    if job == "put":
        store.put(argument, now=NOON)
    elif job == "destroy":
        store.destroy(argument)
    elif job == "rotate":
        rotate(store=store, now=NOON, batch=2)
    elif job == "destroy_epochs":
        destroy_epochs(store=store, now=LATER)


def killed_at(step, *words):
    """Do the job in another process, killed at that step; say whether it was killed before the end."""
    process = _PROCESSES.Process(target=_child, args=(step, os.environ.get("SOFTHSM2_CONF", ""), *words))
    process.start()
    process.join(30)
    code = process.exitcode
    process.close()
    assert code in {0, -signal.SIGKILL}, code
    return code != 0


def _child(step, softhsm, *words):
    os.environ["SOFTHSM2_CONF"] = softhsm
    _arm(step)
    work(*words)
    os._exit(0)


def _arm(step):
    count, lock = 0, threading.Lock()

    def tick(*, in_token=False):
        nonlocal count
        with lock:
            count += 1
            now = count == step
        if now:
            # Not while another thread is inside SoftHSM: it rewrites its token's file at each login, and would lose the token.
            if not in_token:
                hsm._LOCK.acquire()
            os.kill(os.getpid(), signal.SIGKILL)

    def around(function, counts=lambda *_: True, *, in_token=False):
        @wraps(function)
        def stepped(*words, **named):
            counted = counts(*words)
            if counted:
                tick(in_token=in_token)
            done = function(*words, **named)
            if counted:
                tick(in_token=in_token)
            return done

        return stepped

    for name in ("fsync", "link", "unlink", "rename", "replace"):
        setattr(os, name, around(getattr(os, name)))
    Path.unlink = around(Path.unlink)
    HTTPAdapter.send = around(HTTPAdapter.send, lambda _, request, *__: request.method in {"POST", "PUT", "DELETE"})
    hsm._find, hsm._generate = around(hsm._find, in_token=True), around(hsm._generate, in_token=True)
    connect = sqlite3.connect

    def connect_and_watch(*words, **named):
        connection = connect(*words, **named)
        connection.set_trace_callback(lambda statement: tick() if not statement.startswith("SELECT") else None)
        return connection

    sqlite3.connect = connect_and_watch
