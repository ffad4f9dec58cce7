"""The metrics of several parts, told as one."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from guardian.observability.metrics import MERCHANT_TYPES, Metrics


def values(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def test_parts_add_up_and_no_sample_stands_twice(tmp_path: Path) -> None:
    door, worker = Metrics("door", tmp_path), Metrics("worker", tmp_path)
    worker.transactions([("approved", "food"), ("approved", "food"), ("denied", "toys")])
    worker.verdicts([0.5, 0.95], 0.15)
    worker.flagged([("CRITICAL", "rules"), ("WARNING", "ml"), ("CRITICAL", "rules")])
    worker.queue_size(7)
    worker.parked("topic", 2)
    worker.leave()
    door.count_request("/transaction", 202, 0.003)
    door.leave()
    found = values(door)
    assert found["guardian_transactions_total", (("merchant_type", "food"), ("status", "approved"))] == 2
    assert found["guardian_detection_latency_seconds_bucket", (("le", "0.2"),)] == 1
    assert found["guardian_processing_queue_size", ()] == 7
    assert found["guardian_dead_letters_total", (("topic", "topic"),)] == 2
    critical = (("alert_level", "CRITICAL"), ("detection_method", "rules"))
    assert found["guardian_anomalies_detected_total", critical] == 2
    request = (("method", "POST"), ("route", "/transaction"), ("status", "202"))
    assert found["http_requests_total", request] == 1
    lines = [line for line in door.render().decode().splitlines() if not line.startswith("#")]
    names = [line.rpartition(" ")[0] for line in lines]
    assert len(names) == len(set(names))
    assert sum(one["value"] for one in door.as_json()["guardian_anomalies_detected"]) == 3


def test_merchant_types_are_bounded(tmp_path: Path) -> None:
    metrics = Metrics("worker", tmp_path)
    metrics.transactions([("approved", f"type {number}") for number in range(MERCHANT_TYPES + 20)])
    families = [key for key in values(metrics) if key[0] == "guardian_transactions_total"]
    assert len(families) == MERCHANT_TYPES + 1


def test_refusals_and_restarts_are_counted(tmp_path: Path) -> None:
    metrics = Metrics("door", tmp_path)
    metrics.rejected("card_number", 3)
    metrics.restarted("worker")
    found = values(metrics)
    assert found["guardian_ingest_rejected_total", (("reason", "card_number"),)] == 3
    assert found["guardian_stage_restarts_total", (("part", "worker"),)] == 1


def test_a_torn_file_of_another_part_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "worker.prom").write_bytes(b"\x00" * 50)
    (tmp_path / "other.prom").write_bytes(b"\xff\xfe")
    metrics = Metrics("door", tmp_path)
    metrics.queue_size(7)
    assert values(metrics)["guardian_processing_queue_size", ()] == 7


@pytest.mark.parametrize("odd", ['"', "\\", "\n", "\r", "\x85", "\u2028", "a b", "{}", "é"])
def test_any_label_value_survives_the_way_through_a_file(tmp_path: Path, odd: str) -> None:
    door, worker = Metrics("door", tmp_path), Metrics("worker", tmp_path)
    for metrics in (door, worker):
        metrics.transactions([("approved", f"a{odd}b")])
    worker.leave()
    total = [value for key, value in values(door).items() if key[0] == "guardian_transactions_total"]
    assert total == [2]


def test_a_full_disk_leaves_the_metrics_as_they_were(tmp_path: Path) -> None:
    worker = Metrics("worker", tmp_path)
    worker.queue_size(7)
    worker.leave()
    (tmp_path / "worker.part").mkdir()  # cannot be written, as on a disk that takes no more
    worker.queue_size(8)
    worker.leave()
    assert values(Metrics("door", tmp_path))["guardian_processing_queue_size", ()] == 7
