"""What the console is shown: read access to what is known, and the deeds of a person."""

from collections.abc import Callable, Mapping

import msgspec

from guardian.cases.desk import AnswerDesk, CaseDesk
from guardian.cases.quality import VerdictQuality
from guardian.cases.shelf import CaseShelf
from guardian.domain.alert import Alert
from guardian.domain.anomaly import Anomaly, Finding
from guardian.domain.clock import Clock
from guardian.domain.incident import Incident
from guardian.domain.verdict import Verdict
from guardian.incidents.stats import Stats
from guardian.scoring.rules.definition import Rule
from guardian.scoring.rules.desk import RuleDesk
from guardian.scoring.rules.report import Report as RuleReport
from guardian.storage.base import MinuteStore, StoredTransaction, Transactions
from guardian.storage.collection import Collection
from guardian.watching.outlook import Outlooks
from guardian.watching.quality import Report


class ConsoleView(msgspec.Struct, frozen=True):
    """The stores, the figures of /stats, and what a person may do to an incident (id, who) or say
    of a page (id, finding, who).

    `explain` is given a language, `medians` a model's version; `waiting` counts what was accepted and
    is not judged yet.
    """

    transactions: Transactions
    minutes: MinuteStore
    outlooks: Outlooks
    anomalies: Collection[Anomaly]
    alerts: Collection[Alert]
    incidents: Collection[Incident]
    explain: Callable[[StoredTransaction, str], Verdict]
    stats: Callable[[], Stats]
    waiting: Callable[[], int]
    acknowledge: Callable[[str, str], Incident]
    resolve: Callable[[str, str], Incident]
    answer: Callable[[str, Finding, str], Anomaly]
    shelf: CaseShelf
    cases: CaseDesk
    answers: AnswerDesk
    quality: Callable[[int], Report]
    verdict_quality: Callable[[int], VerdictQuality]
    feature_labels: Callable[[str, str], str]
    medians: Callable[[str], Mapping[str, float]]
    rules: RuleDesk
    try_rule: Callable[[Rule, int, str], RuleReport]
    clock: Clock
    zone: str = "America/Sao_Paulo"
    environment: str = "production"
