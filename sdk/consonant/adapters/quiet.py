"""Keeps what a voice app prints and logs free of texts, paths and voiceprints.

An app's own code may print a line only if it begins with one of the heads that the adapter knows, and of the rest only numbers stay. Whatever
else it says is left out: a new message of a new version is silent, and never a leak. Nothing of the app's is changed on the disk: its
modules get a `print` of ours, and log records that their code made are rewritten where `logging` makes them.
"""

from __future__ import annotations

import builtins
import logging
import os
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

LEFT_OUT: Final = "(left out)"
_NUMBERS: Final = re.compile(r"[\s:,]*(?:[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?%?|seconds|rtf|[\s:,])*", re.IGNORECASE)


class Quiet:
    """What the code in some folders may say. `heads`: how the lines begin that may be said."""

    def __init__(self, heads: Iterable[str]) -> None:
        self._heads = tuple(sorted(heads, key=len, reverse=True))
        self._folders: list[str] = []
        self._before: Callable[..., logging.LogRecord] | None = None
        self._printing: list[Any] = []
        self._loggers: list[tuple[Any, Any]] = []

    def said(self, text: str) -> str | None:
        """Return what may be said of a line, or None."""
        for head in self._heads:
            if text.startswith(head):
                rest = text[len(head) :]
                return text if _NUMBERS.fullmatch(rest) else f"{head} {LEFT_OUT}"
        return None

    def print(self, *values: object, sep: str | None = " ", **words: Any) -> None:
        """Print what may be said."""
        said = self.said((" " if sep is None else sep).join(map(str, values)))
        if said is not None:
            builtins.print(said, **words)  # noqa: T201 - the app's own

    def hush(self, module: Any) -> None:
        """Give a module of the app this `print`, and rewrite what the code in its folder logs."""
        module.print = self.print
        self._printing.append(module)
        if path := getattr(module, "__file__", None):
            self._folders.append(os.path.realpath(os.path.dirname(path)) + os.sep)  # noqa: PTH120
        if self._before is None:
            self._before = before = logging.getLogRecordFactory()

            def made(*args: Any, **words: Any) -> logging.LogRecord:
                return self._cleaned(before(*args, **words))

            logging.setLogRecordFactory(made)
        self._hush_loguru(module)

    def undo(self) -> None:
        """Let them say what they like again."""
        for module in self._printing:
            if vars(module).get("print") == self.print:
                del module.print
        if self._before is not None:
            logging.setLogRecordFactory(self._before)
        for module, logger in self._loggers:
            module.logger = logger
        self._printing, self._loggers, self._folders, self._before = [], [], [], None

    def _cleaned(self, record: logging.LogRecord) -> logging.LogRecord:
        if os.path.realpath(record.pathname).startswith(tuple(self._folders)):
            record.msg = self.said(record.getMessage()) or f"a message of the voice app {LEFT_OUT}"
            record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
            record.pathname = record.filename
        return record

    def _hush_loguru(self, module: Any) -> None:
        logger: Any = getattr(module, "logger", None)
        if type(logger).__module__.partition(".")[0] == "loguru":

            def patch(record: Any) -> None:
                record["message"] = self.said(record["message"]) or f"a message of the voice app {LEFT_OUT}"
                record["exception"] = None

            self._loggers.append((module, logger))
            module.logger = logger.patch(patch)
