"""How far results may move the reading list, and what the list is called."""

from __future__ import annotations

from dataclasses import dataclass, field

from triage.settings import rules
from triage.settings.keys import key, named
from triage.values import Mode


@dataclass(frozen=True, slots=True)
class SiteMode:
    """How far results may move the studies of one site."""

    name: str = field(
        metadata=key(rules.words(), "Institution Name (0008,0080), or the AE title of the sender."),
    )
    mode: Mode = field(
        metadata=key(rules.choice(Mode), "The mode of studies that come from there."),
    )


@dataclass(frozen=True, slots=True)
class FindingMode:
    """How far one finding may move studies."""

    name: str = field(
        metadata=key(rules.finding(), "Name of the finding in the bundle."),
    )
    mode: Mode = field(
        metadata=key(
            rules.choice(Mode),
            "The mode of this finding. A study is raised by findings whose mode is at least "
            "promote, and lowered only where the mode of each is demote.",
        ),
    )


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """How far results may move the reading list."""

    mode: Mode = field(
        default=Mode.SHADOW,
        metadata=key(
            rules.choice(Mode),
            "shadow: the order stays as it was; promote: suspected abnormal studies are raised; "
            "demote: likely-normal studies are lowered as well.",
        ),
    )
    undemoted_share: float = field(
        default=0.05,
        metadata=key(
            rules.number(0, 1),
            "Share of likely-normal studies, drawn at random, that stay in place so that the "
            "miss rate can be watched.",
        ),
    )
    sites: tuple[SiteMode, ...] = field(
        default=(),
        metadata=named(
            SiteMode,
            "A site with a mode of its own, by Institution Name (0008,0080) or by the AE title "
            "that sends its films. Of several modes that fit a study the most careful holds.",
        ),
    )
    findings: tuple[FindingMode, ...] = field(
        default=(),
        metadata=named(
            FindingMode,
            "A finding with a mode of its own; where its site has one too, the more careful holds.",
        ),
    )


@dataclass(frozen=True, slots=True)
class WorklistSettings:
    """The reading worklist."""

    label: str = field(
        default="C-SPINE READING",
        metadata=key(rules.long_string(), "Worklist Label (0074,1202) of the work items."),
    )
    waiting_cap_minutes: float = field(
        default=240.0,
        metadata=key(rules.number(0.1, 10_080), "A study that waited this long is raised."),
    )
