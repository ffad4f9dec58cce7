"""A typed view of the records of one kind."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from guardian.storage.base import Page, Record, RecordQuery, Records

Noun = TypeVar("Noun", bound=msgspec.Struct)


class Collection(Generic[Noun]):
    """Nouns of one type kept as documents; `describe` gives the columns they are found by."""

    def __init__(
        self, records: Records, kind: str, noun: type[Noun], describe: Callable[[Noun], Record]
    ) -> None:
        self._records = records
        self._kind = kind
        self._decoder = msgspec.json.Decoder(noun)
        self._describe = describe

    def insert(self, noun: Noun) -> bool:
        """Add; False when its id exists already."""
        return self._records.insert(self.record(noun))

    def get(self, record_id: str) -> tuple[Noun, int] | None:
        """The noun and the version to update it with."""
        record = self._records.get(self._kind, record_id)
        return None if record is None else (self.noun(record), record.version)

    def update(self, noun: Noun, version: int) -> None:
        """Replace that version. Raises Conflict when it has changed meanwhile."""
        self._records.update(self.record(noun, version))

    def find(self, query: RecordQuery) -> Page[Noun]:
        """Newest first; the query's kind is ours."""
        page = self._records.find(msgspec.structs.replace(query, kind=self._kind))
        nouns: Sequence[Noun] = [self.noun(record) for record in page.items]
        return Page(items=nouns, next_cursor=page.next_cursor)

    def every(self, query: RecordQuery) -> Iterator[Noun]:
        """All that match, newest first, read `query.limit` at a time."""
        page = self.find(query)
        yield from page.items
        while page.next_cursor is not None:
            page = self.find(msgspec.structs.replace(query, cursor=page.next_cursor))
            yield from page.items

    def delete(self, record_id: str) -> bool:
        """Remove; whether it was there."""
        return self._records.delete(self._kind, record_id)

    def count(self, query: RecordQuery) -> int:
        """How many match."""
        return self._records.count(msgspec.structs.replace(query, kind=self._kind))

    def record(self, noun: Noun, version: int = 0) -> Record:
        """The document it is kept as."""
        facts = {"kind": self._kind, "doc": msgspec.json.encode(noun), "version": version}
        return msgspec.structs.replace(self._describe(noun), **facts)

    def noun(self, record: Record) -> Noun:
        """What a document of ours holds."""
        return self._decoder.decode(record.doc)
