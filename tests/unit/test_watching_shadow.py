"""When a series has called so often for nothing that it goes into shadow."""

from collections.abc import Sequence

import msgspec
import pytest

from alerting_samples import answered
from guardian.domain.anomaly import Anomaly, Answer, Finding
from guardian.domain.clock import DAY_MS, HOUR_MS
from guardian.watching.shadow import allowed, shadow

NOW = 1_783_209_600_000


def weekly(*hours: float, finding: Finding | None = Finding.FALSE) -> Sequence[Anomaly]:
    return [answered(NOW - int(one * HOUR_MS), finding) for one in hours]


def test_so_many_pages_are_beyond_chance() -> None:
    assert allowed(1.0) == 5, "one a week asked: five or more come in 0.4 % of weeks, four in 1.9 %"
    assert allowed(7.0) == 15
    assert allowed(0.25) == 3


@pytest.mark.parametrize("a_week", [0.01, 0.25, 1.0, 3.0, 20.0, 84.0])
def test_more_asked_for_is_more_allowed(a_week: float) -> None:
    assert allowed(a_week) <= allowed(a_week * 2)
    assert allowed(a_week) > a_week


def test_five_false_pages_in_a_week_put_a_series_into_shadow_until_the_first_is_a_week_old() -> None:
    found = shadow(weekly(10, 20, 30, 40, 50), 1.0, NOW)
    assert found is not None
    assert (found.false_pages, found.allowed) == (5, 5)
    assert found.until_ms == NOW - 50 * HOUR_MS + 7 * DAY_MS
    assert shadow(weekly(10, 20, 30, 40), 1.0, NOW) is None
    assert shadow(weekly(10, 20, 30, 40, 8 * 24), 1.0, NOW) is None, "one is longer ago than a week"


def test_pages_that_were_right_or_known_to_come_are_none_of_them() -> None:
    for right in (Finding.CONFIRMED, Finding.EXPECTED):
        assert shadow(weekly(*range(1, 60), finding=right), 1.0, NOW) is None


def test_pages_that_nobody_answers_count_for_a_quarter() -> None:
    assert shadow(weekly(*range(1, 20), finding=None), 1.0, NOW) is None
    assert shadow(weekly(*range(1, 21), finding=None), 1.0, NOW) is not None


def test_what_called_nobody_does_not_count_and_a_quarter_of_an_hour_is_one_page() -> None:
    assert shadow([answered(NOW - one * HOUR_MS, paged=False) for one in range(1, 30)], 1.0, NOW) is None
    assert shadow(weekly(*(1 + part / 60 for part in range(14))), 1.0, NOW) is None


def test_an_answer_takes_a_series_out_again() -> None:
    history = list(weekly(10, 20, 30, 40, 50))
    history[0] = msgspec.structs.replace(history[0], answer=Answer(Finding.CONFIRMED, "ana", NOW))
    assert shadow(history, 1.0, NOW) is None
