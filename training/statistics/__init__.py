"""Every figure that a report, a certificate or a comparison shows; written here, once.

Each is tested against scipy, scikit-learn, a published example, or by simulation.
"""

from training.statistics.bootstrap import (
    Statistic,
    area,
    area_difference,
    bca_interval,
    of_rows,
    share,
)
from training.statistics.calibration import (
    Brier,
    Recalibration,
    ReliabilityCurve,
    brier,
    expected_calibration_error,
    recalibration,
    reliability_curve,
)
from training.statistics.confusion import (
    MEASURES,
    Averaging,
    ConfusionMatrix,
    measure,
    undefined_measures,
)
from training.statistics.pairs import (
    Discordance,
    holm,
    mcnemar_asymptotic,
    mcnemar_exact,
    paired_difference,
)
from training.statistics.proportions import (
    ZTest,
    clopper_pearson,
    newcombe_difference,
    two_proportion_z,
    wilson,
)
from training.statistics.roc import (
    Curve,
    DelongTest,
    area_under_curve,
    average_precision,
    delong_interval,
    delong_logit_interval,
    delong_test,
    precision_recall_curve,
    roc_curve,
    threshold_at_sensitivity,
    weighted_areas,
    youden_threshold,
)
from training.statistics.rule_out import misses_allowed, positives_needed, rule_out_threshold
from training.statistics.values import Flags, Interval, Values

__all__ = [
    "MEASURES",
    "Averaging",
    "Brier",
    "ConfusionMatrix",
    "Curve",
    "DelongTest",
    "Discordance",
    "Flags",
    "Interval",
    "Recalibration",
    "ReliabilityCurve",
    "Statistic",
    "Values",
    "ZTest",
    "area",
    "area_difference",
    "area_under_curve",
    "average_precision",
    "bca_interval",
    "brier",
    "clopper_pearson",
    "delong_interval",
    "delong_logit_interval",
    "delong_test",
    "expected_calibration_error",
    "holm",
    "mcnemar_asymptotic",
    "mcnemar_exact",
    "measure",
    "misses_allowed",
    "newcombe_difference",
    "of_rows",
    "paired_difference",
    "positives_needed",
    "precision_recall_curve",
    "recalibration",
    "reliability_curve",
    "roc_curve",
    "rule_out_threshold",
    "share",
    "threshold_at_sensitivity",
    "two_proportion_z",
    "undefined_measures",
    "weighted_areas",
    "wilson",
    "youden_threshold",
]
