"""The judge of single transactions."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from guardian.domain.errors import Poisoned
from guardian.domain.transaction import Transaction
from guardian.domain.verdict import AlertLevel, Method
from guardian.features.memory import Memory
from guardian.learning.train import train
from guardian.models.artefact import ModelArtefact
from guardian.scoring.combine import Evidence, combine
from guardian.scoring.judge import ForestJudge
from guardian.scoring.rules.ruleset import load_rules
from guardian.scoring.stage import stored_form
from guardian.storage.base import Judged

START_MS = 1_700_000_000_000
METHODS = tuple(Method)


def traffic(count: int, seed: int = 0, start_ms: int = START_MS) -> list[Transaction]:
    rng = np.random.default_rng(seed)
    times = start_ms + np.sort(rng.integers(0, 2 * 86_400_000, count))
    cards = rng.integers(0, 400, count)
    return [
        Transaction(
            transaction_id=str(place),
            merchant_id=f"m{rng.integers(0, 20)}",
            status="denied" if rng.random() < 0.06 else "approved",
            amount_minor=int(rng.lognormal(8, 0.7)) + 1,
            event_ms=int(times[place]),
            received_ms=int(times[place]),
            card_bin=f"4111{cards[place] % 12:02d}",
            card_token=f"c{cards[place]}",
        )
        for place in range(count)
    ]


def card_testing(count: int, at_ms: int) -> list[Transaction]:
    return [
        Transaction(
            transaction_id=f"x{place}",
            merchant_id="m1",
            status="denied",
            amount_minor=100 + place,
            event_ms=at_ms + place * 1_000,
            received_ms=at_ms,
            card_bin="510000",
            card_token=f"stolen{place}",
        )
        for place in range(count)
    ]


@pytest.fixture(scope="module")
def model() -> ModelArtefact:
    trained = train(Memory().take_in(traffic(6_000)), now_ms=0, seed=0)
    return msgspec.structs.replace(trained, version="000001")


@pytest.fixture
def judge(model: ModelArtefact) -> ForestJudge:
    known = ForestJudge(load_rules(), model)
    known.remember(traffic(6_000))
    return known


def test_usual_traffic_is_hardly_ever_flagged(judge: ForestJudge) -> None:
    columns = judge.judge(traffic(6_000, seed=1, start_ms=START_MS + 2 * 86_400_000))
    assert (columns.level > 0).mean() < 0.003
    assert np.isfinite(columns.ml_score).all()
    assert columns.model_version == "000001"


def test_card_testing_is_critical_and_says_what_to_do(judge: ForestJudge) -> None:
    attack = card_testing(40, START_MS + 2 * 86_400_000)
    judge.remember(attack[:-1])
    verdict = judge.would_be(attack[-1])
    assert verdict.alert_level is AlertLevel.CRITICAL
    assert verdict.is_anomaly
    assert verdict.primary_method is Method.RULES
    assert verdict.recommendation.startswith("Throttle")
    assert "card_testing_bin" in {rule.rule_id for rule in verdict.rules}
    assert verdict.score > 0.999
    assert verdict.reasons


def test_words_come_in_portuguese_too(model: ModelArtefact) -> None:
    judge = ForestJudge(load_rules(), model, language="pt-BR")
    assert judge.would_be(traffic(1)[0]).recommendation == "Nada a fazer."


def test_without_a_model_rules_and_amounts_decide_alone() -> None:
    judge = ForestJudge(load_rules())
    columns = judge.judge(traffic(6_000))
    assert np.isnan(columns.ml_score).all()
    assert columns.model_version == ""
    assert (columns.level > 0).mean() < 0.003
    wild = msgspec.structs.replace(traffic(1)[0], amount_minor=90_000_000, event_ms=START_MS + 2 * 86_400_000)
    verdict = judge.would_be(wild)
    assert verdict.fallback
    assert verdict.ml_score is None
    assert verdict.is_anomaly
    assert verdict.reasons == ()
    assert verdict.zscore > 7


def test_what_would_be_is_what_then_is(judge: ForestJudge) -> None:
    one = traffic(1, seed=5, start_ms=START_MS + 2 * 86_400_000)[0]
    expected = judge.would_be(one)
    columns = judge.judge([one])
    assert float(columns.score[0]) == expected.score
    assert float(columns.ml_score[0]) == expected.ml_score


def test_a_stored_verdict_is_explained_as_it_was(judge: ForestJudge) -> None:
    attack = card_testing(40, START_MS + 2 * 86_400_000)
    columns = judge.judge(attack)
    fields = {name: getattr(columns, name) for name in columns.__struct_fields__}
    judged = Judged(transactions=attack, positions=range(40), processing_ms=1.0, **fields)
    [verdict] = judge.explain([stored_form(judged, 39)])
    assert verdict.transaction_id == "x39"
    assert verdict.alert_level is AlertLevel.CRITICAL
    assert verdict.processing_time_ms == 1.0
    assert verdict.reasons == judge.reasons(columns.features)[39]


def test_the_model_can_be_changed_while_running(model: ModelArtefact) -> None:
    judge = ForestJudge(load_rules())
    judge.use(model)
    assert judge.judge(traffic(3)).model_version == "000001"
    with pytest.raises(Poisoned, match="other features"):
        judge.use(msgspec.structs.replace(model, features=("one",)))


def test_remembering_changes_the_memory_just_as_judging_does(model: ModelArtefact) -> None:
    one, other = ForestJudge(load_rules(), model), ForestJudge(load_rules(), model)
    one.judge(traffic(500))
    other.remember(traffic(500))
    after = traffic(50, seed=3)
    np.testing.assert_array_equal(one.judge(after).features, other.judge(after).features)


def test_an_unusable_snapshot_is_poisoned_and_changes_nothing(judge: ForestJudge, tmp_path: Path) -> None:
    one = traffic(1, seed=8)[0]
    before = judge.would_be(one).score
    with pytest.raises(Poisoned):
        judge.load(str(tmp_path / "none.bin"))
    assert judge.would_be(one).score == before


def test_an_empty_batch_is_judged_to_nothing(judge: ForestJudge) -> None:
    assert len(judge.judge([]).level) == 0


@pytest.mark.parametrize(
    ("rarity", "z", "warned", "critical", "level", "method"),
    [
        (0.1, 0.0, False, False, 0, Method.NONE),
        (2.0, 1.0, False, False, 0, Method.ML),
        (0.6, 6.0, False, False, 0, Method.ZSCORE),
        (3.1, 0.0, False, False, 1, Method.ML),
        (4.5, 0.0, False, False, 1, Method.ML),
        (4.5, -5.0, False, False, 2, Method.ML),
        (0.0, 0.0, True, False, 1, Method.RULES),
        (4.5, 0.0, True, False, 2, Method.RULES),
        (0.0, 0.0, False, True, 2, Method.RULES),
        (np.nan, 6.0, False, False, 0, Method.ZSCORE),
        (np.nan, 8.0, False, False, 1, Method.ZSCORE),
    ],
)
def test_the_level_needs_a_rule_a_very_rare_row_or_two_that_agree(
    rarity: float, z: float, warned: bool, critical: bool, level: int, method: Method
) -> None:
    evidence = Evidence(np.array([rarity]), np.float32([z]), np.array([warned]), np.array([critical]))
    combined = combine(evidence)
    assert combined.level[0] == level
    assert METHODS[combined.method[0]] is method
    assert 0 <= combined.score[0] <= 1
