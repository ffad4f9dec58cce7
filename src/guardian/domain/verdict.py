"""What Guardian thinks of one transaction, and why."""

from enum import StrEnum

import msgspec


class AlertLevel(StrEnum):
    """How much attention something asks for."""

    NORMAL = "NORMAL"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


LEVELS = tuple(AlertLevel)


class Method(StrEnum):
    """Which part of the judgement decided."""

    NONE = "none"
    ML = "isolation_forest"
    ZSCORE = "zscore"
    RULES = "rules"
    FRAUD = "fraud_model"


METHODS = tuple(Method)


class Reason(msgspec.Struct, frozen=True, gc=False):
    """One feature against its usual range; `weight` is its share of the verdict, 0 to 1."""

    feature: str
    value: float
    low: float
    high: float
    weight: float


class FiredRule(msgspec.Struct, frozen=True, gc=False):
    """A rule whose condition held and counted, or a list that blocks or allows; NORMAL for the latter."""

    rule_id: str
    severity: AlertLevel
    recommendation: str


class Verdict(msgspec.Struct, frozen=True, gc=False, omit_defaults=False):
    """One combined, explained judgement of one transaction."""

    transaction_id: str
    merchant_id: str
    source: str
    event_ms: int
    ml_score: float | None
    """0 to 1, higher is rarer; None while no model has been learnt."""
    zscore: float
    rules: tuple[FiredRule, ...]
    score: float
    is_anomaly: bool
    alert_level: AlertLevel
    primary_method: Method
    recommendation: str
    reasons: tuple[Reason, ...]
    model_version: str
    fallback: bool
    processing_time_ms: float
    rules_version: str = ""
    """The ruleset that decided; empty for verdicts of before it was kept."""
