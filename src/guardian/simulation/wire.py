"""A transaction as callers send it."""

from guardian.domain.clock import iso
from guardian.domain.transaction import Transaction

_OPTIONAL = (
    "auth_code",
    "card_bin",
    "card_token",
    "user_id",
    "acquirer",
    "issuer",
    "mcc",
    "merchant_type",
    "country",
    "original_id",
)
COLUMNS = (
    "transaction_id",
    "timestamp",
    "status",
    "amount",
    "currency",
    "merchant_id",
    *_OPTIONAL,
)
"""The columns of a file of simulated transactions, in order."""


def wire_row(one: Transaction) -> dict[str, str]:
    """The row for POST /transactions/batch; it names its id, so that sending twice counts once."""
    row = {
        "transaction_id": one.transaction_id,
        "timestamp": iso(one.event_ms),
        "status": one.status,
        "amount": str(one.amount),
        "currency": one.currency,
        "merchant_id": one.merchant_id,
    }
    return row | {name: value for name in _OPTIONAL if (value := getattr(one, name)) is not None}
