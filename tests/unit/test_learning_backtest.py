"""A backtest learns from the past alone, whatever the size of its batches."""

import numpy as np
import pytest

from guardian.domain.clock import DAY_MS
from guardian.domain.transaction import Transaction
from guardian.ingestion.labels import Label
from guardian.learning.backtest import Backtest, Judged
from guardian.learning.lessons import LEAST_FRAUDS, Lessons
from guardian.learning.supervised import learn
from guardian.scoring.boosted import chance
from guardian.scoring.judge import ForestJudge
from guardian.scoring.rules.ruleset import load_rules

START_MS = 1_700_000_000_000 // DAY_MS * DAY_MS
DAYS, A_DAY = 5, 3_000


def event(number: int, event_ms: int, rng: np.random.Generator, **changes: object) -> Transaction:
    card = int(rng.integers(0, 600))
    usual = {
        "merchant_id": f"m{rng.integers(0, 30)}",
        "status": "denied" if rng.random() < 0.06 else "approved",
        "amount_minor": int(rng.lognormal(8, 0.7)) + 1,
        "card_bin": f"4111{card % 12:02d}",
        "card_token": f"c{card}",
    }
    return Transaction(
        **{"transaction_id": f"t{number}", "event_ms": event_ms, "received_ms": 0, **usual, **changes}
    )


@pytest.fixture(scope="module")
def stream() -> tuple[list[Transaction], frozenset[str]]:
    """Five days; on each a BIN is tested with cards nobody has seen."""
    rng = np.random.default_rng(0)
    events = [
        event(number, int(at), rng)
        for number, at in enumerate(START_MS + rng.integers(0, DAYS * DAY_MS, DAYS * A_DAY))
    ]
    stolen = [
        event(
            100_000 + number,
            START_MS + number // 60 * DAY_MS + 43_200_000 + number % 60 * 5_000,
            rng,
            merchant_id="m7",
            status="denied",
            amount_minor=150,
            card_bin="510000",
            card_token=f"stolen{number}",
        )
        for number in range(60 * DAYS)
    ]
    ordered = sorted([*events, *stolen], key=lambda one: one.event_ms)
    return ordered, frozenset(one.transaction_id for one in stolen)


def judged(
    events: list[Transaction], labels: dict[str, Label] | None = None, batch: int = 4_096
) -> list[Judged]:
    return list(Backtest(events, ForestJudge(load_rules()), labels=labels).run(batch))


def labels_of(events: list[Transaction], stolen: frozenset[str], late_ms: int) -> dict[str, Label]:
    return {one.transaction_id: Label(one.transaction_id in stolen, one.event_ms + late_ms) for one in events}


@pytest.fixture(scope="module")
def labelled(stream: tuple[list[Transaction], frozenset[str]]) -> list[Judged]:
    """What is said of them when labels are known a day later."""
    events, stolen = stream
    return judged(events, labels_of(events, stolen, DAY_MS))


def test_the_size_of_the_batches_changes_nothing(
    stream: tuple[list[Transaction], frozenset[str]], labelled: list[Judged]
) -> None:
    events, stolen = stream
    assert judged(events, labels_of(events, stolen, DAY_MS), batch=509) == labelled


def test_what_comes_later_changes_nothing_before(
    stream: tuple[list[Transaction], frozenset[str]], labelled: list[Judged]
) -> None:
    events, stolen = stream
    labels = labels_of(events, stolen, DAY_MS)
    for length in (1, 4_999, 5_001, 11_000):
        assert judged(events[:length], labels) == labelled[:length]


def test_fraud_is_flagged_and_told_with_its_reasons(stream: tuple[list[Transaction], frozenset[str]]) -> None:
    events, stolen = stream
    told = {one.transaction_id: one for one in judged(events)}
    assert [one.transaction_id for one in events] == list(told)
    last = sorted(stolen)[-20:]
    assert all(told[name].level == "CRITICAL" for name in last)
    assert "card_testing_bin; " in told[last[-1]].reasons
    assert "bin_new_cards_10m" in told[last[-1]].reasons
    usual = [one for one in told.values() if one.transaction_id not in stolen]
    assert sum(one.level != "NORMAL" for one in usual) < 0.01 * len(usual)
    assert all(not one.reasons for one in usual if one.level == "NORMAL")


def test_labels_count_from_when_they_were_known(
    stream: tuple[list[Transaction], frozenset[str]], labelled: list[Judged]
) -> None:
    events, stolen = stream
    without = judged(events)
    assert judged(events, labels_of(events, stolen, 30 * DAY_MS)) == without
    changed = next(
        place for place, pair in enumerate(zip(without, labelled, strict=True)) if pair[0] != pair[1]
    )
    assert events[changed].event_ms >= events[0].event_ms + DAY_MS
    fraud = [one.score for one in labelled[-A_DAY:] if one.transaction_id in stolen]
    assert min(fraud[20:]) > 0.9


def test_a_file_without_past_is_judged_by_rules_and_z_score(
    stream: tuple[list[Transaction], frozenset[str]],
) -> None:
    events, _ = stream
    few = judged(events[:50])
    assert len(few) == 50
    assert all(0.0 <= one.score <= 1.0 for one in few)


def test_too_few_frauds_teach_nothing() -> None:
    features = np.zeros((1_000, 3), np.float32)
    weight = np.ones(1_000)
    assert learn(Lessons(features, np.arange(1_000) < LEAST_FRAUDS - 1, weight)) is None
    assert learn(Lessons(features, np.ones(1_000, np.bool_), weight)) is None


def test_learning_fraud_repeats_exactly() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(70_000, 4)).astype(np.float32)
    fraud = features[:, 1] > 2.5
    one, other = (learn(Lessons(features, fraud, np.ones(len(fraud)))) for _ in range(2))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(chance(one, features[:500]), chance(other, features[:500]))
    assert chance(one, features)[fraud].min() > chance(one, features)[~fraud].mean()
