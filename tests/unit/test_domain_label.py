"""Which statement stands, and of which transaction it speaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from alerting_samples import NOW
from guardian.domain.label import EventName, Origin, Seen, attached, fits, of_event, standing
from guardian.domain.share import wilson
from labelling import about, said

A = Seen(EventName("live", "m1", "a"), NOW)
OF_FILE = Seen(EventName("file", "m1", "a"), NOW)
OTHER = Seen(EventName("live", "m2", "a"), NOW)
STATEMENTS = some.lists(
    some.tuples(some.booleans(), some.integers(0, 9)).map(lambda one: about("a", one[0], NOW + one[1])),
    min_size=1,
)


@given(STATEMENTS)
def test_the_newest_statement_decides_and_nothing_known_later_moves_its_beginning(given_: list) -> None:
    found = standing(given_, A)
    assert found is not None
    newest = max(one.known_ms for one in given_)
    assert found.is_fraud in {one.is_fraud for one in given_ if one.known_ms == newest}
    assert found.known_ms in {one.known_ms for one in given_ if one.is_fraud == found.is_fraud}
    after = [one for one in given_ if one.known_ms > found.known_ms]
    assert all(one.is_fraud == found.is_fraud for one in after)


@given(STATEMENTS)
def test_saying_the_standing_label_again_later_changes_nothing(given_: list) -> None:
    found = standing(given_, A)
    assert found is not None
    again = about("a", found.is_fraud, NOW + 99)
    assert standing([*given_, again], A) == found


def test_nothing_is_known_of_an_event_before_it_happened() -> None:
    found = standing([about("a", known_ms=NOW - 1)], A)
    assert found is not None
    assert found.known_ms == NOW
    assert standing([], A) is None


def test_a_label_is_reported_when_a_report_agrees_with_it() -> None:
    answer = about("a", True, NOW + 1, origin=Origin.ANSWER, kind="confirmed")
    reports = [standing(of, A) for of in ([answer], [answer, about("a")], [answer, about("a", False)])]
    assert [one.reported for one in reports if one is not None] == [False, True, False]


def test_an_event_is_found_by_as_much_as_was_said_of_it() -> None:
    assert attached(said("a"), [A], "live") == A
    assert attached(said("a"), [A, OF_FILE], "live") == A
    assert attached(said("a", source="file"), [A, OF_FILE], "live") == OF_FILE
    assert attached(said("a", merchant_id="m2"), [A, OTHER], "live") == OTHER
    assert attached(said("a", merchant_id="m3"), [A, OTHER], "live") is None
    assert not fits(said("b"), A.name)
    assert of_event(said("a"), A).name == A.name


def test_a_label_that_fits_several_events_fits_none() -> None:
    with pytest.raises(LookupError):
        attached(said("a"), [A, OTHER], "live")


def test_an_interval_holds_its_share_and_narrows_with_more() -> None:
    for n in (1, 10, 1_000):
        low, high = wilson(n // 2, n)
        assert 0.0 <= low <= (n // 2) / n <= high <= 1.0
    assert wilson(50, 100)[0] > wilson(5, 10)[0]
    assert wilson(0, 5)[0] == 0.0
