"""The steps that recipes share: from trained networks to a certified, exported bundle."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

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
from training.certify.limits import INFINITY, open_limits, passes
from training.spine.films import Films, Renderer, finding_labels
from triage.vision.inference import Analyst, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.phantom import PhantomCase
    from triage.vision.bundle import Bundle
    from triage.vision.gates import GateLimits
    from triage.vision.networks import DiscReader, Locator
    from triage.vision.path import PixelPath

FILM_SPACING_MM = 0.5  # resolution at which phantom films are rendered

# Added to the covariance of the embedding, as a share of its mean variance: directions in
# which the training films hardly differ would otherwise decide the distance alone.
_SHRINKAGE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """What training gave."""

    locator: Locator
    readers: Mapping[str, DiscReader]
    locator_width: int
    reader_width: int
    findings: Mapping[str, tuple[str, ...]]

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
            "locator", "heat-map-locator/1", LOCATOR_WEIGHTS, {"width": self.locator_width}
        )
        members = [
            network_entry(
                name,
                "disc-reader/1",
                f"{name}.safetensors",
                {
                    "level_components": list(reader.level_components),
                    "spine_components": list(reader.spine_components),
                    "findings": {key: list(parts) for key, parts in self.findings.items()},
                    "width": self.reader_width,
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
            rows.append(locator(batch).embedding)
    embedding = torch.cat(rows).double()
    covariance = torch.cov(embedding.T)
    usual = covariance.diagonal().mean()
    covariance = covariance + _SHRINKAGE * usual * torch.eye(len(covariance))
    return {
        "mean": embedding.mean(dim=0).float(),
        "precision": torch.linalg.inv(covariance).float(),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A bundle in the making.

    Attributes:
        words: Names, version, licence, intended use, date.
        finding_entries: Name, title and code of each finding.
        networks: What was trained.
        tensors: The content of the weights files.
        path: Parameters of the pixel path.
        folder: Where drafts are written.
    """

    words: Mapping[str, str]
    finding_entries: list[dict[str, Any]]
    networks: Networks
    tensors: Mapping[str, Mapping[str, Tensor]]
    path: PixelPath
    folder: Path

    def analyst(self) -> Analyst:
        """The networks as the daemon would run them, before anything is decided."""
        never = {name: {"flag": INFINITY, "rule_out": None} for name in self.networks.findings}
        even = dict.fromkeys(self.networks.findings, 1.0)
        return Analyst(self.write(open_limits(), never, even, {}, None, {}), "cpu")

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
            self.finding_entries,
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

    @property
    def weights_digest(self) -> str:
        """The model digest that a certificate names."""
        return weights_digest(self.tensors)


@dataclass(frozen=True, slots=True, eq=False)
class CaseReader:
    """Renders cases and takes them through the whole chain of the daemon."""

    renderer: Renderer
    analyst: Analyst

    def read(
        self, cases: Sequence[PhantomCase], pixel_spacing_mm: float = FILM_SPACING_MM
    ) -> list[Reading]:
        """What the networks say of each case, in their order."""
        path = self.analyst.bundle.manifest.path
        films = self.renderer.prepared(cases, path, pixel_spacing_mm)
        return [reading for film in films for reading in self.analyst.read([film])]


# Cases with what was read: as they come, and drawn for the sake of rare findings.
ReadCases: TypeAlias = "tuple[Sequence[PhantomCase], Sequence[Reading]]"
ReadGroups: TypeAlias = "tuple[ReadCases, ReadCases]"


def gathered(
    groups: ReadGroups,
    findings: Mapping[str, tuple[str, ...]],
    limits: GateLimits,
    data_digest: str,
    detector_seeds: frozenset[int] = frozenset(),
) -> tuple[Calibration, list[PhantomCase]]:
    """Put readings and truth together for the films that pass every gate.

    Args:
        groups: Cases as they come and cases drawn for the sake of rare findings, with what
            was read. The latter do not count for "abnormal", whose mixture they would change.
        findings: For each finding its components.
        limits: Of the gates.
        data_digest: Of the cases.
        detector_seeds: Of the cases that were rendered at the resolution of a detector.

    Returns:
        The films, and their cases.
    """
    natural, rare = groups
    cases = [*natural[0], *rare[0]]
    readings = [*natural[1], *rare[1]]
    kept = np.array([passes(reading, limits) for reading in readings])
    drawn = np.arange(len(cases)) >= len(natural[0])
    mixed = np.array([name == "abnormal" for name in findings])
    counted = ~(drawn[:, None] & mixed[None, :])
    chosen = [case for case, keep in zip(cases, kept, strict=True) if keep]
    calibration = Calibration(
        raw=np.stack([reading.raw for reading in readings])[kept],
        truth=finding_labels(cases, findings)[kept],
        counted=counted[kept],
        findings=tuple(findings),
        strata=strata(chosen, detector_seeds),
        data_digest=data_digest,
    )
    return calibration, chosen


def strata(
    cases: Sequence[PhantomCase], detector_seeds: frozenset[int]
) -> dict[str, NDArray[np.bool_]]:
    """Groups of films in which a miss rate must not hide."""
    groups: dict[str, Callable[[PhantomCase], bool]] = {
        "women": lambda case: case.sex == "F",
        "men": lambda case: case.sex == "M",
        "under 45 years": lambda case: case.age_years < 45,  # noqa: PLR2004 - stated in the name
        "45 to 64 years": lambda case: 45 <= case.age_years < 65,  # noqa: PLR2004
        "65 years and over": lambda case: case.age_years >= 65,  # noqa: PLR2004
        "facing left": lambda case: case.facing == "left",
        "facing right": lambda case: case.facing == "right",
        "detector resolution": lambda case: case.seed in detector_seeds,
    }
    return {name: np.array([belongs(case) for case in cases]) for name, belongs in groups.items()}


def decided(
    calibration: Calibration, aims: Aims, model_digest: str
) -> tuple[dict[str, Any] | None, dict[str, dict[str, float | None]], dict[str, float]]:
    """Certificate, operating points and temperatures from calibration films."""
    certificate = certify(calibration, aims, model_digest)
    points = operating_points(calibration, certificate, aims)
    return certificate, points, temperatures(calibration)


def machine() -> str:
    """The machine, in words for the card."""
    return (
        f"{platform.machine()}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    )
