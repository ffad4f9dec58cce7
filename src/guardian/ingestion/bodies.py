"""Reading bodies within bounds: of each one, and of all that are on their way at once."""

from starlette.types import Receive

from guardian.domain.errors import TooLarge, Unavailable

ALL_BYTES = 256 << 20


class Bodies:
    """Counts what has come of bodies that are not whole yet; `all_bytes` bounds their sum."""

    def __init__(self, all_bytes: int = ALL_BYTES) -> None:
        self._free = all_bytes

    async def read(self, headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
        """The whole body. Raises TooLarge beyond `limit` bytes, Unavailable when all together are too much.

        How long a body may take is the protocol's to bound.
        """
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > limit:
            raise TooLarge(f"At most {limit} bytes.")
        parts: list[bytes] = []
        size, more = 0, True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Unavailable("The caller went away.")
                part: bytes = message.get("body", b"")
                more = message.get("more_body", False)
                parts.append(part)
                size += len(part)
                self._free -= len(part)
                if size > limit:
                    raise TooLarge(f"At most {limit} bytes.")
                if self._free < 0:
                    raise Unavailable("More is arriving at once than can be held.", retry_after_s=2)
        finally:
            self._free += size
        return parts[0] if len(parts) == 1 else b"".join(parts)
