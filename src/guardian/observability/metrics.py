"""The catalogue of metrics, in one typed place. No label holds an id."""

import os
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from guardian import __version__
from guardian.domain.anomaly import Anomaly
from guardian.observability.logs import get_logger

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
MERCHANT_TYPES = 50
OTHER = "other"
Blocks = dict[str, tuple[list[str], list[tuple[str, float]]]]
_log = get_logger(__name__)


class Metrics:
    """One process's metrics. Each part leaves its own in `folder`; `render` tells those of all."""

    def __init__(self, part: str, folder: Path) -> None:
        self._part = part
        self._folder = folder
        self._types: set[str] = set()
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        registry = self._registry = CollectorRegistry()
        self._transactions = Counter(
            "guardian_transactions", "Transactions judged", ["status", "merchant_type"], registry=registry
        )
        self._anomalies = Counter(
            "guardian_anomalies_detected",
            "Anomalies found",
            ["alert_level", "detection_method"],
            registry=registry,
        )
        self._latency = Histogram(
            "guardian_detection_latency_seconds",
            "From taking a batch to its verdicts being kept",
            buckets=SECONDS,
            registry=registry,
        )
        self._ml_score = Histogram(
            "guardian_ml_model_score", "Calibrated forest score", buckets=SCORES, registry=registry
        )
        self._queue = Gauge("guardian_processing_queue_size", "Accepted, not judged yet", registry=registry)
        self._dead = Counter("guardian_dead_letters", "Records parked", ["topic"], registry=registry)
        self._requests = Counter(
            "http_requests", "Answers given", ["method", "route", "status"], registry=registry
        )
        self._durations = Histogram(
            "http_server_request_duration_seconds",
            "Time to answer",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=registry,
        )
        self._rejected = Counter(
            "guardian_ingest_rejected", "Records refused at the door", ["reason"], registry=registry
        )
        self._restarts = Counter(
            "guardian_stage_restarts", "Parts started again after they died", ["part"], registry=registry
        )
        info = Gauge("guardian_build_info", "What runs here", ["version", "part"], registry=registry)
        info.labels(__version__, part).set(1)

    def transactions(self, kinds: Sequence[tuple[str, str]]) -> None:
        """Count judged transactions by (status, merchant type)."""
        for (status, merchant_type), n in Tally(kinds).items():
            if merchant_type not in self._types and len(self._types) < MERCHANT_TYPES:
                self._types.add(merchant_type)
            known = merchant_type if merchant_type in self._types else OTHER
            self._transactions.labels(status, known).inc(n)

    def verdicts(self, ml_scores: Sequence[float], seconds: float) -> None:
        """Observe one judged batch: its time, and a sample of its scores."""
        self._latency.observe(seconds)
        for score in ml_scores:
            self._ml_score.observe(score)

    def flagged(self, kinds: Sequence[tuple[str, str]]) -> None:
        """Count flagged transactions by (level, method)."""
        for kind, n in Tally(kinds).items():
            self._anomalies.labels(*kind).inc(n)

    def anomalies(self, found: Sequence[Anomaly]) -> None:
        """Count anomalies of the stream as they are raised."""
        for one in found:
            if one.over_ms is None:
                self._anomalies.labels(str(one.level), "stream").inc()

    def queue_size(self, records: int) -> None:
        """How many records wait to be judged."""
        self._queue.set(records)

    def parked(self, topic: str, records: int) -> None:
        """Count dead letters."""
        self._dead.labels(topic).inc(records)

    def rejected(self, reason: str, records: int = 1) -> None:
        """Count records refused at the door; `reason` is a code of ours, never input."""
        self._rejected.labels(reason).inc(records)

    def restarted(self, part: str) -> None:
        """Count a part that died and was started again, where the door finds it at once."""
        self._restarts.labels(part).inc()
        self.leave()

    def count_request(self, route: str, status: int, seconds: float, method: str = "POST") -> None:
        """Count an answer; `route` is the template, never the path with its ids."""
        key = method, route, status
        known = self._answers.get(key)
        if known is None:  # finding a metric by its labels costs more than counting
            labels = method, route, str(status)
            known = self._answers[key] = (self._requests.labels(*labels), self._durations.labels(*labels))
        count, duration = known
        count.inc()
        duration.observe(seconds)

    def leave(self) -> None:
        """Leave this part's metrics where the door finds them; on a full disk the last ones stay."""
        part = self._folder / f"{self._part}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(generate_latest(self._registry))
            part.replace(self._folder / f"{self._part}.prom")
        except OSError as failure:
            _log.warning("metrics_not_left", reason=os.strerror(failure.errno or 0))

    def render(self) -> bytes:
        """Prometheus text of every part: one block per family, the same sample of two parts added up."""
        families: dict[str, tuple[list[str], dict[str, float]]] = {}
        for blocks in self._parts():
            for name, (head, samples) in blocks.items():
                _, known = families.setdefault(name, (head, {}))
                for sample, value in samples:
                    known[sample] = known.get(sample, 0.0) + value
        lines: list[str] = []
        for head, totals in families.values():
            lines += [*head, *(f"{sample} {value}" for sample, value in totals.items())]
        return ("\n".join(lines) + "\n").encode()

    def as_json(self) -> dict[str, Any]:
        """The same, by family name."""
        return {
            family.name: [
                {"name": one.name, "labels": one.labels, "value": one.value} for one in family.samples
            ]
            for family in text_string_to_metric_families(self.render().decode())
        }

    def _parts(self) -> Iterator[Blocks]:
        yield _blocks(generate_latest(self._registry).decode())
        for path in sorted(self._folder.glob("*.prom")):
            if path.stem != self._part:
                try:
                    yield _blocks(path.read_bytes().decode())
                except (OSError, ValueError):  # removed just now, or torn by a power loss
                    _log.warning("metrics_of_part_unreadable", part=path.stem)


def _blocks(text: str) -> Blocks:
    """Family name -> (its HELP and TYPE lines, its samples). When a sample began is left out.

    Raises ValueError when the text is none of ours.
    """
    found: Blocks = {}
    head: list[str] = []
    samples: list[tuple[str, float]] = []
    for line in text.split("\n"):  # a label may hold other line breaks
        if line.startswith("# HELP "):
            head, samples = [line], []
            found[line.split(" ", 3)[2]] = (head, samples)
        elif line.startswith("#"):
            head.append(line)
        elif line:
            name, _, value = line.rpartition(" ")
            samples.append((name, float(value)))
    return {name: block for name, block in found.items() if not name.endswith("_created")}
