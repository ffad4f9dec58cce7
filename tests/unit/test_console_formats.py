"""Numbers, money and times as a person reads them at 3 a.m."""

import pytest

from console_samples import formats
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, from_iso

NIGHT = from_iso("2026-11-19T05:47:12Z")


@pytest.mark.parametrize(
    ("value", "places", "english", "portuguese"),
    [
        (41_000, 0, "41\u202f000", "41\u202f000"),
        (1_234_567.891, 2, "1\u202f234\u202f567.89", "1\u202f234\u202f567,89"),
        (-0.5, 1, "\u22120.5", "\u22120,5"),
        (0, 0, "0", "0"),
        (None, 0, "–", "–"),
    ],
)
def test_thousands_are_thin_spaces_and_decimals_follow_the_language(
    value: float | None, places: int, english: str, portuguese: str
) -> None:
    assert formats("en").number(value, places) == english
    assert formats("pt-BR").number(value, places) == portuguese


@pytest.mark.parametrize(
    ("value", "short"),
    [
        (3_200.4, "3\u202f200"),
        (41.0, "41"),
        (41.26, "41.3"),
        (4.74, "4.7"),
        (0.834, "0.83"),
        (0.0, "0"),
        (None, "–"),
    ],
)
def test_short_numbers_have_as_many_digits_as_help(value: float | None, short: str) -> None:
    assert formats().short(value) == short


@pytest.mark.parametrize(
    ("low", "high", "english", "portuguese"),
    [
        (9, 29, "9–29", "9–29"),
        (0, 0, "0", "0"),
        (-0.67, 0.55, "\u22120.67 to 0.55", "\u22120,67 a 0,55"),
    ],
)
def test_a_range_is_never_mistaken_for_a_minus(
    low: float, high: float, english: str, portuguese: str
) -> None:
    assert formats().usual(low, high) == english
    assert formats("pt-BR").usual(low, high) == portuguese


def test_counts_are_whole_and_a_share_is_a_per_cent() -> None:
    assert formats().counts(68.6, 1_119.4) == "69–1\u202f119"
    assert formats("pt-BR").percent(0.8794) == "87,9\u202f%"
    assert formats().percent(None) == "–"


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (114_120, "BRL", "R$ 1\u202f141.20"),
        (500, "JPY", "JPY 500"),
        (1_234, "KWD", "KWD 1.234"),
        (5, "EUR", "€ 0.05"),
    ],
)
def test_money_has_the_decimals_of_its_currency(minor: int, currency: str, text: str) -> None:
    assert formats().money(minor, currency) == text


def test_times_are_local_and_say_the_day_when_it_is_another() -> None:
    reader = formats("pt-BR", NIGHT)
    assert reader.clock(NIGHT) == "02:47"
    assert reader.clock(NIGHT, seconds=True) == "02:47:12"
    assert reader.clock(NIGHT - 3 * HOUR_MS) == "18 nov 23:47"
    assert reader.clock(None) == "–"
    assert reader.clock_of("2026-11-19T05:47:12Z") == "02:47"
    assert reader.utc(NIGHT) == "05:47:12"
    assert reader.date(NIGHT - 400 * DAY_MS) == "15 out 2025"
    assert reader.day(NIGHT) == "qui 19 nov"
    assert reader.iso(NIGHT) == "2026-11-19T05:47:12Z"
    assert reader.zone_name() == "BRT"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0 s"),
        (40_000, "40 s"),
        (16 * MINUTE_MS, "16 min"),
        (2 * HOUR_MS, "2 h"),
        (HOUR_MS + 44 * MINUTE_MS, "1 h 44 min"),
        (3 * DAY_MS + 2 * HOUR_MS, "3 d 2 h"),
    ],
)
def test_a_span_has_its_two_largest_units(ms: int, text: str) -> None:
    assert formats().span(ms) == text


def test_how_long_ago_is_said_for_two_days() -> None:
    reader = formats("en", NIGHT)
    assert reader.ago(NIGHT - 16 * MINUTE_MS) == "16 min ago"
    assert reader.ago(NIGHT - 2 * DAY_MS) == ""
    assert reader.ago(None) == ""
    assert formats("pt-BR", NIGHT).ago(NIGHT - HOUR_MS) == "há 1 h"


def test_estimates_of_money_have_two_digits_and_name_their_currency_once() -> None:
    assert formats("en").estimate(4_123_456, "BRL") == "R$ 41\u202f000"
    assert formats("pt-BR").estimated(3_504_000, 4_691_000, "BRL") == "R$ 35\u202f000–47\u202f000"
    assert formats("en").estimate(41_234, "JPY") == "JPY 41\u202f000"


def test_a_change_has_its_sign() -> None:
    assert [formats("pt-BR").signed(value) for value in (9.41, 0.0, -9.41)] == ["+9,4", "0", "\u22129,4"]
    assert formats("en").whole_percent(0.934) == "93\u202f%"
