"""What all tests share: profiles, the development data, and no silent skip where CI can have a thing."""

import logging
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

# the machines are shared and noisy: slowness of one example says nothing
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# the same examples on every run: what CI says of a commit must not depend on luck
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, max_examples=100)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often the fault test kills everything: a few times by default, 20 times in CI."""
    parser.addoption("--rounds", type=int, default=3, help="rounds of killing every process")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the profile, and name the marker of tests that `make services` runs."""
    settings.load_profile("ci" if os.environ.get("CI") else "default")
    config.addinivalue_line("markers", "services: needs a real server that `make services` starts")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data beside the project."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the development data (../shared) is not beside the project")
    return SHARED / "data"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A test that sets up the logs of a process leaves none of it to the next one."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip of what CI can have is a failure."""
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if os.environ.get("CI") and skipped and can_be_had(item):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped although CI can have what it needs ({reason_of(report)})"
    return report


def can_be_had(item: pytest.Item) -> bool:
    """Whether CI has no excuse: it can install a browser, and sees whether the data are there."""
    if item.get_closest_marker("browser"):
        return True
    return item.get_closest_marker("shared") is not None and SHARED.is_dir()


def reason_of(report: pytest.TestReport) -> str:
    """Why the test skipped itself."""
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
