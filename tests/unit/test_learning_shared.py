"""The judge on the last week of the development transactions, having learnt from the weeks before."""

from pathlib import Path

import numpy as np
import pytest

from guardian.domain.clock import DAY_MS
from guardian.domain.transaction import Transaction
from guardian.learning.train import train
from guardian.scoring.judge import ForestJudge
from guardian.scoring.rules.ruleset import load_rules

FOLDER = Path(__file__).parents[2] / ".." / "shared" / "data" / "tx"
pytestmark = pytest.mark.shared


def development() -> tuple[list[Transaction], np.ndarray]:
    from pyarrow import parquet

    names = ["transaction_id", "timestamp", "status", "amount", "merchant_id", "card_bin", "card_token"]
    table = parquet.read_table(FOLDER / "tx_dev.parquet", columns=names)
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    events = [
        Transaction(
            transaction_id=str(identity),
            merchant_id=str(merchant),
            status=status,
            amount_minor=round(amount * 100),
            event_ms=round(time.timestamp() * 1000),
            received_ms=0,
            card_bin=str(bin_digits),
            card_token=str(card),
        )
        for identity, time, status, amount, merchant, bin_digits, card in rows
    ]
    labels = parquet.read_table(FOLDER / "tx_dev.labels.parquet", columns=["transaction_id", "is_fraud"])
    fraud = dict(zip(labels["transaction_id"].to_pylist(), labels["is_fraud"].to_pylist(), strict=True))
    return events, np.array([bool(fraud[identity]) for identity in table["transaction_id"].to_pylist()])


def test_clean_transactions_pass_and_fraud_ranks_first() -> None:
    if not FOLDER.exists():
        pytest.skip("the development data are not beside the project")
    from sklearn.metrics import average_precision_score

    events, fraud = development()
    newest_day = events[-1].event_ms // DAY_MS
    start = next(place for place, one in enumerate(events) if one.event_ms // DAY_MS > newest_day - 7)
    judge = ForestJudge(load_rules())
    past = judge.judge(events[:start]).features
    judge.use(train(past[start // 2 :: 5], now_ms=0, seed=0))
    columns = judge.judge(events[start:])
    now = fraud[start:]
    assert (columns.level[~now] > 0).mean() < 0.003
    assert average_precision_score(now, columns.score) > 0.75  # what is asked for
