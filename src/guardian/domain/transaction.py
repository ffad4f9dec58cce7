"""A payment transaction as it travels the bus: validated, normalised, with its id and times."""

from decimal import Decimal

import msgspec

LIVE = "live"
APPROVED = "approved"
DEFAULT_STATUSES = (
    "approved",
    "denied",
    "failed",
    "reversed",
    "backend_reversed",
    "refunded",
    "processing",
)
# ISO 4217 minor units where they are not two
CURRENCY_EXPONENTS = {
    "JPY": 0,
    "KRW": 0,
    "CLP": 0,
    "PYG": 0,
    "VND": 0,
    "ISK": 0,
    "UGX": 0,
    "KWD": 3,
    "BHD": 3,
    "OMR": 3,
    "JOD": 3,
    "TND": 3,
    "IQD": 3,
    "LYD": 3,
}


class Transaction(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One event of one merchant. Times are UTC milliseconds, money is integer minor units."""

    transaction_id: str
    merchant_id: str
    status: str
    amount_minor: int
    event_ms: int
    received_ms: int
    currency: str = "BRL"
    source: str = LIVE
    given_id: bool = False
    """The caller chose the id, so the event may arrive again."""
    auth_code: str | None = None
    card_bin: str | None = None
    card_token: str | None = None
    user_id: str | None = None
    acquirer: str | None = None
    issuer: str | None = None
    mcc: str | None = None
    merchant_type: str | None = None
    country: str | None = None
    original_id: str | None = None

    @property
    def amount(self) -> Decimal:
        """The amount in major units."""
        return Decimal(self.amount_minor).scaleb(-currency_exponent(self.currency))


def currency_exponent(currency: str) -> int:
    """Decimal places of the currency (ISO 4217)."""
    return CURRENCY_EXPONENTS.get(currency, 2)
