"""Every request of the application under a trace, counted and timed by its route."""

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guardian.observability.traces import current_trace, new_trace_id, trace_id_of

Observe = Callable[[str, int, float, str], None]
UNKNOWN_ROUTE = "unknown"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ObservedRequests:
    """Logs inside carry the caller's trace id; `observe` is told route, status, seconds and method."""

    def __init__(self, inner: ASGIApp, observe: Observe) -> None:
        self._inner = inner
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        started = time.perf_counter()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = time.perf_counter() - started
                self._observe(_route(scope), message["status"], seconds, _method(scope))
            await send(message)

        traceparent = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
        token = current_trace.set(trace_id_of(traceparent) or new_trace_id())
        try:
            await self._inner(scope, receive, observed)
        finally:
            current_trace.reset(token)


def _route(scope: Scope) -> str:
    """The template that matched, so that no id becomes a label; the router leaves it in the scope."""
    return str(getattr(scope.get("route"), "path_format", UNKNOWN_ROUTE))


def _method(scope: Scope) -> str:
    """A method of HTTP; what a caller makes up is no label."""
    return scope["method"] if scope["method"] in _METHODS else "other"
