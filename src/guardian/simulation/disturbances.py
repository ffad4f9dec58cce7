"""What each kind of incident does to the transactions of a minute: pure functions of rows and a moment."""

from collections.abc import Callable

import msgspec
import numpy as np
from msgspec.structs import replace

from guardian.domain.clock import MINUTE_MS
from guardian.domain.transaction import Transaction
from guardian.simulation.profile import ACQUIRERS, DENIED_CODES, RARE_SHARES, STATUSES
from guardian.simulation.traffic import repeatable_ids

Rows = list[Transaction]
USUAL_SHARE = dict(zip(STATUSES[2:], RARE_SHARES, strict=True))
SKEW_MINUTES = 3
TESTED_AMOUNT_MINOR = 700


class Moment(msgspec.Struct, frozen=True):
    """When and how strongly an incident acts; `of_minute` gives the undisturbed rows of any minute."""

    rng: np.random.Generator
    severity: float
    minute_ms: int
    start_ms: int
    end_ms: int
    of_minute: Callable[[int], Rows]
    pick: int
    """Chooses the BIN and merchant, the same one all through the incident."""

    def chosen(self, rows: Rows, share: float) -> Rows:
        """Each row with probability `share`."""
        marks = self.rng.random(len(rows)) < share
        return [row for row, mark in zip(rows, marks.tolist(), strict=True) if mark]

    def ids(self, rows: Rows) -> list[str]:
        """New names for copies of these rows."""
        return repeatable_ids([row.event_ms for row in rows], self.rng)


Change = Callable[[Rows, Moment], Rows]


def _of(rows: Rows, *statuses: str) -> Rows:
    return [row for row in rows if row.status in statuses]


def _without(rows: Rows, gone: Rows) -> Rows:
    names = {row.transaction_id for row in gone}
    return [row for row in rows if row.transaction_id not in names]


def _swapped(rows: Rows, new: Rows) -> Rows:
    """The rows with those of the same id replaced."""
    by_id = {row.transaction_id: row for row in new}
    return [by_id.get(row.transaction_id, row) for row in rows]


def _denials(rows: Rows, moment: Moment, extra: float, **fields: str) -> Rows:
    """Turn approvals into denials until they grow by `extra` denials per row."""
    approved = _of(rows, "approved")
    share = min(1.0, extra * len(rows) / len(approved)) if approved else 0.0
    return _swapped(rows, [replace(row, status="denied", **fields) for row in moment.chosen(approved, share)])


def _usual_denied(rows: Rows) -> float:
    return len(_of(rows, "denied")) / len(rows) if rows else 0.0


def outage_total(rows: Rows, moment: Moment) -> Rows:
    """A share `severity` (usually all) of authorisations vanishes; reversals and refunds still come."""
    return _without(rows, moment.chosen(_of(rows, "approved", "denied"), moment.severity))


def missing_minutes(rows: Rows, moment: Moment) -> Rows:
    """Nothing comes at all."""
    del rows, moment
    return []


def short_stall(rows: Rows, moment: Moment) -> Rows:
    """Everything is held back; in the last two minutes it comes after all, dated when it comes."""
    opens_ms = max(moment.start_ms, moment.end_ms - 2 * MINUTE_MS)
    present = [row for row in rows if row.received_ms >= opens_ms]
    if moment.minute_ms + MINUTE_MS <= opens_ms:
        return present
    released = [
        row
        for minute_ms in range(moment.start_ms - moment.start_ms % MINUTE_MS, opens_ms, MINUTE_MS)
        for row in moment.of_minute(minute_ms)
        if moment.start_ms <= row.received_ms < opens_ms
    ]
    return present + [
        late
        for row in released
        if moment.minute_ms <= (late := _dated_late(row, opens_ms, moment)).received_ms
        and late.received_ms < moment.minute_ms + MINUTE_MS
    ]


def _dated_late(row: Transaction, opens_ms: int, moment: Moment) -> Transaction:
    """Squeeze the held time into the time that is left, in order."""
    held, left = max(1, opens_ms - moment.start_ms), moment.end_ms - opens_ms
    at_ms = opens_ms + (row.received_ms - moment.start_ms) * left // held
    return replace(row, event_ms=at_ms, received_ms=at_ms)


def partial_outage(rows: Rows, moment: Moment) -> Rows:
    """A share `severity` of authorisations vanishes."""
    return outage_total(rows, moment)


def duplicate_storm(rows: Rows, moment: Moment) -> Rows:
    """A share `severity` of authorisations is sent again under new ids, within seconds."""
    again = moment.chosen(_of(rows, "approved", "denied"), moment.severity % 1 or 1.0)
    whole = int(moment.severity - (moment.severity % 1 or 1.0))
    again += _of(rows, "approved", "denied") * whole
    last_ms = min(moment.end_ms, moment.minute_ms + MINUTE_MS) - 1
    delays = moment.rng.integers(200, 3_000, len(again)).tolist()
    return rows + [
        replace(row, transaction_id=name, event_ms=at_ms, received_ms=at_ms)
        for row, name, delay in zip(again, moment.ids(again), delays, strict=True)
        for at_ms in (min(row.received_ms + delay, last_ms),)
    ]


def denial_spike_bin(rows: Rows, moment: Moment) -> Rows:
    """Denials grow by `severity` (1 doubles them), all of one BIN."""
    bins = [row.card_bin for row in moment.of_minute(moment.start_ms) or rows]
    if not bins:
        return rows
    one = bins[moment.pick % len(bins)] or ""
    return _denials(rows, moment, moment.severity * _usual_denied(rows), card_bin=one, auth_code="05")


def auth59_burst(rows: Rows, moment: Moment) -> Rows:
    """Denials with code 59 (suspected fraud) grow by `severity` times."""
    usual = _usual_denied(rows) * DENIED_CODES["59"]
    return _denials(rows, moment, moment.severity * usual, auth_code="59")


def slow_drift(rows: Rows, moment: Moment) -> Rows:
    """Denials rise steadily until they have grown by `severity` at the end."""
    passed = (moment.minute_ms - moment.start_ms) / max(1, moment.end_ms - moment.start_ms)
    extra = max(0.0, passed) * moment.severity * _usual_denied(rows)
    return _denials(rows, moment, extra, auth_code="51")


def failed_surge(rows: Rows, moment: Moment) -> Rows:
    """A share `severity` of all traffic fails that would have been approved."""
    approved = _of(rows, "approved")
    share = min(1.0, moment.severity * len(rows) / len(approved)) if approved else 0.0
    broken = moment.chosen(approved, share)
    return _swapped(rows, [replace(row, status="failed", auth_code=None) for row in broken])


def reversed_surge(rows: Rows, moment: Moment) -> Rows:
    """Reversals grow by `severity` times."""
    return _more(rows, moment, "reversed")


def backend_reversed_surge(rows: Rows, moment: Moment) -> Rows:
    """Reversals made by the back end grow by `severity` times."""
    return _more(rows, moment, "backend_reversed")


def _more(rows: Rows, moment: Moment, status: str) -> Rows:
    """Events of their own that name the approvals they undo."""
    approved = _of(rows, "approved")
    undone = moment.chosen(approved, min(1.0, moment.severity * USUAL_SHARE[status]))
    return rows + [
        replace(row, transaction_id=name, status=status, auth_code=None, original_id=row.transaction_id)
        for row, name in zip(undone, moment.ids(undone), strict=True)
    ]


def clock_skew(rows: Rows, moment: Moment) -> Rows:
    """A share `severity` carries a clock that is set every third minute only and repeats itself between."""
    behind_ms = (moment.minute_ms // MINUTE_MS) % SKEW_MINUTES * MINUTE_MS
    wrong = moment.chosen(_of(rows, "approved", "denied"), moment.severity)
    return _swapped(rows, [replace(row, event_ms=row.event_ms - behind_ms) for row in wrong])


def acquirer_down(rows: Rows, moment: Moment) -> Rows:
    """A share `severity` of one acquirer's approvals is denied with code 91 (no answer)."""
    one = list(ACQUIRERS)[(1 + moment.pick) % len(ACQUIRERS)]
    lost = moment.chosen([row for row in _of(rows, "approved") if row.acquirer == one], moment.severity)
    return _swapped(rows, [replace(row, status="denied", auth_code="91") for row in lost])


def card_testing(rows: Rows, moment: Moment) -> Rows:
    """Small tries at one merchant with unseen cards of one BIN, `severity` per usual row; most are denied."""
    model = (moment.of_minute(moment.start_ms) or rows)[0] if rows else None
    tries = moment.chosen(rows, min(1.0, moment.severity))
    denied = (moment.rng.random(len(tries)) < 0.85).tolist()
    return rows + [
        replace(
            model or row,
            transaction_id=name,
            event_ms=row.event_ms,
            received_ms=row.received_ms,
            status="denied" if lost else "approved",
            auth_code="14" if lost else "00",
            amount_minor=TESTED_AMOUNT_MINOR,
            card_token=f"card_{name[-12:]}",
        )
        for row, name, lost in zip(tries, moment.ids(tries), denied, strict=True)
    ]
