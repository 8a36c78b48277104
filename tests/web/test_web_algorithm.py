"""What the pages know of the bundle."""

from __future__ import annotations

import subprocess
import sys

from triage.vision.bundle import Bundle, default_bundle_folder
from triage.web.algorithm import read_algorithm


def test_the_bundle_that_comes_along_is_named_with_its_findings():
    algorithm = read_algorithm(None)
    assert algorithm.identity == Bundle.load(default_bundle_folder()).identity
    assert "phantom" in algorithm.identity.intended_use
    assert len(algorithm.points) == len(algorithm.findings) > 0


def test_a_bundle_that_is_missing_leaves_the_page_without_its_name(tmp_path):
    assert read_algorithm(tmp_path) is None


def test_the_web_role_does_not_carry_the_deep_learning_library():
    code = "import sys, triage.web.server; print(*sys.modules)"
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
