"""What stands in bundle.json and certificate.json, read strictly: every key, every type."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

from triage.errors import BundleError
from triage.values import ConceptCode, FindingDefinition
from triage.vision.gates import GateLimits
from triage.vision.path import PixelPath

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA: Final = "cspine-triage-bundle/2"
CERTIFICATE_SCHEMA: Final = "cspine-triage-certificate/1"

_Value = TypeVar("_Value")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
# A finding may name its level: "spondylosis:C5/C6", "canal-narrowing:C5".
_FINDING_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}(:[CT][0-9]{1,2}(/[CT][0-9]{1,2})?)?")


@dataclass(frozen=True, slots=True)
class NetworkEntry:
    """One network of the bundle: its architecture, what it is built with, its weights."""

    name: str
    architecture: str
    weights: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PointEntry:
    """The thresholds of one finding on the raw score; see `triage.values.OperatingPoint`."""

    flag: float
    rule_out: float | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """bundle.json.

    Attributes:
        findings: What the bundle looks for, in the order of the members' outputs.
        temperatures: For each finding what its logit is divided by for display.
        operating_points: For each finding its thresholds.
        locator: The network that finds the landmarks.
        members: The networks that read the film.
        embedding: File with mean and precision of the locator's embedding.
        path: Parameters of the pixel path.
        gates: Limits of the gates.
        provenance: How it was made; for people, not read by the program.
    """

    name: str
    manufacturer: str
    version: str
    created: str
    intended_use: str
    licence: str
    findings: tuple[FindingDefinition, ...]
    temperatures: Mapping[str, float]
    operating_points: Mapping[str, PointEntry]
    locator: NetworkEntry
    members: tuple[NetworkEntry, ...]
    embedding: str
    path: PixelPath
    gates: GateLimits
    provenance: Mapping[str, Any]

    @property
    def weight_files(self) -> tuple[str, ...]:
        """Every file that holds numbers which decide a score or a gate."""
        return (
            self.locator.weights,
            *(member.weights for member in self.members),
            self.embedding,
        )


@dataclass(frozen=True, slots=True)
class FindingCertificate:
    """What was shown for one finding (Learn then Test; Clopper and Pearson 1934).

    Attributes:
        alpha: Highest miss rate among films that have the finding and pass every gate.
        positives: Calibration positives n.
        misses_allowed: k, the largest with BinomCDF(k; n, alpha) <= delta.
        threshold: The (k + 1)-th smallest of the positives' scores.
        prevalence: Share of positives among the calibration films.
        lowest_scores: The k + 1 smallest scores of the positives, ascending.
    """

    alpha: float
    positives: int
    misses_allowed: int
    threshold: float
    prevalence: float
    lowest_scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """certificate.json: with confidence 1 - delta a miss rate of at most alpha, per finding.

    Attributes:
        alpha: The strictest of the findings' miss rates.
        delta: Risk that the statement is wrong.
        model_digest: SHA-256 over the weight files that it was made with.
        data_digest: SHA-256 over the calibration cases.
        findings: For each finding what was shown.
        strata: Miss rates in groups of the calibration films; for people.
    """

    alpha: float
    delta: float
    model_digest: str
    data_digest: str
    findings: Mapping[str, FindingCertificate]
    strata: tuple[Any, ...]


class Fields:
    """An object of a JSON file, from which keys are taken by type until none is left.

    Args:
        file: Name of the file, for messages.
        where: Path of the object inside the file, for messages.
        content: What the file holds there.
    """

    def __init__(self, file: str, where: str, content: object) -> None:
        self._file, self._where = file, where
        if not isinstance(content, dict):
            raise self.wrong("is not an object")
        self._left = dict(content)

    def wrong(self, what: str) -> BundleError:
        """An error that names the place."""
        place = f"{self._file}: {self._where}" if self._where else self._file
        return BundleError(f"{place} {what}. Use the bundle as it was exported, or export it anew.")

    def _take(self, key: str, kind: type[_Value], words: str) -> _Value:
        if key not in self._left:
            raise self.wrong(f"lacks {key!r}")
        value = self._left.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.wrong(f"has {key!r}, which is not {words}")
        return value

    @property
    def left(self) -> tuple[str, ...]:
        """The keys that have not been taken."""
        return tuple(self._left)

    def text(self, key: str) -> str:
        """Take a text."""
        return self._take(key, str, "a text")

    def name(self, key: str, pattern: re.Pattern[str] = _NAME) -> str:
        """Take a text that can stand in file names, logs and metrics."""
        value = self.text(key)
        if not pattern.fullmatch(value):
            raise self.wrong(f"has {key!r}, which is not a plain lower-case name")
        return value

    def number(self, key: str) -> float:
        """Take a finite number."""
        value: Any = self._take(key, object, "")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(f"has {key!r}, which is not a number")
        if not math.isfinite(value):
            raise self.wrong(f"has {key!r}, which is not finite")
        return float(value)

    def whole(self, key: str) -> int:
        """Take a whole number that is not negative."""
        value = self._take(key, int, "a whole number")
        if value < 0:
            raise self.wrong(f"has {key!r}, which is negative")
        return value

    def number_or_null(self, key: str) -> float | None:
        """Take a finite number or null."""
        if self._left.get(key, 0) is None:
            del self._left[key]
            return None
        return self.number(key)

    def text_or_null(self, key: str) -> str:
        """Take a text, or null as an empty one."""
        if self._left.get(key, "") is None:
            del self._left[key]
            return ""
        return self.text(key)

    def inner_or_null(self, key: str) -> Fields | None:
        """Take an object, to be read key by key, or null."""
        if self._left.get(key, "") is None:
            del self._left[key]
            return None
        return self.inner(key)

    def items(self, key: str) -> list[Any]:
        """Take a list."""
        return self._take(key, list, "a list")

    def mapping(self, key: str) -> dict[str, Any]:
        """Take an object as it is."""
        return self._take(key, dict, "an object")

    def inner(self, key: str) -> Fields:
        """Take an object, to be read key by key."""
        return Fields(self._file, f"{self._where}.{key}".lstrip("."), self.mapping(key))

    def each(self, key: str) -> list[Fields]:
        """Take a list of objects, each to be read key by key."""
        where = f"{self._where}.{key}".lstrip(".")
        return [
            Fields(self._file, f"{where}[{index}]", item)
            for index, item in enumerate(self.items(key))
        ]

    def named(self, key: str) -> dict[str, Fields]:
        """Take an object of objects."""
        inner = self.inner(key)
        return {name: inner.inner(name) for name in inner.left}

    def numbers(self, key: str, kind: type[_Value]) -> _Value:
        """Take an object whose keys are the fields of a dataclass of numbers."""
        inner = self.inner(key)
        values: dict[str, float] = {}
        for each in fields(kind):  # type: ignore[arg-type]  # only dataclasses are passed
            values[each.name] = (
                inner.whole(each.name) if each.type == "int" else inner.number(each.name)
            )
        inner.end()
        return kind(**values)

    def end(self) -> None:
        """Refuse what is left: a key that this version does not know may matter."""
        if self._left:
            raise self.wrong(f"has the unknown key {min(self._left)!r}")


def read_json(path: Path) -> object:
    """Read a JSON file.

    Raises:
        BundleError: It is missing, or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(
            f"{path.name} of the model bundle cannot be read ({error.strerror}): "
            f"check the folder {path.parent}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path.name} is not JSON: use the bundle as it was exported.") from error


def parse_manifest(content: object) -> Manifest:
    """Read the content of bundle.json.

    Raises:
        BundleError: A key is missing, unknown, or of another type; the message names it.
    """
    top = Fields("bundle.json", "", content)
    schema = top.text("schema")
    if schema != SCHEMA:
        raise BundleError(
            f"bundle.json has the schema {schema!r}, this program reads {SCHEMA!r}: "
            "install the version of the program that the bundle was made for, or export it anew."
        )
    findings = tuple(_finding(each) for each in top.each("findings"))
    names = [finding.name for finding in findings]
    _check_names(top, "findings", names)
    temperatures = top.inner("temperatures")
    points = top.inner("operating_points")
    manifest = Manifest(
        name=top.text("name"),
        manufacturer=top.text("manufacturer"),
        version=top.text("version"),
        created=top.text("created"),
        intended_use=top.text("intended_use"),
        licence=top.text("licence"),
        findings=findings,
        temperatures={name: temperatures.number(name) for name in names},
        operating_points={name: _point(points.inner(name)) for name in names},
        locator=_network(top.inner("locator")),
        members=tuple(_network(each) for each in top.each("members")),
        embedding=top.text("embedding"),
        path=top.numbers("preprocessing", PixelPath),
        gates=top.numbers("gates", GateLimits),
        provenance=top.mapping("provenance"),
    )
    for part in (temperatures, points, top):
        part.end()
    _check_names(top, "members", [member.name for member in manifest.members])
    _check_descriptions(top, findings, manifest.operating_points)
    if any(value <= 0 for value in manifest.temperatures.values()):
        raise top.wrong("has a temperature that is not above zero")
    return manifest


def _finding(entry: Fields) -> FindingDefinition:
    site = entry.inner_or_null("site")
    finding = FindingDefinition(
        entry.name("name", _FINDING_NAME),
        entry.text("title"),
        _code(entry.inner("code")),
        _code(site) if site else None,
        entry.text_or_null("of"),
    )
    entry.end()
    return finding


def _code(entry: Fields) -> ConceptCode:
    code = ConceptCode(entry.text("value"), entry.text("scheme"), entry.text("meaning"))
    entry.end()
    return code


def _check_descriptions(
    top: Fields, findings: tuple[FindingDefinition, ...], points: Mapping[str, PointEntry]
) -> None:
    """A finding that describes another one describes one that decides, and rules nothing out."""
    deciding = {finding.name for finding in findings if not finding.of}
    for finding in findings:
        if finding.of and finding.of not in deciding:
            raise top.wrong(f"has {finding.name!r} describe {finding.of!r}, which does not decide")
        if finding.of and points[finding.name].rule_out is not None:
            raise top.wrong(f"rules out {finding.name!r}, which only describes {finding.of!r}")


def _point(entry: Fields) -> PointEntry:
    point = PointEntry(entry.number("flag"), entry.number_or_null("rule_out"))
    if point.rule_out is not None and point.rule_out > point.flag:
        raise entry.wrong("rules out above its flag threshold: a film could be both")
    entry.end()
    return point


def _network(entry: Fields) -> NetworkEntry:
    network = NetworkEntry(
        entry.name("name"),
        entry.text("architecture"),
        entry.text("weights"),
        entry.mapping("parameters"),
    )
    entry.end()
    return network


def _check_names(top: Fields, what: str, names: list[str]) -> None:
    if not names or len(set(names)) != len(names):
        raise top.wrong(f"has no {what}, or two with one name")


def parse_certificate(content: object) -> Certificate:
    """Read the content of certificate.json.

    Raises:
        BundleError: A key is missing, unknown, or of another type; the message names it.
    """
    top = Fields("certificate.json", "", content)
    schema = top.text("schema")
    if schema != CERTIFICATE_SCHEMA:
        raise top.wrong(f"has the schema {schema!r} instead of {CERTIFICATE_SCHEMA!r}")
    certificate = Certificate(
        alpha=top.number("alpha"),
        delta=top.number("delta"),
        model_digest=top.text("model_digest"),
        data_digest=top.text("data_digest"),
        findings={name: _shown(entry) for name, entry in top.named("findings").items()},
        strata=tuple(top.items("strata")),
    )
    top.end()
    return certificate


def _shown(entry: Fields) -> FindingCertificate:
    lowest = entry.items("lowest_scores")
    if not all(isinstance(score, int | float) and math.isfinite(score) for score in lowest):
        raise entry.wrong("has lowest_scores that are not all numbers")
    shown = FindingCertificate(
        alpha=entry.number("alpha"),
        positives=entry.whole("n"),
        misses_allowed=entry.whole("k"),
        threshold=entry.number("threshold"),
        prevalence=entry.number("prevalence"),
        lowest_scores=tuple(float(score) for score in lowest),
    )
    entry.end()
    return shown
