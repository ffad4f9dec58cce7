"""A bound on the body of every route outside the fast path."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guardian.domain.errors import GuardianError
from guardian.ingestion.bodies import Bodies
from guardian.security.problems import render

BODY_BYTES = 4 << 20


class BodyLimit:
    """Reads a body within its limit before the application sees it, or answers 413."""

    def __init__(self, inner: ASGIApp, bodies: Bodies) -> None:
        self._inner = inner
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._inner(scope, receive, send)
            return
        try:
            body = await self._bodies.read(dict(scope["headers"]), receive, BODY_BYTES)
        except GuardianError as error:
            status, headers, answer = render(error, None)
            headers = headers | {"Content-Length": str(len(answer))}
            pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": status, "headers": pairs})
            await send({"type": "http.response.body", "body": answer})
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._inner(scope, replay, send)
