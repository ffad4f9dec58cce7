"""import, replay and simulate against a door on loopback that validates as the real one does."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from guardian.domain.clock import MINUTE_MS, SetClock, SystemClock, from_iso
from guardian.domain.errors import Misconfigured, Refused, Unavailable, Unreadable
from guardian.domain.transaction import DEFAULT_STATUSES
from guardian.entrypoints.cli_data import register
from guardian.entrypoints.cli_data_replay import Script, due_rows
from guardian.entrypoints.cli_data_simulate import to_system
from guardian.entrypoints.client import GuardianClient
from guardian.ingestion.accept import Acceptor
from guardian.ingestion.files import read_transactions
from guardian.simulation.live import read_order

HEADER = "timestamp,status,amount,merchant_id\n"
LINE = "2025-07-12 13:45:00,approved,1.50,M1\n"


class Door:
    """What arrived; `fail_after` posts it answers 422."""

    def __init__(self) -> None:
        self.transactions: dict[str, Any] = {}
        self.counts: list[dict[str, Any]] = []
        self.labels: list[dict[str, Any]] = []
        self.posts = 0
        self.fail_after = 1_000
        self.acceptor = Acceptor(DEFAULT_STATUSES, SystemClock(), frozenset)

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        self.posts += 1
        if self.posts > self.fail_after:
            return 422, {"detail": "Enough."}
        if path == "/counts":
            self.counts += json.loads(body)
            return 202, {"accepted": len(json.loads(body))}
        if path == "/labels":
            return 200, self.label(json.loads(body))
        taken = self.acceptor.many(body, lines=True)
        self.transactions |= {row.transaction_id: row for row in taken.transactions}
        return 202, {"accepted": len(taken.transactions), "rejected": msgspec.to_builtins(taken.rejected)}

    def label(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Knows no transaction whose id begins with u, and refuses those that begin with r."""
        self.labels += rows
        at = [row["transaction_id"][0] for row in rows]
        errors = [{"pointer": "/known_at", "detail": "Too soon."}]
        rejected = [{"index": n, "errors": errors} for n, sign in enumerate(at) if sign == "r"]
        unknown = [n for n, sign in enumerate(at) if sign == "u"]
        return {"accepted": len(rows) - len(rejected), "unknown": unknown, "rejected": rejected}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    door = Door()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, answer = door.answer(self.path, self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    access(tmp_path, f"http://127.0.0.1:{server.server_port}")
    yield door
    server.shutdown()
    thread.join()
    server.server_close()


def access(folder: Path, url: str, demo: bool = False) -> None:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "access.json").write_text(json.dumps({"url": url, "token": "t", "demo": demo}))


def url_of(folder: Path) -> str:
    return str(json.loads((folder / "data" / "access.json").read_text())["url"])


def guardian(folder: Path, *words: object) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, [*map(str, words), "--data", str(folder / "data")])


def file_of(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_an_import_keeps_good_rows_and_lists_the_bad_ones(tmp_path: Path, door: Door) -> None:
    lines = [LINE, "2025-07-12 13:45:00,approved,-5,M1\n", "never,approved,1,M1\n", LINE]
    path = file_of(tmp_path, "shop.csv", HEADER + "".join(lines))
    result = guardian(tmp_path, "import", path, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["accepted"], summary["rejected"], summary["sources"]) == (2, 2, ["shop"])
    assert len(door.transactions) == 2
    assert {row.source for row in door.transactions.values()} == {"shop"}
    listed = (tmp_path / "shop.csv.rejects.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in listed] == ["line", "3", "4"]
    assert "never" not in "".join(listed)
    assert "-5" not in "".join(listed)


def test_an_interrupted_import_goes_on_and_nothing_counts_twice(tmp_path: Path, door: Door) -> None:
    bad = "never,approved,1,M1\n"
    path = file_of(tmp_path, "big.csv", HEADER + bad + LINE * 6_000 + bad)
    door.fail_after = 1
    first = guardian(tmp_path, "import", path)
    assert isinstance(first.exception, Refused)
    assert len(door.transactions) == 4_999
    door.fail_after = 1_000
    second = guardian(tmp_path, "import", path, "--json")
    summary = json.loads(second.stdout)
    assert (summary["accepted"], summary["rejected"], summary["resumed"]) == (6_000, 2, True)
    assert len(door.transactions) == 6_000
    assert len((tmp_path / "big.csv.rejects.csv").read_text().splitlines()) == 3
    posts = door.posts
    assert json.loads(guardian(tmp_path, "import", path, "--json").stdout)["accepted"] == 6_000
    assert door.posts == posts
    assert guardian(tmp_path, "import", path, "--restart").exit_code == 0
    assert door.posts > posts
    assert len(door.transactions) == 6_000


def test_counts_of_several_files_go_in_time_order_and_end_with_a_last_one(tmp_path: Path, door: Door) -> None:
    status = file_of(
        tmp_path,
        "status.csv",
        "timestamp,status,count\n2025-07-12 13:46:00,denied,2\n2025-07-12 13:45:00,denied,x\n"
        "2025-07-12 13:45:00,approved,9\n",
    )
    codes = file_of(tmp_path, "codes.csv", "timestamp,auth_code,count\n2025-07-12 13:45:00,00,9\n")
    result = guardian(tmp_path, "import", status, codes, "--source", "july", "--tz", "America/Sao_Paulo")
    assert result.exit_code == 0, result.output
    assert door.counts == [
        {"minute": "2025-07-12T16:45:00Z", "by": "status", "counts": {"approved": 9}, "source": "july"},
        {"minute": "2025-07-12T16:45:00Z", "by": "auth_code", "counts": {"00": 9}, "source": "july"},
        {
            "minute": "2025-07-12T16:46:00Z",
            "by": "status",
            "counts": {"denied": 2},
            "source": "july",
            "last": True,
        },
    ]
    assert (tmp_path / "status.csv.rejects.csv").read_text().startswith("line,reason\n3,")
    assert not (tmp_path / "codes.csv.rejects.csv").exists()


def test_counts_and_transactions_are_not_mixed(tmp_path: Path, door: Door) -> None:
    one = file_of(tmp_path, "a.csv", HEADER + LINE)
    other = file_of(tmp_path, "b.csv", "timestamp,status,count\n")
    assert guardian(tmp_path, "import", one, other).exit_code == 2
    assert isinstance(guardian(tmp_path, "import", other).exception, Unreadable)


def test_usage_is_checked_before_anything_is_sent(tmp_path: Path, door: Door) -> None:
    path = file_of(tmp_path, "a.csv", HEADER + LINE)
    assert guardian(tmp_path, "import", tmp_path / "none.csv").exit_code == 2
    assert guardian(tmp_path, "import", path, "--url", "http://127.0.0.1:9").exit_code == 2
    assert guardian(tmp_path, "import", path, "--tz", "Mars").exit_code != 0
    assert guardian(tmp_path, "simulate", "--incident", "meteor").exit_code == 2
    assert guardian(tmp_path, "simulate", "--labels", tmp_path / "l.json").exit_code == 2
    assert guardian(tmp_path, "simulate", "--out", tmp_path / "o.csv", "--start", "noon").exit_code == 2
    assert door.posts == 0


def test_without_a_system_it_says_how_to_start_one(tmp_path: Path) -> None:
    path = file_of(tmp_path, "a.csv", HEADER + LINE)
    assert isinstance(guardian(tmp_path, "import", path).exception, Unavailable)


def test_another_system_needs_its_own_token(tmp_path: Path, door: Door) -> None:
    path = file_of(tmp_path, "a.csv", HEADER + LINE)
    token = file_of(tmp_path, "token", "other\n")
    result = guardian(tmp_path, "import", path, "--url", url_of(tmp_path), "--token-file", token)
    assert result.exit_code == 0
    assert len(door.transactions) == 1


def test_a_list_of_rejects_that_cannot_be_written_is_said(tmp_path: Path, door: Door) -> None:
    path = file_of(tmp_path, "a.csv", HEADER + "never,approved,1,M1\n")
    (tmp_path / "a.csv.rejects.csv").symlink_to(tmp_path / "no" / "where")
    assert isinstance(guardian(tmp_path, "import", path).exception, Misconfigured)


def test_a_replay_bears_the_present_time_and_new_ids(tmp_path: Path, door: Door) -> None:
    rows = "2025-07-12 13:45:00,approved,1,M1,a\n2025-07-12 13:45:30,denied,2,M2,b\n"
    path = file_of(tmp_path, "a.csv", "timestamp,status,amount,merchant_id,transaction_id\n" + rows)
    result = guardian(tmp_path, "replay", path, "--speed", "1000")
    assert result.exit_code == 0, result.output
    now_ms = SystemClock().now_ms()
    times = sorted(row.event_ms for row in door.transactions.values())
    assert times[1] - times[0] == 30_000
    assert now_ms - 5_000 < times[1] <= now_ms
    assert not {"a", "b"} & set(door.transactions)
    assert {row.source for row in door.transactions.values()} == {"live"}
    assert guardian(tmp_path, "replay", path, "--speed", "1000", "--keep-times").exit_code == 0
    assert door.transactions["a"].event_ms == from_iso("2025-07-12T13:45:00Z")
    assert door.transactions["a"].source == "a"


def test_counts_are_replayed_as_whole_minutes_when_these_are_over(tmp_path: Path, door: Door) -> None:
    text = "timestamp,status,count\n2025-07-12 13:45:00,denied,1\n2025-07-12 13:46:00,denied,2\n"
    result = guardian(tmp_path, "replay", file_of(tmp_path, "c.csv", text), "--speed", "500")
    assert result.exit_code == 0, result.output
    minutes = [from_iso(item["minute"]) for item in door.counts]
    assert minutes[1] - minutes[0] == MINUTE_MS
    assert minutes[0] % MINUTE_MS == 0
    assert minutes[1] + MINUTE_MS <= SystemClock().now_ms()


def test_an_empty_replay_is_refused(tmp_path: Path, door: Door) -> None:
    result = guardian(tmp_path, "replay", file_of(tmp_path, "a.csv", HEADER))
    assert isinstance(result.exception, Unreadable)


def test_a_replay_keeps_the_pace_and_is_never_ahead_of_the_clock() -> None:
    clock = SetClock(10_000_000)
    script = Script(first_ms=0, last_ms=60_000, start_ms=clock.now_ms(), speed=2.0)
    events = [(at_ms, b'{"transaction_id":"x"}') for at_ms in range(0, 60_001, 5_000)]
    sent = []
    for rows in due_rows(events, script, clock, lambda seconds: clock.advance(round(seconds * 1000))):
        assert all(from_iso(row["timestamp"]) <= clock.now_ms() for row in rows)
        sent.append(clock.now_ms())
    assert sent[-1] - sent[0] == 30_000
    assert len(sent) == len(events)


def test_an_incident_for_the_running_demo_is_left_as_an_order(tmp_path: Path, door: Door) -> None:
    access(tmp_path, url_of(tmp_path), demo=True)
    result = guardian(tmp_path, "simulate", "--incident", "outage", "--json")
    assert result.exit_code == 0, result.output
    asked = read_order(tmp_path / "data" / "simulate.json")
    assert asked is not None
    assert (asked.kind, asked.end_ms - asked.start_ms) == ("outage_total", 12 * MINUTE_MS)
    assert abs(asked.start_ms - SystemClock().now_ms()) < 10_000
    assert "outage_total" in result.stderr
    assert json.loads(result.stdout)["incidents"][0]["kind"] == "outage_total"
    assert door.posts == 0


@pytest.mark.parametrize("name", ["t.ndjson", "t.csv"])
def test_a_simulated_file_can_be_had_again_read_and_scored(tmp_path: Path, name: str) -> None:
    words = ["simulate", "--minutes", 120, "--start", "2026-03-01T15:00:00Z", "--incident", "missing_minutes"]
    words += ["--after", 60, "--labels", tmp_path / "labels.json", "--out"]
    assert guardian(tmp_path, *words, tmp_path / name).exit_code == 0
    assert guardian(tmp_path, *words, tmp_path / f"again-{name}").exit_code == 0
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()
    rows = [row for batch in read_transactions(tmp_path / name) for row in batch.rows]
    assert len(rows) > 5_000
    assert not [row for row in rows if "2026-03-01T16:00" <= row["timestamp"] < "2026-03-01T16:06"]
    document = json.loads((tmp_path / "labels.json").read_text())
    assert document["events"][0]["start"] == "2026-03-01 16:00:00"
    assert document["span"] == ["2026-03-01 15:00:00", "2026-03-01 16:59:00"]


def test_files_that_cannot_be_written_are_said(tmp_path: Path, door: Door) -> None:
    missing = tmp_path / "no" / "where.csv"
    words = ["simulate", "--minutes", 1, "--incident", "outage"]
    assert isinstance(guardian(tmp_path, *words, "--out", missing).exception, Misconfigured)
    result = guardian(tmp_path, *words, "--out", tmp_path / "a.csv", "--labels", missing)
    assert isinstance(result.exception, Misconfigured)


def test_traffic_of_its_own_is_sent_as_it_falls_due(tmp_path: Path, door: Door) -> None:
    from guardian.entrypoints.cli_data_forms import Simulate

    clock = SystemClock()
    set_clock = SetClock(clock.now_ms() - 4 * MINUTE_MS)
    form = Simulate(rate=3_000.0, minutes=3, incident="missing_minutes", after=1)
    with GuardianClient(url_of(tmp_path), "t") as client:
        to_system(form, client, set_clock, lambda seconds: set_clock.advance(round(seconds * 20_000)))
    times = [row.event_ms for row in door.transactions.values()]
    assert times
    assert max(times) - min(times) < MINUTE_MS


def test_ctrl_c_ends_the_traffic_in_order(tmp_path: Path, door: Door) -> None:
    from guardian.entrypoints.cli_data_forms import Simulate

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with GuardianClient(url_of(tmp_path), "t") as client:
        to_system(Simulate(), client, SystemClock(), stop)
    assert door.posts == 0
