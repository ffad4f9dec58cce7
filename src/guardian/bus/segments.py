"""The file format of the embedded log: segments of checksummed frames.

A frame is `<length u32><crc32 u32><first position u64><count u32>` and a MessagePack payload
`[values, headers]`. A segment is named after the position of its first record.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from guardian.bus.base import Headers

HEADER = struct.Struct("<IIQI")
SUFFIX = ".log"
MAX_FRAME_BYTES = 64 << 20
FULL_FRAME_BYTES = 16 << 20
"""A frame is closed once it holds as much; the largest record still fits on top."""
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[list[bytes], dict[int, dict[str, str]]])


class Frame(msgspec.Struct, frozen=True):
    """One decoded frame and where the next one begins."""

    first: int
    values: Sequence[bytes]
    headers: Mapping[int, Headers]
    next_offset: int


def encode_frames(first: int, values: Sequence[bytes], headers: Mapping[int, Headers]) -> Iterator[bytes]:
    """One frame, or several for what gathered while the disk was slow: none too long to be read again."""
    start = size = 0
    for end, value in enumerate(values, start=1):
        size += len(value)
        if size >= FULL_FRAME_BYTES or end == len(values):
            own = {index - start: header for index, header in headers.items() if start <= index < end}
            yield encode_frame(first + start, values[start:end], own)
            start, size = end, 0


def encode_frame(first: int, values: Sequence[bytes], headers: Mapping[int, Headers]) -> bytes:
    """The bytes of one frame."""
    payload = _encoder.encode((values, headers))
    return HEADER.pack(len(payload), zlib.crc32(payload), first, len(values)) + payload


def decode_frame(data: memoryview, offset: int) -> Frame | None:
    """The frame at `offset`, or None when it is not (yet) there whole and sound."""
    start = offset + HEADER.size
    if len(data) < start:
        return None
    length, checksum, first, count = HEADER.unpack_from(data, offset)
    end = start + length
    if length > MAX_FRAME_BYTES or len(data) < end:
        return None
    payload = data[start:end]
    if zlib.crc32(payload) != checksum:
        return None
    values, headers = _decoder.decode(payload)
    return (
        Frame(first=first, values=values, headers=headers, next_offset=end) if len(values) == count else None
    )


def frame_length(data: memoryview, offset: int) -> int | None:
    """The whole length the header at `offset` announces, or None without a plausible header."""
    if len(data) < offset + HEADER.size:
        return None
    length = int(HEADER.unpack_from(data, offset)[0])
    return None if length > MAX_FRAME_BYTES else HEADER.size + length


def segments(folder: Path) -> list[int]:
    """First positions of the segments of a topic, ascending."""
    return sorted(int(name[: -len(SUFFIX)]) for name in os.listdir(folder) if name.endswith(SUFFIX))


def segment_path(folder: Path, first: int) -> Path:
    """Where the segment that begins at `first` lives."""
    return folder / f"{first:020d}{SUFFIX}"


class Tail(msgspec.Struct, frozen=True):
    """Where a log ends: the last segment, its length in bytes, the next position."""

    segment: int
    size: int
    position: int


TAIL_NAME = "tail"
_TAIL_BYTES = 96


def note_tail(descriptor: int, tail: Tail) -> None:
    """Write down where the log ends. As JSON: what follows a note is blank, and a note never ends so."""
    os.pwrite(descriptor, msgspec.json.encode(tail).ljust(_TAIL_BYTES), 0)


def noted_tail(descriptor: int) -> Tail | None:
    """Where the log ended when a writer last noted it; the truth may be further on."""
    try:
        return msgspec.json.decode(os.pread(descriptor, _TAIL_BYTES, 0), type=Tail)
    except msgspec.DecodeError:
        return None


def find_tail(folder: Path) -> Tail:
    """The end of the log as whole, sound frames tell; reads only what was not noted."""
    existing = segments(folder)
    last = existing[-1] if existing else 0
    noted = None
    if (folder / TAIL_NAME).exists():
        descriptor = os.open(folder / TAIL_NAME, os.O_RDONLY | os.O_CLOEXEC)
        try:
            noted = noted_tail(descriptor)
        finally:
            os.close(descriptor)
    path = segment_path(folder, last)
    length = path.stat().st_size if path.exists() else 0
    if noted is None or noted.segment != last or noted.size > length:
        noted = Tail(last, 0, last)
    if noted.size == length:
        return noted
    size, position = sound_end(path, noted.position, noted.size)
    return Tail(last, size, position)


def sound_end(path: Path, first: int, offset: int = 0) -> tuple[int, int]:
    """(bytes, next position) up to which the segment holds whole, sound frames from `offset` on."""
    position, start = first, offset
    with path.open("rb") as file:
        file.seek(start)
        data = memoryview(file.read())
    while (frame := decode_frame(data, offset - start)) is not None:
        position = frame.first + len(frame.values)
        offset = start + frame.next_offset
    return offset, position
