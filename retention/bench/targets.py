"""Many receivers of hooks in a process of their own, one of which can fall silent. Knows no Django: the process imports this alone."""

import asyncio
import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_HEADER_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


@contextmanager
def running(count: int) -> Iterator[tuple[list[int], Any]]:
    """Run that many targets in a process of their own; the first does not answer while the flag is set."""
    context = multiprocessing.get_context("spawn")
    silent, told = context.Value("b", 0), context.Queue()
    process = context.Process(target=_serve, args=(count, silent, told), daemon=True)
    process.start()
    try:
        yield told.get(timeout=60), silent
    finally:
        process.kill()
        process.join()


def _serve(count: int, silent: Any, told: Any) -> None:
    asyncio.run(_listen(count, silent, told))


async def _listen(count: int, silent: Any, told: Any) -> None:
    servers = []
    for number in range(count):

        async def answer(reader: Any, writer: Any, number: int = number) -> None:
            head = await reader.readuntil(_HEADER_END)
            [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(_LENGTH)]
            said = json.loads(await reader.readexactly(int(length.removeprefix(_LENGTH))))
            if number == 0 and silent.value:
                await asyncio.sleep(3600)
            word = said["data"].get("challenge")
            body = json.dumps({"challenge": word}).encode() if word else b""
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
            await writer.drain()
            writer.close()

        servers.append(await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1_024))
    told.put([server.sockets[0].getsockname()[1] for server in servers])
    await asyncio.gather(*(server.serve_forever() for server in servers))
