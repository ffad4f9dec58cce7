"""`guardian verify`: stored verdicts computed again from what they were made of."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from guardian.domain.errors import NotFound
from guardian.domain.label import EventName
from guardian.domain.transaction import LIVE
from guardian.entrypoints.cli_care import FOUND, Data, parts_of
from guardian.entrypoints.cli_data_forms import AsJson, say
from guardian.pipeline import Parts
from guardian.storage.base import Span, StoredTransaction, Transactions

if TYPE_CHECKING:
    from guardian.scoring.verify import Verification

AT_ONCE = 500
FROM_EVER_MS, FOR_EVER_MS = -(1 << 40), 1 << 42


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    transaction_id: Annotated[str | None, typer.Argument(help="Of a stored transaction.")] = None,
    source: Annotated[str, typer.Option("--source", help="Whose transactions.")] = LIVE,
    sample: Annotated[int, typer.Option("--sample", min=0, help="So many drawn at random instead.")] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same draws the same.")] = 0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Recompute a verdict from its stored features, model and rules; 3 when it is not identical."""
    if (transaction_id is None) == (sample == 0):
        raise typer.BadParameter("name a transaction, or a number with --sample.")
    from guardian.scoring.verify import Verifier  # loads compiled code

    parts = parts_of(data)
    verifier = Verifier(parts.registry.load, parts.rules.load)
    checked = same = 0
    for stored in _chosen(parts, source, transaction_id, sample, seed):
        for one in verifier.verify(stored):
            checked, same = checked + 1, same + one.identical
            if transaction_id is not None or not one.identical:
                typer.echo(json.dumps(one.line()) if as_json else "\n".join(told(one)))
    say(f"{same} of {checked} verdicts identical.")
    raise typer.Exit(0 if same == checked else FOUND)


def told(one: "Verification") -> Iterator[str]:
    """The verification in words."""
    of = f"{one.transaction_id}: model {one.model_version or 'none'}, rules {one.rules_version or 'unknown'}"
    yield f"{of}: {'identical' if one.identical else 'not identical'}"
    if one.missing:
        yield f"  cannot be computed again: {one.missing}"
    for difference in one.differences:
        yield f"  {difference.name}: kept {difference.kept}, computed {difference.computed}"


def _chosen(
    parts: Parts, source: str, transaction_id: str | None, sample: int, seed: int
) -> Iterator[Sequence[StoredTransaction]]:
    """Raises NotFound where there is nothing to verify."""
    transactions = parts.store.transactions
    if transaction_id is not None:
        stored = transactions.get(transaction_id, source)
        if stored is None:
            raise NotFound("No transaction with this id has been processed.")
        yield [stored]
        return
    names = drawn(transactions, source, sample, seed)
    if not names:
        raise NotFound("There are no transactions of this source.")
    for start in range(0, len(names), AT_ONCE):
        yield list(transactions.stored(names[start : start + AT_ONCE]).values())


def drawn(transactions: Transactions, source: str, sample: int, seed: int) -> list[EventName]:
    """So many of all events, each as likely as any other (reservoir sampling, Vitter's algorithm R)."""
    rng = random.Random(seed)
    kept: list[EventName] = []
    seen = 0
    for block in transactions.history(
        Span(source, FROM_EVER_MS, FOR_EVER_MS), ("transaction_id", "merchant_id")
    ):
        for name in block.names(source):
            seen += 1
            place = seen - 1 if seen <= sample else rng.randrange(seen)
            if place < sample:
                kept[place : place + 1] = [name]
    return kept
