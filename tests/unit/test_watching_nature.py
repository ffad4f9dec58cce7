"""Silence, backlogs, duplicates, wrong clocks and late data are told apart."""

from collections.abc import Sequence

import numpy as np
import pytest

from alerting_samples import anomaly
from guardian.console.retold import retold
from guardian.domain.anomaly import Anomaly, Nature
from guardian.domain.cause import DIMENSIONS
from guardian.storage.base import Sample
from guardian.watching.nature import Lately, of_minutes, of_rows
from guardian.watching.reasons import explained
from tests.console_samples import formats

USUAL = 100.0


def of_all(observed: float, direction: str, window: int = 1) -> Anomaly:
    return anomaly(
        "a", series="*", observed=observed, expected=USUAL, direction=direction, window_minutes=window
    )


def lately(*judged: float, counted: Sequence[float] | None = None) -> Lately:
    return Lately(counted if counted is not None else judged, judged, [USUAL] * len(judged))


def told(found: Anomaly, minutes: Lately) -> Nature | None:
    nature = of_minutes(found, minutes)
    return None if nature is None else nature[0]


def test_nothing_at_all_is_silence() -> None:
    assert told(of_all(0, "down", 3), lately(102, 97, 0, 0, 0)) is Nature.SILENCE
    assert told(of_all(40, "down", 3), lately(102, 97, 41, 38, 42)) is None, "a part still comes"


def test_what_comes_after_a_hole_of_about_its_size_is_a_backlog() -> None:
    minutes = lately(101, 99, 0, 0, 0, 380)
    assert of_minutes(of_all(380, "up"), minutes) == (Nature.CATCH_UP, 300)
    assert told(of_all(380, "up"), lately(101, 99, 98, 103, 97, 380)) is None


def test_minutes_that_swing_around_their_usual_sum_are_a_wrong_clock() -> None:
    minutes = lately(300, 0, 0, 300, 0, 0, 300, 0, 0)
    assert told(of_all(0, "down", 2), minutes) is Nature.CLOCK_SKEW
    assert told(of_all(300, "up"), minutes) is Nature.CLOCK_SKEW


def test_minutes_that_were_filled_after_they_were_judged_are_late_data() -> None:
    minutes = lately(101, 20, 30, 10, counted=[101, 99, 104, 10])
    assert of_minutes(of_all(20, "down", 2), minutes) == (Nature.LATE, 153.0)


def rows(count: int, repeated: int) -> Sample:
    merchants = [f"m{number}" for number in range(count)] + [f"m{number}" for number in range(repeated)]
    columns: dict[str, list[str | None]] = {name: [None] * len(merchants) for name in DIMENSIONS}
    columns["merchant_id"] = list(merchants)
    amounts = [1_000 + int(one[1:]) for one in merchants]
    return Sample(columns, amounts, ["BRL"] * len(merchants), 1.0)


def test_the_same_merchant_bin_and_amount_again_are_duplicates() -> None:
    found = of_rows(of_all(150, "up"), rows(100, 50), rows(100, 1))
    assert found is not None
    assert found[0] is Nature.DUPLICATES
    assert found[1] == pytest.approx(0.323, abs=0.001)
    assert of_rows(of_all(150, "up"), rows(150, 1), rows(100, 1)) is None
    assert of_rows(of_all(150, "up"), rows(0, 0), rows(0, 0)) is None


def test_ordinary_noise_is_none_of_these() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        minutes = lately(*rng.poisson(USUAL, 30).tolist(), 160)
        assert told(of_all(160, "up"), minutes) is None


@pytest.mark.parametrize("nature", list(Nature))
def test_each_is_told_in_both_languages(nature: Nature) -> None:
    said = explained(of_all(1, "up"), None, (nature, 0.4)).reasons[1:]
    assert len(said) == (nature is not Nature.SILENCE), "of silence the numbers speak already"
    for one in said:
        assert retold(one, formats("pt-BR")) != one
        assert retold(one, formats("en"))[-9:] == one[-9:]
