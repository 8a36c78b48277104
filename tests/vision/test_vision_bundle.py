"""A bundle is loaded whole or refused, with the file and the remedy in the message."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.vision.bundles import bundle_parts, certificate
from triage.codes import CODES
from triage.errors import BundleError
from triage.uids import device_uid
from triage.vision.bundle import SUMS, Bundle, default_bundle_folder
from triage.vision.weights import load_networks

if TYPE_CHECKING:
    from pathlib import Path

    from training.bundle.export import BundleParts


def resum(folder: Path) -> None:
    """Make the sums hold again, as someone who tampers would."""
    names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names
    ]
    (folder / SUMS).write_text("".join(lines))


def rewrite(bundle: Bundle, file: str, **changes: Any) -> Path:
    """Change keys of a JSON file of a bundle, and make the sums hold again."""
    path = bundle.folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    resum(bundle.folder)
    return bundle.folder


def test_a_sound_bundle_says_who_it_is(make_bundle) -> None:
    bundle = make_bundle()

    digest = hashlib.sha256((bundle.folder / SUMS).read_bytes()).hexdigest()
    assert bundle.identity.digest == digest
    assert bundle.identity.device_uid == device_uid(digest)
    assert bundle.members == ("reader-0", "reader-1")
    assert [point.rule_out for point in bundle.operating_points] == [-3.0, -3.0]
    assert bundle.operating_points[0].display_flag == pytest.approx(0.9655, abs=1e-4)
    assert len(load_networks(bundle).readers) == 2


def test_sha256sum_accepts_the_sums(make_bundle, require_program) -> None:
    program = require_program("sha256sum")

    subprocess.run(
        [program, "--check", "--strict", SUMS],
        cwd=make_bundle().folder,
        check=True,
        capture_output=True,
    )


def test_the_bundle_that_comes_along_is_small_sound_and_honest() -> None:
    bundle = Bundle.load(default_bundle_folder())

    networks = load_networks(bundle)
    assert len(networks.readers) >= 2
    assert sum(path.stat().st_size for path in bundle.folder.iterdir()) < 25_000_000
    assert "phantom" in bundle.identity.intended_use
    assert "not for patients" in bundle.identity.intended_use
    assert "phantom" in (bundle.folder / "card.md").read_text()


def test_loading_a_bundle_needs_no_deep_learning_library(make_bundle) -> None:
    """Roles that only name the algorithm stay small."""
    code = (
        "import sys, pathlib; from triage.vision.bundle import Bundle;"
        f"Bundle.load(pathlib.Path({str(make_bundle().folder)!r}));"
        "assert 'torch' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["reader-0.safetensors", "bundle.json", "certificate.json"])
def test_one_flipped_bit_in_any_file_is_found(name: str, make_bundle) -> None:
    path = make_bundle().folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(BundleError, match=f"{name} .*install the bundle again"):
        Bundle.load(path.parent)


def test_weights_changed_after_the_check_are_found(make_bundle) -> None:
    bundle = make_bundle()
    path = bundle.folder / "reader-0.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")

    with pytest.raises(BundleError, match=r"reader-0\.safetensors has changed"):
        load_networks(bundle)


@pytest.mark.parametrize("name", ["reader-0.safetensors", "bundle.json", SUMS])
def test_a_missing_file_is_named(name: str, make_bundle) -> None:
    folder = make_bundle().folder
    (folder / name).unlink()

    with pytest.raises(BundleError, match=name):
        Bundle.load(folder)


def test_a_folder_that_is_no_bundle_is_refused_with_the_setting_to_change(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"worker\.bundle"):
        Bundle.load(tmp_path / "nothing")


def test_a_file_that_the_sums_do_not_list_is_refused(make_bundle) -> None:
    folder = make_bundle().folder
    (folder / "extra.json").write_text("{}")

    with pytest.raises(BundleError, match=r"extra\.json.*remove it"):
        Bundle.load(folder)


def test_a_pickle_is_refused_even_when_listed(make_bundle) -> None:
    folder = make_bundle().folder
    (folder / "weights.pt").write_bytes(pickle.dumps({}))
    resum(folder)

    with pytest.raises(BundleError, match=r"weights\.pt.*never pickles"):
        Bundle.load(folder)


@pytest.mark.parametrize("name", ["../bundle.json", "/etc/passwd", "sub/file.json", "a\\b.json"])
def test_a_path_outside_the_folder_is_refused(name: str, make_bundle) -> None:
    folder = make_bundle().folder
    with (folder / SUMS).open("a") as file:
        file.write(f"{'0' * 64}  {name}\n")

    with pytest.raises(BundleError, match="no file of its own"):
        Bundle.load(folder)


def test_a_link_is_refused(make_bundle, tmp_path: Path) -> None:
    folder = make_bundle().folder
    target = tmp_path / "elsewhere.json"
    (folder / "bundle.json").rename(target)
    (folder / "bundle.json").symlink_to(target)

    with pytest.raises(BundleError, match=r"bundle\.json"):
        Bundle.load(folder)


def test_an_unknown_schema_is_refused_with_both_names(make_bundle) -> None:
    folder = rewrite(make_bundle(), "bundle.json", schema="cspine-triage-bundle/99")

    with pytest.raises(BundleError, match=r"bundle/99.*bundle/2"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 7}, "'name', which is not a text"),
        ({"surprise": 1}, "unknown key 'surprise'"),
        ({"findings": []}, "no findings"),
        ({"findings": [{"name": "Abnormal!", "site": None}]}, r"findings\[0\] has 'name'"),
        ({"members": "all"}, "'members', which is not a list"),
        ({"temperatures": {"abnormal": 1.0}}, "temperatures lacks 'spondylosis'"),
        ({"temperatures": {"abnormal": 0.0, "spondylosis": 1.0}}, "not above zero"),
        ({"temperatures": {"abnormal": True, "spondylosis": 1.0}}, "not a number"),
        ({"preprocessing": {}}, "preprocessing lacks"),
        ({"gates": {"minimum_side": 1}}, "gates lacks"),
        ({"embedding": "../x.safetensors"}, "does not list as safetensors"),
        ({"operating_points": {"abnormal": {"flag": -9, "rule_out": -3}}}, "could be both"),
    ],
)  # fmt: skip
def test_a_wrong_manifest_is_refused_by_the_place(
    changes: dict[str, Any], message: str, make_bundle
) -> None:
    folder = rewrite(make_bundle(), "bundle.json", **changes)

    with pytest.raises(BundleError, match=message):
        Bundle.load(folder)


def test_a_number_that_is_not_finite_is_refused(make_bundle) -> None:
    bundle = make_bundle()
    path = bundle.folder / "bundle.json"
    path.write_text(path.read_text().replace('"flag": 5.0', '"flag": NaN', 1))
    resum(bundle.folder)

    with pytest.raises(BundleError, match="not finite"):
        Bundle.load(bundle.folder)


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff\xfe", b'"text"', b"[" * 100_000])
def test_a_manifest_that_is_no_object_is_refused(content: bytes, make_bundle) -> None:
    bundle = make_bundle()
    (bundle.folder / "bundle.json").write_bytes(content)
    resum(bundle.folder)

    with pytest.raises(BundleError, match=r"bundle\.json"):
        Bundle.load(bundle.folder)


def test_without_a_certificate_nothing_is_ruled_out(make_bundle) -> None:
    parts = dataclasses.replace(bundle_parts(), certificate=None)

    assert [point.rule_out for point in make_bundle(parts).operating_points] == [None, None]


def test_a_finding_that_the_certificate_leaves_out_is_never_ruled_out(make_bundle) -> None:
    parts = bundle_parts()
    assert parts.certificate is not None
    del parts.certificate["findings"]["spondylosis"]  # type: ignore[attr-defined]  # a dict here

    points = make_bundle(parts).operating_points

    assert [point.rule_out for point in points] == [-3.0, None]


SHOWN = {
    "alpha": 0.05,
    "n": 59,
    "k": 0,
    "threshold": -3.0,
    "prevalence": 0.5,
    "lowest_scores": [-3.0],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_digest": "0" * 64}, "other weights"),
        ({"alpha": 0.0}, "alpha or delta"),
        ({"delta": 1.0}, "alpha or delta"),
        ({"findings": {"abnormal": {**SHOWN, "n": 58}}}, "more than alpha and delta do"),
        ({"findings": {"abnormal": {**SHOWN, "k": 1}}}, "than alpha and delta do"),
        ({"findings": {"abnormal": {**SHOWN, "lowest_scores": []}}}, "lowest scores"),
        ({"findings": {"abnormal": {**SHOWN, "lowest_scores": [-2.0]}}}, "its scores do not give"),
        ({"findings": {"abnormal": {**SHOWN, "threshold": -4, "lowest_scores": [-4]}}}, "cover"),
        ({"findings": {"other": SHOWN}}, "does not look for"),
        ({"findings": {"abnormal": {**SHOWN, "n": 59.5}}}, "not a whole number"),
        ({"schema": "x"}, "schema"),
    ],
)  # fmt: skip
def test_a_certificate_that_does_not_hold_is_refused(
    changes: dict[str, Any], message: str, make_bundle
) -> None:
    parts = bundle_parts()
    wrong = dataclasses.replace(parts, certificate=certificate(dict(parts.tensors), **changes))

    with pytest.raises(BundleError, match=rf"certificate\.json.*{message}"):
        make_bundle(wrong)


def test_a_threshold_below_the_certified_one_holds(make_bundle) -> None:
    """A site may rule out less than is certified, never more."""
    points = {name: {"flag": 5.0, "rule_out": -4.0} for name in ("abnormal", "spondylosis")}

    bundle = make_bundle(operating_points=points)

    assert bundle.operating_points[0].rule_out == -4.0


def described(**changes: Any) -> BundleParts:
    """Parts of a bundle whose second finding only describes the first one, at one disc."""
    parts = bundle_parts()
    level = {**parts.manifest["findings"][1], "of": "abnormal"}
    level["site"] = {"value": "73959003", "scheme": "SCT", "meaning": "C5/C6 disc"}
    points = {**parts.manifest["operating_points"], "spondylosis": {"flag": 5.0, "rule_out": None}}
    assert parts.certificate is not None
    del parts.certificate["findings"]["spondylosis"]  # type: ignore[attr-defined]  # a dict here
    manifest = {
        **parts.manifest,
        "findings": [parts.manifest["findings"][0], {**level, **changes}],
        "operating_points": points,
    }
    return dataclasses.replace(parts, manifest=manifest)


def test_a_finding_that_describes_another_one_decides_nothing(make_bundle) -> None:
    bundle = make_bundle(described())

    assert [point.decides for point in bundle.operating_points] == [True, False]
    assert bundle.findings[1].of == "abnormal"
    assert bundle.findings[1].site == CODES.c5_c6_disc


def test_a_finding_describes_one_that_decides(make_bundle) -> None:
    with pytest.raises(BundleError, match="which does not decide"):
        make_bundle(described(of="spondylosis"))


def test_a_description_that_would_be_ruled_out_is_refused(make_bundle) -> None:
    parts = described()
    parts.manifest["operating_points"]["spondylosis"]["rule_out"] = -3.0

    with pytest.raises(BundleError, match="rules out 'spondylosis'"):
        make_bundle(parts)


def test_an_unknown_architecture_is_refused(make_bundle) -> None:
    parts = bundle_parts()
    parts.manifest["members"][0]["architecture"] = "resnet-9000/1"

    with pytest.raises(BundleError, match=r"resnet-9000/1.*spine-reader/2"):
        load_networks(make_bundle(parts))


def test_parameters_that_an_architecture_does_not_take_are_refused(make_bundle) -> None:
    parts = bundle_parts()
    parts.manifest["locator"]["parameters"] = {"depth": 3}

    with pytest.raises(BundleError, match="heat-map-locator/4"):
        load_networks(make_bundle(parts))


def test_weights_of_another_shape_are_refused(make_bundle) -> None:
    parts = bundle_parts()
    parts.manifest["locator"]["parameters"] = {"width": 3}

    with pytest.raises(BundleError, match=r"locator\.safetensors does not belong"):
        load_networks(make_bundle(parts))


def test_weights_that_are_not_finite_are_refused(make_bundle) -> None:
    parts = bundle_parts()
    tensors = {**parts.tensors, "embedding.safetensors": parts.tensors["embedding.safetensors"]}
    reader = dict(tensors["reader-1.safetensors"])
    reader["disc.0.0.weight"] = torch.full_like(reader["disc.0.0.weight"], torch.nan)
    tensors["reader-1.safetensors"] = reader
    wrong = dataclasses.replace(parts, tensors=tensors, certificate=certificate(tensors))

    with pytest.raises(BundleError, match=r"reader-1\.safetensors.*not finite"):
        load_networks(make_bundle(wrong))


def test_members_must_give_the_bundles_findings(make_bundle) -> None:
    parts = bundle_parts()
    parts.manifest["members"][1]["parameters"] = {
        **parts.manifest["members"][1]["parameters"],
        "findings": {"abnormal": ["spondylosis"]},
    }

    with pytest.raises(BundleError, match="member reader-1"):
        load_networks(make_bundle(parts))
