"""Writing a model bundle: files, card, checksums; and reading one to write it anew."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from safetensors.torch import save

from triage.errors import BundleError
from triage.vision.bundle import SUMS, Bundle, model_digest
from triage.vision.manifest import SCHEMA, NetworkEntry
from triage.vision.weights import read_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from triage.vision.gates import GateLimits
    from triage.vision.path import PixelPath

LOCATOR_WEIGHTS: Final = "locator.safetensors"
EMBEDDING_WEIGHTS: Final = "embedding.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class BundleParts:
    """All that goes into a bundle, before there are checksums.

    Attributes:
        manifest: Content of bundle.json.
        tensors: For each weights file what it holds.
        certificate: Content of certificate.json, None for none.
        pages: Content of the other files (card.md, plots) by name.
    """

    manifest: Mapping[str, Any]
    tensors: Mapping[str, Mapping[str, Tensor]]
    certificate: Mapping[str, Any] | None = None
    pages: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def weights_digest(self) -> str:
        """The model digest that a certificate for these weights names."""
        return weights_digest(self.tensors)


def network_entry(
    name: str, architecture: str, weights: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """An entry of ``locator`` or ``members`` in bundle.json."""
    return asdict(NetworkEntry(name, architecture, weights, dict(parameters)))


def manifest_content(
    words: Mapping[str, str],
    findings: list[dict[str, Any]],
    networks: tuple[dict[str, Any], list[dict[str, Any]]],
    path: PixelPath,
    gates: GateLimits,
    *,
    points: Mapping[str, Any],
    temperatures: Mapping[str, float],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of bundle.json.

    Args:
        words: name, manufacturer, version, created, intended_use, licence.
        findings: name, title and code of each.
        networks: Entries of the locator and of the members.
        path: Parameters of the pixel path.
        gates: Limits of the gates.
        points: Thresholds of each finding.
        temperatures: Of each finding.
        provenance: How it was made.
    """
    locator, members = networks
    return {
        "schema": SCHEMA,
        **words,
        "findings": findings,
        "locator": locator,
        "members": members,
        "embedding": EMBEDDING_WEIGHTS,
        "preprocessing": asdict(path),
        "gates": asdict(gates),
        "temperatures": dict(temperatures),
        "operating_points": dict(points),
        "provenance": dict(provenance),
    }


def tensor_files(tensors: Mapping[str, Mapping[str, Tensor]]) -> dict[str, bytes]:
    """The bytes of each weights file."""
    return {
        name: save({key: value.detach().cpu().contiguous() for key, value in content.items()})
        for name, content in tensors.items()
    }


def weights_digest(tensors: Mapping[str, Mapping[str, Tensor]]) -> str:
    """The model digest that a certificate for these weights names."""
    files = tensor_files(tensors)
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return model_digest(sums, sums)


def write_bundle(folder: Path, parts: BundleParts) -> Bundle:
    """Write a bundle and load it, so that what is wrong shows now.

    Args:
        folder: Where to; a bundle that is there is replaced as a whole.
        parts: What goes into it.

    Returns:
        The bundle as `triage` sees it.

    Raises:
        BundleError: The folder holds something else, or the parts do not fit together.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / SUMS).is_file():
        raise BundleError(f"{folder} holds something that is no bundle: choose another folder.")
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    files = tensor_files(parts.tensors) | dict(parts.pages)
    files["bundle.json"] = _json(parts.manifest)
    if parts.certificate is not None:
        files["certificate.json"] = _json(parts.certificate)
    for name, data in files.items():
        (fresh / name).write_bytes(data)
    (fresh / SUMS).write_text(
        "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    )
    Bundle.load(fresh)
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)
    return Bundle.load(folder)


def read_parts(folder: Path) -> BundleParts:
    """Take a bundle apart, to write it anew with changes.

    Raises:
        BundleError: It does not hold.
    """
    bundle = Bundle.load(folder)
    names = [line.split("  ", 1)[1] for line in (folder / SUMS).read_text().splitlines()]
    certificate = folder / "certificate.json"
    return BundleParts(
        manifest=json.loads((folder / "bundle.json").read_text()),
        tensors={name: read_tensors(bundle, name) for name in bundle.manifest.weight_files},
        certificate=json.loads(certificate.read_text()) if certificate.is_file() else None,
        pages={
            name: (folder / name).read_bytes() for name in names if name.endswith((".md", ".png"))
        },
    )


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()
