"""The model bundle: a folder that says what the algorithm is, loaded only when all of it holds.

Nothing is unpickled: weights are safetensors. SHA256SUMS lists every other file, and its own
SHA-256 is the identity of the algorithm.

The certificate decides what a bundle may do. Without certificate.json, or for a finding that
the certificate leaves out, nothing is ever ruled out: such a bundle can raise studies, not
lower them. A certificate that contradicts the rest of the bundle (made with other weights,
a count that does not follow from alpha and delta, a threshold that is not the certified one)
is no reason to go on with less: somebody has assembled what does not belong together, and the
bundle is refused.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scipy.special import bdtr

from triage.errors import BundleError
from triage.uids import device_uid
from triage.values import BundleIdentity, FindingDefinition, OperatingPoint
from triage.vision.manifest import (
    Certificate,
    FindingCertificate,
    Manifest,
    parse_certificate,
    parse_manifest,
    read_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUMS: Final = "SHA256SUMS"
_ALLOWED_SUFFIXES: Final = frozenset({".json", ".safetensors", ".md", ".png"})
_SUM_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")
_LARGEST_FILE_BYTES: Final = 4_000_000_000
_TOLERANCE: Final = 1e-9  # JSON keeps every digit of a float


def default_bundle_folder() -> Path:
    """The bundle that comes along: trained on a phantom, not for patients."""
    return Path(__file__).resolve().parent.parent / "bundles" / "phantom"


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A bundle whose every file has been checked.

    Attributes:
        folder: Where it lies.
        manifest: bundle.json.
        certificate: certificate.json, None when there is none.
        identity: Who the algorithm is.
        sums: SHA-256 of every file.
    """

    folder: Path
    manifest: Manifest
    certificate: Certificate | None
    identity: BundleIdentity
    sums: Mapping[str, str]

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Load a bundle.

        Args:
            folder: Its folder.

        Returns:
            The bundle; `triage.vision.weights` builds its networks, which takes PyTorch.

        Raises:
            BundleError: Something is missing, damaged, unknown, or contradicts the rest; the
                message names the file and says what to do.
        """
        sums = _verified_sums(folder)
        manifest = parse_manifest(read_json(folder / "bundle.json"))
        for name in manifest.weight_files:
            _require_tensors(sums, name)
        certificate = None
        if "certificate.json" in sums:
            certificate = parse_certificate(read_json(folder / "certificate.json"))
            _check_certificate(certificate, manifest, sums)
        return cls(folder, manifest, certificate, _identity(folder, manifest), sums)

    @property
    def findings(self) -> tuple[FindingDefinition, ...]:
        """What the bundle looks for."""
        return self.manifest.findings

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the models that each give a score for every finding."""
        return tuple(member.name for member in self.manifest.members)

    @property
    def operating_points(self) -> tuple[OperatingPoint, ...]:
        """The thresholds of every finding; rule-out only where it is certified."""
        return tuple(self._operating_point(finding) for finding in self.findings)

    def _operating_point(self, finding: FindingDefinition) -> OperatingPoint:
        name = finding.name
        entry = self.manifest.operating_points[name]
        certified = self.certificate is not None and name in self.certificate.findings
        rule_out = entry.rule_out if certified else None
        return OperatingPoint(
            finding=name,
            flag=entry.flag,
            rule_out=rule_out,
            display_flag=self.probability(name, entry.flag),
            display_rule_out=None if rule_out is None else self.probability(name, rule_out),
            decides=not finding.of,
        )

    def probability(self, finding: str, raw: float) -> float:
        """A raw score as a probability, for display."""
        scaled = raw / self.manifest.temperatures[finding]
        return 1 / (1 + math.exp(-max(min(scaled, 60.0), -60.0)))

    def weights(self, name: str) -> bytes:
        """Read a weights file, checking once more that it is the one that was summed.

        Raises:
            BundleError: It is another one by now.
        """
        data = (self.folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sums[name]:
            raise BundleError(f"{name} has changed since the bundle was checked: install it again.")
        return data


def model_digest(sums: Mapping[str, str], weight_files: Iterable[str]) -> str:
    """SHA-256 over the weight files' sums: what a certificate was made with.

    Args:
        sums: SHA-256 of each file, hexadecimal.
        weight_files: The files that decide a score or a gate; their order does not matter.
    """
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(weight_files))
    return hashlib.sha256(lines.encode()).hexdigest()


def _identity(folder: Path, manifest: Manifest) -> BundleIdentity:
    digest = hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()
    return BundleIdentity(
        name=manifest.name,
        manufacturer=manifest.manufacturer,
        version=manifest.version,
        digest=digest,
        device_uid=device_uid(digest),
        intended_use=manifest.intended_use,
    )


def _verified_sums(folder: Path) -> dict[str, str]:
    """Hold every file of the folder against SHA256SUMS, both ways."""
    try:
        text = (folder / SUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(
            f"There is no model bundle in {folder}: {SUMS} cannot be read. "
            "Set worker.bundle to the folder of a bundle, or leave it empty."
        ) from error
    sums = _parsed_sums(text)
    _refuse_unlisted(folder, sums)
    for name, expected in sums.items():
        if _file_sum(folder / name) != expected:
            raise BundleError(
                f"{name} of the model bundle is damaged or was changed: install the bundle again."
            )
    return sums


def _parsed_sums(text: str) -> dict[str, str]:
    sums: dict[str, str] = {}
    for line in text.splitlines():
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            raise BundleError(f"{SUMS} has a line that is no checksum: install the bundle again.")
        name = match[2]
        if name != Path(name).name or "\\" in name or name in sums or name == SUMS:
            raise BundleError(
                f"{SUMS} names {name!r}, which is no file of its own in the bundle's folder: "
                "install the bundle again."
            )
        if Path(name).suffix not in _ALLOWED_SUFFIXES:
            raise BundleError(
                f"The bundle holds {name}; only JSON, safetensors, Markdown and PNG are read, "
                "never pickles. Export the bundle with `training export`."
            )
        sums[name] = match[1]
    if "bundle.json" not in sums:
        raise BundleError(f"{SUMS} does not list bundle.json: install the bundle again.")
    return sums


def _refuse_unlisted(folder: Path, sums: Mapping[str, str]) -> None:
    for path in sorted(folder.iterdir()):
        if path.name == SUMS:
            continue
        if path.is_symlink() or not path.is_file() or path.name not in sums:
            raise BundleError(
                f"The bundle's folder holds {path.name}, which {SUMS} does not list: remove it."
            )


def _file_sum(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise BundleError(f"{path.name} of the model bundle is too large to be loaded.")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(
            f"{path.name} of the model bundle cannot be read ({error.strerror}): "
            "install the bundle again."
        ) from error


def _require_tensors(sums: Mapping[str, str], name: str) -> None:
    if name not in sums or not name.endswith(".safetensors"):
        raise BundleError(
            f"bundle.json names the weights {name!r}, which {SUMS} does not list as safetensors: "
            "export the bundle anew."
        )


def _check_certificate(
    certificate: Certificate, manifest: Manifest, sums: Mapping[str, str]
) -> None:
    """Recompute what the certificate says from what it says it from."""
    if certificate.model_digest != model_digest(sums, manifest.weight_files):
        raise _contradiction("was made with other weights than those of the bundle")
    if not (0 < certificate.alpha < 1 and 0 < certificate.delta < 1):
        raise _contradiction("has an alpha or delta that is not between 0 and 1")
    for name, shown in certificate.findings.items():
        if name not in manifest.operating_points:
            raise _contradiction(f"certifies {name!r}, which the bundle does not look for")
        _check_finding(name, shown, certificate, manifest.operating_points[name].rule_out)


def _check_finding(
    name: str, shown: FindingCertificate, certificate: Certificate, rule_out: float | None
) -> None:
    k, n = shown.misses_allowed, shown.positives
    if not certificate.alpha <= shown.alpha < 1:
        raise _contradiction(f"has an alpha for {name} below the strictest one, or not below 1")
    if k > n or bdtr(k, n, shown.alpha) > certificate.delta:  # the binomial CDF
        raise _contradiction(f"allows {k} misses of {n} for {name}, more than alpha and delta do")
    lowest = shown.lowest_scores
    if len(lowest) != k + 1 or list(lowest) != sorted(lowest):
        raise _contradiction(f"does not list the {k + 1} lowest scores for {name}")
    if abs(lowest[k] - shown.threshold) > _TOLERANCE:
        raise _contradiction(f"has a threshold for {name} that its scores do not give")
    if rule_out is not None and rule_out > shown.threshold + _TOLERANCE:
        raise _contradiction(f"does not cover the rule-out threshold of {name} in bundle.json")


def _contradiction(what: str) -> BundleError:
    return BundleError(
        f"certificate.json {what}: certify again with `training certify`, or remove "
        "rule-out by exporting the bundle without a certificate."
    )
