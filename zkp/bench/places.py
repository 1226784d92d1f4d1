"""Where JavaScript is measured: in node, and in Chromium as a page that this process serves on loopback."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from zkp.bench.workshop import LeftOut

Ask = Callable[..., Any]
"""`ask(part, function, *words)` calls a function of `ours` or `theirs`; words and answer are JSON."""

_PAGES: Final[Mapping[str, str | None]] = {
    "/page/ours": "default-src 'none'; script-src 'self'; connect-src 'self'",  # as strict as the service's own
    "/page/theirs": None,  # snarkjs starts workers from texts, and WebAssembly
}
_MODULES: Final = {"ours": "ours/benchNode.mjs", "theirs": "theirs/theirs.mjs"}
_BUNDLES: Final = {"ours": "/ours/bench.mjs", "theirs": "/theirs/bundle.mjs"}
_NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser")
_SECONDS: Final = 3_600


class _Files(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def do_GET(self) -> None:
        if self.path not in _PAGES:
            super().do_GET()
            return
        page = b"<!doctype html><title>bench</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        if policy := _PAGES[self.path]:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(page)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")  # so that each round reads the log anew
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve the folder on loopback; yields the address, without a slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def node(folder: Path, _address: str) -> Iterator[Ask]:
    """Ask in node, each time in a process of its own. Raises LeftOut."""
    program = shutil.which("node")
    if not program:
        raise LeftOut("node is not here")

    def ask(part: str, function: str, *words: Any) -> Any:
        done = subprocess.run(  # noqa: S603 - node
            [program, str(Path(__file__).parent / "theirs" / "ask.mjs"), str(folder / _MODULES[part]), function],
            input=json.dumps(words),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-2_000:])
        return json.loads(done.stdout)

    yield ask


@contextmanager
def chromium(_folder: Path, address: str) -> Iterator[Ask]:
    """Ask in Chromium, each time in a new page: the one of CONSONANT_CHROMIUM, the machine's, or Playwright's. Raises LeftOut."""
    if not find_spec("playwright"):
        raise LeftOut("playwright is not here: it is one of the development requirements")
    from playwright.sync_api import Error, sync_playwright

    path = os.environ.get("CONSONANT_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=path, args=["--headless", "--no-sandbox", "--disable-gpu"]
            )
        except Error as error:
            raise LeftOut(f"no browser: {str(error).splitlines()[0]}") from None

        def ask(part: str, function: str, *words: Any) -> Any:
            page = browser.new_page()
            page.set_default_timeout(0)
            page.goto(f"{address}/page/{part}")
            code = "async ([module, name, words]) => (await import(module))[name](...words)"
            answer = page.evaluate(code, [_BUNDLES[part], function, list(words)])
            page.close()
            return answer

        yield ask
        browser.close()


PLACES: Final[Mapping[str, Callable[[Path, str], AbstractContextManager[Ask]]]] = {"node": node, "chromium": chromium}
