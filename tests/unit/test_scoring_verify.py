"""A stored verdict comes out again from its features, model and rules, and what does not is said."""

import json

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from guardian.bootstrap import build
from guardian.domain.transaction import Transaction
from guardian.entrypoints.cli import app
from guardian.entrypoints.cli_verify import drawn
from guardian.features.memory import Memory
from guardian.learning.lessons import Lessons
from guardian.learning.retrain import fitted
from guardian.pipeline import Parts
from guardian.scoring.rules.lists import Snooze
from guardian.scoring.verify import Verifier
from guardian.settings import load
from guardian.storage.base import Judged, StoredTransaction

START_MS = 1_700_000_000_000
ROWS = 3_000


def traffic(count: int, seed: int = 0) -> list[Transaction]:
    rng = np.random.default_rng(seed)
    times = START_MS + np.sort(rng.integers(0, 86_400_000, count))
    return [
        Transaction(
            transaction_id=f"{seed}-{place}",
            merchant_id=f"m{rng.integers(0, 20)}",
            status="denied" if rng.random() < 0.3 else "approved",
            amount_minor=int(rng.lognormal(8, 1.2)) + 1,
            event_ms=int(times[place]),
            received_ms=int(times[place]),
            card_bin=f"4111{place % 12:02d}",
            card_token=f"c{rng.integers(0, 60)}",
            acquirer="acq_a" if place % 3 else None,
        )
        for place in range(count)
    ]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """An installation that judged some without a model, some by a forest, some by learnt frauds too."""
    folder = tmp_path_factory.mktemp("data")
    made = build(load({}, data_dir=folder), "test")
    features = Memory().take_in(traffic(ROWS, seed=9))
    fraud = np.arange(ROWS) % 20 == 0
    lessons = Lessons(features, fraud, np.ones(ROWS))
    judge = made.judge("en")
    for seed, model in enumerate((None, fitted(features, None, 0), fitted(features, lessons, 0))):
        if model is not None:
            judge.use(made.registry.load(made.registry.save(model)))
        rows = traffic(ROWS, seed)
        columns = msgspec.structs.asdict(judge.judge(rows))
        positions = range(seed * ROWS, (seed + 1) * ROWS)
        made.store.transactions.keep(0, Judged(rows, positions, processing_ms=1.0, **columns))
    return made


def stored(parts: Parts, count: int = 3 * ROWS) -> list[StoredTransaction]:
    return list(parts.store.transactions.stored(drawn(parts.store.transactions, "live", count, 1)).values())


def verifier(parts: Parts) -> Verifier:
    return Verifier(parts.registry.load, parts.rules.load)


def test_every_stored_verdict_comes_out_again(parts: Parts) -> None:
    everything = stored(parts)
    assert len(everything) == 3 * ROWS
    assert {one.verdict.model_version for one in everything} == {"", "000001", "000002"}
    assert {one.verdict.level for one in everything} >= {0, 1}
    assert any(one.verdict.rules for one in everything)
    assert all(one.identical for one in verifier(parts).verify(everything))


def test_published_rules_change_nothing_of_what_was_judged_before(parts: Parts) -> None:
    before = parts.rules.current_version()
    snooze = Snooze("S-1", "card_velocity_1h", "card_token", "c1", START_MS * 2, "a test", "ana")
    assert parts.rules.snoozes.insert(snooze)
    assert parts.rules.publish() != before
    found = verifier(parts).verify(stored(parts))
    assert all(one.identical and one.rules_version == before for one in found)


@pytest.mark.parametrize(
    ("changes", "name", "kept"),
    [
        ({"level": 2}, "level", "CRITICAL"),
        ({"score": 0.123}, "score", 0.123),
        ({"rules": ("no_such_rule",)}, "rules", ("no_such_rule",)),
        ({"method": 2}, "method", "zscore"),
        ({"ml_score": None}, "ml_score", None),
    ],
)
def test_what_was_changed_is_named(parts: Parts, changes: dict[str, object], name: str, kept: object) -> None:
    one = next(one for one in stored(parts) if one.verdict.level == 0 and one.verdict.model_version)
    forged = msgspec.structs.replace(one, verdict=msgspec.structs.replace(one.verdict, **changes))
    (found,) = verifier(parts).verify([forged])
    assert not found.identical
    assert [(one.name, one.kept) for one in found.differences] == [(name, kept)]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model_version": "000099"}, "no such model"),
        ({"rules_version": "unheard"}, "no ruleset"),
        ({"rules_version": ""}, "no ruleset"),
        ({"features": (1.0, 2.0)}, "another version"),
    ],
)
def test_what_cannot_be_computed_again_is_said_and_stops_no_other(
    parts: Parts, changes: dict[str, object], why: str
) -> None:
    good, other = stored(parts, 2)
    lost = msgspec.structs.replace(other, verdict=msgspec.structs.replace(other.verdict, **changes))
    found = {one.transaction_id: one for one in verifier(parts).verify([good, lost])}
    assert found[good.transaction.transaction_id].identical
    assert why in found[lost.transaction.transaction_id].missing


def test_a_sample_is_drawn_evenly_and_the_same_for_a_seed(parts: Parts) -> None:
    transactions = parts.store.transactions
    first = drawn(transactions, "live", 900, 3)
    assert first == drawn(transactions, "live", 900, 3)
    assert len(set(first)) == 900
    shares = [sum(one.transaction_id.startswith(f"{seed}-") for one in first) / 900 for seed in range(3)]
    assert all(0.25 < share < 0.42 for share in shares)
    assert drawn(transactions, "unheard", 10, 0) == []


def test_the_command_tells_and_exits_by_what_it_found(parts: Parts) -> None:
    def ran(*words: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["verify", *words, "--data", str(parts.folder)])
        return result.exit_code, result.stdout, result.stderr

    code, out, err = ran("2-7")
    assert code == 0
    assert out.startswith("2-7: model 000002, rules ")
    assert out.rstrip().endswith(": identical")
    assert "1 of 1 verdicts identical." in err
    code, out, _ = ran("2-7", "--json")
    assert json.loads(out)["identical"] is True
    assert ran("--sample", "400")[:2] == (0, "")
    assert ran()[0] == ran("2-7", "--sample", "3")[0] == 2
