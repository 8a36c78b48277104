"""The command `training`, and the bundles that it writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.vision.bundles import bundle_parts
from training import cli
from training.bundle.export import BundleParts, read_parts, write_bundle
from training.cli import main
from triage.errors import BundleError
from triage.vision.bundle import Bundle, default_bundle_folder

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"

# `training` in a process of its own, in which one package cannot be imported.
WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from training.cli import main
sys.exit(main(sys.argv[2:]))
"""


def test_the_recipes_are_listed_with_their_contracts(capsys) -> None:
    assert main(["list"]) == 0
    assert "cspine" in capsys.readouterr().out

    assert main(["list", "cspine"]) == 0
    shown = capsys.readouterr().out
    assert "Hardware" in shown
    assert "nothing about patients" in " ".join(shown.split())


def test_an_unknown_recipe_is_answered_with_those_that_there_are(capsys, tmp_path: Path) -> None:
    assert main(["run", "cspine-last", "--out", str(tmp_path / "b")]) == 1

    assert "cspine" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [[], ["run"], ["certify"], ["compare"], ["export"], ["list"], ["papers"], ["phantom"]],
)
def test_every_command_explains_itself(command: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])

    assert ended.value.code == 0
    assert len(capsys.readouterr().out) > 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "csm", "--out", "r", "--epochs", "0"], "'0' is no whole number from 1 on"),
        (["run", "csm", "--out", "r", "--batch", "1.5"], "'1.5' is no whole number from 1 on"),
        (["run", "cspine", "--out", "r", "--share", "-1"], "'-1' is no share above 0"),
        (["certify", "b", "--alpha", "0"], "'0' is no share between 0 and 1"),
        (["certify", "b", "--finding-alpha", "5"], "'5' is no share between 0 and 1"),
        (["certify", "b", "--delta", "nan"], "'nan' is no share between 0 and 1"),
        (["trial", "b", "--out", "t", "--films", "0"], "'0' is no whole number from 1 on"),
        (["report", "b", "--processes", "two"], "'two' is no whole number from 1 on"),
    ],
)
def test_a_number_that_cannot_be_is_refused_at_once(words: list[str], said: str, capsys) -> None:
    """A miss rate of 0, for one, would have the needed positives counted for ever."""
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == 2
    assert f"argument {words[-2]}: {said}" in capsys.readouterr().err


def test_help_needs_no_deep_learning_library() -> None:
    code = "import sys, training.cli; assert 'torch' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True)


def run_without(package: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = ["run", "csm", "--data", str(folder), "--out", str(folder / "run")]
    command = [sys.executable, "-c", WITHOUT, package, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", ["torchvision", "sklearn"])
def test_what_only_training_needs_is_named_when_it_is_missing(package: str, tmp_path: Path) -> None:
    ended = run_without(package, tmp_path)

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"training: {package} is not installed: pip install")
    assert "'cspine-triage[training]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_any_other_missing_package_is_a_fault_that_shows_itself(tmp_path: Path) -> None:
    """The extra would not bring it: an advice to install that would send people astray."""
    ended = run_without("safetensors", tmp_path)

    assert ended.returncode == 1
    assert "ModuleNotFoundError: No module named 'safetensors" in ended.stderr
    assert "pip install" not in ended.stderr


def test_the_packages_that_are_named_are_those_of_the_extra() -> None:
    extra = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]["training"]
    brought = packages_distributions()

    assert {name for package in cli._EXTRA for name in brought[package]} == {
        re.split("[><=]", line)[0] for line in extra
    }


def test_an_exported_bundle_is_the_same_bundle(tmp_path: Path) -> None:
    source = default_bundle_folder()

    assert main(["export", str(source), "--out", str(tmp_path / "copy")]) == 0

    assert Bundle.load(tmp_path / "copy").identity == Bundle.load(source).identity


def test_without_its_certificate_a_bundle_rules_nothing_out(tmp_path: Path) -> None:
    source = default_bundle_folder()

    arguments = ["export", str(source), "--out", str(tmp_path / "copy"), "--without-certificate"]
    assert main(arguments) == 0

    bundle = Bundle.load(tmp_path / "copy")
    assert all(point.rule_out is None for point in bundle.operating_points)
    assert bundle.identity.digest != Bundle.load(source).identity.digest
    assert "rules nothing out" in (bundle.folder / "card.md").read_text()


def test_a_damaged_bundle_is_not_exported(tmp_path: Path, capsys) -> None:
    folder = write_bundle(tmp_path / "bundle", bundle_parts()).folder
    (folder / "bundle.json").write_text("{}")

    assert main(["export", str(folder), "--out", str(tmp_path / "copy")]) == 1

    assert "install the bundle again" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(BundleError, match="another folder"):
        write_bundle(tmp_path, bundle_parts())

    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_parts_that_do_not_fit_together_replace_no_good_bundle(tmp_path: Path) -> None:
    good = write_bundle(tmp_path / "bundle", bundle_parts())
    parts = bundle_parts()
    wrong = BundleParts({**parts.manifest, "members": []}, parts.tensors, parts.certificate)

    with pytest.raises(BundleError):
        write_bundle(tmp_path / "bundle", wrong)

    assert Bundle.load(tmp_path / "bundle").identity == good.identity


def test_parts_read_back_are_those_that_were_written(tmp_path: Path) -> None:
    parts = bundle_parts()

    back = read_parts(write_bundle(tmp_path / "bundle", parts).folder)

    assert back.manifest == json.loads(json.dumps(parts.manifest))
    assert back.certificate == parts.certificate
    assert back.tensors.keys() == parts.tensors.keys()
