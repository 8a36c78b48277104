"""Which mode holds for a study of the store: the site's ladder, its films, and the brake."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from triage.decision import StudyModes, ladder_of
from triage.errors import SettingsError
from triage.values import ImageState, Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage.settings import DecisionSettings
    from triage.store import StudySnapshot
    from triage.values import OperatingPoint


def modes_of(settings: DecisionSettings, snapshot: StudySnapshot) -> StudyModes:
    """Return the modes under which a study is decided: shadow for all while the brake is on."""
    if snapshot.paused:
        return StudyModes(Mode.SHADOW)
    films = [
        image.sop_instance_uid
        for image in snapshot.evidence.images
        if image.state is not ImageState.HEADER_ONLY
    ]
    names = [(snapshot.facts[film].institution_name, snapshot.senders[film]) for film in films]
    return ladder_of(settings).at(names)


def check_findings(settings: DecisionSettings, points: Sequence[OperatingPoint]) -> None:
    """Hold the findings that have a mode of their own against those of the bundle.

    Raises:
        SettingsError: The bundle does not know one of them; a mode for it would hold for nothing.
    """
    deciding = [point.finding for point in points if point.decides]
    for one in settings.findings:
        if one.name not in deciding:
            nearest = difflib.get_close_matches(one.name, deciding, n=1, cutoff=0.5)
            hint = f"the nearest known one is {nearest[0]}" if nearest else "remove it"
            raise SettingsError(
                f'decision.findings."{one.name}": the model bundle moves no study by a finding of'
                f" this name; {hint}. It knows: {', '.join(deciding)}"
            )
