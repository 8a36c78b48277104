"""The rule of tests/conftest.py that a whole run leaves nothing out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def outcome_of(root, tmp_path):
    """Return a function that runs one test module under our conftest, with a variable set."""

    def run(source, forbid):
        shutil.copy(root / "tests" / "conftest.py", tmp_path)
        (tmp_path / "test_it.py").write_text(source)
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", tmp_path],
            env={**os.environ, "TRIAGE_FORBID_SKIPS": forbid, "PYTHONPATH": str(root)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


SKIPS = "def test_it(require_program):\n    require_program('no-such-program')\n"
SKIPS_WHOLE = "import pytest\npytest.skip('no peer', allow_module_level=True)\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [(SKIPS, "no-such-program is not installed"), (SKIPS_WHOLE, "no peer")],
)
def test_a_skip_fails_a_run_that_must_not_skip_and_is_listed(outcome_of, source, reason):
    done = outcome_of(source, "1")
    assert done.returncode != 0
    assert "skipped although TRIAGE_FORBID_SKIPS is set" in done.stdout
    assert reason in done.stdout


def test_a_skip_passes_elsewhere(outcome_of):
    assert outcome_of(SKIPS, "").returncode == 0


def test_a_run_without_skips_passes(outcome_of):
    assert outcome_of("def test_it():\n    assert True\n", "1").returncode == 0
