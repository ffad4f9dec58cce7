"""Structured logs: one pipeline to JSON lines, the masker last before the renderer."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from guardian import __version__
from guardian.observability.masking import mask_event
from guardian.observability.traces import current_trace

Event = MutableMapping[str, Any]


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send everything, third-party loggers too, through one pipeline to `stream` (default stderr)."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _identify,
            _mask,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    # it tells whole addresses, and that of a webhook is a secret
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger of that module; events are snake_case verbs, facts are keyword arguments."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _identify(_logger: Any, _method: str, event: Event) -> Event:
    event["service.name"] = "guardian"
    event["service.version"] = __version__
    trace_id = current_trace.get()
    if trace_id is not None:
        event["trace_id"] = trace_id
    return event


def _mask(_logger: Any, _method: str, event: Event) -> Event:
    return {key: mask_event(value, key) for key, value in event.items()}
