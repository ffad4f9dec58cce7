"""The only definition of features: their names, order and meaning."""

FEATURES = (
    ("log_amount", "ln(1 + amount) in major units", "Valor (log)", "Amount (log)"),
    (
        "merchant_amount_z",
        "log amount against the merchant's own history, in standard deviations",
        "Valor × lojista (z)",
        "Amount vs merchant (z)",
    ),
    (
        "card_amount_z",
        "log amount against the card's own history, in standard deviations",
        "Valor × cartão (z)",
        "Amount vs card (z)",
    ),
    (
        "card_amount_ratio",
        "log amount minus the card's mean log amount, shrunk while the card is little known",
        "Valor × média do cartão (log)",
        "Amount vs card mean (log)",
    ),
    (
        "merchant_burst_1m",
        "the merchant's last minute against a minute of its last hour",
        "Pico do lojista, 1 min",
        "Merchant burst, 1 min",
    ),
    (
        "merchant_burst_1h",
        "the merchant's last hour against an hour of its last day",
        "Pico do lojista, 1 h",
        "Merchant burst, 1 h",
    ),
    (
        "merchant_failure_rate_1h",
        "denied and failed of the merchant in 1 h ÷ (all + 10)",
        "Falhas do lojista, 1 h",
        "Merchant failure rate, 1 h",
    ),
    (
        "merchant_new_cards_10m",
        "share of cards never seen before at the merchant in 10 to 15 min, of (all + 10)",
        "Cartões inéditos no lojista, 10 min",
        "First-seen cards at merchant, 10 min",
    ),
    (
        "bin_burst_1h",
        "the BIN's last hour against an hour of its last day",
        "Pico do BIN, 1 h",
        "BIN burst, 1 h",
    ),
    (
        "bin_failure_rate_1h",
        "denied and failed of the BIN in 1 h ÷ (all + 10)",
        "Falhas do BIN, 1 h",
        "BIN failure rate, 1 h",
    ),
    (
        "bin_new_cards_10m",
        "share of cards never seen before of the BIN in 10 to 15 min, of (all + 10)",
        "Cartões inéditos no BIN, 10 min",
        "First-seen cards of BIN, 10 min",
    ),
    ("card_count_1h", "events of the card in 1 h", "Transações do cartão, 1 h", "Card events, 1 h"),
    ("card_count_24h", "events of the card in 24 h", "Transações do cartão, 24 h", "Card events, 24 h"),
    (
        "card_spend_24h",
        "ln(1 + sum of amounts of the card in 24 h)",
        "Gasto do cartão, 24 h (log)",
        "Card spend, 24 h (log)",
    ),
    (
        "card_failures_1h",
        "denied and failed of the card in 1 h",
        "Falhas do cartão, 1 h",
        "Card failures, 1 h",
    ),
    (
        "card_failure_rate_24h",
        "denied and failed of the card in 24 h ÷ (all + 2)",
        "Taxa de falha do cartão, 24 h",
        "Card failure rate, 24 h",
    ),
    (
        "card_new_merchants_1h",
        "merchants new to the card in 1 h",
        "Lojistas novos do cartão, 1 h",
        "New merchants of card, 1 h",
    ),
    (
        "card_reversals_24h",
        "reversals and refunds of the card in 24 h",
        "Estornos do cartão, 24 h",
        "Card reversals, 24 h",
    ),
    ("hour_sin", "sine of the hour of the day (UTC)", "Hora do dia (seno)", "Hour of day (sine)"),
    ("hour_cos", "cosine of the hour of the day (UTC)", "Hora do dia (cosseno)", "Hour of day (cosine)"),
    (
        "card_new_merchant",
        "1 when the card has never been seen at this merchant before",
        "Lojista novo para o cartão",
        "Merchant new to card",
    ),
    (
        "card_new_merchants_3d",
        "merchants new to the card, each weighing e times less every 3 days of the card's",
        "Lojistas novos do cartão, 3 d",
        "New merchants of card, 3 d",
    ),
    (
        "card_since_new_merchant",
        "ln(hours since the card last met a new merchant + 0.01); of 30 days when it never did",
        "Desde o último lojista novo (log h)",
        "Since last new merchant (log h)",
    ),
    (
        "merchant_volume_24h",
        "ln(1 + events of the merchant in 24 h)",
        "Volume do lojista, 24 h (log)",
        "Merchant volume, 24 h (log)",
    ),
    (
        "card_merchant_volume",
        "the volume of the merchants of the card's latest events, about five of them",
        "Volume dos lojistas do cartão (log)",
        "Volume of card's merchants (log)",
    ),
    (
        "merchant_reversal_rate_24h",
        "reversals and refunds of the merchant in 24 h ÷ (all + 10)",
        "Estornos do lojista, 24 h",
        "Merchant reversal rate, 24 h",
    ),
)
"""(name, meaning, Brazilian Portuguese label, English label) in the order of the columns."""

NAMES = tuple(name for name, _, _, _ in FEATURES)
FEATURE_COUNT = len(NAMES)
MEANINGS = {name: meaning for name, meaning, _, _ in FEATURES}
LABELS_PT = {name: portuguese for name, _, portuguese, _ in FEATURES}
LABELS_EN = {name: english for name, _, _, english in FEATURES}
INDEX = {name: column for column, name in enumerate(NAMES)}


def label(name: str, language: str = "en") -> str:
    """What people call the feature; its own name when it is not (or no longer) one of ours."""
    return (LABELS_PT if language.startswith("pt") else LABELS_EN).get(name, name)
