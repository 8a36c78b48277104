"""From scores and facts to an outcome and a place on the list: pure functions."""

from __future__ import annotations

from triage.decision.decide import decide
from triage.decision.ladder import Ladder, StudyModes, ladder_of
from triage.decision.place import is_spared, place

__all__ = ["Ladder", "StudyModes", "decide", "is_spared", "ladder_of", "place"]
