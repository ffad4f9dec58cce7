"""The judge of single transactions: memory, forest, z-score and rules behind one port."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from guardian.domain.errors import Poisoned
from guardian.domain.transaction import Transaction
from guardian.domain.verdict import LEVELS, AlertLevel, FiredRule, Method, Reason, Verdict
from guardian.features import snapshot
from guardian.features.definition import NAMES
from guardian.features.memory import DEFAULT_KEYS, Memory
from guardian.models.artefact import ModelArtefact
from guardian.scoring.base import VerdictColumns
from guardian.scoring.combine import RECOMMENDATIONS
from guardian.scoring.reasons import reasons_of
from guardian.scoring.rules.ruleset import RuleSet
from guardian.scoring.verdicts import verdicts
from guardian.storage.base import StoredTransaction, StoredVerdict

_METHODS = tuple(Method)


class ForestJudge:
    """Without a model, z-score and rules decide alone. `language` (en, pt) is that of its words."""

    def __init__(
        self,
        rules: RuleSet,
        model: ModelArtefact | None = None,
        language: str = "en",
        keys: int = DEFAULT_KEYS,
    ) -> None:
        self._rules = rules
        self._language = "pt" if language.startswith("pt") else "en"
        self._keys = keys
        self._memory = Memory(keys)
        self._model: ModelArtefact | None = None
        if model is not None:
            self.use(model)

    def use(self, model: ModelArtefact) -> None:
        """Score with this model from the next batch on. Raises Poisoned when it is for other features."""
        if model.features != NAMES:
            raise Poisoned("The model was made for other features.")
        self._model = model

    def take_up(self, rules: RuleSet) -> None:
        """Decide and explain by these rules from the next batch on."""
        self._rules = rules

    @property
    def rules_version(self) -> str:
        """The ruleset that decides."""
        return self._rules.version

    def judge(self, transactions: Sequence[Transaction]) -> VerdictColumns:
        return self._columns(transactions, self._memory.take_in(transactions))

    def remember(self, transactions: Sequence[Transaction]) -> None:
        self._memory.take_in(transactions)

    def would_be(self, transaction: Transaction) -> Verdict:
        started = time.perf_counter()
        columns = self._columns([transaction], self._memory.would_be(transaction))
        ml_score = float(columns.ml_score[0])
        verdict = StoredVerdict(
            ml_score=None if np.isnan(ml_score) else ml_score,
            zscore=float(columns.zscore[0]),
            score=float(columns.score[0]),
            level=int(columns.level[0]),
            method=int(columns.method[0]),
            rules=tuple(filter(None, columns.rules[0].split(","))),
            features=tuple(columns.features[0].tolist()),
            model_version=columns.model_version,
            rules_version=columns.rules_version,
            processing_ms=(time.perf_counter() - started) * 1000,
        )
        return self.explain([StoredTransaction(transaction, verdict)])[0]

    def explain(self, stored: Sequence[StoredTransaction]) -> list[Verdict]:
        reasons = self.reasons(np.array([one.verdict.features for one in stored], np.float32))
        return [self._explained(one, why) for one, why in zip(stored, reasons, strict=True)]

    def reasons(self, features: NDArray[np.float32]) -> list[tuple[Reason, ...]]:
        model = self._model
        return [()] * len(features) if model is None else reasons_of(model, features)

    def _explained(self, stored: StoredTransaction, reasons: tuple[Reason, ...]) -> Verdict:
        one, kept = stored.transaction, stored.verdict
        fired = self._rules.describe(kept.rules, one, self._language)
        method = _METHODS[kept.method]
        level = LEVELS[kept.level]
        return Verdict(
            transaction_id=one.transaction_id,
            merchant_id=one.merchant_id,
            source=one.source,
            event_ms=one.event_ms,
            ml_score=kept.ml_score,
            zscore=kept.zscore,
            rules=fired,
            score=kept.score,
            is_anomaly=level is not AlertLevel.NORMAL,
            alert_level=level,
            primary_method=method,
            recommendation=self._recommendation(level, method, fired),
            reasons=reasons,
            model_version=kept.model_version,
            rules_version=kept.rules_version,
            fallback=kept.ml_score is None,
            processing_time_ms=kept.processing_ms,
        )

    def save(self, path: str) -> None:
        snapshot.save(self._memory, path)

    def load(self, path: str) -> None:
        restored = Memory(self._keys)
        snapshot.load(restored, path)
        self._memory = restored  # only once it is whole: a bad file changes nothing

    def _columns(self, transactions: Sequence[Transaction], features: NDArray[np.float32]) -> VerdictColumns:
        return verdicts(self._model, self._rules, transactions, features)

    def _recommendation(self, level: AlertLevel, method: Method, fired: Sequence[FiredRule]) -> str:
        """The gravest rule's words, else those of the method that decided."""
        gravest = sorted(fired, key=lambda rule: rule.severity is not AlertLevel.CRITICAL)
        if gravest and gravest[0].recommendation:
            return gravest[0].recommendation
        shown = method if level is not AlertLevel.NORMAL and method in RECOMMENDATIONS else Method.NONE
        return RECOMMENDATIONS[shown][self._language]
