"""A rule tried on stored history: counted, flipped, labelled, with honest denominators."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest

from guardian.domain.clock import DAY_MS, SetClock
from guardian.domain.errors import TooMany, Unparsable
from guardian.features.definition import FEATURE_COUNT, INDEX
from guardian.learning.rules_backtest import RuleBacktest, RuleTrials
from guardian.scoring.rules.book import RuleBook
from guardian.scoring.rules.definition import Rule
from guardian.scoring.rules.lists import Entry, NamedList
from guardian.scoring.rules.report import Flip, Report
from guardian.scoring.rules.ruleset import Contents, Deployed
from guardian.storage.base import Span
from guardian.storage.sqlite.store import SqliteStore
from rule_samples import AT, rule, transaction
from storing import unscored

ROWS = 400
MIDNIGHT = AT - AT % DAY_MS
SPAN = Span("live", MIDNIGHT, MIDNIGHT + 2 * DAY_MS)


def merchant_of(number: int) -> str:
    return "big" if number >= 380 else f"m{number % 50}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Amounts 1 to 400 over two days; each tenth row is WARNING by the rule `tenth` and its burst is 9."""
    made = SqliteStore(tmp_path)
    of = [
        transaction(
            transaction_id=f"t{n}",
            amount_minor=(n + 1) * 100,
            event_ms=MIDNIGHT + n * (2 * DAY_MS // ROWS),
            merchant_id=merchant_of(n),
        )
        for n in range(ROWS)
    ]
    level = np.array([n % 10 == 0 for n in range(ROWS)], np.uint8)
    features = np.zeros((ROWS, FEATURE_COUNT), np.float32)
    features[:, INDEX["merchant_burst_1h"]] = np.where(level, 9, 1)
    judged = msgspec.structs.replace(unscored(of), level=level, method=level * 3, features=features)
    made.transactions.keep(0, judged)
    yield made
    made.close()


def tried(store: SqliteStore, one: Rule, *live: Rule, labels: Mapping[str, bool] | None = None) -> Report:
    def labels_of(_: Span) -> dict[tuple[str, str], bool]:
        return {(merchant_of(int(name[1:])), name): fraud for name, fraud in (labels or {}).items()}

    contents = Contents(tuple(Deployed(each, 1, "live") for each in live))
    backtest = RuleBacktest(store.transactions, contents, labels_of if labels is not None else None)
    return backtest.run(one, SPAN)


def test_firings_are_counted_by_day_and_share(store: SqliteStore) -> None:
    report = tried(store, rule("amount > 390"))
    assert (report.rows, report.fired, report.fired_today) == (400, 10, None)
    assert [(one.at_ms, one.fired) for one in report.days] == [(MIDNIGHT + DAY_MS, 10)]
    assert (report.share, report.a_day, report.too_wide) == (0.025, 5.0, False)
    assert (report.worst_merchant, report.worst_merchant_fired) == ("big", 10)
    assert (report.precision, report.recall) == (None, None)
    assert report.line()["fired"] == 10


def test_a_rule_that_matches_nearly_everything_is_told_so(store: SqliteStore) -> None:
    assert tried(store, rule("amount > 100")).too_wide
    assert tried(store, rule("amount > 9999")).line()["worst_merchant"] == {"merchant_id": "", "fired": 0}


def test_precision_is_of_labelled_firings_and_recall_of_all_labelled_frauds(store: SqliteStore) -> None:
    labels = {"t399": True, "t398": True, "t397": False, "t10": True, "t11": False}
    report = tried(store, rule("amount > 390"), labels=labels)
    assert (report.labelled, report.frauds, report.right, report.wrong) == (5, 3, 2, 1)
    assert report.precision == pytest.approx(2 / 3)
    assert report.recall == pytest.approx(2 / 3)
    assert (report.days[0].right, report.days[0].wrong, report.days[0].unlabelled) == (2, 1, 7)


def test_a_new_rule_raises_levels_and_never_lowers_them(store: SqliteStore) -> None:
    labels = {"t399": True, "t398": False}
    report = tried(store, rule("amount > 390", severity="CRITICAL"), labels=labels)
    assert report.flips == (Flip(0, 2, 9, 2, 1), Flip(1, 2, 1, 0, 0))
    assert tried(store, rule("amount > 390")).flips == (Flip(0, 1, 9, 0, 0),)


def test_a_new_version_is_compared_with_the_live_one_beside_the_others(store: SqliteStore) -> None:
    tenth = rule("merchant_burst_1h > 5", "tenth")
    narrower = tried(store, rule("merchant_burst_1h > 5 and amount > 100", "tenth"), tenth)
    assert (narrower.fired, narrower.fired_today) == (30, 40)
    assert narrower.flips == (Flip(1, 0, 10, 0, 0),)
    other = rule("amount <= 50", "other")
    assert tried(store, rule("merchant_burst_1h > 5 and amount > 100", "tenth"), tenth, other).flips == (
        Flip(1, 0, 5, 0, 0),
    )


def test_lists_and_texts_are_read_as_in_live_traffic(store: SqliteStore) -> None:
    contents = Contents(lists=(NamedList("donations", "merchant_id", (Entry("big", "why"),)),))
    one = rule("merchant_id in list(donations) and source == 'live' and hour >= 0 and country is missing")
    backtest = RuleBacktest(store.transactions, contents)
    assert backtest.run(one, SPAN).fired == 20
    assert backtest.run(msgspec.structs.replace(one, unless="amount > 390"), SPAN).fired == 10
    with pytest.raises(Unparsable, match="no list"):
        RuleBacktest(store.transactions, Contents()).run(one, SPAN)


def trials(store: SqliteStore, now_ms: int) -> RuleTrials:
    clock = SetClock(now_ms)
    return RuleTrials(store.transactions, RuleBook(store.records, store.audit, clock, list), clock)


def test_a_share_is_told_once_there_are_rows_enough(store: SqliteStore) -> None:
    assert trials(store, MIDNIGHT + 2 * DAY_MS).share(rule("amount > 380")) == pytest.approx(0.1, abs=0.002)
    assert trials(store, MIDNIGHT).share(rule("amount > 380")) is None


def test_people_try_rules_one_at_a_time(store: SqliteStore) -> None:
    trying = trials(store, MIDNIGHT + 2 * DAY_MS)
    assert trying.run(rule("amount > 390"), 7, "live").fired == 10
    assert trying.run(rule("amount > 390"), 7, "other").rows == 0
    with trying._busy, pytest.raises(TooMany):
        trying.run(rule(), 7, "live")
    assert RuleBacktest(store.transactions, Contents()).run(rule(), SPAN, most_rows=1).rows == ROWS
