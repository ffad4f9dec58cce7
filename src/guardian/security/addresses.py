"""Addresses are written into histories and the logs of proxies: none with a card number is answered."""

from urllib.parse import unquote_plus

from starlette.types import ASGIApp, Receive, Scope, Send

from guardian.domain.errors import Invalid
from guardian.observability.masking import looks_like_pan
from guardian.security.problems import render


class CleanAddresses:
    """Refuses a request whose path or query holds a card number, before any page could repeat it."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _holds_pan(scope):
            await self._inner(scope, receive, send)
            return
        refusal = Invalid("The address holds what looks like a full card number; ask by a token or the BIN.")
        status, headers, body = render(refusal, None)
        headers = headers | {"Content-Length": str(len(body))}
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})


def _holds_pan(scope: Scope) -> bool:
    """Name by name and value by value: two short numbers side by side are none."""
    query = scope["query_string"].decode("latin-1").replace("&", "=").split("=")
    return looks_like_pan(scope["path"]) or any(looks_like_pan(unquote_plus(part)) for part in query)
