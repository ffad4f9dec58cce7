"""The worker is killed amid flagged traffic: every flagged transaction has one case, counted once."""

import random
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from guardian.cases.collection import REVIEW_KIND
from guardian.domain.case import Case
from guardian.storage.sqlite.database import open_database
from load import BATCH, row_of, settle
from running import Running, running, until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]
DEATHS = 3


def flagged(folder: Path) -> set[tuple[str, str]]:
    query = "SELECT merchant_id, transaction_id FROM events WHERE level > 0 AND source = 'live'"
    with closing(open_database(folder / "transactions.db", read_only=True)) as store:
        return set(store.execute(query))


def held(folder: Path) -> tuple[set[tuple[str, str]], dict[str, int], dict[str, int]]:
    """What is in cases, how much by case, and how much each case says it holds."""
    with closing(open_database(folder / "guardian.db", read_only=True)) as store:
        rows = store.execute("SELECT merchant_id, transaction_id, case_id FROM case_members").fetchall()
        docs = store.execute("SELECT doc FROM records WHERE kind = ?", (REVIEW_KIND,)).fetchall()
    cases = [msgspec.json.decode(doc, type=Case) for (doc,) in docs]
    members = {(merchant, name) for merchant, name, _ in rows}
    return members, Counter(case for *_, case in rows), {case.case_id: case.n for case in cases}


def attack(system: Running, number: int) -> None:
    """Forty cards are tried twelve times each, in an order of their own."""
    cards = [f"card-{number}-{at}" for at in range(40)]
    rows = [
        {**row_of(f"attack-{number}-{at}", 2), "status": "denied", "card_token": cards[at % len(cards)]}
        for at in range(12 * len(cards))
    ]
    until(
        lambda: system.ask("POST", BATCH, json={"transactions": rows}).status_code == 202,
        "the attack to be taken",
    )


def test_every_flagged_transaction_has_one_case_however_often_the_worker_dies(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        for number in range(DEATHS):
            attack(system, number)
            dead = system.part("worker")
            assert dead is not None
            time.sleep(random.Random(number).random() / 4)
            dead.kill()
            until(lambda: system.restarted("worker", dead), "the worker to be started again")  # noqa: B023
        attack(system, DEATHS)
        settle(system)
        assert len(flagged(tmp_path)) > 500
        until(lambda: held(tmp_path)[0] == flagged(tmp_path), "everything flagged to be in a case")
        _, counted, said = held(tmp_path)
        assert counted == said
