"""A printed table: its figures with their rounding and source, and the readings of its columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from training.statistics import Averaging, ConfusionMatrix

_SLACK: Final = 1e-9  # of binary fractions


class Source(Enum):
    """Where a figure in our table comes from."""

    PRINTED = "printed"  # it stands in the paper or its abstract
    COMPUTED = "computed from the published matrix"  # the paper's own was not at hand


class Rounding(Enum):
    """How a printed figure came from the exact one."""

    ROUNDED = "rounded"
    CUT_OFF = "cut off"  # the further digits were dropped


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a row.

    Attributes:
        column: What it is called, as a name in `training.statistics.MEASURES`.
        per_cent: As printed.
        decimals: Printed behind the point.
        source: Where it comes from.
    """

    column: str
    per_cent: float
    decimals: int
    source: Source = Source.PRINTED

    def fits(self, share: float, rounding: Rounding) -> bool:
        """Whether an exact share (0 to 1) is printed like this."""
        unit = 10.0**-self.decimals
        apart = share * 100 - self.per_cent
        if rounding is Rounding.ROUNDED:
            return abs(apart) <= unit / 2 + _SLACK
        return -_SLACK <= apart < unit - _SLACK

    def __str__(self) -> str:
        return f"{self.column} {self.per_cent:.{self.decimals}f}"


@dataclass(frozen=True, slots=True)
class Area:
    """A printed area under the ROC curve with its interval, each to three decimals."""

    auc: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """One model of a table.

    Attributes:
        name: Of the model.
        figures: Of the row.
        area: When one is printed.
        compared: Whether the accuracy was tested against the first row's.
    """

    name: str
    figures: tuple[Figure, ...]
    area: Area | None = None
    compared: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The table of one paper, and what is known of its test set.

    Attributes:
        name: Short name of the paper, as its recipes have it.
        paper: Authors, journal, year.
        positive: What the positive class is.
        films: In the test set; None where the paper does not say.
        positives: In the test set, where they are printed.
        share: Positives and films of the whole data set: a test set drawn at random or stratified
            has about that share.
        rows: Models.
        remark: What is not a figure of a row, and which figures were not at hand.
    """

    name: str
    paper: str
    positive: str
    films: int | None
    positives: int | None
    share: tuple[int, int] | None
    rows: tuple[Row, ...]
    remark: str


class ClassRead(Enum):
    """Which class a column speaks of."""

    POSITIVE = "of the positive class"
    NEGATIVE = "of the negative class"
    MACRO = "macro average"
    WEIGHTED = "weighted average"
    MICRO = "micro average"


@dataclass(frozen=True, slots=True)
class Reading:
    """A hypothesis about what the column names mean.

    Attributes:
        of: Which class, or which average over both.
        transposed: Truth and call were exchanged: "sensitivity" is PPV, "specificity" is NPV and
            "precision" is sensitivity.
    """

    of: ClassRead
    transposed: bool = False

    def __str__(self) -> str:
        return self.of.value + (", truth and call exchanged" if self.transposed else "")

    def seen(self, matrix: ConfusionMatrix) -> tuple[ConfusionMatrix, Averaging]:
        """The matrix as the authors read it, and how they averaged."""
        if self.transposed:
            matrix = matrix.transposed()
        if self.of is ClassRead.NEGATIVE:
            matrix = matrix.mirrored()
        if self.of in (ClassRead.POSITIVE, ClassRead.NEGATIVE):
            return matrix, Averaging.BINARY
        return matrix, Averaging(self.of.name.lower())


READINGS: Final = tuple(Reading(of, transposed) for transposed in (False, True) for of in ClassRead)
