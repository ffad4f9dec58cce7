"""What the table says of a figure beside its rival and its target."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench import sound
from benchmarks.load import Outcome
from benchmarks.memory import rise
from benchmarks.run import TOPICS, topics
from benchmarks.table import Figure, Target, number, table, write


def test_better_means_more_of_a_rate_and_less_of_a_cost() -> None:
    assert Figure("rate", "tx/s", 200.0, 100.0, rises=True).better == 2.0
    assert Figure("cost", "us", 200.0, 100.0).better == 0.5
    assert Figure("alone", "us", 200.0).better is None


@pytest.mark.parametrize(("ours", "met"), [(9.0, False), (10.0, True), (11.0, True)])
def test_a_rate_meets_its_target_from_the_bound_up(ours: float, met: bool) -> None:
    assert Figure("rate", "tx/s", ours, rises=True, target=Target(10.0)).met is met


@pytest.mark.parametrize(("ours", "met"), [(9.0, True), (10.0, True), (11.0, False)])
def test_a_latency_meets_its_target_from_the_bound_down(ours: float, met: bool) -> None:
    assert Figure("latency", "ms", ours, target=Target(10.0)).met is met


def test_the_table_shows_a_missed_target_and_the_rival_by_name() -> None:
    missed = Figure("ingest", "tx/s", 11_400.0, 5_700.0, "FastAPI", True, Target(12_000.0, 20_000.0))
    head, line = table([missed]).splitlines()
    assert head.split() == ["figure", "unit", "ours", "rival", "better", "target", "goal"]
    for cell in ("11 400", "5 700 FastAPI", "2x", ">= 12 000", "20 000", "MISSED"):
        assert cell in line


def test_numbers_keep_three_digits() -> None:
    assert [number(one) for one in (0.12345, 12.345, 123.45, 1_234_567.8)] == [
        "0.123",
        "12.3",
        "123",
        "1 234 568",
    ]


def test_the_file_beside_the_table_holds_the_rounds_and_the_judgement(tmp_path: Path) -> None:
    figure = Figure("cost", "us", 2.0, 6.0, "plain", target=Target(3.0), rounds=[1.0, 2.0, 3.0])
    write(tmp_path / "new" / "bench.json", [figure], {"cpus": 2})
    kept = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert kept["machine"] == {"cpus": 2}
    assert [kept["figures"][0][name] for name in ("better", "met", "rounds")] == [3.0, True, [1.0, 2.0, 3.0]]


def test_topics_run_in_the_order_of_the_table_and_unknown_ones_are_refused() -> None:
    assert topics("store,forest") == ["forest", "store"]
    assert topics(",".join(TOPICS)) == list(TOPICS)
    with pytest.raises(argparse.ArgumentTypeError, match="no topic speed"):
        topics("forest,speed")


@pytest.mark.parametrize(
    ("samples", "risen"), [([500.0] * 9, 0.0), ([500.0, 510.0, 520.0], 20.0), ([500, 520, 500, 520], 12.0)]
)
def test_memory_that_is_flat_does_not_rise(samples: list[float], risen: float) -> None:
    assert rise(samples) == pytest.approx(risen, abs=1e-6)


def test_a_load_with_other_answers_than_202_is_no_measurement() -> None:
    good = Outcome(np.zeros(2), np.zeros(2), {202: 2}, 1, 0.0)
    assert sound(good) is good
    with pytest.raises(ValueError, match="503"):
        sound(Outcome(np.zeros(2), np.zeros(2), {202: 1, 503: 1}, 1, 0.0))
