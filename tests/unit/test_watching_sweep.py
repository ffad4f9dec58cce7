"""The sweep of `make quality` judges as the live detector does."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from guardian.domain.clock import MINUTE_MS
from guardian.simulation.counts import CODES, Counts, clean_counts
from guardian.simulation.counts_incidents import Injected, inject
from guardian.simulation.profile import DAY_MINUTES, STATUSES, day_curve
from guardian.watching.detector import StreamDetector
from guardian.watching.parameters import FIRST_DAY

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def sweep_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sweep", BENCHMARKS / "sweep.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sweep"] = module
    spec.loader.exec_module(module)
    return module


def live(counts: Counts) -> list[tuple[int, str]]:
    detector, alerts = StreamDetector("sweep"), []
    # every code is known from the start, as it is to the sweep
    for minute, (row, codes) in enumerate(
        zip(counts.by_status.tolist(), counts.by_code.tolist(), strict=True)
    ):
        judged = detector.judge(
            minute * MINUTE_MS, dict(zip(STATUSES, row, strict=True)), dict(zip(CODES, codes, strict=True))
        )
        alerts += [(minute, anomaly.status) for anomaly in judged.anomalies]
    return alerts


def test_the_sweep_raises_what_the_live_detector_raises() -> None:
    counts = clean_counts(day_curve() * 300, 2, seed=2)
    noon = DAY_MINUTES + 12 * 60
    plan = [
        Injected("auth59_burst", 8.0, noon, noon + 10),
        Injected("outage_total", 1.0, noon + 60, noon + 70),
    ]
    inject(counts, plan, seed=2)
    alerts = live(counts)
    assert {"*", "auth_59", "denied"} <= {status for _, status in alerts}
    assert sweep_module().judge(counts, with_codes=True).alerts == alerts


def test_the_forecasts_of_the_sweep_are_those_of_the_live_detector() -> None:
    sweep, curve = sweep_module(), day_curve() * 300
    case = sweep.Case(curve, seed=3, with_codes=True, days=2)
    counts = clean_counts(curve, 2, seed=3)
    detector, inside, forecast = StreamDetector("sweep"), dict.fromkeys(sweep.AHEAD, 0), 0
    for minute, (row, codes) in enumerate(
        zip(counts.by_status.tolist(), counts.by_code.tolist(), strict=True)
    ):
        detector.judge(
            minute * MINUTE_MS,
            dict(zip(STATUSES, row, strict=True)),
            dict(zip(CODES, codes, strict=True)),
            False,
        )
        judged = minute + 1
        last = len(counts.by_status) - max(sweep.AHEAD)
        if judged % sweep.FORECAST_EVERY or judged <= FIRST_DAY or judged >= last:
            continue
        forecast += 1
        for ahead in sweep.AHEAD:
            (said,) = detector.forecast(ahead, 1).series["denied"]
            inside[ahead] += said.low <= counts.by_status[judged + ahead, 1] <= said.high
    measured = sweep.held(case)
    assert forecast > 50
    assert {ahead: found["denied"] for ahead, found in measured.items()} == {
        ahead: (count, forecast) for ahead, count in inside.items()
    }
    assert all(found["*"][0] > 0.9 * forecast for found in measured.values())
