"""Logs: one JSON object a line on standard error, from structlog and the standard library alike, with nobody's address or number in it."""

import structlog

from config.scrub import scrubbed

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _scrub(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    scrubbed_event: structlog.typing.EventDict = scrubbed(event)
    return scrubbed_event


def formatter() -> structlog.stdlib.ProcessorFormatter:
    """Return the formatter of the `json` handler, having bound structlog to it."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # Without local variables: they hold what logs may not.
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            _scrub,  # last, so that nothing is added after it: the text of an exception too
            structlog.processors.JSONRenderer(),
        ],
    )
