"""The embedded bus: an append-only log on disk with group commit, shared by processes."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import msgspec

from guardian.bus.base import Done, Headers, Message, Subscription
from guardian.bus.log_reader import LogSubscription, marked_positions
from guardian.bus.segments import (
    TAIL_NAME,
    Tail,
    encode_frames,
    find_tail,
    note_tail,
    noted_tail,
    segment_path,
    segments,
)
from guardian.domain.errors import Unavailable

SEGMENT_BYTES = 64 << 20
KEPT_SEGMENTS = 4
CLOSING_S = 30.0
Sync = Callable[[int], None]


class _Pending(msgspec.Struct):
    values: Sequence[bytes]
    headers: dict[int, Headers]
    done: Done


class TopicLog:
    """Appends to one topic. Its thread writes and syncs whatever has gathered meanwhile."""

    def __init__(self, folder: Path, sync: Sync, segment_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._sync = sync
        self._segment_bytes = segment_bytes
        self._lock_fd = os.open(folder / TAIL_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._fd = -1
        self._tail: Tail | None = None
        self._pending: list[_Pending] = []
        self._pending_bytes = 0
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"log {folder.name}", daemon=True)
        self._thread.start()

    @property
    def pending_bytes(self) -> int:
        """Bytes accepted but not durable yet."""
        return self._pending_bytes

    def append(self, values: Sequence[bytes], headers: dict[int, Headers], done: Done) -> None:
        """Gather records for the next group commit."""
        with self._guard:
            if self._closing:
                raise Unavailable("The log is closing.")
            self._pending.append(_Pending(values, headers, done))
            self._pending_bytes += sum(map(len, values))
        self._wake.set()

    def advance(self, position: int) -> None:
        """Go on in an empty segment at `position`, unless the log has come as far."""
        try:
            with self._alone():
                if self._current_tail().position < position:
                    self._open(position)
                    self._remember(Tail(position, 0, position))
        except OSError as failure:
            raise Unavailable(f"The log cannot be written: {os.strerror(failure.errno or 0)}.") from failure

    def close(self) -> None:
        """Commit what has gathered and stop the thread."""
        with self._guard:
            self._closing = True
        self._wake.set()
        self._thread.join(CLOSING_S)
        if self._fd >= 0:
            os.close(self._fd)
        os.close(self._lock_fd)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            with self._guard:
                group, self._pending, self._pending_bytes = self._pending, [], 0
                closing = self._closing
            if group:
                failure = self._commit(group)
                for entry in group:
                    entry.done(failure)
            elif closing:
                return
            if closing:
                self._wake.set()

    def _commit(self, group: Sequence[_Pending]) -> Unavailable | None:
        values: list[bytes] = []
        headers: dict[int, Headers] = {}
        for entry in group:
            base = len(values)
            headers.update({base + index: header for index, header in entry.headers.items()})
            values.extend(entry.values)
        try:
            with self._alone():
                self._write(values, headers)
            self._sync(self._fd)
        except OSError as failure:
            self._tail = None
            return Unavailable(f"The log cannot be written: {os.strerror(failure.errno or 0)}.")
        return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread or process writes meanwhile."""
        with self._writing:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    def _write(self, values: Sequence[bytes], headers: dict[int, Headers]) -> None:
        tail = self._current_tail()
        if tail.size >= self._segment_bytes:
            tail = self._roll(tail)
        frames = memoryview(b"".join(encode_frames(tail.position, values, headers)))
        written = 0
        try:
            while written < len(frames):
                written += os.write(self._fd, frames[written:])
        except OSError:
            os.ftruncate(self._fd, tail.size)
            raise
        self._remember(Tail(tail.segment, tail.size + written, tail.position + len(values)))

    def _current_tail(self) -> Tail:
        """The end of the log, mended when another process died while writing."""
        noted = noted_tail(self._lock_fd)
        if noted is not None and noted == self._tail and os.fstat(self._fd).st_size == noted.size:
            return noted
        tail = find_tail(self._folder)
        self._open(tail.segment)
        os.ftruncate(self._fd, tail.size)
        return self._remember(tail)

    def _roll(self, tail: Tail) -> Tail:
        self._sync(self._fd)
        self._open(tail.position)
        _trim(self._folder)
        return self._remember(Tail(tail.position, 0, tail.position))

    def _open(self, segment: int) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(segment_path(self._folder, segment), flags, 0o600)
        folder_fd = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder_fd)
        finally:
            os.close(folder_fd)

    def _remember(self, tail: Tail) -> Tail:
        note_tail(self._lock_fd, tail)
        self._tail = tail
        return tail


class LogBus:
    """Topics as folders of segments below `folder`; see `bus.base.Bus` for the promises."""

    def __init__(self, folder: Path, sync: Sync = os.fdatasync, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._sync = sync
        self._segment_bytes = segment_bytes
        self._topics: dict[str, TopicLog] = {}
        self._guard = threading.Lock()

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        outcome: list[BaseException | None] = []
        durable = threading.Event()

        def done(failure: BaseException | None) -> None:
            outcome.append(failure)
            durable.set()

        self.publish_soon(topic, messages, done)
        if not durable.wait(CLOSING_S):
            raise Unavailable("The log did not become durable in time.")
        if outcome[0] is not None:
            raise outcome[0]

    def publish_soon(self, topic: str, messages: Sequence[Message], done: Done) -> None:
        headers = {i: message.headers for i, message in enumerate(messages) if message.headers}
        self._topic(topic).append([message.value for message in messages], headers, done)

    def subscribe(self, topic: str, group: str, from_start: bool = True) -> Subscription:
        self._topic(topic)
        return LogSubscription(self._folder / topic, group, from_start)

    def advance(self, topic: str, position: int) -> None:
        self._topic(topic).advance(position)

    def backlog_bytes(self, topic: str) -> int:
        return self._topic(topic).pending_bytes

    def close(self) -> None:
        with self._guard:
            topics, self._topics = self._topics, {}
        for log in topics.values():
            log.close()

    def _topic(self, topic: str) -> TopicLog:
        log = self._topics.get(topic)
        if log is None:
            with self._guard:
                log = self._topics.get(topic)
                if log is None:
                    log = TopicLog(self._folder / topic, self._sync, self._segment_bytes)
                    self._topics[topic] = log
        return log


def _trim(folder: Path) -> None:
    """Remove segments that every group has done with; without groups keep the newest few."""
    existing = segments(folder)
    marks = marked_positions(folder)
    limit = min(marks) if marks else existing[-KEPT_SEGMENTS] if len(existing) > KEPT_SEGMENTS else 0
    for first, following in pairwise(existing):
        if following <= limit:
            segment_path(folder, first).unlink(missing_ok=True)
