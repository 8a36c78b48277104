"""Limits of the gates, set on films in scope that nothing was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from triage.vision.gates import FilmMeasures, GateLimits, SpineShape, film_gates, spine_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from triage.vision.inference import Reading

INFINITY: Final = 1e9  # JSON has no infinity

# Share of films in scope that may lie beyond a limit before its margin, and the margin in
# multiples of the distance from the median to that quantile.
_TAIL: Final = 0.01
_MARGIN: Final = 0.25

# Where films in scope have a sharp end (noise, the embedding), or what is to be stopped reaches
# far into them (children), a margin would let much of it pass: there is none.
_NO_MARGIN: Final = 0.0

# A gate that asks a network asks for at least this much, however sure it was on good films.
_SURE: Final = 0.5

# A child that passes is read by networks that know adults: doubt is enough to stop it.
_DOUBT: Final = 0.1


def open_limits() -> GateLimits:
    """Limits that let everything pass, for the draft on which the real ones are measured."""
    values = {
        name: -INFINITY if name.startswith("minimum") else INFINITY for name in GateLimits.__slots__
    }
    return GateLimits(**values)


def fitted_limits(readings: Sequence[Reading]) -> GateLimits:
    """Set the limits.

    Args:
        readings: Of films in scope, none of them trained on.

    Returns:
        Limits just beyond the range of the readings' middle 98 %, with a margin; none for noise,
        the embedding, and adults who look like children.
    """
    measures = [reading.measures for reading in readings]
    shapes = [spine_shape(measure.landmarks) for measure in measures]

    def low(value: Callable[[FilmMeasures], float]) -> float:
        return _below([value(measure) for measure in measures])

    def high(value: Callable[[FilmMeasures], float], margin: float = _MARGIN) -> float:
        return -_below([-value(measure) for measure in measures], margin)

    def shape_low(value: Callable[[SpineShape], float]) -> float:
        return _below([value(shape) for shape in shapes])

    def shape_high(value: Callable[[SpineShape], float]) -> float:
        return -_below([-value(shape) for shape in shapes])

    return GateLimits(
        minimum_side=256.0,  # half of what the square shows: below, detail is made up
        minimum_content_share=min(low(lambda m: m.statistics.content_share), 0.6),
        maximum_aspect=max(high(lambda m: m.statistics.aspect), 1.8),
        maximum_saturated=high(lambda m: m.statistics.saturated_share),
        minimum_spread=low(lambda m: m.statistics.spread),
        minimum_sharpness=low(lambda m: m.statistics.sharpness),
        maximum_noise=high(lambda m: m.statistics.noise, _NO_MARGIN),
        maximum_inverted=max(high(lambda m: m.inverted), 1 - _SURE),
        minimum_lateral=min(low(lambda m: m.lateral), _SURE),
        minimum_confidence=low(lambda m: float(m.confidence.min())),
        minimum_step=shape_low(lambda s: s.least_step),
        maximum_step=shape_high(lambda s: s.greatest_step),
        minimum_depth=shape_low(lambda s: s.least_depth),
        maximum_depth=shape_high(lambda s: s.greatest_depth),
        maximum_unrest=high(lambda m: m.unrest),
        maximum_turn_degrees=shape_high(lambda s: s.turn_degrees),
        maximum_hardware=high(lambda m: m.hardware),
        maximum_metal=high(lambda m: m.metal),
        maximum_child=max(high(lambda m: m.child, _NO_MARGIN), _DOUBT),
        maximum_text=high(lambda m: m.text),
        maximum_distance=high(lambda m: m.distance, _NO_MARGIN),
    )


def _below(values: Sequence[float], margin: float = _MARGIN) -> float:
    """A bound below nearly all of the values."""
    outermost, middle = np.quantile(values, (_TAIL, 0.5))
    return float(outermost - margin * (middle - outermost))


def failures(reading: Reading, limits: GateLimits) -> tuple[str, ...]:
    """Names of the gates that a film fails, in order."""
    return tuple(gate.gate for gate in film_gates(reading.measures, limits) if not gate.passed)
