"""Which alerts find an incident, and what is a page."""

from guardian.learning.pages import Labelled, felt, notified

OUTAGE = Labelled(100, 120, ("approved", "denied"))


def test_an_alert_counts_from_the_first_minute_to_three_after_the_last() -> None:
    for minute, found in ((99, False), (100, True), (123, True), (124, False)):
        assert bool(felt([OUTAGE], [(minute, "denied")]).delays) is found


def test_an_alert_must_name_a_status_of_the_incident_or_the_whole_system() -> None:
    assert felt([OUTAGE], [(105, "reversed")]).delays == {}
    assert felt([OUTAGE], [(105, "reversed")]).false_pages == 1
    assert felt([OUTAGE], [(105, "*")]).delays == {0: 5}
    assert felt([Labelled(100, 120, ("*",))], [(105, "reversed")]).delays == {0: 5}


def test_repeats_of_a_name_within_a_quarter_of_an_hour_are_one_notification() -> None:
    assert notified([(30, "a"), (0, "a"), (14, "a"), (15, "a"), (16, "b")]) == [
        (0, "a"),
        (15, "a"),
        (16, "b"),
        (30, "a"),
    ]


def test_names_within_a_quarter_of_an_hour_are_one_page_and_one_true_name_makes_it_true() -> None:
    scored = felt([OUTAGE], [(95, "failed"), (105, "denied"), (200, "denied"), (214, "failed"), (215, "x")])
    assert (scored.pages, scored.false_pages, scored.aftershocks) == (3, 2, 0)


def test_a_false_page_within_half_an_hour_of_an_end_is_an_aftershock() -> None:
    assert felt([OUTAGE], [(150, "approved")]).aftershocks == 1
    assert felt([OUTAGE], [(151, "approved")]).aftershocks == 0


def test_an_incident_of_low_confidence_is_neither_found_nor_false() -> None:
    scored = felt([Labelled(100, 120, ("denied",), high=False)], [(105, "denied")])
    assert (scored.delays, scored.false_pages) == ({}, 0)
