"""From scores and facts to an outcome and a place on the list: pure functions."""

from __future__ import annotations

from triage.decision.decide import decide
from triage.decision.place import is_spared, place

__all__ = ["decide", "is_spared", "place"]
