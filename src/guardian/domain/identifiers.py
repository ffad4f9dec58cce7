"""Time-ordered identifiers (UUID version 7, RFC 9562) and the key of an event."""

import os
from hashlib import blake2b

_NOISE_BYTES, _DRAWN_AT_ONCE = 10, 500


def uuid7(now_ms: int, random_bytes: bytes | None = None) -> str:
    """A UUIDv7 of the millisecond `now_ms`; `random_bytes` (10 of them) makes it repeatable."""
    noise = int.from_bytes(random_bytes or os.urandom(10), "big")
    value = (now_ms & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (noise >> 68) << 64
    value |= 0x2 << 62 | noise & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Identifiers:
    """New UUIDv7s. Noise is drawn in blocks: each draw lets another thread run in between."""

    def __init__(self) -> None:
        self._noise: list[bytes] = []

    def new(self, now_ms: int) -> str:
        """The next one."""
        if not self._noise:
            block = os.urandom(_NOISE_BYTES * _DRAWN_AT_ONCE)
            self._noise = [block[at : at + _NOISE_BYTES] for at in range(0, len(block), _NOISE_BYTES)]
        return uuid7(now_ms, self._noise.pop())


def transaction_key(transaction_id: str) -> int:
    """64 bits under which an event is found again by its id; different ids may share them.

    The upper half of a UUIDv7, so that an index over time-ordered ids grows at its end; BLAKE2b of
    any other id. Signed, as a store keeps it.
    """
    if len(transaction_id) == 36 and transaction_id[14] == "7":
        try:
            return int(transaction_id[:8] + transaction_id[9:13] + transaction_id[14:18], 16) - (1 << 63)
        except ValueError:
            pass  # not a UUID after all
    return int.from_bytes(blake2b(transaction_id.encode(), digest_size=8).digest(), "big", signed=True)
