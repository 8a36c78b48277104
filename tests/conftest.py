"""What every test may use, and the rule that a whole run leaves nothing out.

With ``TRIAGE_FORBID_SKIPS=1`` a skipped test fails the run: everything that tests need beyond
Python is then expected to be there.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import Clock
from triage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of real films and DICOM files, or skip."""
    folder = os.environ.get("TRIAGE_TEST_DATA", "")
    if not folder:
        pytest.skip("TRIAGE_TEST_DATA does not name the folder of real DICOM files")
    if not Path(folder).is_dir():
        pytest.fail(f"TRIAGE_TEST_DATA names {folder}, which is no folder")
    return Path(folder)


@pytest.fixture
def clock() -> Clock:
    """Return the clock of the test's store, which only the test moves."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """Return an empty store."""
    with Store.open(tmp_path / "state", clock) as opened:
        yield opened


@pytest.fixture(scope="session")
def require_program() -> Callable[..., str]:
    """Return a function that finds a program on the PATH, or skips and says why.

    Further names are other spellings of the same program.
    """

    def find(*names: str) -> str:
        found = next(filter(None, map(shutil.which, names)), None)
        if found is None:
            pytest.skip(f"{' or '.join(names)} is not installed")
        return found

    return find


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that must not skip when it has skipped."""
    if _forbidden_skips(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the skips that made the run fail."""
    skips = _forbidden_skips(terminalreporter.config)
    if skips:
        terminalreporter.section("skipped although TRIAGE_FORBID_SKIPS is set", red=True)
        for skip in skips:
            terminalreporter.line(skip)


def _forbidden_skips(config: pytest.Config) -> list[str]:
    if os.environ.get("TRIAGE_FORBID_SKIPS") != "1":
        return []
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    return [f"{report.nodeid}: {_reason(report)}" for report in skipped]


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    where = report.longrepr
    return str(where[2]) if isinstance(where, tuple) else str(where)
