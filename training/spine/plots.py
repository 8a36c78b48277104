"""The plots of a card, as PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.certify.certificate import Calibration
    from training.loop import History

_POSITIVE, _NEGATIVE, _LINE = "#c0392b", "#2c7fb8", "#444444"


def roc_plot(test: Calibration) -> bytes:
    """ROC curves of all findings on the fresh films."""
    figure = Figure(figsize=(5, 4.6), layout="constrained")
    axes = figure.subplots()
    for column, name in enumerate(test.findings):
        positive, negative = test.positives(column), test.negatives(column)
        if not (positive.any() and negative.any()):
            continue
        scores = test.mean[:, column]
        thresholds = np.unique(scores)[::-1]
        rates = [
            ((scores[negative] >= limit).mean(), (scores[positive] >= limit).mean())
            for limit in thresholds
        ]
        false, true = zip((0.0, 0.0), *rates, strict=True)
        axes.plot(false, true, label=name)
    axes.plot([0, 1], [0, 1], color=_LINE, linewidth=0.8, linestyle=":")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC, fresh phantom films")
    axes.legend(loc="lower right", frameon=False)
    return _png(figure)


def score_plot(test: Calibration, points: Mapping[str, Mapping[str, float | None]]) -> bytes:
    """Scores with and without each finding, and the thresholds."""
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    axes = figure.subplots(2, -(-len(test.findings) // 2), squeeze=False).ravel()
    for column, name in enumerate(test.findings):
        scores = test.mean[:, column]
        bins = np.linspace(scores.min(), scores.max(), 41)
        axes[column].hist(
            scores[test.negatives(column)], bins, color=_NEGATIVE, alpha=0.65, label="without"
        )
        axes[column].hist(
            scores[test.positives(column)], bins, color=_POSITIVE, alpha=0.65, label="with"
        )
        for key, style in (("flag", "-"), ("rule_out", "--")):
            value = points[name][key]
            if value is not None:
                axes[column].axvline(value, color=_LINE, linestyle=style, linewidth=1, label=key)
        axes[column].set(title=name, xlabel="mean logit", ylabel="films")
        axes[column].legend(frameon=False, fontsize="small")
    return _png(figure)


def loss_plot(histories: Mapping[str, History]) -> bytes:
    """Training loss and tuning figure, epoch by epoch."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, history in histories.items():
        epochs: Sequence[int] = range(1, len(history.losses) + 1)
        first = history.losses[0]
        left.plot(epochs, [loss / first for loss in history.losses], label=name)
        if min(history.figures) >= 0:
            right.plot(epochs, history.figures, label=name)
    left.set(xlabel="epoch", ylabel="loss / loss of epoch 1", title="training")
    right.set(xlabel="epoch", ylabel="mean AUC", title="tuning films, readers")
    left.legend(frameon=False, fontsize="small")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    return buffer.getvalue()
