# ruff: noqa: N999 - the name gunicorn's users know
"""Gunicorn: threads, two workers, loopback only; no access log, for addresses tell who did what."""

import os
import signal
from pathlib import Path
from typing import Any

from deploy.child import die_with_parent

bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = 2
threads = 8
timeout = 30
graceful_timeout = 5
keepalive = 15
accesslog = None
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) and Path("/dev/shm").is_dir() else None  # noqa: S108 - its heartbeat must not wait for a disk


def post_fork(server: Any, worker: Any) -> None:
    """Tie a worker's life to its arbiter's, also when that is killed."""
    die_with_parent(parent=server.pid, death_signal=signal.SIGTERM)
    worker.log.debug("Worker %s started", worker.pid)
