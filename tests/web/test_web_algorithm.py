"""What the pages know of the bundle, read beside them."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading

import pytest

from tests.waiting import until
from triage.errors import BundleError
from triage.vision.bundle import default_bundle_folder
from triage.web import Algorithm
from triage.web.algorithm import read_algorithm, reading_algorithm


def reading_has_ended() -> bool:
    """Whether neither the process nor the thread that read a bundle lives any more."""
    names = {thread.name.split(" ")[-1] for thread in threading.enumerate()}
    return not multiprocessing.active_children() and "(_receive_algorithm)" not in names


def test_a_bundle_is_read_in_a_process_of_its_own():
    if not default_bundle_folder().is_dir():
        pytest.skip("the bundle that comes along has not been made yet")
    known = reading_algorithm(None)
    until(lambda: known() is not None, "the bundle is read")
    algorithm = known()
    assert isinstance(algorithm, Algorithm)
    assert "phantom" in algorithm.identity.intended_use
    assert len(algorithm.points) == len(algorithm.findings) > 0
    until(reading_has_ended, "the process that reads has ended")


def test_a_bundle_that_is_missing_stays_unknown(tmp_path):
    with pytest.raises(BundleError):
        read_algorithm(tmp_path)
    known = reading_algorithm(tmp_path)
    until(reading_has_ended, "the process that reads has ended")
    assert known() is None


def test_the_web_role_does_not_carry_the_deep_learning_library():
    code = "import sys, triage.web; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "starlette" in modules
    assert "torch" not in modules


def test_scores_of_another_bundle_have_no_thresholds(algorithm):
    digest = algorithm.identity.digest
    assert algorithm.point("spondylosis", digest) is not None
    assert algorithm.point("spondylosis", "0" * 64) is None
    assert algorithm.point("unheard of", digest) is None
    assert algorithm.title("unheard of") == "unheard of"
