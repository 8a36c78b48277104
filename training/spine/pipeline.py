"""The steps that films of every source share: from trained networks to a certified bundle."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from training.bundle.card import card_text
from training.bundle.export import (
    EMBEDDING_WEIGHTS,
    LOCATOR_WEIGHTS,
    BundleParts,
    manifest_content,
    network_entry,
    weights_digest,
    write_bundle,
)
from training.certify.certificate import Aims, Calibration, certify, operating_points, temperatures
from training.certify.limits import INFINITY, open_limits
from training.spine.findings import parents_of
from triage.vision.networks import halved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from training.spine.films import Films
    from training.spine.findings import Finding
    from training.spine.fitting import Sizes
    from triage.vision.bundle import Bundle
    from triage.vision.gates import GateLimits
    from triage.vision.networks import Locator
    from triage.vision.path import PixelPath
    from triage.vision.readers import SpineReader

# Added to the covariance of the embedding, as a share of its mean variance: directions in
# which the training films hardly differ would otherwise decide the distance alone.
_SHRINKAGE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """What training gave."""

    locator: Locator
    readers: Mapping[str, SpineReader]
    sizes: Sizes

    def tensors(self, films: Films) -> dict[str, Mapping[str, Tensor]]:
        """The content of every weights file.

        Args:
            films: Films in scope, on which the locator's embedding is fitted.
        """
        files: dict[str, Mapping[str, Tensor]] = {LOCATOR_WEIGHTS: self.locator.state_dict()}
        files |= {
            f"{name}.safetensors": reader.state_dict() for name, reader in self.readers.items()
        }
        files[EMBEDDING_WEIGHTS] = fit_embedding(self.locator, films)
        return files

    def entries(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The entries of the locator and of the members in bundle.json."""
        locator = network_entry(
            "locator", "heat-map-locator/4", LOCATOR_WEIGHTS, {"width": self.sizes.locator_width}
        )
        members = [
            network_entry(
                name,
                "spine-reader/2",
                f"{name}.safetensors",
                {
                    "disc_components": list(reader.parts.disc),
                    "vertebra_components": list(reader.parts.vertebra),
                    "spine_components": list(reader.parts.spine),
                    "findings": {key: list(parts) for key, parts in reader.findings.items()},
                    "width": self.sizes.reader_width,
                },
            )
            for name, reader in self.readers.items()
        ]
        return locator, members


def fit_embedding(locator: Locator, films: Films) -> dict[str, Tensor]:
    """Mean and precision of the locator's embedding over films in scope."""
    rows = []
    with torch.inference_mode():
        for image in films.images:
            batch = torch.from_numpy(image[None, None].astype(np.float32))
            _, _, embedding = locator.maps(halved(batch))  # landmarks are not asked for
            rows.append(embedding)
    embeddings = torch.cat(rows).double()
    covariance = torch.cov(embeddings.T)
    usual = covariance.diagonal().mean()
    covariance = covariance + _SHRINKAGE * usual * torch.eye(len(covariance))
    return {
        "mean": embeddings.mean(dim=0).float(),
        "precision": torch.linalg.inv(covariance).float(),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A bundle in the making.

    Attributes:
        words: Names, version, licence, intended use, date.
        findings: What it looks for.
        networks: What was trained.
        tensors: The content of the weights files.
        path: Parameters of the pixel path.
        folder: Where drafts are written.
    """

    words: Mapping[str, str]
    findings: Sequence[Finding]
    networks: Networks
    tensors: Mapping[str, Mapping[str, Tensor]]
    path: PixelPath
    folder: Path

    def undecided(self) -> Bundle:
        """The networks as the daemon would run them, before anything is decided."""
        names = [finding.name for finding in self.findings]
        never = {name: {"flag": INFINITY, "rule_out": None} for name in names}
        even = dict.fromkeys(names, 1.0)
        return self.write(open_limits(), never, even, {}, None, {})

    def write(
        self,
        limits: GateLimits,
        points: Mapping[str, Any],
        scale: Mapping[str, float],
        provenance: Mapping[str, Any],
        certificate: Mapping[str, Any] | None,
        pages: Mapping[str, bytes],
    ) -> Bundle:
        """Write the bundle with what is known by now."""
        manifest = manifest_content(
            self.words,
            [finding.entry() for finding in self.findings],
            self.networks.entries(),
            self.path,
            limits,
            points=points,
            temperatures=scale,
            provenance=provenance,
        )
        if provenance:
            pages = {**pages, "card.md": card_text(manifest, certificate).encode()}
        return write_bundle(self.folder, BundleParts(manifest, self.tensors, certificate, pages))

    def decided(
        self, calibration: Calibration, aims: Aims
    ) -> tuple[dict[str, Any] | None, dict[str, dict[str, float | None]], dict[str, float]]:
        """Certificate, operating points and temperatures from calibration films."""
        return decided(calibration, self.findings, aims, weights_digest(self.tensors))


def decided(
    calibration: Calibration, findings: Sequence[Finding], aims: Aims, model_digest: str
) -> tuple[dict[str, Any] | None, dict[str, dict[str, float | None]], dict[str, float]]:
    """Certificate, operating points and temperatures from calibration films.

    Args:
        calibration: The films.
        findings: In the order of the calibration's.
        aims: What the thresholds are set for.
        model_digest: Of the weights that gave the scores.
    """
    deciding = [finding.name for finding in findings if not finding.of]
    certificate = certify(calibration.of(deciding), aims, model_digest)
    points = operating_points(calibration, certificate, aims)
    for point in points.values():
        point["flag"] = min(max(point["flag"] or 0.0, -INFINITY), INFINITY)
    for name, parent in parents_of(findings).items():
        below = points[parent]["rule_out"]  # where that is ruled out, nothing of it is stated
        if below is not None:
            points[name]["flag"] = max(points[name]["flag"] or below, below)
    return certificate, points, temperatures(calibration)


def machine() -> str:
    """The machine, in words for the card."""
    return (
        f"{platform.machine()}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    )
