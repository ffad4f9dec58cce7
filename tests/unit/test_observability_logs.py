"""Every logger of the process ends in the same JSON lines, masked."""

import io
import json
import logging
from datetime import datetime

import pytest

from guardian import __version__
from guardian.observability.logs import configure, get_logger

PAN = "4111111111111111"


@pytest.fixture
def stream() -> io.StringIO:
    found = io.StringIO()
    configure("info", found)
    return found


@pytest.mark.parametrize("name", ["uvicorn.error", "uvicorn.access", "some.library"])
def test_loggers_of_others_go_through_the_same_pipeline(stream: io.StringIO, name: str) -> None:
    logging.getLogger(name).warning("card %s, %s", PAN, {"more": PAN})
    event = json.loads(stream.getvalue())
    assert PAN not in stream.getvalue()
    assert (event["logger"], event["level"]) == (name, "warning")
    assert (event["service.name"], event["service.version"]) == ("guardian", __version__)
    assert event["timestamp"].endswith("Z")
    assert datetime.fromisoformat(event["timestamp"]).utcoffset() is not None


def test_a_traceback_shows_no_local_values(stream: io.StringIO) -> None:
    hidden = "hunter" + "2"
    try:
        raise ValueError("odd" if hidden else "")
    except ValueError:
        get_logger("test").exception("thing_failed")
    assert "Traceback" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_facts_of_any_type_are_written_masked(stream: io.StringIO) -> None:
    get_logger("test").info("seen", fact=Exception(PAN), token="abc", infinite=float("inf"), pin=1, number=7)
    event = json.loads(stream.getvalue())
    assert PAN not in stream.getvalue()
    assert (event["token"], event["pin"], event["number"]) == ("***", "***", 7)
    assert event["infinite"] == "inf"


def test_what_is_below_the_level_is_silent(stream: io.StringIO) -> None:
    get_logger("test").debug("quiet")
    logging.getLogger("library").debug("quiet")
    assert stream.getvalue() == ""
