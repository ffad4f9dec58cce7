"""When a new forest is due."""

from guardian.domain.clock import DAY_MS

FIRST_ROWS = 5_000


def due(champion_created_ms: int | None, stored_rows: int, now_ms: int) -> bool:
    """The first as soon as 5 000 rows are kept, the next a day after the last."""
    if stored_rows < FIRST_ROWS:
        return False
    return champion_created_ms is None or now_ms - champion_created_ms >= DAY_MS
