"""How the commands speak with a running system."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from guardian.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Misconfigured,
    Refused,
    Unauthenticated,
    Unavailable,
)

ACCESS_FILE = "access.json"
ATTEMPTS = 10
LONGEST_WAIT_S = 30.0
TIMEOUT_S = 60.0
_NOT_NOW = (429, 502, 503, 504)


class Access(msgspec.Struct, frozen=True):
    """Where a system of this machine runs; `demo` when it makes its own traffic."""

    url: str
    token: str
    demo: bool = False


class Taken(msgspec.Struct, frozen=True):
    """What became of a batch: how many were accepted, and index and reason of the others."""

    accepted: int
    rejected: list[tuple[int, str]]


class LabelsTaken(msgspec.Struct, frozen=True):
    """What became of labels: how many are kept, the indexes of those whose transaction is not known."""

    accepted: int
    unknown: list[int]
    rejected: list[tuple[int, str]]


def local_access(data_dir: Path) -> Access:
    """The access that a running `guardian up` left in its data folder. Raises Unavailable, Misconfigured."""
    try:
        return msgspec.json.decode((data_dir / ACCESS_FILE).read_bytes(), type=Access)
    except FileNotFoundError as error:
        raise Unavailable("No Guardian runs on this data folder. Start it with: guardian up") from error
    except PermissionError as error:
        raise Misconfigured("The access file of this data folder belongs to another user.") from error
    except msgspec.DecodeError as error:
        raise Misconfigured("The access file of this data folder is damaged; restart guardian up.") from error


class GuardianClient:
    """Posts rows; waits as long as the system asks for when it has too much to do."""

    def __init__(
        self,
        base_url: str,
        token: str,
        transport: httpx2.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = base_url.rstrip("/")
        self._pause = pause
        self._answered = False
        _check_form(self._url, token)
        self._http = httpx2.Client(
            base_url=self._url,
            headers={"authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
            transport=transport,
            trust_env=False,
        )

    def __enter__(self) -> "GuardianClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def post_transactions(self, rows: Sequence[Mapping[str, Any]], source: str) -> Taken:
        """Send up to 10 000 rows under a source. Raises Refused or Unavailable."""
        body = b"\n".join(msgspec.json.encode({**row, "source": source}) for row in rows)
        answer = self._post("/transactions/batch", body, "application/x-ndjson")
        rejected = [(int(one["index"]), _reason(one.get("errors", ()))) for one in answer["rejected"]]
        return Taken(int(answer["accepted"]), rejected)

    def post_counts(self, items: Sequence[Mapping[str, Any]]) -> int:
        """Send minutes of counts; how many were taken. Raises Refused or Unavailable."""
        answer = self._post("/counts", msgspec.json.encode(items), "application/json")
        return int(answer["accepted"])

    def post_labels(self, items: Sequence[Mapping[str, Any]]) -> LabelsTaken:
        """Send up to 10 000 labels. Raises Refused or Unavailable."""
        answer = self._post("/labels", msgspec.json.encode(items), "application/json")
        rejected = [(int(one["index"]), _reason(one.get("errors", ()))) for one in answer["rejected"]]
        return LabelsTaken(int(answer["accepted"]), list(map(int, answer["unknown"])), rejected)

    def _post(self, path: str, body: bytes, kind: str) -> dict[str, Any]:
        for attempt in range(ATTEMPTS):
            try:
                answer = self._http.post(path, content=body, headers={"content-type": kind})
            except httpx2.HTTPError as error:
                if not self._answered or attempt + 1 == ATTEMPTS:
                    raise self._silent() from error
                self._pause(min(2.0**attempt / 2, LONGEST_WAIT_S))
                continue
            self._answered = True
            if answer.status_code not in _NOT_NOW:
                return _read(answer)
            if attempt + 1 < ATTEMPTS:
                self._pause(_asked_wait(answer, attempt))
        raise Unavailable("Guardian has too much to do; try again later.")

    def _silent(self) -> Unavailable:
        return Unavailable(f"Guardian does not answer at {self._url}. Start it with: guardian up")


def _check_form(url: str, token: str) -> None:
    """Raises Misconfigured, which tells neither."""
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Misconfigured("The address has no valid form; expected http://host:port.") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise Misconfigured("The address has no valid form; expected http://host:port.")
    if not (token and token.isascii() and token.isprintable() and " " not in token):
        raise Misconfigured("The token has no valid form; make one with: guardian token")


def _asked_wait(answer: httpx2.Response, attempt: int) -> float:
    """Seconds of Retry-After, bounded; growing ones when it says none."""
    text = answer.headers.get("retry-after", "")
    asked = float(text) if text.isascii() and text.isdigit() else 2.0**attempt / 2
    return min(max(asked, 0.1), LONGEST_WAIT_S)


def _read(answer: httpx2.Response) -> dict[str, Any]:
    try:
        body = json.loads(answer.content)
    except ValueError:
        body = {}
    if answer.is_success and isinstance(body, dict) and "accepted" in body:
        return body
    detail = str(body.get("detail", "")) if isinstance(body, dict) else ""
    raise _as_error(answer.status_code, detail)


def _as_error(status: int, detail: str) -> Exception:
    """Our error for a status; the detail is the system's own words, which never echo input."""
    if status == 401:
        return Unauthenticated("The token is not accepted. Make one with: guardian token")
    if status == 403:
        return Forbidden("The token may not send data; it needs the scope write.")
    if status == 409:
        return Conflict(detail or "The source conflicts with what it sent before.")
    if status == 422:
        return Invalid(detail or "The rows are not valid.")
    if status >= 500 or status < 400:
        return Unavailable("What answers at this address is not a healthy Guardian.")
    return Refused(detail or f"Guardian refused the rows with status {status}.")


def _reason(errors: Sequence[Mapping[str, str]]) -> str:
    if not errors:
        return "Refused."
    pointer = errors[0].get("pointer", "").lstrip("/")
    detail = errors[0].get("detail", "Refused.")
    return f"{pointer}: {detail}" if pointer else detail
