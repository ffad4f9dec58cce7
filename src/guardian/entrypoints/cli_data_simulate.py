"""`guardian simulate`: traffic and incidents, into the running system or into a file."""

import csv
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import typer

from guardian.domain.clock import MINUTE_MS, Clock, SystemClock, floor_minute, from_iso, iso
from guardian.domain.errors import Invalid, Misconfigured
from guardian.domain.transaction import LIVE, Transaction
from guardian.entrypoints.cli_data_forms import Simulate, say
from guardian.entrypoints.client import GuardianClient
from guardian.simulation.frauds import KNOWN_AFTER_MS, Frauds
from guardian.simulation.incidents import Incident, disturbed, incident, labels
from guardian.simulation.live import ORDER_FILE, LiveTraffic, write_order
from guardian.simulation.traffic import Traffic, minutes_between
from guardian.simulation.wire import COLUMNS, wire_row

USUAL_RATE = 60.0
FILE_MINUTES = 1_440
ROWS = 5_000
TICK_S = 1.0


def run(form: Simulate) -> None:
    """Write a file, disturb the running demo, or send traffic of its own."""
    clock = SystemClock()
    if form.incident is not None:
        _incident(form, clock.now_ms())
    elif form.labels is not None or form.severity is not None or form.duration is not None:
        raise typer.BadParameter("--labels, --severity and --duration need --incident.")
    if form.fraud_labels is not None and not form.frauds:
        raise typer.BadParameter("--fraud-labels needs --frauds.")
    if form.out is not None:
        to_file(form, form.out, clock)
        return
    if form.frauds:
        raise typer.BadParameter("--frauds needs --out.")
    access = form.access()
    if access.demo and form.rate is None and form.incident is not None:
        order(form, clock.now_ms())
        return
    with GuardianClient(access.url, access.token) as client:
        to_system(form, client, clock, time.sleep)


def _incident(form: Simulate, start_ms: int) -> list[Incident]:
    """The incident asked for, `--after` minutes from `start_ms`; none when none was asked for."""
    if form.incident is None:
        return []
    start_ms += form.after * MINUTE_MS
    try:
        return [incident(form.incident, start_ms, form.severity, form.duration, form.seed)]
    except Invalid as error:
        raise typer.BadParameter(str(error)) from error


def order(form: Simulate, now_ms: int) -> Incident:
    """Ask the running demo for an incident."""
    asked = _incident(form, now_ms)[0]
    try:
        write_order(form.folder() / ORDER_FILE, asked)
    except OSError as error:
        raise Misconfigured("The data folder cannot be written to.") from error
    say(
        f"The demo traffic now has an incident: {asked.kind}, severity {asked.severity:g}, "
        f"from {_clock_face(asked.start_ms)} to {_clock_face(asked.end_ms)} UTC."
    )
    _finish(form, [asked], now_ms, asked.end_ms, sent=0)
    return asked


def to_file(form: Simulate, path: Path, clock: Clock) -> None:
    """Write the minutes to an NDJSON or CSV file."""
    minutes = form.minutes or FILE_MINUTES
    start_ms = floor_minute(clock.now_ms()) - minutes * MINUTE_MS
    if form.start is not None:
        try:
            start_ms = floor_minute(from_iso(form.start))
        except ValueError as error:
            raise typer.BadParameter("--start: expected a time such as 2026-11-19T05:47:00Z.") from error
    end_ms = start_ms + minutes * MINUTE_MS
    planned = _incident(form, start_ms)
    traffic = Traffic(form.rate or USUAL_RATE, form.seed)
    frauds = Frauds(form.frauds, form.seed, (start_ms, end_ms))
    rows = (
        row
        for minute in minutes_between(start_ms, end_ms)
        for row in frauds.among(disturbed(traffic, planned, minute), minute)
    )
    try:
        written = _write_rows(path, _labelled(rows, frauds, form.fraud_labels))
    except OSError as error:
        raise Misconfigured("The file cannot be written.") from error
    say(f"{written} transactions of {minutes} minutes written.")
    _finish(form, planned, start_ms, end_ms, written)


def _labelled(rows: Iterable[Transaction], frauds: Frauds, path: Path | None) -> Iterator[Transaction]:
    """The rows as they are; of each is written down, where it is asked for, whether it was fraud."""
    if path is None:
        yield from rows
        return
    kinds = {fraud.transaction.transaction_id: fraud.kind for fraud in frauds.events}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["transaction_id", "is_fraud", "kind", "known_at"])
        for row in rows:
            kind = kinds.get(row.transaction_id, "")
            known = iso(row.event_ms + KNOWN_AFTER_MS)
            writer.writerow([row.transaction_id, int(bool(kind)), kind, known])
            yield row


def _write_rows(path: Path, rows: Iterable[Transaction]) -> int:
    written = 0
    if path.suffix.lower() == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
            writer.writeheader()
            for written, row in enumerate(rows, start=1):  # noqa: B007
                writer.writerow(wire_row(row))
        return written
    with path.open("wb") as plain:
        for written, row in enumerate(rows, start=1):  # noqa: B007
            plain.write(msgspec.json.encode(wire_row(row)) + b"\n")
    return written


def to_system(form: Simulate, client: GuardianClient, clock: Clock, pause: Callable[[float], None]) -> None:
    """Send what is due each second, until Ctrl-C or for `--minutes`."""
    start_ms = clock.now_ms()
    end_ms = start_ms + form.minutes * MINUTE_MS if form.minutes else None
    planned = _incident(form, start_ms)
    live = LiveTraffic(Traffic(form.rate or USUAL_RATE, form.seed), planned, start_ms)
    say("Sending traffic; stop with Ctrl-C.")
    for one in planned:
        say(f"Incident {one.kind} from {_clock_face(one.start_ms)} to {_clock_face(one.end_ms)} UTC.")
    sent = 0
    try:
        while end_ms is None or clock.now_ms() < end_ms:
            pause(TICK_S)
            rows = [wire_row(row) for row in live.due(clock.now_ms())]
            for start in range(0, len(rows), ROWS):
                sent += client.post_transactions(rows[start : start + ROWS], LIVE).accepted
    except KeyboardInterrupt:
        say("Stopped.")
    say(f"{sent} transactions sent.")
    _finish(form, planned, start_ms, clock.now_ms(), sent)


def _finish(form: Simulate, planned: list[Incident], start_ms: int, end_ms: int, sent: int) -> None:
    """Labels and summary."""
    document = labels("simulated", start_ms, max(end_ms, start_ms + MINUTE_MS), planned)
    if form.labels is not None:
        try:
            form.labels.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise Misconfigured("The labels cannot be written.") from error
    if form.as_json:
        typer.echo(json.dumps({"transactions": sent, "incidents": document["events"]}))


def _clock_face(ms: int) -> str:
    return iso(ms - ms % 1000)[11:19]
