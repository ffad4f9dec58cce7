"""Detection figures: files with known incidents, a generated sweep, quiet traffic, single transactions.

quality.py [DATA] [--quick] [--json FILE]. Prints one table; the figures also go to build/quality.json.
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import transactions
from causes import named
from segments import KINDS, RATES, segment_rows, watched
from sweep import AHEAD, Case, Outcome, clean, held, incidents

from guardian.domain.clock import MINUTE_MS, from_iso
from guardian.domain.window import MinuteCounts
from guardian.ingestion.csv_counts import read_counts
from guardian.learning.pages import Labelled, felt
from guardian.simulation.counts import DENIED_SD, LEVEL_SD, RARE_SD, Wander
from guardian.simulation.counts_incidents import PAIRS
from guardian.simulation.profile import DAY_MINUTES, Floats, day_curve
from guardian.watching.replay import replay_counts

SWEEP_SEED, CLEAN_SEED, FORECAST_SEED = 900_000, 910_000, 920_000
"""Used for nothing else: not for calibration, not for choosing parameters."""
USUAL_PEAK = 313.0
CLEAN_DAYS = 62
FORECAST_DAYS = 32
FORECAST_GROUPS = ("*", "approved", "denied", "others")
FILES = (
    ("real 2022 day 1", "real/transactions_2022_day1", ".labels.json", ()),
    ("real July", "real/transactions_2025_07", ".labels.json", ()),
    (
        "real July, codes",
        "real/transactions_2025_07",
        ".labels.json",
        ("real/transactions_auth_codes_2025_07",),
    ),
    ("sim incidents", "sim/dev_incidents", ".json", ()),
    ("sim incidents, codes", "sim/dev_incidents", ".json", ("sim/dev_incidents_auth",)),
    ("sim clean", "sim/dev_clean", ".json", ()),
)
SWEEPS = (
    ("full, codes", 1.0, True),
    ("full, statuses", 1.0, False),
    ("tenth, codes", 0.1, True),
    ("tenth, statuses", 0.1, False),
)
QUIET = (
    ("full, codes", 1.0, True, Wander()),
    ("full, statuses", 1.0, False, Wander()),
    ("tenth, codes", 0.1, True, Wander()),
    ("twentieth, codes", 0.05, True, Wander()),
    ("full, codes, level wander x2", 1.0, True, Wander(level=2 * LEVEL_SD)),
    ("full, codes, share wander x2", 1.0, True, Wander(denied=2 * DENIED_SD, rare=2 * RARE_SD)),
    ("tenth, codes, share wander x2", 0.1, True, Wander(denied=2 * DENIED_SD, rare=2 * RARE_SD)),
    ("full, codes, clumpy reversals", 1.0, True, Wander(clumping=0.5)),
)
Row = dict[str, Any]


def minute_of(text: str) -> int:
    """Minutes since 1970 of a label's naive time, which is read as UTC."""
    return from_iso(datetime.fromisoformat(text).isoformat() + "Z") // MINUTE_MS


def file_row(data: Path, name: str, stem: str, labels: str, more: Sequence[str]) -> Row:
    """One file, or status and code counts together, through the detector that runs live."""
    paths = [data / f"{one}.csv" for one in (stem, *more)]
    document = json.loads((data / f"{stem}{labels}").read_text())
    known = [
        Labelled(
            minute_of(one["start"]),
            minute_of(one["end"]),
            tuple(one["statuses"]),
            one.get("confidence", "high") == "high",
        )
        for one in document["events"]
    ]
    rows = [
        MinuteCounts(name, from_iso(item["minute"]), item["by"], item["counts"], 0)
        for item in read_counts(paths).items
    ]
    scored = felt(known, [(one.minute_ms // MINUTE_MS, one.status) for one in replay_counts(rows, name)])
    first, last = (minute_of(one) for one in document["span"])
    days, high = (last - first + 1) / DAY_MINUTES, sum(one.high for one in known)
    delays = sorted(scored.delays.values())
    return {
        "name": name,
        "incidents": high,
        "found": len(delays),
        "false_pages_a_day": scored.false_pages / days,
        "aftershocks": scored.aftershocks,
        "delay_median": median(delays) if delays else None,
        "delay_p90": ninetieth(delays),
    }


def ninetieth(delays: Sequence[int]) -> float | None:
    """The 90 % quantile; of nothing it is none."""
    return quantiles(delays, n=10, method="inclusive")[-1] if len(delays) > 1 else None


def sweep_row(name: str, results: list[tuple[list[Outcome], Any]]) -> Row:
    """Recall and delay over all incidents and per kind and severity."""
    outcomes = [one for found, _ in results for one in found]
    cells: dict[tuple[str, float], list[int]] = {pair: [] for pair in PAIRS}
    for one in outcomes:
        cells[one.incident.kind, one.incident.severity].append(one.delay)
    delays = [one.delay for one in outcomes if one.delay >= 0]
    return {
        "name": name,
        "incidents": len(outcomes),
        "recall": len(delays) / len(outcomes),
        "delay_median": median(delays),
        "delay_p90": ninetieth(delays),
        "aftershocks_per_incident": sum(scored.aftershocks for _, scored in results) / len(outcomes),
        "cells": [cell(kind, severity, cells[kind, severity]) for kind, severity in PAIRS],
    }


def cell(kind: str, severity: float, delays: list[int]) -> Row:
    """One kind at one severity."""
    found = [one for one in delays if one >= 0]
    return {
        "kind": kind,
        "severity": severity,
        "recall": len(found) / len(delays),
        "delay_median": median(found) if found else None,
    }


def clean_row(name: str, results: list[tuple[int, int, list[tuple[int, str]]]]) -> Row:
    """False pages of traffic without incidents; the first day, when nothing is learnt yet, apart."""
    weeks = len(results) * (CLEAN_DAYS - 1) / 7
    alerts = [one for _, _, of_stream in results for one in of_stream if one[0] >= DAY_MINUTES]
    return {
        "name": name,
        "weeks": weeks,
        "pages_a_week": sum(later for _, later, _ in results) / weeks,
        "first_day_pages": sum(first for first, _, _ in results),
        "streams": len(results),
        "by_status": dict(Counter(status for _, status in alerts).most_common()),
    }


def forecast_row(name: str, results: list[dict[int, dict[str, tuple[int, int]]]]) -> Row:
    """Per distance: the part of the minutes inside the 99 % forecast for them, by group of series."""
    row: Row = {"name": name}
    for minutes in AHEAD:
        sums: dict[str, list[int]] = {group: [0, 0] for group in FORECAST_GROUPS}
        for series, (inside, count) in (one for result in results for one in result[minutes].items()):
            group = sums[series if series in sums else FORECAST_GROUPS[-1]]
            group[0] += inside
            group[1] += count
        row[str(minutes)] = {group: inside / count for group, (inside, count) in sums.items()}
        row["minutes"] = sums[FORECAST_GROUPS[0]][1]
    return row


def day_of(data: Path) -> tuple[Floats, str]:
    """The day curve of the reference sweep where its file is there, else the simulation's own."""
    file = data / "sim" / "profile_dev.csv"
    if file.exists():
        return np.loadtxt(file, skiprows=1), "the reference day curve"
    return day_curve() * USUAL_PEAK, f"the simulation's own day curve ({file} is not there)"


def measure(data: Path, quick: bool) -> dict[str, Any]:
    """All figures, on every processor."""
    streams, clean_streams = (4, 3) if quick else (36, 18)
    curve, which = day_of(data)
    figures: dict[str, Any] = {"curve": which, "quick": quick}
    workers = os.cpu_count() or 1
    with_transactions = transactions.there(data)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        judged = (
            [pool.submit(transactions.judged, data, one) for one in (False, True)]
            if with_transactions
            else []
        )
        judged += [
            pool.submit(transactions.simulated, seed, one)
            for seed in transactions.SEEDS[: 1 if quick else None]
            for one in (False, True)
        ]
        causes = pool.submit(named, 40 if quick else 200)
        of_segments = [
            pool.submit(watched, rate, number, 4 if quick else 9)
            for rate in RATES
            for number in range(1 if quick or rate == RATES[-1] else 3)
        ]
        figures["files"] = files_of(data, pool.submit)
        swept = [
            [pool.submit(incidents, Case(curve * volume, SWEEP_SEED + i, codes)) for i in range(streams)]
            for _, volume, codes in SWEEPS
        ]
        quiet = [
            [
                pool.submit(clean, Case(curve * volume, CLEAN_SEED + i, codes, CLEAN_DAYS, wander))
                for i in range(clean_streams)
            ]
            for _, volume, codes, wander in QUIET
        ]
        figures["sweep"] = [
            sweep_row(one[0], [task.result() for task in tasks])
            for one, tasks in zip(SWEEPS, swept, strict=True)
        ]
        figures["clean"] = [
            clean_row(one[0], [task.result() for task in tasks])
            for one, tasks in zip(QUIET, quiet, strict=True)
        ]
        forecasts = [
            [
                pool.submit(held, Case(curve * volume, FORECAST_SEED + i, codes, FORECAST_DAYS, wander))
                for i in range(max(2, clean_streams // 3))
            ]
            for _, volume, codes, wander in QUIET
        ]
        figures["forecast"] = [
            forecast_row(one[0], [task.result() for task in tasks])
            for one, tasks in zip(QUIET, forecasts, strict=True)
        ]
        figures["transactions"] = [task.result() for task in judged]
        figures["causes"] = causes.result()
        figures["segments"] = segment_rows([task.result() for task in of_segments])
    return figures


def files_of(data: Path, submit: Callable[..., Any]) -> list[Row]:
    """The files that are there; says which are not."""
    there = [one for one in FILES if all((data / f"{stem}.csv").exists() for stem in (one[1], *one[3]))]
    for one in FILES:
        if one not in there:
            print(f"skipped: {one[0]}, as {data / one[1]}.csv is not there")
    return [task.result() for task in [submit(file_row, data, *one) for one in there]]


def shown(value: float | None, form: str) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else format(value, form)


def print_table(figures: dict[str, Any]) -> None:
    """Everything, one line each."""
    head = f"{'found':>9}{'false/day':>11}{'aftershocks':>13}{'delay':>7}{'p90':>7}"
    print(f"{'FILES (budget: one page a week)':34}{head}")
    for row in figures["files"]:
        delays = f"{shown(row['delay_median'], '.3g'):>7}{shown(row['delay_p90'], '.3g'):>7}"
        found = f"{row['found']}/{row['incidents']}"
        print(f"{row['name']:34}{found:>9}{row['false_pages_a_day']:11.2f}{row['aftershocks']:13}{delays}")
    columns = figures["sweep"]
    print(f"\n{'SWEEP: recall (median delay)':34}" + "".join(f"{row['name']:>18}" for row in columns))
    for place, (kind, severity) in enumerate(PAIRS):
        cells = [row["cells"][place] for row in columns]
        text = [f"{one['recall']:.2f} ({shown(one['delay_median'], '.0f')})" for one in cells]
        print(f"{kind + ' ' + format(severity, 'g'):34}" + "".join(f"{one:>18}" for one in text))
    for label, key, form in (
        ("all incidents", "recall", ".3f"),
        ("median delay", "delay_median", ".3g"),
        ("90 % within", "delay_p90", ".3g"),
        ("aftershocks per incident", "aftershocks_per_incident", ".3f"),
        ("number of incidents", "incidents", "d"),
    ):
        print(f"{label:34}" + "".join(f"{format(row[key], form):>18}" for row in columns))
    print(f"\n{'CLEAN (asked: one page a week)':34}{'pages/week':>12}{'first day':>11}{'weeks':>8}  most")
    for row in figures["clean"]:
        most = ", ".join(f"{name} {count}" for name, count in list(row["by_status"].items())[:4])
        first = f"{row['first_day_pages']}/{row['streams']}"
        print(f"{row['name']:34}{row['pages_a_week']:12.2f}{first:>11}{row['weeks']:8.0f}  {most}")
    print_forecast(figures["forecast"])
    print(f"\n{'ROOT CAUSE (first 5 minutes)':34}{'named':>9}")
    for row in figures["causes"]:
        of_all = f"{row['named']}/{row['incidents']}"
        print(f"{row['name']:34}{of_all:>9}")
    print_segments(figures["segments"])
    transactions.print_transactions(figures["transactions"])


def print_segments(rows: Sequence[Row]) -> None:
    """What was named within five minutes, and the false pages of all segments together."""
    print(f"\n{'SEGMENTS (within 5 minutes)':34}" + "".join(f"{row['name']:>18}" for row in rows))
    for kind in KINDS:
        cells = [row["kinds"][kind] for row in rows]
        print(f"{kind:34}" + "".join(f"{one['named']}/{one['incidents']}".rjust(18) for one in cells))
    print(f"{'false pages a week':34}" + "".join(f"{row['pages_a_week']:18.2f}" for row in rows))
    print(f"{'weeks':34}" + "".join(f"{row['weeks']:18.1f}" for row in rows))


def print_forecast(rows: list[Row]) -> None:
    """How much lay inside, for every distance and group of series."""
    heads = "".join(f"{group:>10}" for group in FORECAST_GROUPS)
    for minutes in AHEAD:
        title = f"FORECAST, {round(minutes / 60)} h ahead (meant: 99 %)"
        print(f"\n{title:34}{heads}{'minutes':>9}")
        for row in rows:
            shares = "".join(f"{100 * row[str(minutes)][group]:9.2f}%" for group in FORECAST_GROUPS)
            print(f"{row['name']:34}{shares}{row['minutes']:9}")


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--quick", action="store_true", help="a tenth of the streams")
    parser.add_argument("--json", type=Path, default=Path("build/quality.json"))
    options = parser.parse_args()
    started = time.perf_counter()
    figures = measure(options.data, options.quick)
    figures["seconds"] = round(time.perf_counter() - started, 1)
    print_table(figures)
    print(f"\nOver {figures['curve']}; {figures['seconds']:.0f} s; figures in {options.json}.")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
