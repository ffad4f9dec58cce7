"""Reading the embedded log: one group's place in one topic."""

import os
import struct
import time
from pathlib import Path

from guardian.bus.base import Batch, Headers
from guardian.bus.segments import Frame, decode_frame, find_tail, frame_length, segment_path, segments

CHUNK_BYTES = 1 << 20
PATIENCE_S = 1.0
"""How long a frame that is there whole but unsound may take to become sound."""
_MARK = struct.Struct("<Q")
_SHORTEST_NAP_S, _LONGEST_NAP_S = 0.001, 0.01


class LogSubscription:
    """One group's reading of one topic; see `bus.base.Subscription` for the promises."""

    def __init__(self, folder: Path, group: str, from_start: bool) -> None:
        self._folder = folder
        self._mark_fd = _open_mark(folder, group) if group else -1
        self._fd = -1
        self._data = memoryview(b"")
        self._at = self._file_offset = self._segment = 0
        self._left: Frame | None = None
        self._suspect_since: float | None = None
        noted = os.pread(self._mark_fd, _MARK.size, 0) if group else b""
        if len(noted) == _MARK.size:
            start = _MARK.unpack(noted)[0]
        else:
            start = 0 if from_start else find_tail(folder).position
            self.mark(0, start - 1)
        self.seek(0, start)

    def take(self, limit: int, wait_s: float) -> Batch | None:
        deadline = time.monotonic() + wait_s
        nap = _SHORTEST_NAP_S
        while True:
            batch = self._gather(limit)
            if batch is not None or time.monotonic() >= deadline:
                return batch
            time.sleep(nap)
            nap = min(nap * 1.3, _LONGEST_NAP_S)

    def mark(self, partition: int, position: int) -> None:
        del partition  # the embedded log has one
        if self._mark_fd >= 0:
            os.pwrite(self._mark_fd, _MARK.pack(position + 1), 0)

    def seek(self, partition: int, position: int) -> None:
        del partition
        existing = [first for first in segments(self._folder) if first <= position]
        self._next = min(position, find_tail(self._folder).position) if existing else position
        self._left = None
        self._open(existing[-1] if existing else self._oldest())

    def lag(self) -> int:
        return max(0, find_tail(self._folder).position - self._next)

    def close(self) -> None:
        for descriptor in (self._fd, self._mark_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self._fd = self._mark_fd = -1

    def _gather(self, limit: int) -> Batch | None:
        values: list[bytes] = []
        headers: dict[int, Headers] = {}
        first = self._next
        while len(values) < limit and (frame := self._following()) is not None:
            skip = self._next - frame.first
            part = frame.values[skip : skip + limit - len(values)]
            for index, header in frame.headers.items():
                if skip <= index < skip + len(part):
                    headers[len(values) + index - skip] = header
            if not values:
                first = self._next
            elif frame.first + skip != first + len(values):
                self._left = frame
                break  # a damaged frame was skipped: positions of a batch are consecutive
            values.extend(part)
            self._next += len(part)
            if skip + len(part) < len(frame.values):
                self._left = frame
        if not values:
            return None
        return Batch(partition=0, positions=range(first, first + len(values)), values=values, headers=headers)

    def _following(self) -> Frame | None:
        """The frame that holds the next position, or the first one after it."""
        if self._left is not None:
            frame, self._left = self._left, None
            return frame
        while (found := self._read_frame()) is not None:
            if found.first + len(found.values) > self._next:
                self._next = max(self._next, found.first)
                return found
        return None

    def _read_frame(self) -> Frame | None:
        frame = decode_frame(self._data, self._at)
        if frame is None:
            self._fill()
            frame = decode_frame(self._data, self._at)
        if frame is None:
            return self._read_frame() if self._past_end() else None
        self._at = frame.next_offset
        self._suspect_since = None
        return frame

    def _fill(self) -> None:
        """Read on from where we are."""
        if self._fd < 0:
            self._open(self._oldest())
        if self._fd < 0:
            return
        needed = frame_length(self._data, self._at) or 0
        self._file_offset += self._at
        self._data = memoryview(os.pread(self._fd, max(CHUNK_BYTES, needed), self._file_offset))
        self._at = 0
        announced = frame_length(self._data, 0)
        if announced is not None and announced > len(self._data):
            self._data = memoryview(os.pread(self._fd, announced, self._file_offset))

    def _past_end(self) -> bool:
        """Step into the next segment, or over a frame that stays unsound; whether a step was made."""
        following = [first for first in segments(self._folder) if first > self._segment]
        announced = frame_length(self._data, self._at)
        whole = announced is not None and announced <= len(self._data) - self._at
        if following and not whole:
            self._open(following[0])
            return True
        if not whole or announced is None:
            return False
        now = time.monotonic()
        self._suspect_since = self._suspect_since or now
        if now - self._suspect_since < PATIENCE_S:
            return False
        self._at += announced
        self._suspect_since = None
        return True

    def _oldest(self) -> int | None:
        existing = segments(self._folder)
        return existing[0] if existing else None

    def _open(self, segment: int | None) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._segment = -1 if segment is None else segment
        path = None if segment is None else segment_path(self._folder, segment)
        self._fd = -1 if path is None else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._data, self._at, self._file_offset = memoryview(b""), 0, 0


def _open_mark(folder: Path, group: str) -> int:
    groups = folder / "groups"
    groups.mkdir(exist_ok=True)
    return os.open(groups / group, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def marked_positions(folder: Path) -> list[int]:
    """Where each group of a topic would go on."""
    marks = []
    groups = folder / "groups"
    for path in groups.iterdir() if groups.is_dir() else ():
        raw = path.read_bytes()
        if len(raw) == _MARK.size:
            marks.append(_MARK.unpack(raw)[0])
    return marks
