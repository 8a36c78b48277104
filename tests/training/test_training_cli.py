"""The command `training`, and the bundles that it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.vision.bundles import bundle_parts
from training.bundle.export import BundleParts, read_parts, write_bundle
from training.cli import main
from triage.errors import BundleError
from triage.vision.bundle import Bundle, default_bundle_folder

if TYPE_CHECKING:
    from pathlib import Path


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


def test_help_needs_no_deep_learning_library() -> None:
    code = "import sys, training.cli; assert 'torch' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True)


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
