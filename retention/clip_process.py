"""Read a clip in a process of its own.

What parses it is large, and partly native code, and the file is a stranger's: it may be made to take minutes, all memory, or the process
down. So the parser runs where that harms nobody: with a few seconds of processor time that nobody else wants, bounded memory, no right to
write a file, and none of the service's environment. Where memory is short, it goes first. The bytes go through a pipe; nothing lies on the
disk.
"""

import os
import resource
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from retention import clip
from retention.errors import ClipBusy, ClipUnreadable

SECONDS: Final = 5
AT_ONCE: Final = 2
_MEMORY_BYTES: Final = 1024**3
_WAIT_SECONDS: Final = 3.0
_PROJECT: Final = Path(__file__).resolve().parent.parent
_room = threading.BoundedSemaphore(AT_ONCE)


def read(data: bytes) -> clip.Clip | None:
    """Return what a file says of itself, or None if it is no sound and no picture.

    Raises:
        ClipUnreadable: It takes too much to read.
        ClipBusy: Others are being read; ask again.
    """
    if clip.media_type(data) is None:
        return None
    if not _room.acquire(timeout=_WAIT_SECONDS):
        raise ClipBusy
    try:
        done = subprocess.run(
            [sys.executable, "-m", "retention.clip_process"],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=2 * SECONDS,
            check=True,
            cwd=_PROJECT,
            env={},
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise ClipUnreadable from None
    finally:
        _room.release()
    return clip.load(done.stdout)


def limit() -> None:
    """Give this process no more than it may have."""
    os.nice(19)
    with suppress(OSError):  # there on Linux alone
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Read one file from the standard input, and write what it says."""
    limit()
    sys.stdout.buffer.write(clip.dump(clip.read(sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
