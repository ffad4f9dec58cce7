"""W3C trace context: carried from the caller through the bus into the logs."""

import os
import re
from contextvars import ContextVar

# Versions after 00 may append fields (W3C Trace Context, section 3.2.4); ff is no version
_FORM = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
FIRST_VERSION = b"00"
current_trace: ContextVar[str | None] = ContextVar("current_trace", default=None)


def trace_id_of(traceparent: bytes | None) -> str | None:
    """The trace id, or None when there is no valid header."""
    found = _FORM.fullmatch(traceparent or b"")
    if found is None or not found[1].strip(b"0") or not found[2].strip(b"0"):
        return None
    if found[3] is not None and found[0].startswith(FIRST_VERSION):
        return None
    return found[1].decode()


def child_of(traceparent: bytes | None) -> dict[str, str] | None:
    """Bus headers that go on with the caller's trace; None when it brought none."""
    trace_id = trace_id_of(traceparent)
    return None if trace_id is None else {"traceparent": new_traceparent(trace_id)}


def carried() -> dict[str, str] | None:
    """Bus headers that go on with the trace of the request at hand; None outside of one."""
    trace_id = current_trace.get()
    return None if trace_id is None else {"traceparent": new_traceparent(trace_id)}


def new_trace_id() -> str:
    """A fresh trace id."""
    return os.urandom(16).hex()


def new_traceparent(trace_id: str) -> str:
    """A header of that trace with a span of our own."""
    return f"00-{trace_id}-{os.urandom(8).hex()}-01"
