"""The last fire drill as the quality page shows it: kinds by size, and segments by kind."""

from collections.abc import Sequence
from typing import Final

import msgspec

from guardian.console.formats import Formats
from guardian.domain.drill import Drill, Practised

SIZES: Final = 3
IN_MINUTES: Final = ("missing_minutes", "short_stall")
Rows = Sequence[tuple[str, Sequence[Practised | None]]]


class DrillTable(msgspec.Struct, frozen=True):
    """What was held, a row for each kind of the largest three sizes, and one for each segment."""

    held: Drill
    kinds: Rows
    segments: Rows
    segment_kinds: Sequence[str]


def drill_table(held: Drill) -> DrillTable:
    """Cells where nothing was drilled are None."""
    everywhere: dict[str, list[Practised]] = {}
    segments: dict[str, dict[str, Practised]] = {}
    for one in held.practised:
        if one.segment:
            segments.setdefault(one.segment, {})[one.kind] = one
        else:
            everywhere.setdefault(one.kind, []).append(one)
    kinds = tuple(dict.fromkeys(kind for of in segments.values() for kind in of))
    return DrillTable(
        held,
        [(kind, [*[None] * (SIZES - len(rows)), *rows[-SIZES:]]) for kind, rows in everywhere.items()],
        [(segment, [of.get(kind) for kind in kinds]) for segment, of in segments.items()],
        kinds,
    )


def size_of(row: Practised, formats: Formats) -> str:
    """How much was injected: minutes, or a part of what is usual."""
    if row.kind in IN_MINUTES:
        return f"{formats.short(row.severity)} min"
    return f"{formats.short(row.severity * 100)}\u202f%"
