"""The printed figures, each with its source; none is filled in that was not seen.

Where a column was not at hand, the figure is computed from the matrix that was published with the
check of that paper, and marked so: such a row is checked from its accuracy, and the search shows
only that nothing else prints the same.
"""

from __future__ import annotations

from typing import Final

from training.errors import DataError
from training.tables.values import Area, Figure, Row, Source, Table

_DERIVED: Final = Source.COMPUTED

_CSM = Table(
    "csm",
    "Lee, Shin, Chang: BMC Neurology 22:147 (2022)",
    "myelopathy",
    films=62,
    positives=None,
    share=(96, 207),
    rows=(
        Row(
            "VGG16, pooled",
            (
                Figure("accuracy", 87.1, 1),
                Figure("sensitivity", 86.4, 1),
                Figure("ppv", 88.9, 1),
            ),
            Area(0.864, 0.780, 0.949),
        ),
    ),
    remark="Columns: accuracy, recall, precision; AUC with DeLong's interval.",
)


def _normal_row(name: str, accuracy: float, rest: tuple[float, float, float], seen: Source) -> Row:
    sensitivity, specificity, precision = rest
    return Row(
        name,
        (
            Figure("accuracy", accuracy, 1),
            Figure("sensitivity", sensitivity, 1, seen),
            Figure("specificity", specificity, 1, seen),
            Figure("ppv", precision, 1, seen),
        ),
    )


_NORMAL = Table(
    "normal",
    "Maraş et al.: Jt Dis Relat Surg 33:93 (2022)",
    "abnormal film",
    films=49,
    positives=None,
    share=(170, 331),
    rows=(
        _normal_row("VGG16", 93.9, (95.8, 92.0, 92.0), Source.PRINTED),
        _normal_row("VGG19", 91.8, (92.0, 91.7, 92.0), _DERIVED),
        _normal_row("ResNet101", 89.8, (95.5, 85.2, 84.0), _DERIVED),
        _normal_row("DenseNet201", 85.7, (84.6, 87.0, 88.0), _DERIVED),
    ),
    remark="Columns: accuracy, sensitivity, specificity, precision. All four are printed for "
    "VGG16 in the abstract; of the others the accuracy is printed.",
)


def _csxa_row(
    name: str,
    accuracy: float,
    rest: tuple[float, float, float],
    seen: Source,
    *,
    compared: bool = True,
) -> Row:
    recall, precision, f1 = rest
    return Row(
        name,
        (
            Figure("accuracy", accuracy, 2, seen),
            Figure("sensitivity", recall, 2, _DERIVED),
            Figure("ppv", precision, 2, _DERIVED),
            Figure("f1", f1, 2, _DERIVED),
        ),
        compared=compared,
    )


_CSXA = Table(
    "csxa",
    "Reddy et al.: Journal of Emerging Investigators (2026)",
    "symptomatic",
    films=1241,
    positives=1194,
    share=(4782, 4963),
    rows=(
        _csxa_row("original", 94.19, (94.20, 93.08, 93.62), Source.PRINTED, compared=False),
        _csxa_row("original, VGG19", 92.74, (92.75, 92.89, 92.82), Source.PRINTED),
        _csxa_row("cropped", 95.49, (95.49, 92.54, 93.99), _DERIVED),
        _csxa_row("wide", 95.73, (95.73, 93.10, 94.25), Source.PRINTED),
        _csxa_row("colour", 95.73, (95.73, 92.55, 94.11), Source.PRINTED),
        _csxa_row("colour, cropped", 94.76, (94.76, 92.78, 93.74), _DERIVED),
        _csxa_row("colour, wide", 94.92, (94.92, 92.52, 93.71), _DERIVED),
    ),
    remark="Columns: accuracy, recall, precision, F1. Printed and at hand are the range of "
    "accuracy of ResNet50 (94.19 to 95.73) and that of VGG19 (92.74).",
)

_FORAMINAL = Table(
    "foraminal",
    "Park et al.: Electronics 12(1):195 (2023)",
    "foraminal stenosis",
    films=None,
    positives=None,
    share=None,
    rows=(),
    remark="At hand are differences to a plain ResNet50 only: accuracy +5.3 to 6.9, F1 +5.2 to "
    "6.5, specificity +5.4 to 9.2, sensitivity +0.8 to 4.3, and no number of test films.",
)

TABLES: Final = {table.name: table for table in (_CSM, _NORMAL, _CSXA, _FORAMINAL)}


def find_table(name: str) -> Table:
    """The table of a paper.

    Raises:
        DataError: There is no such paper; the message names those that there are.
    """
    if name not in TABLES:
        raise DataError(f"There is no paper {name!r}: choose one of {', '.join(TABLES)}.")
    return TABLES[name]
