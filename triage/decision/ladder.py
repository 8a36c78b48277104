"""The ladder that a site climbs: which mode holds for a study, and for each finding. Pure.

The mode of the configuration holds wherever nothing else is said. A site and a finding may each
have a mode of their own; where both are said, the more careful one holds. A study is raised only
by a finding whose mode is at least promote, and lowered only where every mode is demote: the
general one and that of each finding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from triage.values import Mode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from triage.settings import DecisionSettings

_STEPS = tuple(Mode)  # they are declared in the order of the ladder


def _none() -> Mapping[str, Mode]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StudyModes:
    """The modes that hold for one study.

    Attributes:
        general: The mode of every finding that has none of its own.
        findings: The modes of those that do, by name.
    """

    general: Mode
    findings: Mapping[str, Mode] = field(default_factory=_none)

    @property
    def moves_nothing(self) -> bool:
        """Whether it is shadow mode for every finding of the study."""
        return all(mode is Mode.SHADOW for mode in (self.general, *self.findings.values()))

    def governing(self, flagged: Iterable[str]) -> Mode:
        """Return the mode under which a result has its effect.

        Args:
            flagged: The findings that the study is suspected of.

        Returns:
            Of a suspected study the furthest mode of what it is suspected of: one finding that
            may raise is enough. Of any other the most careful of all, the general one among
            them: each must allow lowering.
        """
        if modes := [self.of(finding) for finding in flagged]:
            return max(modes, key=_STEPS.index)
        return most_careful([self.general, *self.findings.values()])

    def of(self, finding: str) -> Mode:
        """Return the mode of one finding."""
        return self.findings.get(finding, self.general)


@dataclass(frozen=True, slots=True)
class Ladder:
    """What a site has configured.

    Attributes:
        default: The mode where nothing else is said.
        sites: Modes by the name of an institution or the AE title of a sender, in capitals.
        findings: Modes by the name of a finding.
    """

    default: Mode
    sites: Mapping[str, Mode] = field(default_factory=_none)
    findings: Mapping[str, Mode] = field(default_factory=_none)

    @property
    def moves_nothing(self) -> bool:
        """Whether it is shadow mode for every study and every finding."""
        modes = [self.default, *self.sites.values(), *self.findings.values()]
        return all(mode is Mode.SHADOW for mode in modes)

    def at(self, films: Iterable[Collection[str]]) -> StudyModes:
        """Return the modes of one study.

        Args:
            films: For each film of the study the names that it came under: its institution and
                the AE title that sent it.
        """
        told = [self._of_film(names) for names in films]
        if all(mode is None for mode in told):
            return StudyModes(self.default, self.findings)
        # A film from elsewhere stands under the default, and binds the whole study to that.
        here = most_careful([self.default if mode is None else mode for mode in told])
        careful = {name: most_careful([mode, here]) for name, mode in self.findings.items()}
        return StudyModes(here, MappingProxyType(careful))

    def _of_film(self, names: Collection[str]) -> Mode | None:
        told = [self.sites[key] for name in names if (key := site_key(name)) in self.sites]
        return most_careful(told) if told else None


def most_careful(modes: Iterable[Mode]) -> Mode:
    """Return the mode that lets least happen."""
    return min(modes, key=_STEPS.index)


def site_key(name: str) -> str:
    """Return the form of a site's name in which it is compared: capitals, single spaces."""
    return " ".join(name.upper().split())


def ladder_of(settings: DecisionSettings) -> Ladder:
    """Return the ladder that a site has configured."""
    return Ladder(
        settings.mode,
        MappingProxyType({site_key(one.name): one.mode for one in settings.sites}),
        MappingProxyType({one.name: one.mode for one in settings.findings}),
    )
