"""Every message of the command line: one line that says what is, the right exit code, never a traceback."""

import json
import os
import socket
import stat
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from guardian.bootstrap import build
from guardian.bus.base import COUNTS, TRANSACTIONS, dead_letters_of, parked
from guardian.domain.errors import Conflict, GuardianError, Misconfigured, Unavailable
from guardian.entrypoints.cli import app
from guardian.entrypoints.embedded import alone_on
from guardian.entrypoints.run import refuse_taken_port
from guardian.pipeline import Parts
from guardian.settings import Http, load

PAN = "4111111111111111"
TRACE = "00-" + "ab" * 16 + "-" + "1" * 16 + "-01"


def guardian(folder: Path, *words: str, given: str = "", **environment: str) -> Result:
    variables = {"GUARDIAN_DATA_DIR": str(folder), "COLUMNS": "200"} | environment
    return CliRunner(env=variables).invoke(app, list(words), input=given)


def parts_of(folder: Path) -> Parts:
    return build(load({}, data_dir=folder), "test")


@pytest.mark.parametrize(
    "words",
    [
        *(["nonsense"], ["up", "--nope"], ["up", "--port", "0"], ["up", "--port", "x"], ["config", "hide"]),
        *(["token", "--role", "king"], ["token", "--hours", "0"], ["users", "create", "ana", "--role", "x"]),
        *(
            ["dlq", "replay", "nope"],
            ["import"],
            ["import", "/nowhere"],
            ["import", "/"],
            ["replay", "/nowhere"],
        ),
        *(["simulate", "--rate", "-1"], ["simulate", "--incident", "nope", "--out", "/tmp/x"], ["backtest"]),
        *(["backtest", "counts", "/nowhere"], ["users", "create", "ana"], ["users", "password", "ana"]),
    ],
    ids=" ".join,
)
def test_wrong_words_are_a_usage_error(tmp_path: Path, words: list[str]) -> None:
    result = guardian(tmp_path / "data", *words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "option", [["--tz", "Nope/Zone"], ["--source", PAN], ["--source", " "], ["--source", "x" * 51]]
)
def test_a_wrong_option_of_an_import_is_a_usage_error_and_not_repeated(
    tmp_path: Path, option: list[str]
) -> None:
    (tmp_path / "x.csv").write_text("status,amount,merchant_id\n")
    result = guardian(tmp_path / "data", "import", str(tmp_path / "x.csv"), *option)
    assert result.exit_code == 2
    assert PAN not in result.output


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GUARDIAN_NOPE", "1"),
        ("GUARDIAN_HTTP__PORT", PAN),
        ("GUARDIAN_OBSERVABILITY__LOG_LEVEL", "loud"),
        ("GUARDIAN_CONSOLE__ZONE", "Nope/Zone"),
        ("GUARDIAN_BUS__URL", f"kafka://{PAN}"),
        ("GUARDIAN_STORAGE__URL", "postgresql://user:hunter2@host/db"),
        ("GUARDIAN_ALERTING__WEBHOOK_URL", "https://example.org/hunter2"),
        ("GUARDIAN_SCORING__RULES_FILE", "/nowhere"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(tmp_path: Path, variable: str, value: str) -> None:
    result = guardian(tmp_path / "data", "token", **{variable: value})
    assert isinstance(result.exception, Misconfigured)
    told = str(result.exception)
    assert variable.rpartition("__")[0] in told or variable in told or "rules" in told
    assert PAN not in told
    assert "hunter2" not in told


def test_a_data_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for words in (["token"], ["users", "list"], ["audit", "verify"], ["db", "upgrade"], ["dlq", "list"]):
        result = guardian(tmp_path / "file", *words)
        assert isinstance(result.exception, Misconfigured)
        assert "GUARDIAN_DATA_DIR" in str(result.exception)


def test_a_user_is_made_and_changed_without_a_terminal(tmp_path: Path) -> None:
    made = guardian(
        tmp_path, "users", "create", "ana", "--role", "analyst", "--password-stdin", given="a long secret\n"
    )
    assert made.exit_code == 0
    assert guardian(tmp_path, "users", "list").stdout == "ana\tanalyst\tactive\n"
    assert (
        guardian(tmp_path, "users", "password", "ana", "--password-stdin", given="another one\r\n").exit_code
        == 0
    )
    short = guardian(tmp_path, "users", "password", "ana", "--password-stdin", given="hunter2")
    assert isinstance(short.exception, GuardianError)
    assert "hunter2" not in str(short.exception)
    told = guardian(tmp_path, "users", "create", "bob", given="a long secret\na long secret\n")
    assert (told.exit_code, "--password-stdin" in told.output) == (2, True)


def test_dead_letters_are_shown_masked_and_published_again_once_with_their_headers(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    letters = [parked(f"card {PAN}".encode(), {"traceparent": TRACE}, "unreadable", 7)]
    parts.bus.publish(dead_letters_of(COUNTS), letters)
    shown = guardian(tmp_path, "dlq", "list")
    assert PAN not in shown.output
    assert json.loads(shown.stdout)["headers"] == {
        "traceparent": TRACE,
        "reason": "unreadable",
        "position": "7",
    }
    assert "1 records" in guardian(tmp_path, "dlq", "replay", COUNTS).output
    assert "0 records" in guardian(tmp_path, "dlq", "replay", COUNTS).output
    batch = parts.bus.subscribe(COUNTS, "g").take(10, 1.0)
    assert batch is not None
    assert (list(batch.values), dict(batch.headers)) == (
        [f"card {PAN}".encode()],
        {0: {"traceparent": TRACE}},
    )
    parts.bus.close()


def test_a_data_folder_has_one_up_at_a_time(tmp_path: Path) -> None:
    with alone_on(tmp_path), pytest.raises(Conflict, match=f"process {os.getpid()}"), alone_on(tmp_path):
        pass
    with alone_on(tmp_path):
        pass


def test_a_taken_port_or_a_foreign_host_is_said_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"Port {port} is taken"):
            refuse_taken_port(Http(port=port))
    refuse_taken_port(Http(port=port))
    with pytest.raises(Unavailable, match="GUARDIAN_HTTP__HOST"):
        refuse_taken_port(Http(host="203.0.113.7", port=port))


def findings(folder: Path, **environment: str) -> tuple[int, str]:
    result = guardian(folder, "doctor", "--json", **environment)
    told = json.loads(result.stdout)
    assert told["ok"] is (result.exit_code == 0)
    return result.exit_code, " ".join(told["findings"])


def test_a_doctor_finds_nothing_in_a_new_installation_but_says_what_is_not_set_up(tmp_path: Path) -> None:
    assert findings(tmp_path) == (0, "")
    said = guardian(tmp_path, "doctor").output
    assert "WEBHOOK_URL" in said
    assert "guardian up" in said


SECRET = "whsec_" + "QUJD" * 8


def break_nothing(folder: Path) -> None:
    """The environment is what is wrong."""


def leave_an_access_file(folder: Path) -> None:
    (folder / "access.json").write_text('{"url":"http://127.0.0.1:9","token":"x"}')


def open_the_key(folder: Path) -> None:
    guardian(folder, "token")
    (folder / "keys" / "signing.pem").chmod(stat.S_IRUSR | stat.S_IROTH)


def damage_the_model(folder: Path) -> None:
    parts_of(folder).bus.close()
    (folder / "models" / "000001.npz").write_bytes(b"no model")
    (folder / "models" / "champion").write_text("000001")


def park_a_record(folder: Path) -> None:
    bus = parts_of(folder).bus
    bus.publish(dead_letters_of(TRANSACTIONS), [parked(b"x", None, "unreadable", 1)])
    bus.close()


def damage_the_store(folder: Path) -> None:
    (folder / "guardian.db").write_bytes(b"\0garbage" * 1_000)


def change_the_audit_log(folder: Path) -> None:
    guardian(folder, "token", "--name", "ana")
    import sqlite3

    with sqlite3.connect(folder / "guardian.db") as connection:
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE audit SET actor = 'eve'")


@pytest.mark.parametrize(
    ("breaks", "environment", "advice"),
    [
        (leave_an_access_file, {}, "guardian up"),
        (open_the_key, {}, "chmod 600"),
        (damage_the_model, {}, "Model 000001"),
        (park_a_record, {}, "guardian dlq list"),
        (damage_the_store, {}, "guardian restore"),
        (change_the_audit_log, {}, "audit log has been changed"),
        (
            break_nothing,
            {"GUARDIAN_ALERTING__WEBHOOK_URL": "ftp://hunter2", "GUARDIAN_ALERTING__WEBHOOK_SECRET": SECRET},
            "http:// or https://",
        ),
        (break_nothing, {"GUARDIAN_ALERTING__WEBHOOK_URL": "https://example.org/"}, "WEBHOOK_SECRET"),
        (break_nothing, {"GUARDIAN_BUS__URL": "kafka://x"}, "GUARDIAN_BUS__URL"),
    ],
)
def test_a_doctor_finds_what_is_wrong_and_says_what_to_do(
    tmp_path: Path, breaks: object, environment: dict[str, str], advice: str
) -> None:
    assert callable(breaks)
    breaks(tmp_path)
    code, told = findings(tmp_path, **environment)
    assert (code, advice in told) == (3, True), told
    assert "hunter2" not in told


def test_an_audit_log_that_was_changed_is_found(tmp_path: Path) -> None:
    assert guardian(tmp_path, "audit", "verify").exit_code == 0
    change_the_audit_log(tmp_path)
    assert guardian(tmp_path, "audit", "verify").exit_code == 3


def test_there_is_a_command_for_all_that_is_promised() -> None:
    names = set(typer.main.get_group(app).commands)  # type: ignore[attr-defined]
    assert {
        "up",
        "api",
        "work",
        "import",
        "replay",
        "simulate",
        "backtest",
        "doctor",
        "token",
        "users",
    } <= names
    assert {"config", "db", "dlq", "backup", "restore", "audit", "version"} <= names
