"""CSV one physical line at a time, so that a bad line spoils no other."""

import csv
from collections.abc import Iterator
from pathlib import Path

from guardian.domain.errors import Unreadable

LONGEST_LINE = 2 << 10
"""Several times what the fields of a transaction can hold; a batch of such lines is still one body."""
_LOST = "�"


def header_of(path: Path) -> list[str]:
    """The names in the first line. Raises Unreadable when there is none."""
    for _, fields in _lines(path, skip=0):
        if isinstance(fields, str):
            break
        return [name.strip().lower() for name in fields]
    raise Unreadable("The file has no line of column names.")


def csv_lines(path: Path, width: int) -> Iterator[tuple[int, list[str] | str]]:
    """Each line after the header with its number: its fields, or why it has none."""
    for line, fields in _lines(path, skip=1):
        if isinstance(fields, list) and len(fields) != width:
            yield line, "Expected as many fields as there are columns." if fields else "The line is empty."
        else:
            yield line, fields


def _lines(path: Path, skip: int) -> Iterator[tuple[int, list[str] | str]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        number = 0
        while text := file.readline(LONGEST_LINE):
            number += 1
            whole = text
            while len(text) == LONGEST_LINE and not text.endswith("\n"):
                text = file.readline(LONGEST_LINE)
                whole = ""
            if number > skip:
                yield number, _fields(whole)


def _fields(text: str) -> list[str] | str:
    if not text:
        return "The line is too long."
    if not text.strip():
        return []
    if _LOST in text:
        return "The line is not UTF-8."
    try:
        return [field.strip() for field in next(csv.reader([text], strict=True))]
    except csv.Error:
        return "The line is not CSV."
