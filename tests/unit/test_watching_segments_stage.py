"""The stage of segments: follows the judged minutes of a source, and says a thing once."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from alerting_samples import anomaly
from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.cause import Cause, Step
from guardian.domain.clock import MINUTE_MS
from guardian.domain.errors import Unavailable
from guardian.domain.transaction import LIVE, Transaction
from guardian.domain.window import SeriesPoint
from guardian.storage.base import RecordQuery
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.announce import Announcer
from guardian.watching.anomalies import ANOMALY_KIND, anomaly_collection
from guardian.watching.asked import Asked
from guardian.watching.checkpoints import OF_SEGMENTS, Checkpoints
from guardian.watching.segments.detector import SegmentDetector
from guardian.watching.segments.stage import SegmentStage
from tests.storing import unscored
from tests.unit.test_watching_segments import LEARNT, RATE, START, Columns, changed, minute_of, run, without
from tests.unit.test_watching_stage import Outbox, SetClock

ASKED = Asked(dimensions=("acquirer", "merchant_id", "card_bin"))


@pytest.fixture(scope="module")
def learnt() -> bytes:
    detector = SegmentDetector("live", ASKED)
    run(detector, range(LEARNT))
    return detector.to_bytes()


class Desk:
    """A stage with a store, and a detector that has learnt the traffic already."""

    def __init__(self, folder: Path, learnt: bytes) -> None:
        self.store = SqliteStore(folder / "store")
        self.folder = folder / "checkpoints"
        self.clock = SetClock(START + LEARNT * MINUTE_MS)
        self.outbox = Outbox()
        self.anomalies = anomaly_collection(self.store.records)
        self.positions = 0
        self.restart()
        self.learn(LIVE, learnt)

    def learn(self, source: str, learnt: bytes) -> None:
        Checkpoints(self.folder, OF_SEGMENTS).save(source, learnt)

    def restart(self) -> None:
        announcer = Announcer(self.anomalies, self.outbox, self.clock)
        store = self.store
        self.stage = SegmentStage(store.transactions, store.minutes, announcer, self.folder, ASKED)

    def minute(self, number: int, rows: Columns, source: str = LIVE) -> None:
        """Keep a minute's transactions and what was expected of it, as the stages before do."""
        at_ms = START + number * MINUTE_MS
        kept = [
            Transaction(
                f"t{number}-{place}",
                str(rows["merchant_id"][place]),
                str(status),
                1_000,
                at_ms + place,
                at_ms + place,
                source=source,
                card_bin=rows["card_bin"][place],
                acquirer=rows["acquirer"][place],
            )
            for place, status in enumerate(rows["status"])
        ]
        self.store.transactions.keep(0, unscored(kept, self.positions))
        self.positions += len(kept)
        self.store.minutes.keep_points([SeriesPoint(source, WHOLE_SYSTEM, at_ms, len(kept), RATE, 0, 0)])
        self.clock.advance(MINUTE_MS)

    def known(self, source: str = LIVE) -> Sequence[Anomaly]:
        return self.anomalies.find(RecordQuery(kind=ANOMALY_KIND, source=source)).items


@pytest.fixture
def desk(tmp_path: Path, learnt: bytes) -> Iterator[Desk]:
    desk = Desk(tmp_path, learnt)
    yield desk
    desk.store.close()


def denying(number: int) -> Columns:
    return changed("acquirer", "acq_4", minute_of(number), status="denied")


def test_an_acquirer_down_is_published_once_and_told_to_be_over(desk: Desk) -> None:
    for number in range(LEARNT, LEARNT + 5):
        desk.minute(number, denying(number))
    assert desk.stage.step() == 5
    (found,) = [one for one in desk.known() if one.paged]
    assert (found.series, found.status) == ("acquirer=acq_4,status=denied", "denied")
    assert found.direction == "up"
    assert found in desk.outbox.published
    assert desk.stage.step() == 0
    for number in range(LEARNT + 5, LEARNT + 15):
        desk.minute(number, minute_of(number))
    assert desk.stage.step() == 10
    kept = desk.anomalies.get(found.anomaly_id)
    assert kept is not None
    assert kept[0].over_ms is not None


def test_the_merchants_of_an_acquirer_that_is_down_are_no_pages_of_their_own(desk: Desk) -> None:
    def own(number: int) -> Columns:
        """The acquirer has one large merchant that no other has."""
        rows = denying(number)
        mine = [acquirer == "acq_4" for acquirer in rows["acquirer"]]
        merchants = [
            "m7" if hit else "m8" if merchant == "m7" else merchant
            for merchant, hit in zip(rows["merchant_id"], mine, strict=True)
        ]
        return rows | {"merchant_id": merchants}

    for number in range(LEARNT, LEARNT + 10):
        desk.minute(number, own(number))
    desk.stage.step()
    paged = {one.series for one in desk.known() if one.paged}
    assert len(paged) == 1
    assert any(not one.paged for one in desk.known()), "the other is listed, and calls nobody"


def test_what_the_stream_has_told_with_its_cause_is_no_page_again(desk: Desk) -> None:
    at_ms = START + LEARNT * MINUTE_MS
    steps = (Step("acquirer", "acq_4", 7.0, 0.9, 0.08),)
    stream = anomaly("stream", minute_ms=at_ms, start_ms=at_ms, cause=Cause(8.0, (steps,)))
    desk.anomalies.insert(stream)
    for number in range(LEARNT, LEARNT + 5):
        desk.minute(number, denying(number))
    desk.stage.step()
    mine = [one for one in desk.known() if one.series == "acquirer=acq_4,status=denied"]
    assert len(mine) == 1
    assert not mine[0].paged


def test_a_restart_judges_what_came_since_the_checkpoint_again_and_says_nothing_twice(desk: Desk) -> None:
    for number in range(LEARNT, LEARNT + 6):
        desk.minute(number, denying(number))
        desk.stage.step()
    before, told = list(desk.known()), len(desk.outbox.published)
    desk.restart()
    assert desk.stage.step() == 6
    assert list(desk.known()) == before
    assert len(desk.outbox.published) == told


def test_a_bus_that_refuses_leaves_the_minutes_to_be_judged_again(desk: Desk) -> None:
    for number in range(LEARNT, LEARNT + 5):
        desk.minute(number, denying(number))
    desk.outbox.refuses = True
    with pytest.raises(Unavailable):
        desk.stage.step()
    assert not desk.known()
    desk.outbox.refuses = False
    assert desk.stage.step() == 5
    assert desk.known()


def test_an_import_is_learnt_and_judged_and_calls_nobody(desk: Desk, learnt: bytes) -> None:
    desk.learn("old", learnt)
    for number in range(LEARNT, LEARNT + 5):
        desk.minute(number, without("acquirer", "acq_4", minute_of(number)), source="old")
    desk.stage.step()
    assert desk.known("old")
    assert not any(one.paged for one in desk.known("old"))


def test_a_source_that_was_removed_is_forgotten(desk: Desk) -> None:
    desk.minute(LEARNT, minute_of(LEARNT))
    desk.stage.step()
    desk.store.minutes.purge(LIVE, START * 2, START * 2)
    desk.stage.step()
    assert not list(desk.folder.iterdir())


def test_the_end_keeps_what_was_learnt(desk: Desk) -> None:
    for number in range(LEARNT, LEARNT + 3):
        desk.minute(number, minute_of(number))
    desk.stage.step()
    desk.stage.close()
    desk.restart()
    assert desk.stage.step() == 0
