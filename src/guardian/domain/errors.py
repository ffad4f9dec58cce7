"""One tree of errors, named after what the caller should do.

GuardianError
├── Refused        the request is wrong; do not repeat it as it is (4xx)
│   ├── Invalid        understood, but a value is not allowed (422); Unparsable: at a line and column
│   ├── Unreadable     could not be parsed (400)
│   ├── Unauthenticated  who are you? (401)
│   ├── Forbidden      you may not (403)
│   ├── NotFound       there is no such thing (404)
│   ├── Conflict       the thing has changed or exists (409); OtherKind: its source sends the other kind
│   ├── TooLarge       more than the limit (413)
│   └── TooMany        slow down (429)
├── Unavailable    not your fault; try again later (503)
├── Poisoned       this record can never be processed (dead letter)
└── Misconfigured  the installation must be mended before it can start (exit 2)
"""

from collections.abc import Mapping, Sequence


class GuardianError(Exception):
    """Base of all errors that Guardian raises on purpose. The message never holds input values."""


class Refused(GuardianError):
    """The request is wrong; repeating it unchanged cannot help."""

    status = 400
    title = "Bad request"

    def __init__(self, detail: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)


class Unreadable(Refused):
    """The body could not be parsed at all."""

    title = "Unreadable request"


class Unauthenticated(Refused):
    """No valid proof of identity came with the request."""

    status = 401
    title = "Authentication required"


class Forbidden(Refused):
    """The identity is known but lacks the scope."""

    status = 403
    title = "Not allowed"


class NotFound(Refused):
    """There is no such thing."""

    status = 404
    title = "Not found"


class Conflict(Refused):
    """The thing exists already, or has changed since it was read."""

    status = 409
    title = "Conflict"


class OtherKind(Conflict):
    """These sources send the other kind, counts or transactions; what the rest sent can be kept."""

    def __init__(self, sources: frozenset[str]) -> None:
        super().__init__("A source sends either transactions or counts; this one sends the other.")
        self.sources = sources


class TooLarge(Refused):
    """The body exceeds the limit."""

    status = 413
    title = "Request too large"


class UnsupportedMedia(Refused):
    """The content type is none of those the route reads."""

    status = 415
    title = "Unsupported media type"


class Invalid(Refused):
    """Parsed, but a value is not allowed."""

    status = 422
    title = "Invalid request"


class Unparsable(Invalid):
    """A text in a language of ours is wrong at this line and column, both counted from 1."""

    title = "Text with an error"

    def __init__(self, detail: str, line: int, column: int) -> None:
        super().__init__(detail)
        self.line = line
        self.column = column

    def placed(self) -> str:
        """The message after its place."""
        return f"{self.line}:{self.column}: {self.detail}"


class TooMany(Refused):
    """The caller exceeds its rate."""

    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(GuardianError):
    """A dependency or a limit stops the work for now; try again later."""

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s


class Poisoned(GuardianError):
    """This record can never be processed; it belongs into the dead letters."""


class Misconfigured(GuardianError):
    """A setting is missing or contradicts another; the message says which and what to do."""
