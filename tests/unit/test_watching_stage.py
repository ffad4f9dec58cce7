"""When minutes are judged, and what becomes of the judgement, on the real store."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from alerting_samples import answered
from guardian.domain.anomaly import Anomaly
from guardian.domain.cause import Cause, Step
from guardian.domain.clock import HOUR_MS, MINUTE_MS, SetClock
from guardian.domain.errors import Unavailable
from guardian.domain.window import BY_STATUS, MinuteCounts
from guardian.storage.base import Progress, RecordQuery
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.announce import Announcer, CauseOf, Explaining
from guardian.watching.anomalies import ANOMALY_KIND, anomaly_collection
from guardian.watching.asked import Asked
from guardian.watching.checkpoints import OF_STREAM, Checkpoints
from guardian.watching.detector import StreamDetector
from guardian.watching.nature import NatureFinder
from guardian.watching.outlook import Outlook, Outlooks, coverage
from guardian.watching.parameters import FIRST_DAY
from guardian.watching.stage import WatchStage
from guardian.watching.stream import StreamWatch

START = 1_760_000_040_000 // MINUTE_MS * MINUTE_MS
SECOND = 1_000


def at(minute: int, seconds: int = 0) -> int:
    return START + minute * MINUTE_MS + seconds * SECOND


def sent(event_ms: int, received_ms: int, closed: bool = False, source: str = "live") -> Progress:
    return Progress(source, "transactions", START, event_ms, received_ms, closed)


def ready(progress: Progress, now_ms: int) -> int:
    return (StreamWatch(progress.source).ready_until(progress, now_ms) - START) // MINUTE_MS


def test_a_minute_is_ready_once_event_time_has_passed_its_end_by_the_lateness() -> None:
    assert ready(sent(at(5, 9), at(5, 9)), at(5, 9)) == 4
    assert ready(sent(at(5, 10), at(5, 10)), at(5, 10)) == 5


def test_the_wall_clock_counts_only_while_the_live_source_is_silent() -> None:
    assert ready(sent(at(2, 0), at(5, 5)), at(5, 11)) == 1
    assert ready(sent(at(2, 0), at(5, 1)), at(5, 11)) == 5
    assert ready(sent(at(2, 0), at(2, 0), source="import"), at(500)) == 1


def test_records_that_wait_to_be_counted_are_not_taken_for_silence() -> None:
    watch = StreamWatch("live")
    assert watch.ready_until(sent(at(2, 0), at(5, 1)), at(5, 11), waiting=True) == at(1)
    assert watch.ready_until(sent(at(5, 10), at(5, 10)), at(5, 10), waiting=True) == at(5)


def test_a_closed_source_is_judged_to_its_last_minute() -> None:
    assert ready(sent(at(5, 0), at(5), closed=True, source="import"), at(5)) == 6
    of_counts = Progress("import", "counts", START, at(6), at(6), True)
    assert ready(of_counts, at(6)) == 6


class Outbox:
    def __init__(self) -> None:
        self.published: list[Anomaly] = []
        self.refuses = False

    def __call__(self, anomalies: Sequence[Anomaly]) -> None:
        if self.refuses:
            raise Unavailable("the bus is full")
        self.published.extend(anomalies)


class Desk:
    """A stage with everything around it."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder / "store")
        self.folder = folder / "checkpoints"
        self.clock = SetClock(START)
        self.outbox = Outbox()
        self.anomalies = anomaly_collection(self.store.records)
        self.outlooks = Outlooks(self.store.records)
        self.restart()

    def restart(self, budget_decades: float = 0.0, cause_of: CauseOf = lambda _: None) -> None:
        finder = NatureFinder(self.store.transactions, self.store.minutes)
        explaining = Explaining(cause_of, finder.nature_of)
        announcer = Announcer(self.anomalies, self.outbox, self.clock, explaining, budget_decades)
        self.stage = WatchStage(
            self.store.minutes, announcer, self.outlooks, self.folder, self.clock, Asked(budget_decades)
        )

    def feed(self, source: str, minutes: range, rate: int = 100, last: bool = False) -> None:
        rng = np.random.default_rng(minutes.start)
        self.store.minutes.replace(
            [
                MinuteCounts(
                    source,
                    at(i),
                    BY_STATUS,
                    {"approved": int(rng.poisson(rate)), "denied": int(rng.poisson(rate / 20))},
                    at(i + 1),
                    last=last and i == minutes[-1],
                )
                for i in minutes
            ]
        )

    def known(self, source: str = "live") -> Sequence[Anomaly]:
        return self.anomalies.find(RecordQuery(kind=ANOMALY_KIND, source=source)).items


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_silence_of_the_live_source_pages_within_three_minutes(desk: Desk) -> None:
    desk.feed("live", range(200))
    desk.clock.advance(200 * MINUTE_MS)
    assert desk.stage.step() == 199
    desk.clock.advance(3 * MINUTE_MS + 10 * SECOND)
    assert desk.stage.step() == 4
    (anomaly,) = desk.known()
    assert anomaly.paged
    assert (anomaly.status, anomaly.minute_ms) == ("*", at(200))
    assert desk.outbox.published == [anomaly]
    assert desk.stage.step() == 0


def test_a_series_that_called_too_often_for_nothing_says_so_once_and_then_calls_nobody(desk: Desk) -> None:
    desk.feed("live", range(200))
    desk.clock.advance(200 * MINUTE_MS)
    desk.stage.step()
    for number in range(5):
        at_ms = at(200) - (number + 1) * HOUR_MS
        desk.anomalies.insert(answered(at_ms, series="*"))
    desk.clock.advance(3 * MINUTE_MS + 10 * SECOND)
    desk.stage.step()
    notice = desk.known()[0]
    assert notice.paged
    assert notice.shadowed
    assert notice.reasons[-1].startswith("In shadow until 2025-10-16")
    for turn in range(40):
        desk.feed("live", range(204 + 10 * turn, 214 + 10 * turn), rate=0 if turn % 8 == 7 else 100)
        desk.clock.advance(10 * MINUTE_MS)
        desk.stage.step()
    after = [one for one in desk.known() if one.series == "*" and one.minute_ms > notice.minute_ms]
    assert after
    assert not any(one.paged for one in after)
    assert all(one.shadowed for one in after)


def test_another_budget_counts_from_the_next_start_on(desk: Desk) -> None:
    desk.feed("live", range(200))
    desk.clock.advance(200 * MINUTE_MS)
    desk.stage.step()
    desk.restart(budget_decades=100.0)
    desk.clock.advance(3 * MINUTE_MS + 10 * SECOND)
    assert desk.stage.step() == 4
    assert desk.known() == [], "a silence that pages with the usual budget, see above"


def test_what_was_expected_is_kept_for_every_judged_minute(desk: Desk) -> None:
    desk.feed("live", range(60))
    desk.clock.advance(60 * MINUTE_MS)
    desk.stage.step()
    points = desk.store.minutes.points("live", ["*"], START, at(60))
    assert [point.minute_ms for point in points] == [at(i) for i in range(59)]


def test_an_anomaly_that_is_over_is_updated_and_told_again(desk: Desk) -> None:
    desk.feed("live", range(200))
    desk.feed("live", range(204, 240))
    desk.clock.advance(240 * MINUTE_MS)
    desk.stage.step()
    ended = desk.outbox.published[-1]
    assert ended.over_ms is not None
    assert ended in desk.known()
    assert ended.anomaly_id in {anomaly.anomaly_id for anomaly in desk.outbox.published[:-1]}


@pytest.mark.parametrize("source", ["import", "../../etc/über\0"])
def test_an_import_is_judged_but_never_paged(desk: Desk, source: str) -> None:
    desk.feed(source, range(200))
    desk.feed(source, range(210, 230), last=True)
    assert desk.stage.step() == 230
    found = desk.known(source)
    assert found
    assert not any(anomaly.paged for anomaly in found)
    assert all(path.parent == desk.folder for path in desk.folder.iterdir())


def test_the_past_of_the_live_source_is_not_paged(desk: Desk) -> None:
    desk.feed("live", range(200))
    desk.clock.advance(300 * MINUTE_MS)
    desk.stage.step()
    assert desk.known()[-1].minute_ms == at(200)
    assert not desk.known()[-1].paged


def test_a_restart_goes_on_where_it_was(desk: Desk) -> None:
    desk.feed("live", range(200))
    desk.clock.advance(200 * MINUTE_MS)
    desk.stage.step()
    desk.restart()
    assert desk.stage.step() == 0
    desk.clock.advance(3 * MINUTE_MS)
    desk.stage.step()
    assert len(desk.outbox.published) == 1


def test_after_a_failure_the_same_minutes_give_the_same_anomalies_once(desk: Desk) -> None:
    desk.feed("live", range(200))
    desk.clock.advance(200 * MINUTE_MS)
    desk.stage.step()
    desk.clock.advance(3 * MINUTE_MS)
    desk.outbox.refuses = True
    with pytest.raises(Unavailable):
        desk.stage.step()
    assert desk.known() == []
    desk.outbox.refuses = False
    assert desk.stage.step() > 0
    assert desk.outbox.published == list(desk.known())
    assert len(desk.known()) == 1


def test_a_long_import_is_judged_a_day_at_a_time(desk: Desk) -> None:
    desk.feed("import", range(1_500), rate=3, last=True)
    assert [desk.stage.step() for _ in range(3)] == [1_440, 60, 0]


def outlook_after(desk: Desk, minutes: int, *steps: int) -> Outlook:
    """What is kept once so many minutes were judged, with a step of the stage after each of these."""
    desk.feed("live", range(minutes))
    for until in (*steps, minutes):
        desk.clock.advance(at(until, 10) - desk.clock.now_ms())
        while desk.stage.step():
            pass
    kept = desk.outlooks.of("live")
    assert kept is not None
    return kept


def test_the_next_hours_are_forecast_and_every_minute_is_held_against_what_was_said_an_hour_before(
    tmp_path: Path,
) -> None:
    desk, learnt, more = Desk(tmp_path), FIRST_DAY, 180
    outlook = outlook_after(desk, learnt + more)
    assert outlook.forecast.first_ms == at(learnt + more)
    assert {len(ranges) for ranges in outlook.forecast.series.values()} == {180}
    total = coverage(outlook).of("*")
    assert total is not None
    assert more - 60 - 5 <= total.minutes <= more - 60
    assert total.share > 0.95
    desk.store.close()


def test_what_was_held_is_the_same_however_the_minutes_are_handed_over(tmp_path: Path) -> None:
    whole, pieces = Desk(tmp_path / "whole"), Desk(tmp_path / "pieces")
    last = FIRST_DAY + 100
    one = outlook_after(whole, last)
    many = outlook_after(pieces, last, FIRST_DAY + 3, *range(last - 40, last))
    assert one == many
    assert one.days
    whole.store.close()
    pieces.store.close()


def test_minutes_that_are_judged_again_after_a_failure_count_once(desk: Desk) -> None:
    before = outlook_after(desk, FIRST_DAY + 100)
    desk.clock.advance(3 * MINUTE_MS)
    desk.outbox.refuses = True
    with pytest.raises(Unavailable):
        desk.stage.step()
    after = desk.outlooks.of("live")
    assert after is not None
    assert after.next_ms == before.next_ms + 3 * MINUTE_MS
    desk.outbox.refuses = False
    assert desk.stage.step() == 3
    assert desk.outlooks.of("live") == after


def test_a_source_that_was_removed_is_learnt_anew_when_its_name_comes_again(desk: Desk) -> None:
    desk.feed("import", range(120), rate=3, last=True)
    assert desk.stage.step() == 120
    assert desk.outlooks.of("import") is not None
    desk.store.minutes.purge("import", START * 2, START * 2)
    assert desk.stage.step() == 0
    assert not list(desk.folder.iterdir())
    assert desk.outlooks.of("import") is None
    desk.feed("import", range(60), rate=3, last=True)
    assert desk.stage.step() == 60


def test_a_checkpoint_that_cannot_be_read_is_learnt_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints, read = Checkpoints(tmp_path, OF_STREAM), StreamDetector.from_bytes
    checkpoints.save("live", StreamDetector("live").to_bytes())
    assert checkpoints.load("live", read) is not None
    assert checkpoints.load("other", read) is None
    next(tmp_path.iterdir()).write_bytes(b"torn")
    assert checkpoints.load("live", read) is None
    assert "learnt anew" in caplog.text


def test_a_disk_that_refuses_a_checkpoint_is_unavailable(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(Unavailable):
        Checkpoints(in_the_way, OF_STREAM).save("live", b"")
    with pytest.raises(Unavailable):
        Checkpoints(in_the_way, OF_STREAM).load("live", bytes)


def test_what_carries_a_change_is_asked_once_and_kept_and_told_with_the_anomaly(tmp_path: Path) -> None:
    desk, asked = Desk(tmp_path), []
    cause = Cause(-100.0, ((Step("acquirer", "acq_b", -90.0, 0.9, 0.2),),))

    def cause_of(anomaly: Anomaly) -> Cause:
        asked.append(anomaly.anomaly_id)
        return cause

    desk.restart(cause_of=cause_of)
    desk.feed("live", range(200))
    desk.clock.advance(204 * MINUTE_MS)
    desk.stage.step()
    (anomaly,) = desk.known()
    assert asked == [anomaly.anomaly_id]
    assert anomaly.cause == cause
    assert anomaly.reasons[-1] == "90 % of the change: acquirer acq_b."
    assert desk.outbox.published == [anomaly]
    desk.store.close()
